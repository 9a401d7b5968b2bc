import { AddressOf, Deadline, Kind } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { openedEngine } from "../../wasm/host.ts";
import type { Stats } from "../../wasm/memory.ts";
import type { ReceivedBytes, TlsInfo, TlsOptions } from "../../wasm/port-types.ts";
import { utf8Text } from "../../wasm/text.ts";
import { type Bytes, show, toBytes } from "../internal/arguments.ts";
import { OptionSet, signal, tlsOptions } from "../internal/options.ts";
import {
  type ReadUntilOptions,
  readUntilOptions,
  type StreamOptions,
  streamOptions,
  type WaitOptions,
  waiting,
  windowOf,
} from "./options.ts";
import { Chunks } from "./receiver.ts";
import { Stream } from "./stream.ts";

/** The most bytes of one read of an iteration or a web stream. */
const CHUNK = 65_536;

const LINE_FEED = Uint8Array.of(0x0a);
const CARRIAGE_RETURN = 0x0d;

const upgradeOptions = new OptionSet<TlsOptions & WaitOptions>({ ...tlsOptions.rules, signal });

/** Returns a promise of the error that ends the connection; fulfilled with `undefined` after an orderly end. @internal */
export let failureOf: (conn: Conn) => Promise<TwinwireError | undefined>;

/** The stream behind a connection, for APIs that take it over. @internal */
export let streamOf: (conn: Conn) => Stream;

/**
 * A connection: a stream of bytes in both directions, over TCP, TLS or a Unix socket. `new TcpConnection` and
 * `new TlsConnection` open one, and servers accept them.
 *
 * Every method may be called before the connection is open; it waits. A call that fails is rejected with a `TwinwireError`,
 * whose `code` is in the table of docs/errors.md. Besides the codes that each method names, every method rejects with the
 * error that ended the connection (ERR_REFUSED, ERR_RESET, ERR_TIMEOUT, ERR_TLS…), and with ERR_STATE after `close`.
 */
export class Conn {
  readonly #stream: Stream;
  #streams: WebStreams | undefined;

  static {
    streamOf = (conn) => conn.#stream;
    failureOf = async (conn) => {
      await conn.closed;
      return conn.#stream.failure;
    };
  }

  /** @internal */
  constructor(stream: Stream) {
    this.#stream = stream;
    stream.owner = this;
  }

  /**
   * Returns the connection of a handle. If `net.tcpConnect` of `twinwire/handles` opened it, its listeners receive no further
   * events: the connection takes them over.
   *
   * @throws TwinwireError ERR_HANDLE for a number that is not an open TCP handle; ERR_ARGUMENT for a bad option.
   */
  static from(handle: number, options?: StreamOptions): Conn {
    const window = windowOf(streamOptions.read("Conn.from", options));
    const engine = openedEngine();
    const found = engine?.find(handle);
    if (found instanceof Stream && found.owner instanceof Conn) return found.owner;
    if (engine === undefined || found?.kind !== Kind.TCP) {
      throw new TwinwireError("ERR_HANDLE", { reason: `handle ${show(handle)}` });
    }
    const stream = new Stream(engine, found.address, window);
    engine.adopt(stream, handle);
    stream.taken();
    return new Conn(stream);
  }

  /** Fulfilled when the connection is open; rejected if opening fails. A rejection that is not handled is not reported. */
  get opened(): Promise<void> {
    return this.#stream.opened;
  }

  /** Fulfilled when the connection has ended, and what was written was sent or discarded. Never rejected. */
  get closed(): Promise<void> {
    return this.#stream.closed;
  }

  /** The handle in `twinwire/handles`; -1 if the arguments were refused. Not valid after the end. */
  get handle(): number {
    return this.#stream.handle;
  }

  /**
   * Reads what has arrived, or waits for the next bytes. Reads are served in the order of the calls. The result is not reused
   * by the library; it is a `Buffer` where the runtime has that class.
   *
   * @param max the most bytes to read, 1 to 2147483647. Default: 65536.
   * @returns 1 to `max` bytes; an empty array at the end of the stream.
   * @throws TwinwireError ERR_ARGUMENT, ERR_DEADLINE, ERR_ABORTED.
   */
  read(max: number = CHUNK, options?: WaitOptions): Promise<ReceivedBytes> {
    const { receiver } = this.#stream;
    if (options === undefined) return receiver.read(max, undefined);
    return waiting("read", options, (signal) => receiver.read(max, signal));
  }

  /**
   * Reads exactly `size` bytes. A call that fails consumes nothing: the bytes that arrived can still be read.
   *
   * @param size 0 to 2147483647 bytes. Memory is allocated as they arrive, not in advance.
   * @throws TwinwireError ERR_UNEXPECTED_EOF if the stream ends earlier; `detail` is the number of bytes that arrived;
   * ERR_ARGUMENT, ERR_DEADLINE, ERR_ABORTED.
   */
  readExact(size: number, options?: WaitOptions): Promise<ReceivedBytes> {
    const { receiver } = this.#stream;
    if (options === undefined) return receiver.readExact(size, undefined);
    return waiting("readExact", options, (signal) => receiver.readExact(size, signal));
  }

  /**
   * Reads up to and including the next `delimiter`. A call that fails consumes nothing.
   *
   * ```ts
   * const head = await conn.readUntil("\r\n\r\n", { max: 16384 });
   * ```
   *
   * @param delimiter text (as UTF-8) or bytes, at least one byte.
   * @returns the bytes, which end with the delimiter.
   * @throws TwinwireError ERR_TOO_LARGE if the delimiter is not within `max` bytes; ERR_UNEXPECTED_EOF if the stream ends
   * without it, with `detail` as the number of bytes that arrived; ERR_ARGUMENT, ERR_DEADLINE, ERR_ABORTED.
   */
  async readUntil(delimiter: string | Bytes, options?: ReadUntilOptions): Promise<ReceivedBytes> {
    const { max = CHUNK, signal } = readUntilOptions.read("readUntil", options, "receive");
    return this.#stream.receiver.readUntil(Uint8Array.from(toBytes(delimiter)), max, signal);
  }

  /**
   * Reads the next line of UTF-8 text, which ends with LF or CR LF.
   *
   * ```ts
   * for (let line = await conn.readLine(); line !== undefined; line = await conn.readLine()) console.log(line);
   * ```
   *
   * @returns the line without its end; `undefined` if the stream has ended.
   * @throws TwinwireError as `readUntil`; ERR_UNEXPECTED_EOF for a last line that has no end.
   */
  async readLine(options?: ReadUntilOptions): Promise<string | undefined> {
    const { max = CHUNK, signal } = readUntilOptions.read("readLine", options, "receive");
    const { receiver } = this.#stream;
    try {
      const bytes = await receiver.readUntil(LINE_FEED, max, signal);
      const end = bytes[bytes.length - 2] === CARRIAGE_RETURN ? bytes.length - 2 : bytes.length - 1;
      return utf8Text(bytes, 0, end);
    } catch (error) {
      const atEnd = error instanceof TwinwireError && error.code === "ERR_UNEXPECTED_EOF" && error.detail === 0;
      if (atEnd) return undefined;
      throw error;
    }
  }

  /**
   * Queues as much as fits into the outbound buffer (`limits().sendBuffer`); waits while nothing fits. Writes are served in
   * the order of the calls. Text is sent as UTF-8. Do not change the bytes before the promise is settled.
   *
   * @returns the number of bytes that were queued. The peer may not have received them yet.
   * @throws TwinwireError ERR_ARGUMENT, ERR_DEADLINE, ERR_ABORTED; ERR_STATE after `closeWrite`.
   */
  write(data: string | Bytes, options?: WaitOptions): Promise<number> {
    const { sender } = this.#stream;
    if (options === undefined) return sender.write(data, undefined);
    return waiting("write", options, (signal) => sender.write(data, signal));
  }

  /**
   * Queues all of the data, waiting for room in the outbound buffer as often as necessary.
   *
   * @throws TwinwireError as `write`; `detail` is the number of bytes that were queued before it failed.
   */
  writeAll(data: string | Bytes, options?: WaitOptions): Promise<void> {
    const { sender } = this.#stream;
    if (options === undefined) return sender.writeAll(data, undefined);
    return waiting("writeAll", options, (signal) => sender.writeAll(data, signal));
  }

  /** Ends the sending half of the stream after everything that was written. You can read until the peer ends its half. */
  closeWrite(): Promise<void> {
    return this.#stream.sender.finish();
  }

  /** Alias of `closeWrite`. */
  shutdown(): Promise<void> {
    return this.#stream.sender.finish();
  }

  /**
   * Closes the connection. Queued bytes are still sent, within `limits().closeTimeoutMs`. Waiting calls are rejected with
   * ERR_STATE, and bytes that were not read are discarded. A second call has no effect.
   */
  close(): void {
    this.#stream.close();
  }

  /**
   * Returns the peer's address as `"ip:port"` or `"[ipv6]:port"`; of a Unix socket, its path.
   *
   * @throws TwinwireError ERR_STATE while the connection is not open.
   */
  remoteAddr(): string {
    return this.#stream.addressOf(AddressOf.REMOTE);
  }

  /** Returns the local address, in the form of `remoteAddr`. */
  localAddr(): string {
    return this.#stream.addressOf(AddressOf.LOCAL);
  }

  /** Returns counters: bytes received and sent, without TLS records, and sends that were refused. Also after the end. */
  stats(): Stats {
    return this.#stream.stats;
  }

  /** Returns whether TLS protects the connection. Of a `TlsConnection` this is true from the start. */
  isTLS(): boolean {
    return this.#stream.secure;
  }

  /** What the TLS handshake negotiated: version, cipher, the peer's fingerprint, ALPN. `undefined` without TLS. */
  get tlsInfo(): TlsInfo | undefined {
    return this.#stream.tlsInfo;
  }

  /**
   * Sets the instant, `ms` milliseconds from now, from which reads and writes fail with ERR_DEADLINE: those that wait then,
   * and all later ones until another deadline is set. No bytes are lost.
   *
   * @param ms milliseconds, at most 2147483647. 0 clears the deadline; a negative number makes it pass immediately.
   * @throws TwinwireError ERR_ARGUMENT; ERR_STATE once `close` was called or it has become a WebSocket.
   */
  setDeadline(ms: number): void {
    this.#stream.setDeadline(Deadline.READ | Deadline.WRITE, ms);
  }

  /** As `setDeadline`, for reads alone. */
  setReadDeadline(ms: number): void {
    this.#stream.setDeadline(Deadline.READ, ms);
  }

  /** As `setDeadline`, for writes alone. */
  setWriteDeadline(ms: number): void {
    this.#stream.setDeadline(Deadline.WRITE, ms);
  }

  /**
   * Starts TLS on the open connection (STARTTLS): as a client, or as a server if the connection was accepted. The call is
   * refused while received bytes are unread, since an attacker could have injected them before the protection began.
   *
   * ```ts
   * await conn.writeAll("STARTTLS\r\n");
   * await conn.readLine();
   * await conn.upgradeToTLS("mail.example.com");
   * ```
   *
   * @param host the name to verify. Default: the host that was connected to. A server needs none.
   * @throws TwinwireError ERR_TLS_BUFFERED or ERR_STATE (TLS has begun already): the connection stays as it was. ERR_TLS,
   * ERR_TLS_NAME, ERR_TLS_EXPIRED, ERR_TLS_UNTRUSTED, ERR_TLS_PIN, ERR_DEADLINE, ERR_ABORTED: the connection is closed.
   */
  async upgradeToTLS(host = "", options?: TlsOptions & WaitOptions): Promise<void> {
    const { signal, ...tls } = upgradeOptions.read("upgradeToTLS", options, "tls");
    return this.#stream.upgrade(host, tls, signal);
  }

  /** Whether `read` would be settled immediately: bytes have arrived, or the stream has ended. */
  get canRead(): boolean {
    return this.#stream.receiver.ready;
  }

  /** Whether `write` would be settled immediately. */
  get canWrite(): boolean {
    return this.#stream.sender.ready;
  }

  /** Keeps the process alive while it is open, which is the default. */
  ref(): this {
    this.#stream.keep(true);
    return this;
  }

  /** Lets the process end while the connection is open. */
  unref(): this {
    this.#stream.keep(false);
    return this;
  }

  /** The received bytes as a web stream. The connection is closed when `readable` and `writable` have both ended. */
  get readable(): ReadableStream<ReceivedBytes> {
    this.#streams ??= new WebStreams(this);
    return this.#streams.readable;
  }

  /** A web stream that sends. Closing it ends our half of the connection; aborting it closes the connection. */
  get writable(): WritableStream<string | Bytes> {
    this.#streams ??= new WebStreams(this);
    return this.#streams.writable;
  }

  /** Iterates over the received chunks until the stream ends or `close` is called. `break` leaves the connection open. */
  [Symbol.asyncIterator](): AsyncGenerator<ReceivedBytes, void, undefined> {
    return new Chunks(this.#stream, CHUNK);
  }

  /** Calls `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls `close` and waits for `closed`, and so for the peer's end, at most `limits().closeTimeoutMs`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return this.closed;
  }
}

/** The two web streams of a connection. */
export class WebStreams {
  readonly readable: ReadableStream<ReceivedBytes>;
  readonly writable: WritableStream<string | Bytes>;
  readonly #conn: Conn;
  readonly #cancelled = new AbortController();
  #open = 2;

  constructor(conn: Conn) {
    this.#conn = conn;
    this.readable = new ReadableStream<ReceivedBytes>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: () => {
          this.#cancelled.abort();
          this.#ended();
        },
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<string | Bytes>({
      write: (chunk) => conn.writeAll(chunk),
      close: () => conn.closeWrite().then(() => this.#ended()),
      abort: () => conn.close(),
    });
  }

  async #pull(controller: ReadableStreamDefaultController<ReceivedBytes>): Promise<void> {
    const chunk = await this.#conn.read(undefined, { signal: this.#cancelled.signal });
    if (chunk.length > 0) {
      controller.enqueue(chunk);
      return;
    }
    controller.close();
    this.#ended();
  }

  /** One of the two has ended. */
  #ended(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#conn.close();
  }
}
