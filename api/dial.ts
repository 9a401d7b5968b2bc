/**
 * twinwire/dial: connections as functions, with a network and an address as text.
 *
 * @module
 */
import { TwinwireError } from "../wasm/errors.ts";
import type { ReceivedBytes, TlsOptions } from "../wasm/port-types.ts";
import { callSafely, report } from "../wasm/report.ts";
import { Conn } from "./conn/conn.ts";
import {
  type ServerOptions,
  type TlsConnectOptions,
  type TlsServerOptions,
  type UdpOptions,
  udpOptions,
  type WaitOptions,
} from "./conn/options.ts";
import { TcpServer, TlsServer } from "./conn/server.ts";
import { TcpConnection, TlsConnection } from "./conn/tcp.ts";
import { UdpSocket } from "./conn/udp.ts";
import { show, splitAddress, toBytes, type Writable } from "./internal/arguments.ts";
import { callback, OptionSet, signal } from "./internal/options.ts";

export type { Writable } from "./internal/arguments.ts";

/** A kind of connection; `"tls"` is TCP with TLS from the first byte. */
export type Network = "tcp" | "tls" | "unix" | "udp";

/** The result of `dial`: a stream of bytes, or for `"udp"` a socket with a peer. */
export type Connection = Conn | UdpSocket;

/** The result of `listen`. */
export type Listener = TcpServer | TlsServer;

const dialUdpOptions = new OptionSet<UdpOptions & WaitOptions>({ ...udpOptions.rules, signal });

/** The options of `dial`. An option that the network does not have is an error. */
export interface DialOptions extends TlsConnectOptions, UdpOptions {}

/** The options of `listen`; `"tls"` needs `tls` with `cert` and `key`. */
export interface ListenOptions extends ServerOptions {
  readonly tls?: TlsOptions | undefined;
}

/**
 * Connects to an address: `"host:port"`, `"[ipv6]:port"`, or for `"unix"` a path.
 *
 * ```ts
 * const conn = await dial("tcp", "127.0.0.1:8080");
 * ```
 *
 * @throws TwinwireError ERR_ARGUMENT for another network or form of address; ERR_PORT, ERR_NAME_NOT_FOUND, ERR_REFUSED,
 * ERR_UNREACHABLE, ERR_TIMEOUT, ERR_PATH, ERR_NOT_FOUND, ERR_TLS…, ERR_ABORTED, ERR_LIMIT.
 */
export function dial(network: "udp", address: string, options?: DialOptions): Promise<UdpSocket>;
export function dial(network: "tcp" | "tls" | "unix", address: string, options?: DialOptions): Promise<Conn>;
export function dial(network: Network, address: string, options?: DialOptions): Promise<Connection>;
export async function dial(network: Network, address: string, options?: DialOptions): Promise<Connection> {
  if (network === "udp") return dialUdp(address, options);
  const conn = start(network, address, options);
  await conn.opened;
  return conn;
}

/**
 * Listens at an address: `"host:port"`, `":port"` for every local address, or for `"unix"` a path. Port 0: any free port.
 *
 * @throws TwinwireError ERR_ARGUMENT for another network or form of address; ERR_PORT, ERR_IN_USE, ERR_ACCESS, ERR_PATH,
 * ERR_LIMIT.
 */
export async function listen(
  network: "tcp" | "tls" | "unix",
  address: string,
  options?: ListenOptions,
): Promise<Listener> {
  const server = serve(network, address, options);
  await server.opened;
  return server;
}

function start(network: Network, address: string, options: DialOptions | undefined): Conn {
  if (network === "unix") return TcpConnection.unix(address, options);
  if (network !== "tcp" && network !== "tls") throw unknownNetwork(network, "tcp, tls, unix or udp");
  const { host, port } = splitAddress(address);
  return network === "tls" ? new TlsConnection(host, port, options) : new TcpConnection(host, port, options);
}

function serve(network: Network, address: string, options: ListenOptions | undefined): Listener {
  if (network === "unix") return TcpServer.unix(address, options);
  if (network !== "tcp" && network !== "tls") throw unknownNetwork(network, "tcp, tls or unix");
  const { host, port } = splitAddress(address);
  if (network === "tcp") return new TcpServer(host, port, options);
  return new TlsServer(host, port, options as TlsServerOptions);
}

async function dialUdp(address: string, options: DialOptions | undefined): Promise<UdpSocket> {
  const { signal, ...ofSocket } = dialUdpOptions.read("dial", options);
  const { host, port } = splitAddress(address);
  const socket = new UdpSocket(host.includes(":") ? "::" : "", 0, ofSocket);
  try {
    await socket.opened;
    await socket.connect(host, port, { signal });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

function unknownNetwork(network: unknown, known: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { step: "open", reason: `a network is ${known}, not ${show(network)}` });
}

/** The options of `accept`. */
export interface AcceptOptions {
  /**
   * Called with what a handler throws and its connection, which is closed already; and with the error that ended the listener.
   * Default: what a handler throws goes to `console.error`, and a listener that fails is an uncaught exception.
   */
  readonly onError?: ((error: unknown, conn?: Conn) => void) | undefined;
}

const acceptOptions = new OptionSet<AcceptOptions>({ onError: callback() });

/**
 * Calls the handler with each connection that the listener accepts, until the listener is closed. Returns immediately. The
 * handler has to close its connection; if it throws or rejects, the connection is closed, and all others go on.
 *
 * Handlers run in the same thread, so they may share variables; nothing else runs between two `await`s.
 *
 * ```ts
 * accept(await listen("tcp", ":7"), async (conn) => {
 *   for await (const chunk of conn) await write(conn, chunk);
 *   close(conn);
 * });
 * ```
 *
 * @throws TwinwireError ERR_ARGUMENT if `handler` is not a function.
 */
export function accept(
  listener: Listener,
  handler: (conn: Conn) => void | Promise<void>,
  options?: AcceptOptions,
): void {
  const checked = acceptOptions.read("accept", options, "accept");
  if (typeof handler !== "function") {
    throw new TwinwireError("ERR_ARGUMENT", { step: "accept", reason: `handler ${show(handler)}` });
  }
  acceptAll(listener, handler, checked).catch((error: unknown) => {
    if (checked.onError === undefined) report(error);
    else reportError(checked, error);
  });
}

async function acceptAll(
  listener: Listener,
  handler: (conn: Conn) => void | Promise<void>,
  options: AcceptOptions,
): Promise<void> {
  for await (const conn of listener) void handle(conn, handler, options);
}

async function handle(
  conn: Conn,
  handler: (conn: Conn) => void | Promise<void>,
  options: AcceptOptions,
): Promise<void> {
  try {
    await handler(conn);
  } catch (error) {
    conn.close();
    reportError(options, error, conn);
  }
}

function reportError({ onError }: AcceptOptions, error: unknown, conn?: Conn): void {
  if (onError === undefined) console.error("accept: a handler failed:", error);
  else callSafely(() => onError(error, conn), report);
}

/** The most milliseconds of one operation; 0: no limit. */
interface Timeouts {
  read: number;
  write: number;
}

const timeouts = new WeakMap<Connection, Timeouts>();

/** 31 bits of milliseconds, almost 25 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** The largest datagram that UDP has: for a stream, `n` may be more. */
const LARGEST_DATAGRAM = 65_535;

/**
 * Reads what has arrived, or waits for it: 1 to `n` bytes, or none at the end of the stream. Of a UDP socket, the payload of
 * the next datagram; what exceeds `n` bytes is lost.
 *
 * @throws TwinwireError ERR_DEADLINE after the read time-out; otherwise as `Conn.read` and `UdpSocket.recvFrom`.
 */
export async function read(conn: Connection, n: number, options?: WaitOptions): Promise<ReceivedBytes> {
  const { read: timeoutMs = 0 } = timeouts.get(conn) ?? {};
  if (timeoutMs > 0) conn.setReadDeadline(timeoutMs);
  if (conn instanceof Conn) return conn.read(n, options);
  return (await conn.recvFrom(n > LARGEST_DATAGRAM ? LARGEST_DATAGRAM : n, options)).data;
}

/**
 * Writes all of the data, waiting for room as often as necessary; on a UDP socket, as one datagram.
 *
 * @returns the number of bytes that were written.
 * @throws TwinwireError ERR_DEADLINE after the write time-out; otherwise as `Conn.writeAll` and `UdpSocket.send`.
 */
export async function write(conn: Connection, data: Writable, options?: WaitOptions): Promise<number> {
  const bytes = toBytes(data);
  const { write: timeoutMs = 0 } = timeouts.get(conn) ?? {};
  if (timeoutMs > 0) conn.setWriteDeadline(timeoutMs);
  if (!(conn instanceof Conn)) return conn.send(bytes, options);
  await conn.writeAll(bytes, options);
  return bytes.length;
}

/** Closes a connection or a listener. */
export function close(it: Connection | Listener): void {
  it.close();
}

/**
 * Sets the time limit of each later read: one that takes longer fails with ERR_DEADLINE. While several reads wait, the limit
 * counts from the start of the last one. (`Conn.setDeadline` of `twinwire` sets one instant for all of them.)
 *
 * @param timeoutMs milliseconds, 0 (no limit) to 2147483647.
 * @throws TwinwireError ERR_ARGUMENT; ERR_STATE after `close`.
 */
export function set_read_timeout(conn: Connection, timeoutMs: number): void {
  const checked = checkTimeout(timeoutMs);
  conn.setReadDeadline(0);
  timeoutsOf(conn).read = checked;
}

/** Sets the time limit of each later write, as `set_read_timeout`. */
export function set_write_timeout(conn: Connection, timeoutMs: number): void {
  const checked = checkTimeout(timeoutMs);
  conn.setWriteDeadline(0);
  timeoutsOf(conn).write = checked;
}

/** A connection as something to read from. */
export interface Reader {
  readonly conn: Connection;
  /** Calls `read` on the connection. */
  readonly read: (n: number, options?: WaitOptions) => Promise<ReceivedBytes>;
  /** Closes the connection. */
  readonly close: () => void;
}

/** A connection as something to write to. */
export interface Writer {
  readonly conn: Connection;
  /** Calls `write` on the connection. */
  readonly write: (data: Writable, options?: WaitOptions) => Promise<number>;
  /** Closes the connection. */
  readonly close: () => void;
}

/** Returns the `Reader` of a connection. */
export function reader(conn: Connection): Reader {
  return { conn, read: (n, options) => read(conn, n, options), close: () => close(conn) };
}

/** Returns the `Writer` of a connection. */
export function writer(conn: Connection): Writer {
  return { conn, write: (data, options) => write(conn, data, options), close: () => close(conn) };
}

function checkTimeout(timeoutMs: unknown): number {
  if (typeof timeoutMs === "number" && timeoutMs >= 0 && timeoutMs <= LONGEST_MS) return timeoutMs;
  const reason = `a time-out is a number of milliseconds from 0 to ${LONGEST_MS}, not ${show(timeoutMs)}`;
  throw new TwinwireError("ERR_ARGUMENT", { reason });
}

function timeoutsOf(conn: Connection): Timeouts {
  let found = timeouts.get(conn);
  if (found === undefined) {
    found = { read: 0, write: 0 };
    timeouts.set(conn, found);
  }
  return found;
}

export { set_read_timeout as setReadTimeout, set_write_timeout as setWriteTimeout };
