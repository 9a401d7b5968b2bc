/** Connections whose calls wait. */
import { Deadline } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import type { Stats } from "../../wasm/memory.ts";
import type { ReceivedBytes, TlsInfo, TlsOptions } from "../../wasm/port-types.ts";
import { type Bytes, show } from "../internal/arguments.ts";
import type { Caller, CallFacts, Reply } from "./caller.ts";
import {
  type ConnectOptions,
  checkBytes,
  checkSize,
  type ReadUntilOptions,
  type TlsConnectOptions,
  type WaitOptions,
} from "./options.ts";
import { Op, type Opened, pack } from "./protocol.ts";
import { PART } from "./shared.ts";
import { callerOf, ownCaller } from "./start.ts";

/** An object of an engine, as the thread that uses it knows it. */
export class Link {
  readonly caller: Caller;
  readonly handle: number;
  /** Whether TLS protects it from the first byte. */
  readonly tls: boolean;

  constructor(caller: Caller, handle: number, tls: boolean) {
    this.caller = caller;
    this.handle = handle;
    this.tls = tls;
  }

  /** Opens an object of the engine of this thread. */
  static open(kind: Opened, operation: string, args: readonly unknown[]): Link {
    const caller = ownCaller();
    return new Link(caller, caller.open(kind, operation, args), kind.startsWith("Tls"));
  }

  call(op: Op, facts?: CallFacts): Reply {
    return this.caller.call(op, { ...facts, handle: this.handle });
  }

  get<T>(name: string, ...args: readonly unknown[]): T {
    return this.caller.get<T>(this.handle, name, ...args);
  }

  setDeadline(which: number, ms: unknown): void {
    this.get("setDeadline", which, pack("setDeadline", ms));
  }
}

/** A connection on its way to another thread: for `postMessage` and `workerData`. */
export interface SharedConn {
  readonly engine: SharedArrayBuffer;
  readonly handle: number;
  readonly tls: boolean;
}

/** The link of a connection. @internal */
export let linkOf: (conn: Conn) => Link;

/**
 * A connection: a stream of bytes in both directions, over TCP, TLS or a Unix socket. `new TcpConnection` and
 * `new TlsConnection` open one, and servers accept them.
 *
 * Every call waits for its result and throws a `TwinwireError` if it fails. Besides the codes that each method names, these are the
 * error that ended the connection (ERR_RESET, ERR_ENDED, ERR_TLS…), ERR_STATE after `close`, and ERR_HOST if the engine's thread
 * has failed.
 */
export class Conn {
  readonly #link: Link;

  static {
    linkOf = (conn) => conn.#link;
  }

  /** @internal */
  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Returns the connection that another thread has shared by `share()`. Both threads can use it.
   *
   * @throws TwinwireError ERR_ARGUMENT for something else; ERR_LIMIT if 128 threads use that engine.
   */
  static from(shared: SharedConn): Conn {
    const given = shared as Partial<SharedConn> | null | undefined;
    if (!(given?.engine instanceof SharedArrayBuffer) || typeof given.handle !== "number") {
      throw new TwinwireError("ERR_ARGUMENT", {
        operation: "Conn.from",
        problem: `${show(shared)} is no shared connection`,
        remedy: "pass what share() returned",
      });
    }
    return new Conn(new Link(callerOf(given.engine), given.handle, given.tls === true));
  }

  /** Returns what another thread needs to use this connection: a plain object for `postMessage` or `workerData`. */
  share(): SharedConn {
    const { caller, handle, tls } = this.#link;
    return { engine: caller.shared.buffer, handle, tls };
  }

  /**
   * Reads what has arrived, or waits for the next bytes.
   *
   * @param max the most bytes to read, 1 to 2147483647; one call returns 65536 at most. Default: 65536.
   * @returns 1 to `max` bytes; an empty array at the end of the stream. The bytes are the caller's to keep.
   * @throws TwinwireError ERR_ARGUMENT, ERR_DEADLINE.
   */
  read(max: number = PART): ReceivedBytes {
    return this.#link.call(Op.READ, { number: Math.min(checkSize("read", max), PART) }).data;
  }

  /**
   * Reads exactly `size` bytes. A call that fails consumes nothing.
   *
   * @param size 0 to 2147483647 bytes.
   * @throws TwinwireError ERR_UNEXPECTED_EOF if the stream ends earlier; `detail` is the number of bytes that arrived;
   * ERR_ARGUMENT, ERR_DEADLINE.
   */
  readExact(size: number): ReceivedBytes {
    return this.#link.call(Op.READ_EXACT, { number: checkSize("readExact", size, 0) }).data;
  }

  /**
   * Reads up to and including the next `delimiter`. A call that fails consumes nothing.
   *
   * @throws TwinwireError ERR_TOO_LARGE if the delimiter is not within `max` bytes (default: 65536); ERR_UNEXPECTED_EOF if the
   * stream ends without it; ERR_ARGUMENT, ERR_DEADLINE.
   */
  readUntil(delimiter: string | Bytes, options?: ReadUntilOptions): ReceivedBytes {
    const args = [pack("readUntil", options)];
    return this.#link.call(Op.READ_UNTIL, { args, data: checkBytes(delimiter) }).data;
  }

  /**
   * Reads the next line of UTF-8 text, which ends with LF or CR LF.
   *
   * @returns the line without its end; `undefined` if the stream has ended.
   * @throws TwinwireError as `readUntil`; ERR_UNEXPECTED_EOF for a last line that has no end.
   */
  readLine(options?: ReadUntilOptions): string | undefined {
    const { value } = this.#link.call(Op.READ_LINE, { args: [pack("readLine", options)] });
    return value as string | undefined;
  }

  /**
   * Queues as much as fits into the outbound buffer, 65536 bytes at most; waits while nothing fits. Text is sent as UTF-8.
   *
   * @returns the number of bytes that were queued.
   * @throws TwinwireError ERR_ARGUMENT, ERR_DEADLINE; ERR_STATE after `closeWrite`.
   */
  write(data: string | Bytes): number {
    return this.#link.call(Op.WRITE, { data: checkBytes(data).subarray(0, PART) }).number;
  }

  /**
   * Queues all of the data, waiting for room as often as necessary.
   *
   * @throws TwinwireError as `write`; `detail` is the number of bytes that were queued before it failed.
   */
  writeAll(data: string | Bytes): void {
    const bytes = checkBytes(data);
    let at = 0;
    do {
      const part = bytes.subarray(at, at + PART);
      try {
        this.#link.call(Op.WRITE_ALL, { data: part });
      } catch (error) {
        if (at > 0 && error instanceof TwinwireError) {
          Object.defineProperty(error, "detail", { value: error.detail + at, enumerable: true });
        }
        throw error;
      }
      at += part.length;
    } while (at < bytes.length);
  }

  /** Ends the sending half of the stream after everything that was written. You can read until the peer ends its half. */
  closeWrite(): void {
    this.#link.call(Op.CLOSE_WRITE);
  }

  /** Alias of `closeWrite`. */
  shutdown(): void {
    this.closeWrite();
  }

  /**
   * Closes the connection and returns at once. Queued bytes are still sent, within `limits().closeTimeoutMs`, also if the program
   * ends; bytes that were not read are discarded. A second call has no effect.
   */
  close(): void {
    this.#link.call(Op.CLOSE);
  }

  /** Returns the peer's address as `"ip:port"` or `"[ipv6]:port"`; of a Unix socket, its path. */
  remoteAddr(): string {
    return this.#link.get("remoteAddr");
  }

  /** Returns the local address, in the form of `remoteAddr`. */
  localAddr(): string {
    return this.#link.get("localAddr");
  }

  /** Returns counters: bytes received and sent, without TLS records, and sends that were refused. */
  stats(): Stats {
    return this.#link.get("stats");
  }

  /** Returns whether TLS protects the connection. */
  isTLS(): boolean {
    return this.#link.tls || this.#link.get("isTLS");
  }

  /** What the TLS handshake negotiated; `undefined` without TLS. */
  get tlsInfo(): TlsInfo | undefined {
    return this.#link.get("tlsInfo");
  }

  /** Whether `read` would return without waiting. */
  get canRead(): boolean {
    return this.#link.get("canRead");
  }

  /** Whether `write` would return without waiting. */
  get canWrite(): boolean {
    return this.#link.get("canWrite");
  }

  /**
   * Sets the instant, `ms` milliseconds from now, from which reads and writes fail with ERR_DEADLINE, until another deadline is
   * set. No bytes are lost.
   *
   * @param ms milliseconds, at most 2147483647. 0 clears the deadline; a negative number makes it pass immediately.
   * @throws TwinwireError ERR_ARGUMENT; ERR_STATE once `close` was called.
   */
  setDeadline(ms: number): void {
    this.#link.setDeadline(Deadline.READ | Deadline.WRITE, ms);
  }

  /** As `setDeadline`, for reads alone. */
  setReadDeadline(ms: number): void {
    this.#link.setDeadline(Deadline.READ, ms);
  }

  /** As `setDeadline`, for writes alone. */
  setWriteDeadline(ms: number): void {
    this.#link.setDeadline(Deadline.WRITE, ms);
  }

  /**
   * Starts TLS on the open connection (STARTTLS), as a client, or as a server if the connection was accepted. Returns when the
   * handshake is done. Refused while received bytes are unread.
   *
   * @param host the name to verify. Default: the host that was connected to. A server needs none.
   * @throws TwinwireError ERR_TLS_BUFFERED or ERR_STATE: the connection stays as it was. ERR_TLS…, ERR_DEADLINE: it is closed.
   */
  upgradeToTLS(host = "", options?: TlsOptions & WaitOptions): void {
    this.#link.call(Op.UPGRADE, { args: [host, options].map((it) => pack("upgradeToTLS", it)) });
  }

  /** Iterates over the received chunks until the stream ends. `break` leaves the connection open. */
  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
    for (let chunk = this.read(); chunk.length > 0; chunk = this.read()) yield chunk;
  }

  /** Calls `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * A TCP connection.
 *
 * ```ts
 * const conn = new TcpConnection("localhost", 5432);
 * conn.writeAll("HELLO\n");
 * const response = conn.read(1024);
 * conn.close();
 * ```
 */
export class TcpConnection extends Conn {
  /**
   * Connects, and returns when the connection is open.
   *
   * @param host a host name or a literal address, 1 to 253 bytes.
   * @param port 1 to 65535.
   * @throws TwinwireError ERR_ARGUMENT, ERR_PORT, ERR_LIMIT, ERR_NAME_NOT_FOUND, ERR_REFUSED, ERR_UNREACHABLE, ERR_TIMEOUT,
   * ERR_DEADLINE after `timeoutMs`.
   */
  constructor(host: string, port: number, options?: ConnectOptions);
  /** @internal */
  constructor(link: Link);
  constructor(target: string | Link, port?: number, options?: ConnectOptions) {
    super(
      target instanceof Link ? target : Link.open("TcpConnection", "TcpConnection", [target, port ?? null, options]),
    );
  }

  /** Connects to a Unix stream socket. As the constructor; ERR_PATH, ERR_NOT_FOUND, ERR_UNSUPPORTED. */
  static unix(path: string, options?: ConnectOptions): TcpConnection {
    return new TcpConnection(Link.open("TcpConnection", "TcpConnection.unix", [path, "unix", options]));
  }
}

/** A TCP connection that uses TLS from the first byte. The server's certificate is verified. */
export class TlsConnection extends TcpConnection {
  /**
   * Connects, as `new TcpConnection`, and returns after the TLS handshake. Besides its errors: ERR_TLS, ERR_TLS_NAME,
   * ERR_TLS_EXPIRED, ERR_TLS_UNTRUSTED, ERR_TLS_PIN.
   */
  constructor(host: string, port: number, options?: TlsConnectOptions);
  /** @internal */
  constructor(link: Link);
  constructor(target: string | Link, port?: number, options?: TlsConnectOptions) {
    super(
      target instanceof Link ? target : Link.open("TlsConnection", "TlsConnection", [target, port ?? null, options]),
    );
  }

  /** Connects to a Unix socket by TLS; `tls.servername` is the name to verify. */
  static override unix(path: string, options?: TlsConnectOptions): TlsConnection {
    return new TlsConnection(Link.open("TlsConnection", "TlsConnection.unix", [path, "unix", options]));
  }
}
