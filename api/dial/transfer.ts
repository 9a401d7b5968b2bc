import { TwinwireError } from "../../wasm/errors.ts";
import { Conn } from "../conn/conn.ts";
import type { WaitOptions } from "../conn/options.ts";
import { show, toBytes, type Writable } from "../internal/arguments.ts";
import type { Connection, Listener } from "./networks.ts";

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
