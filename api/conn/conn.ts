import { AddressOf, Deadline, Kind } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { openedEngine } from "../../wasm/host.ts";
import type { Stats } from "../../wasm/memory.ts";
import type { TlsInfo, TlsOptions } from "../../wasm/port-types.ts";
import { type Bytes, show } from "../internal/arguments.ts";
import { OptionSet, signal, tlsOptions } from "../internal/options.ts";
import { type StreamOptions, streamOptions, type WaitOptions, waiting, windowOf } from "./options.ts";
import { Stream } from "./stream.ts";

/** What iteration and streams read at once. */
const CHUNK = 65_536;

const upgradeOptions = new OptionSet<TlsOptions & WaitOptions>({ ...tlsOptions.rules, signal });

/** Fulfilled once a connection is over, with the error that ended it, if one did. @internal */
export let failureOf: (conn: Conn) => Promise<TwinwireError | undefined>;

/** The stream behind a connection, for APIs that take it over. @internal */
export let streamOf: (conn: Conn) => Stream;

/**
 * A stream of bytes in both directions: TCP, TLS or Unix. `TcpConnection`, `TlsConnection` and servers make it.
 *
 * Every method may be called at once: it waits until the connection is open. Calls that fail reject with a
 * `TwinwireError`, whose `code` is one of the table. Besides those that each method names, all of them reject with the
 * error that ended the connection (ERR_REFUSED, ERR_RESET, ERR_TIMEOUT, ERR_TLS…), and with ERR_STATE once `close` was
 * called.
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
   * The connection of a handle: of one that `net.tcpConnect` opened, whose events come here from now on, or of one that
   * a connection has as its `handle`.
   *
   * @throws TwinwireError ERR_HANDLE for a number that is no open TCP handle; ERR_ARGUMENT for a bad option.
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

  /** Fulfilled once the connection is open, rejected if it never will be. Nobody has to await it. */
  get opened(): Promise<void> {
    return this.#stream.opened;
  }

  /** Fulfilled once it is over and what was written has left, or was given up. Never rejected. */
  get closed(): Promise<void> {
    return this.#stream.closed;
  }

  /** Its number, as `twinwire/handles` knows it; -1 if it could not even begin. Stale once it is over. */
  get handle(): number {
    return this.#stream.handle;
  }

  /**
   * Reads what there is, at least one byte, in order with other reads. The bytes are the caller's to keep; a `Buffer`
   * where the runtime has one.
   *
   * @param max 1 to 2147483647 bytes; 65536 if it is left out.
   * @returns 1 to `max` bytes, or none at the end of the stream.
   * @throws TwinwireError ERR_ARGUMENT, ERR_DEADLINE, ERR_ABORTED.
   */
  read(max: number = CHUNK, options?: WaitOptions): Promise<Uint8Array> {
    const { receiver } = this.#stream;
    if (options === undefined) return receiver.read(max, undefined);
    return waiting("read", options, (signal) => receiver.read(max, signal));
  }

  /**
   * Reads exactly `size` bytes. A call that fails takes nothing: what came can still be read.
   *
   * @param size 0 to 2147483647 bytes. Memory is taken as they come, not in advance.
   * @throws TwinwireError ERR_UNEXPECTED_EOF if the stream ends before, with `detail` saying how many bytes came;
   * ERR_ARGUMENT, ERR_DEADLINE, ERR_ABORTED.
   */
  readExact(size: number, options?: WaitOptions): Promise<Uint8Array> {
    const { receiver } = this.#stream;
    if (options === undefined) return receiver.readExact(size, undefined);
    return waiting("readExact", options, (signal) => receiver.readExact(size, signal));
  }

  /**
   * Writes as much as fits into the outbound buffer (`limits().sendBuffer`) once at least one byte does, in order with
   * other writes. Text goes out as UTF-8. Bytes may not be changed before the promise is settled.
   *
   * @returns how many bytes were taken. That they were taken does not say that the peer has them.
   * @throws TwinwireError ERR_ARGUMENT, ERR_DEADLINE, ERR_ABORTED; ERR_STATE after `closeWrite`.
   */
  write(data: string | Bytes, options?: WaitOptions): Promise<number> {
    const { sender } = this.#stream;
    if (options === undefined) return sender.write(data, undefined);
    return waiting("write", options, (signal) => sender.write(data, signal));
  }

  /**
   * Writes all of it, waiting for room as often as it takes.
   *
   * @throws TwinwireError as `write`; `detail` is how many bytes were taken before it failed.
   */
  writeAll(data: string | Bytes, options?: WaitOptions): Promise<void> {
    const { sender } = this.#stream;
    if (options === undefined) return sender.writeAll(data, undefined);
    return waiting("writeAll", options, (signal) => sender.writeAll(data, signal));
  }

  /** Ends our half of the stream behind all that was written; reading goes on until the peer ends its own. */
  closeWrite(): Promise<void> {
    return this.#stream.sender.finish();
  }

  /** As `closeWrite`. */
  shutdown(): Promise<void> {
    return this.#stream.sender.finish();
  }

  /**
   * Closes the connection. What `write` has taken still goes out, within `limits().closeTimeoutMs`; calls that wait are
   * rejected with ERR_STATE, and what was not read is dropped. To close it again does nothing.
   */
  close(): void {
    this.#stream.close();
  }

  /**
   * The peer's address as `"ip:port"` or `"[ipv6]:port"`.
   *
   * @throws TwinwireError ERR_STATE before it is open, and when it is over.
   */
  remoteAddr(): string {
    return this.#stream.addressOf(AddressOf.REMOTE);
  }

  /** This end's address. As `remoteAddr`. */
  localAddr(): string {
    return this.#stream.addressOf(AddressOf.LOCAL);
  }

  /** Bytes received and sent (TLS's own not counted), connections, sends that found no room. Also when it is over. */
  stats(): Stats {
    return this.#stream.stats;
  }

  /** Whether it is protected by TLS; of a `TlsConnection`, from the start. */
  isTLS(): boolean {
    return this.#stream.secure;
  }

  /** What TLS came to: protocol, cipher, the peer's fingerprint, what ALPN chose. `undefined` where there is none. */
  get tlsInfo(): TlsInfo | undefined {
    return this.#stream.tlsInfo;
  }

  /**
   * Has reads and writes fail with ERR_DEADLINE from one instant on, `ms` milliseconds from now, those that wait then
   * and all that follow, until you set another one. No byte is lost.
   *
   * @param ms up to 2147483647. 0 clears it; a negative number is an instant that has passed.
   * @throws TwinwireError ERR_ARGUMENT; ERR_STATE once `close` was called.
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
   * Starts TLS on the open connection (STARTTLS), as a client or, on an accepted connection, as a server. It is refused
   * while bytes wait to be read: an attacker could have put them there to be taken for protected ones.
   *
   * @param host the name to verify; without it the host that was connected to. A server needs none.
   * @throws TwinwireError ERR_TLS_BUFFERED, and the connection stays as it was; ERR_STATE if TLS has begun already;
   * ERR_TLS, ERR_TLS_NAME, ERR_TLS_EXPIRED, ERR_TLS_UNTRUSTED, ERR_TLS_PIN, ERR_DEADLINE, ERR_ABORTED, and the
   * connection is over.
   */
  async upgradeToTLS(host = "", options?: TlsOptions & WaitOptions): Promise<void> {
    const { signal, ...tls } = upgradeOptions.read("upgradeToTLS", options, "tls");
    return this.#stream.upgrade(host, tls, signal);
  }

  /** Whether `read` would be settled at once: bytes wait, or the stream is at its end. */
  get canRead(): boolean {
    return this.#stream.receiver.ready;
  }

  /** Whether `write` would be settled at once. */
  get canWrite(): boolean {
    return this.#stream.sender.ready;
  }

  /** Lets it keep the process alive, as it does at first. */
  ref(): this {
    this.#stream.keep(true);
    return this;
  }

  /** Lets the process end although it is open. */
  unref(): this {
    this.#stream.keep(false);
    return this;
  }

  /** What is received, as a stream. When both streams have ended, the connection is closed. */
  get readable(): ReadableStream<Uint8Array> {
    this.#streams ??= new WebStreams(this);
    return this.#streams.readable;
  }

  /** What is sent, as a stream. To close it ends our half of the connection; to abort it closes the connection. */
  get writable(): WritableStream<string | Bytes> {
    this.#streams ??= new WebStreams(this);
    return this.#streams.writable;
  }

  /** Its chunks, until the stream ends or `close` is called. A loop that is left early leaves the connection open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = await this.read(CHUNK).catch((error: TwinwireError) => this.#unlessClosed(error));
      if (chunk.length === 0) return;
      yield chunk;
    }
  }

  #unlessClosed(error: TwinwireError): Uint8Array {
    if (this.#stream.phase === "closed") return new Uint8Array(0);
    throw error;
  }

  /** As `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes it and waits until what was written has left. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return this.closed;
  }
}

/** A connection as the two streams of the web. Each reads or writes only when it is asked to. */
export class WebStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<string | Bytes>;
  readonly #conn: Conn;
  readonly #cancelled = new AbortController();
  #open = 2;

  constructor(conn: Conn) {
    this.#conn = conn;
    this.readable = new ReadableStream<Uint8Array>(
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

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const chunk = await this.#conn.read(undefined, { signal: this.#cancelled.signal });
    if (chunk.length > 0) {
      controller.enqueue(chunk);
      return;
    }
    controller.close();
    this.#ended();
  }

  /** One of the two is over. */
  #ended(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#conn.close();
  }
}
