import { TwinwireError } from "../../wasm/errors.ts";
import type { SocketOptions, TlsOptions } from "../../wasm/socket-options.ts";
import { show } from "../handles/arguments.ts";

/** For whatever waits. */
export interface WaitOptions {
  /** Gives up waiting with ERR_ABORTED. The connection stays as it was, and no byte is lost. */
  readonly signal?: AbortSignal | undefined;
}

/** What every stream can be told. */
export interface StreamOptions {
  /** TCP_NODELAY: on unless this is false. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE, with the time that may pass in silence before the first probe. Off unless this is given. */
  readonly keepAlive?: boolean | { readonly initialDelayMs: number } | undefined;
  /**
   * Bytes that may be received ahead of the reads, 1 to 1073741824; 65536 unless this is given. A peer that sends more
   * is slowed down by TCP. At most one `limits().recvBuffer` more is held.
   */
  readonly window?: number | undefined;
}

/** How a connection is opened. */
export interface ConnectOptions extends StreamOptions {
  /** Gives up connecting with ERR_ABORTED. Once the connection is open it has no meaning any more. */
  readonly signal?: AbortSignal | undefined;
}

/** How a TLS connection is opened. */
export interface TlsConnectOptions extends ConnectOptions {
  /** Without it the server is verified for the host that was connected to, by the authorities that the host trusts. */
  readonly tls?: TlsOptions | undefined;
}

/** How a server listens, and what the connections that it accepts are like. */
export interface ServerOptions extends StreamOptions {
  /** Connections that may wait for `accept`, 1 to 65535; 511 unless this is given. More are closed at once. */
  readonly backlog?: number | undefined;
  /** Hears of what fails while the server lives on: a TLS handshake, a connection for which there is no place. */
  readonly onError?: ((error: TwinwireError) => void) | undefined;
}

/** How a TLS server listens. */
export interface TlsServerOptions extends ServerOptions {
  /** At least `cert` and `key`. */
  readonly tls: TlsOptions;
}

/** What a UDP socket can be told. */
export interface UdpOptions {
  /** Bytes that may wait to be received, 1 to 1073741824; 262144 unless this is given. What comes then is dropped. */
  readonly queue?: number | undefined;
  /** Hears of datagrams that could not leave after all, on a socket without a peer. */
  readonly onError?: ((error: TwinwireError) => void) | undefined;
}

/** Half a window is what is asked for anew, so that it should hold a few segments. */
const DEFAULT_WINDOW = 65_536;
const LARGEST_WINDOW = 2 ** 30;
const DEFAULT_QUEUE = 262_144;
const DEFAULT_BACKLOG = 511;
const LARGEST_BACKLOG = 65_535;

/** The window that the options ask for. */
export function windowOf({ window = DEFAULT_WINDOW }: StreamOptions): number {
  return checked("window", window, LARGEST_WINDOW);
}

/** How many connections may wait to be accepted. */
export function backlogOf({ backlog = DEFAULT_BACKLOG }: ServerOptions): number {
  return checked("backlog", backlog, LARGEST_BACKLOG);
}

/** How many bytes may wait in a UDP socket. */
export function udpQueueOf({ queue = DEFAULT_QUEUE }: UdpOptions): number {
  return checked("queue", queue, LARGEST_WINDOW);
}

/** What the port is to be told of sockets. */
export function socketOptions({ noDelay, keepAlive, backlog }: ServerOptions): SocketOptions {
  return { noDelay, keepAlive, backlog, takesBytes: true };
}

function checked(name: string, value: unknown, most: number): number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return value as number;
  const reason = `${name} is a whole number from 1 to ${most}, not ${show(value)}`;
  throw new TwinwireError("ERR_ARGUMENT", { step: "open", reason });
}
