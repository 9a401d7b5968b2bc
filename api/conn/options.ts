import type { TwinwireError } from "../../wasm/errors.ts";
import type { SocketOptions, TlsOptions } from "../../wasm/port-types.ts";
import {
  callback,
  complete,
  either,
  flag,
  integer,
  MAX_MS,
  OptionSet,
  signal,
  text,
  tlsOptions,
} from "../internal/options.ts";

type OnError = (error: TwinwireError) => void;

/** For whatever waits. */
export interface WaitOptions {
  /** Gives up waiting with ERR_ABORTED. The connection stays as it was, and no byte is lost. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of every stream. */
export interface StreamOptions {
  /** TCP_NODELAY: on unless this is false. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE, with the time that may pass in silence before the first probe. Default: off. */
  readonly keepAlive?: boolean | { readonly initialDelayMs: number } | undefined;
  /**
   * Bytes that may be received ahead of the reads, 1 to 1073741824; default: 65536. A peer that sends more
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
  /** Connections that may wait for `accept`, 1 to 65535; default: 511. More are closed at once. */
  readonly backlog?: number | undefined;
  /** Hears of what fails while the server lives on: a TLS handshake, a connection for which there is no place. */
  readonly onError?: ((error: TwinwireError) => void) | undefined;
}

/** How a TLS server listens. */
export interface TlsServerOptions extends ServerOptions {
  /** At least `cert` and `key`. */
  readonly tls: TlsOptions;
}

/** Options of a UDP socket. */
export interface UdpOptions {
  /** Whether other sockets may bind the port, too, as members of a multicast group do. Default: false. */
  readonly reuseAddress?: boolean | undefined;
  /** Bytes that may wait to be received, 1 to 1073741824; default: 262144. Further datagrams are dropped. */
  readonly queue?: number | undefined;
  /** Hears of datagrams that could not leave after all, on a socket without a peer. */
  readonly onError?: ((error: TwinwireError) => void) | undefined;
}

/** Half a window is what is asked for at once, so that it should hold a few segments. */
const DEFAULT_WINDOW = 65_536;
const LARGEST_WINDOW = 2 ** 30;
const DEFAULT_QUEUE = 262_144;
const DEFAULT_BACKLOG = 511;
const LARGEST_BACKLOG = 65_535;

const keepAlive = new OptionSet<{ readonly initialDelayMs?: number }>({ initialDelayMs: integer(0, MAX_MS) });

/** Rules for the options of every stream. */
const ofStreams = {
  noDelay: flag,
  keepAlive: either((given) => typeof given === "boolean", flag, complete(keepAlive)),
  window: integer(1, LARGEST_WINDOW),
};

const ofServers = { ...ofStreams, backlog: integer(1, LARGEST_BACKLOG), onError: callback<OnError>() };

const waitOptions = new OptionSet<WaitOptions>({ signal });
export const streamOptions = new OptionSet<StreamOptions>(ofStreams);
export const connectOptions = new OptionSet<ConnectOptions>({ ...ofStreams, signal });
export const tlsConnectOptions = new OptionSet<TlsConnectOptions>({ ...ofStreams, signal, tls: tlsOptions.rule });
export const serverOptions = new OptionSet<ServerOptions>(ofServers);
export const tlsServerOptions = new OptionSet<TlsServerOptions>({ ...ofServers, tls: tlsOptions.rule });
/** How a UDP socket sends to multicast groups. */
export interface MulticastOptions {
  /** Hops, 0 to 255. Default: 1, the local network. */
  readonly ttl?: number | undefined;
  /** Whether this machine receives it, too. Default: true. */
  readonly loopback?: boolean | undefined;
  /** A local IPv4 address of the sending interface, or `"::%NAME"` for IPv6. Default: the system chooses. */
  readonly interface?: string | undefined;
}

export const multicastOptions = new OptionSet<MulticastOptions>({
  ttl: integer(0, 255),
  loopback: flag,
  interface: text,
});

export const udpOptions = new OptionSet<UdpOptions>({
  reuseAddress: flag,
  queue: integer(1, LARGEST_WINDOW),
  onError: callback<OnError>(),
});

/** The window that checked options ask for. */
export function windowOf({ window = DEFAULT_WINDOW }: StreamOptions): number {
  return window;
}

/** How many connections may wait to be accepted, by checked options. */
export function backlogOf({ backlog = DEFAULT_BACKLOG }: ServerOptions): number {
  return backlog;
}

/** How many bytes may wait in a UDP socket, by checked options. */
export function udpQueueOf({ queue = DEFAULT_QUEUE }: UdpOptions): number {
  return queue;
}

/** What the port needs to know of sockets. */
export function socketOptions({ noDelay, keepAlive, backlog }: ServerOptions): SocketOptions {
  return { noDelay, keepAlive, backlog, takesBytes: true };
}

/**
 * The signal of a call that waits.
 *
 * @throws TwinwireError ERR_ARGUMENT for a bad option.
 */
export function signalOf(operation: string, options: WaitOptions | undefined): AbortSignal | undefined {
  return options === undefined ? undefined : waitOptions.read(operation, options, "call").signal;
}

/** Calls `wait` with that signal. What it returns; rejected with ERR_ARGUMENT for a bad option. */
export async function waiting<T>(
  operation: string,
  options: WaitOptions,
  wait: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  return wait(signalOf(operation, options));
}
