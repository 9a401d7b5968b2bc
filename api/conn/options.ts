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
import { type AddressPolicy, policy } from "../internal/policy.ts";
import { type ProxyOption, proxyRule } from "../internal/url.ts";

type OnError = (error: TwinwireError) => void;

/** The options of every call that waits. */
export interface WaitOptions {
  /** Rejects the call with ERR_ABORTED when it aborts. The connection is not affected, and no bytes are lost. */
  readonly signal?: AbortSignal | undefined;
}

/** The options of `Conn.readUntil` and `Conn.readLine`. */
export interface ReadUntilOptions extends WaitOptions {
  /** The most bytes up to the end of the delimiter, 1 to 2147483647; above, ERR_TOO_LARGE. Default: 65536. */
  readonly max?: number | undefined;
}

/** The options of every connection. */
export interface StreamOptions {
  /** TCP_NODELAY. Default: true. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE, with the idle time in milliseconds before the first probe. Default: false. */
  readonly keepAlive?: boolean | { readonly initialDelayMs: number } | undefined;
  /**
   * The bytes that are received ahead of the reads, 1 to 1073741824. TCP slows down a peer that sends more; at most
   * `limits().recvBuffer` bytes above the window are held. Default: 65536.
   */
  readonly window?: number | undefined;
}

/** The options of `new TcpConnection`. */
export interface ConnectOptions extends StreamOptions {
  /** Ends the attempt with ERR_ABORTED when it aborts. It has no effect once the connection is open. */
  readonly signal?: AbortSignal | undefined;
  /** The addresses to connect to; any other is ERR_POLICY, as is a Unix socket. Not with a proxy. Default: all. */
  readonly policy?: AddressPolicy | undefined;
  /**
   * The HTTP proxy to connect through, by CONNECT: `"http://[user:password@]host[:port]"`, or `"https://…"` for TLS with the proxy.
   * Default: none, whatever the environment defines.
   */
  readonly proxy?: ProxyOption;
  /** TLS options for a proxy whose URL is `https:`. Default: its certificate is verified for the proxy's host. */
  readonly proxyTls?: TlsOptions | undefined;
}

/** The options of `new TlsConnection`. */
export interface TlsConnectOptions extends ConnectOptions {
  /** TLS options. Default: the server's certificate is verified for the host, by the authorities that the machine trusts. */
  readonly tls?: TlsOptions | undefined;
}

/** The options of `new TcpServer`. Those of `StreamOptions` hold for the connections that it accepts. */
export interface ServerOptions extends StreamOptions {
  /** The connections that may wait for `accept`, 1 to 65535. Further ones are closed immediately. Default: 511. */
  readonly backlog?: number | undefined;
  /**
   * Lets servers of several processes or threads listen at the same address (SO_REUSEPORT), among which the system distributes
   * the connections. Linux only; `opened` is rejected with ERR_UNSUPPORTED where the runtime does not support it. Default: false.
   */
  readonly reusePort?: boolean | undefined;
  /**
   * What one peer address may do; an IPv6 address is counted by its /64. What exceeds it is closed without an event, and counted
   * by `addressStats()`. Default: no limits.
   */
  readonly perAddress?: AddressLimits | undefined;
  /** Called with errors that do not end the server: a TLS handshake that failed, a connection above a limit. */
  readonly onError?: ((error: TwinwireError) => void) | undefined;
}

/** The options of a listener whose connections are reported as events. */
export interface ListenOptions extends Omit<ServerOptions, "window" | "onError"> {}

/** The limits for each peer address of a server. */
export interface AddressLimits {
  /** Open connections, 1 to 4294967295. Default: any number. */
  readonly connections?: number | undefined;
  /** New connections a second, 1 to 1000000; as many may come at once. Default: any number. */
  readonly handshakesPerSecond?: number | undefined;
  /**
   * WebSocket messages and HTTP requests a second, 1 to 1000000; as many may come at once. One more closes the WebSocket with
   * ERR_ADDRESS_LIMIT and code 1008, and is answered with 429 by an HTTP server. Default: any number.
   */
  readonly messagesPerSecond?: number | undefined;
}

/** The options of `new TlsServer`. */
export interface TlsServerOptions extends ServerOptions {
  /** TLS options; `cert` and `key` are required. */
  readonly tls: TlsOptions;
}

/** The options of `new UdpSocket`. */
export interface UdpOptions {
  /** Lets other sockets bind the same port, as members of a multicast group do (SO_REUSEADDR). Default: false. */
  readonly reuseAddress?: boolean | undefined;
  /** The bytes that may wait to be received, 1 to 1073741824. Further datagrams are dropped. Default: 262144. */
  readonly queue?: number | undefined;
  /** Called with the errors of datagrams that were queued and could not be sent, on a socket without a peer. */
  readonly onError?: ((error: TwinwireError) => void) | undefined;
}

/** The receive window is updated in halves, so it should hold a few segments. */
const DEFAULT_WINDOW = 65_536;
const LARGEST_WINDOW = 2 ** 30;
const DEFAULT_QUEUE = 262_144;
const DEFAULT_BACKLOG = 511;
const LARGEST_BACKLOG = 65_535;
const LARGEST_RATE = 1_000_000;

const keepAlive = new OptionSet<{ readonly initialDelayMs?: number }>({ initialDelayMs: integer(0, MAX_MS) });

/** Rules for the options of every stream. */
const ofStreams = {
  noDelay: flag,
  keepAlive: either((given) => typeof given === "boolean", flag, complete(keepAlive)),
  window: integer(1, LARGEST_WINDOW),
};

const addressLimits = new OptionSet<AddressLimits>({
  connections: integer(1, 0xffff_ffff),
  handshakesPerSecond: integer(1, LARGEST_RATE),
  messagesPerSecond: integer(1, LARGEST_RATE),
});

const ofServers = {
  ...ofStreams,
  backlog: integer(1, LARGEST_BACKLOG),
  reusePort: flag,
  perAddress: addressLimits.rule,
  onError: callback<OnError>(),
};

const waitOptions = new OptionSet<WaitOptions>({ signal });
export const readUntilOptions = new OptionSet<ReadUntilOptions>({ signal, max: integer(1, 2 ** 31 - 1) });
export const streamOptions = new OptionSet<StreamOptions>(ofStreams);
const ofClients = { ...ofStreams, signal, policy, proxy: proxyRule, proxyTls: tlsOptions.rule };
export const connectOptions = new OptionSet<ConnectOptions>(ofClients);
export const tlsConnectOptions = new OptionSet<TlsConnectOptions>({ ...ofClients, tls: tlsOptions.rule });
const { window: _, onError: __, ...ofListeners } = ofServers;
export const listenOptions = new OptionSet<ListenOptions>(ofListeners);
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
export function socketOptions({ noDelay, keepAlive, backlog, reusePort }: ServerOptions): SocketOptions {
  return { noDelay, keepAlive, backlog, reusePort, takesBytes: true };
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
