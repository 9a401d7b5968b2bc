/**
 * twinwire/dial: connections as functions, with a network and an address as text.
 *
 * @module
 */
import { TwinwireError } from "../wasm/errors.ts";
import type { TlsOptions } from "../wasm/port-types.ts";
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

/** What `dial` connects by: `"tls"` is TCP with TLS from the first byte. */
export type Network = "tcp" | "tls" | "unix" | "udp";

/** What `dial` returns: a stream, or for `"udp"` a socket that has a peer. */
export type Connection = Conn | UdpSocket;

/** What `listen` returns. */
export type Listener = TcpServer | TlsServer;

const dialUdpOptions = new OptionSet<UdpOptions & WaitOptions>({ ...udpOptions.rules, signal });

/** How `dial` connects. What does not belong to the network is refused. */
export interface DialOptions extends TlsConnectOptions, UdpOptions {}

/** How `listen` listens; `"tls"` needs `tls` with at least `cert` and `key`. */
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
 * Listens at an address: `"host:port"`, `":port"` for every local address, or for `"unix"` a path. Port 0 is any free one.
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

/** How `accept` goes on. */
export interface AcceptOptions {
  /**
   * Called with what a handler threw and its connection, which is closed by then; and with what ended the listener. Default:
   * what a handler threw goes to `console.error`, and a listener that fails is an uncaught error.
   */
  readonly onError?: ((error: unknown, conn?: Conn) => void) | undefined;
}

const acceptOptions = new OptionSet<AcceptOptions>({ onError: callback() });

/**
 * Accepts connections in the background until the listener is closed, and calls the handler with each of them. Returns at
 * once. The connection is the handler's to close. A handler that throws, or whose promise is rejected, loses its own
 * connection; all others go on.
 *
 * Handlers run on the one thread of the program, so they may change outer variables; between two `await`s nothing else
 * runs.
 *
 * @throws TwinwireError ERR_ARGUMENT for a handler that is no function.
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
    else tell(checked, error);
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
    tell(options, error, conn);
  }
}

function tell({ onError }: AcceptOptions, error: unknown, conn?: Conn): void {
  if (onError === undefined) console.error("accept: a handler failed:", error);
  else callSafely(() => onError(error, conn), report);
}

/** How long one operation may take, in ms. 0: as long as it likes. */
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
 * Reads what there is: 1 to `n` bytes, or none at the end of the stream. Of a UDP socket the next datagram, of which what
 * has no room in `n` bytes is lost.
 *
 * @throws TwinwireError ERR_DEADLINE if the read time-out passes; else as the methods of `twinwire`.
 */
export async function read(conn: Connection, n: number, options?: WaitOptions): Promise<Uint8Array> {
  const { read: timeoutMs = 0 } = timeouts.get(conn) ?? {};
  if (timeoutMs > 0) conn.setReadDeadline(timeoutMs);
  if (conn instanceof Conn) return conn.read(n, options);
  return (await conn.recvFrom(n > LARGEST_DATAGRAM ? LARGEST_DATAGRAM : n, options)).data;
}

/**
 * Writes all of it, waiting for room as often as it takes. On a UDP socket that is one datagram.
 *
 * @returns how many bytes were written.
 * @throws TwinwireError ERR_DEADLINE if the write time-out passes; else as the methods of `twinwire`.
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
 * Bounds every read from now on: one that takes longer than `timeoutMs` fails with ERR_DEADLINE. Unlike the deadlines of
 * `twinwire`, which are one instant, it is per operation; of reads that wait together, the last to begin counts.
 *
 * @param timeoutMs 0 (none) to 2147483647.
 * @throws TwinwireError ERR_ARGUMENT; ERR_STATE once it is closed.
 */
export function set_read_timeout(conn: Connection, timeoutMs: number): void {
  const checked = checkTimeout(timeoutMs);
  conn.setReadDeadline(0);
  timeoutsOf(conn).read = checked;
}

/** As `set_read_timeout`, for writes. */
export function set_write_timeout(conn: Connection, timeoutMs: number): void {
  const checked = checkTimeout(timeoutMs);
  conn.setWriteDeadline(0);
  timeoutsOf(conn).write = checked;
}

/** The reading half of a connection, as a record. */
export interface Reader {
  readonly conn: Connection;
  /** As `read` on the connection. */
  readonly read: (n: number, options?: WaitOptions) => Promise<Uint8Array>;
  /** Closes the connection. */
  readonly close: () => void;
}

/** The writing half of a connection, as a record. */
export interface Writer {
  readonly conn: Connection;
  /** As `write` on the connection. */
  readonly write: (data: Writable, options?: WaitOptions) => Promise<number>;
  /** Closes the connection. */
  readonly close: () => void;
}

/** A connection as something to read from. */
export function reader(conn: Connection): Reader {
  return { conn, read: (n, options) => read(conn, n, options), close: () => close(conn) };
}

/** A connection as something to write to. */
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
