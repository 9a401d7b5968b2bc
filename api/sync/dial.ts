/** Connections as functions that wait, with a network and an address as text. */

import { TwinwireError } from "../../wasm/errors.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { show, splitAddress, toBytes, type Writable } from "../internal/arguments.ts";
import { callback, OptionSet } from "../internal/options.ts";
import { Conn, Link, TcpConnection, TlsConnection } from "./conn.ts";
import type { ServerOptions, TlsConnectOptions, TlsServerOptions, UdpOptions } from "./options.ts";
import { type Server, serverLinkOf, TcpServer, TlsServer } from "./server.ts";
import { ownCaller } from "./start.ts";
import { UdpSocket } from "./udp.ts";

export type { Writable } from "../internal/arguments.ts";

/** A kind of connection; `"tls"` is TCP with TLS from the first byte. */
export type Network = "tcp" | "tls" | "unix" | "udp";

/** The result of `dial`: a stream of bytes, or for `"udp"` a socket with a peer. */
export type Connection = Conn | UdpSocket;

/** The result of `listen`. */
export type Listener = TcpServer | TlsServer;

/** The options of `dial`. An option that the network does not have is an error. */
export interface DialOptions extends TlsConnectOptions, UdpOptions {}

/** The options of `listen`; `"tls"` needs `tls` with `cert` and `key`. */
export interface ListenOptions extends ServerOptions, Partial<Pick<TlsServerOptions, "tls">> {}

/**
 * Connects to an address: `"host:port"`, `"[ipv6]:port"`, or for `"unix"` a path.
 *
 * @throws TwinwireError ERR_ARGUMENT for another network or form of address; ERR_PORT, ERR_NAME_NOT_FOUND, ERR_REFUSED,
 * ERR_UNREACHABLE, ERR_TIMEOUT, ERR_PATH, ERR_NOT_FOUND, ERR_TLS…, ERR_LIMIT.
 */
export function dial(network: "udp", address: string, options?: DialOptions): UdpSocket;
export function dial(network: "tcp" | "tls" | "unix", address: string, options?: DialOptions): Conn;
export function dial(network: Network, address: string, options?: DialOptions): Connection;
export function dial(network: Network, address: string, options?: DialOptions): Connection {
  if (network === "unix") return TcpConnection.unix(address, options);
  if (network !== "tcp" && network !== "tls" && network !== "udp") throw unknown(network, "tcp, tls, unix or udp");
  const { host, port } = splitAddress(address);
  if (network === "tcp") return new TcpConnection(host, port, options);
  if (network === "tls") return new TlsConnection(host, port, options);
  const socket = new UdpSocket(host.includes(":") ? "::" : "", 0, options);
  try {
    socket.connect(host, port);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/**
 * Listens at an address: `"host:port"`, `":port"` for every local address, or for `"unix"` a path. Port 0: any free port.
 *
 * @throws TwinwireError ERR_ARGUMENT for another network or form of address; ERR_PORT, ERR_IN_USE, ERR_ACCESS, ERR_PATH,
 * ERR_LIMIT.
 */
export function listen(network: "tcp" | "tls" | "unix", address: string, options?: ListenOptions): Listener {
  if (network === "unix") return TcpServer.unix(address, options);
  if (network !== "tcp" && network !== "tls") throw unknown(network, "tcp, tls or unix");
  const { host, port } = splitAddress(address);
  if (network === "tcp") return new TcpServer(host, port, options);
  return new TlsServer(host, port, options as TlsServerOptions);
}

function unknown(network: unknown, known: string): TwinwireError {
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
 * Calls the handler with each connection that the listener accepts, until the listener is closed. Returns at once. Handlers run on
 * this thread: while it waits for data, a connection or a response, and when its event loop has nothing else to do. A handler has to
 * close its connection; if it throws, the connection is closed, and all others go on.
 *
 * ```ts
 * accept(listen("tcp", ":7"), (conn) => {
 *   write(conn, read(conn, 1024));
 *   close(conn);
 * });
 * ```
 *
 * @throws TwinwireError ERR_ARGUMENT if `handler` is not a function.
 */
export function accept(listener: Listener, handler: (conn: Conn) => void, options?: AcceptOptions): void {
  const { onError } = acceptOptions.read("accept", options, "accept");
  if (typeof handler !== "function") {
    throw new TwinwireError("ERR_ARGUMENT", { step: "accept", reason: `handler ${show(handler)}` });
  }
  const link = serverLinkOf(listener as Server<Conn>);
  link.caller.handle(link.handle, (opening, error) => {
    if (opening === undefined) {
      if (onError === undefined) report(error);
      else safely(() => onError(error));
      return;
    }
    const own = new Link(link.caller, opening.handle, opening.tls);
    const conn = opening.tls ? new TlsConnection(own) : new TcpConnection(own);
    try {
      handler(conn);
    } catch (thrown) {
      conn.close();
      if (onError === undefined) console.error("accept: a handler failed:", thrown);
      else safely(() => onError(thrown, conn));
    }
  });
}

/** Makes an error an uncaught exception, while what is under way here goes on. */
function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function safely(call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
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
export function read(conn: Connection, n: number): ReceivedBytes {
  const { read: timeoutMs = 0 } = timeouts.get(conn) ?? {};
  if (timeoutMs > 0) conn.setReadDeadline(timeoutMs);
  if (conn instanceof Conn) return conn.read(n);
  return conn.recvFrom(n > LARGEST_DATAGRAM ? LARGEST_DATAGRAM : n).data;
}

/**
 * Writes all of the data, waiting for room as often as necessary; on a UDP socket, as one datagram.
 *
 * @returns the number of bytes that were written.
 * @throws TwinwireError ERR_DEADLINE after the write time-out; otherwise as `Conn.writeAll` and `UdpSocket.send`.
 */
export function write(conn: Connection, data: Writable): number {
  const bytes = toBytes(data);
  const { write: timeoutMs = 0 } = timeouts.get(conn) ?? {};
  if (timeoutMs > 0) conn.setWriteDeadline(timeoutMs);
  if (!(conn instanceof Conn)) return conn.send(bytes);
  conn.writeAll(bytes);
  return bytes.length;
}

/** Closes a connection or a listener. */
export function close(it: Connection | Listener): void {
  it.close();
}

/**
 * Sets the time limit of each later read: one that takes longer fails with ERR_DEADLINE. (`Conn.setDeadline` sets one instant for
 * all of them.)
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
  readonly read: (n: number) => ReceivedBytes;
  /** Closes the connection. */
  readonly close: () => void;
}

/** A connection as something to write to. */
export interface Writer {
  readonly conn: Connection;
  /** Calls `write` on the connection. */
  readonly write: (data: Writable) => number;
  /** Closes the connection. */
  readonly close: () => void;
}

/** Returns the `Reader` of a connection. */
export function reader(conn: Connection): Reader {
  return { conn, read: (n) => read(conn, n), close: () => close(conn) };
}

/** Returns the `Writer` of a connection. */
export function writer(conn: Connection): Writer {
  return { conn, write: (data) => write(conn, data), close: () => close(conn) };
}

/** A queue by which handlers of `accept` pass values to the program. */
export interface Channel<T> {
  /** Puts a value into the queue. */
  send(value: T): void;
  /**
   * Takes the oldest value; waits for a handler to send one.
   *
   * @param timeoutMs 0 to 2147483647. Default: no limit.
   * @throws TwinwireError ERR_DEADLINE after `timeoutMs`.
   */
  recv(timeoutMs?: number): T;
}

/** Returns a new channel. It belongs to this thread. */
export function channel<T>(): Channel<T> {
  const values: T[] = [];
  return {
    send: (value) => void values.push(value),
    recv(timeoutMs) {
      const end = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + checkTimeout(timeoutMs);
      while (values.length === 0) {
        const left = end - performance.now();
        if (left <= 0) throw new TwinwireError("ERR_DEADLINE", { reason: "no handler has sent a value" });
        ownCaller().waitForHandler(left);
      }
      return values.shift() as T;
    },
  };
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
