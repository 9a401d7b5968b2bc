/** HTTP messages that a stream sends, and a stream as both directions of HTTP. */
import { HttpBody, HttpSend } from "../../wasm/abi.gen.ts";
import type { Payload } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { callSafely } from "../../wasm/report.ts";
import { utf8Size } from "../../wasm/text.ts";
import { Conn, streamOf } from "../conn/conn.ts";
import type { Stream } from "../conn/stream.ts";
import { type Bytes, show, toPayload } from "../internal/arguments.ts";
import { FieldText } from "./head.ts";
import { HttpReceiver } from "./receiver.ts";
import type { HeadersInput, HttpConn } from "./types.ts";

/** Above this a body goes out in parts, as far as there is room, instead of waiting for room for all of it. */
const LARGE = 65_536;

/** What a chunk of the chunked coding may cost beside its bytes. */
const CHUNK_FRAME = 32;

const encoder = new TextEncoder();

/** A body that comes in time. */
export type Parts = AsyncIterable<string | Bytes> | Iterable<string | Bytes>;

/** A message that is to be sent. */
export interface OutgoingMessage {
  /** Of a response; 0: a request. */
  readonly status: number;
  /** The reason, or method and target, each ended by NUL. */
  readonly start: string;
  readonly fields: FieldText;
  /** `HttpSend` bits. */
  readonly flags: number;
  readonly body: Payload | Parts;
  readonly trailers?: (() => HeadersInput) | undefined;
  /** Whether the body is sent at all, once that is known; it is not sent before. */
  readonly permit?: Promise<boolean> | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The HTTP messages that a stream sends, one after the other. Framing is the core's. */
export class HttpSender {
  /** Whether a message is not whole, and perhaps never will be: nothing else can be sent. */
  broken = false;
  readonly #stream: Stream;
  #reader: PartReader | undefined;
  /** Settled when the message that is being sent in parts is whole. */
  #pending: Promise<unknown> | undefined;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Whether a message is being sent in parts. */
  get busy(): boolean {
    return this.#pending !== undefined;
  }

  /** Settled when the engine has all of it. */
  send(message: OutgoingMessage): Promise<void> {
    const { body, signal, permit, start, fields } = message;
    if ((typeof body === "string" || body instanceof Uint8Array) && permit === undefined && this.fits(body)) {
      return this.sendWhole(message.status, start + fields.text, fields.count, message.flags, body, signal);
    }
    return this.#inOrder(() => this.#sendParts(message));
  }

  /** As `send`, for a message that fits: `head` is its start and its fields. */
  sendWhole(
    status: number,
    head: string,
    count: number,
    flags: number,
    body: Payload,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { sender } = this.#stream;
    const run = (): number => {
      const { engine, handle } = this.#stream;
      return engine.http.send(handle, flags, status, head, count, body);
    };
    return this.#pending === undefined ? sender.call(run, signal) : this.#inOrder(() => sender.call(run, signal));
  }

  /** Whether a body goes out whole. */
  fits(body: Payload): boolean {
    const { engine, handle, phase } = this.#stream;
    /* In UTF-8 a text can be three times as long. */
    const size = typeof body === "string" ? 3 * body.length : body.length;
    return size <= this.#large || (phase === "open" && engine.streams.room(handle) > size + LARGE);
  }

  /** Half a small buffer is room for a head. */
  get #large(): number {
    return Math.min(LARGE, this.#stream.engine.limits.sendBuffer >> 1);
  }

  #inOrder(run: () => Promise<void>): Promise<void> {
    const before = this.#pending;
    const mine = before === undefined ? run() : before.then(run);
    const pending = mine.catch(nothing).then(() => {
      if (this.#pending === pending) this.#pending = undefined;
    });
    this.#pending = pending;
    return mine;
  }

  async #sendParts(message: OutgoingMessage): Promise<void> {
    await this.#sendHead(message);
    this.broken = true;
    await this.#sendBody(message);
    this.broken = false;
  }

  #sendHead({ status, start, fields, flags, body, signal }: OutgoingMessage): Promise<void> {
    if ((typeof body === "string" || body instanceof Uint8Array) && (flags & HttpSend.UNTIL_CLOSE) === 0) {
      fields.addDefault("content-length", `${typeof body === "string" ? utf8Size(body) : body.length}`);
    }
    return this.#stream.sender.call(() => {
      const { engine, handle } = this.#stream;
      return engine.http.send(handle, flags | HttpSend.PART, status, start + fields.text, fields.count, "");
    }, signal);
  }

  async #sendBody({ body, flags, trailers, permit, signal }: OutgoingMessage): Promise<void> {
    if (permit !== undefined && !(await permit)) return;
    const payload = typeof body === "string" ? encoder.encode(body) : body;
    if (payload instanceof Uint8Array) {
      await this.#sendPart(payload, true, "", 0, signal);
      return;
    }
    const parts = new PartReader(payload);
    this.#reader = parts;
    try {
      for (let part = await parts.next(); !part.done; part = await parts.next()) {
        const data = toPayload(part.value);
        if (data === undefined) throw this.#refusal(`a part of a body is text or bytes, not ${show(part.value)}`);
        if (data.length > 0) await this.#sendPart(data, false, "", 0, signal);
      }
    } catch (error) {
      parts.abandon();
      throw error;
    } finally {
      this.#reader = undefined;
    }
    /* RFC 9112 7.1.2: trailers are fields of the chunked coding, which a client of HTTP/1.0 does not know. */
    const hasTrailers = (flags & HttpSend.UNTIL_CLOSE) === 0;
    const last = new FieldText().addAll(hasTrailers ? trailers?.() : undefined);
    await this.#sendPart("", true, last.text, last.count, signal);
  }

  /** Which part of the body that is being sent the application is to give, from 1 on; 0: none. */
  get awaitedPart(): number {
    return this.#reader?.awaited ?? 0;
  }

  /** The rest of the body that is being sent is not needed: a wait for its next part ends with `error`. */
  stop(error: () => TwinwireError): void {
    this.#reader?.stop(error());
  }

  /** Queues a part of a body, as much at once as there is room for. */
  #sendPart(
    data: Payload,
    last: boolean,
    trailers: string,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const large = this.#large;
    const bytes = typeof data === "string" && 3 * data.length > large ? encoder.encode(data) : data;
    let at = 0;
    return this.#stream.sender.call(() => {
      const { engine, handle } = this.#stream;
      if (typeof bytes === "string" || bytes.length <= large) {
        return engine.http.sendBody(handle, last ? HttpBody.LAST : 0, bytes, trailers, count);
      }
      const { blockSize, sendBuffer, stageBuffer } = engine.limits;
      for (;;) {
        const left = bytes.length - at;
        const room = Math.min(engine.streams.room(handle), sendBuffer, stageBuffer) - CHUNK_FRAME;
        /* Without room a part is still tried: once it is refused, the engine reports when it fits. */
        const size = Math.min(left, room > 0 ? room : Math.max(1, Math.min(blockSize, sendBuffer - CHUNK_FRAME)));
        const ends = last && size === left;
        const result = engine.http.sendBody(
          handle,
          ends ? HttpBody.LAST : 0,
          bytes.subarray(at, at + size),
          ends ? trailers : "",
          ends ? count : 0,
        );
        if (result < 0) return result;
        at += size;
        if (at === bytes.length) return 0;
      }
    }, signal);
  }

  #refusal(reason: string): TwinwireError {
    return this.#stream.fault("ERR_ARGUMENT", { step: "send", reason });
  }
}

/**
 * The parts of a body that the application makes, one by one: a wait for one can be ended. What the application throws
 * ends the message, and is what the call that sends it is rejected with.
 */
class PartReader {
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>;
  #stop: ((error: TwinwireError) => void) | undefined;
  #stopped: TwinwireError | undefined;
  #count = 0;

  constructor(parts: Parts) {
    this.#iterator = Symbol.asyncIterator in parts ? parts[Symbol.asyncIterator]() : parts[Symbol.iterator]();
  }

  /** Which part the application is to give, from 1 on; 0: none. */
  get awaited(): number {
    return this.#stop === undefined ? 0 : this.#count;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    return new Promise((resolve, reject) => {
      const result = this.#iterator.next();
      this.#count += 1;
      this.#stop = reject;
      Promise.resolve(result).then(
        (part) => {
          this.#stop = undefined;
          if (typeof part === "object" && part !== null) resolve(part);
          else reject(new TypeError(`the iterator of a body returned ${show(part)}`));
        },
        (error: unknown) => {
          this.#stop = undefined;
          reject(error);
        },
      );
    });
  }

  stop(error: TwinwireError): void {
    this.#stopped ??= error;
    this.#stop?.(error);
    this.#stop = undefined;
  }

  /** The rest is not wanted. What `return` does is not waited for. */
  abandon(): void {
    callSafely(() => this.#iterator.return?.(), nothing);
  }
}

function nothing(): void {}

/** A stream that speaks HTTP: both directions of it. */
export class Exchange {
  readonly stream: Stream;
  readonly receiver: HttpReceiver;
  readonly sender: HttpSender;
  /** Whether the last message is being sent, or has been. */
  ending = false;

  constructor(stream: Stream) {
    this.stream = stream;
    this.receiver = new HttpReceiver(stream, this);
    this.sender = new HttpSender(stream);
    this.receiver.onEnded = (error) => this.sender.stop(error);
    stream.http = this.receiver;
  }
}

/** That of a stream; the first call has it speak HTTP. */
export function exchangeOf(stream: Stream): Exchange {
  const { http } = stream;
  return http instanceof HttpReceiver ? (http.exchange as Exchange) : new Exchange(stream);
}

/**
 * The connection of an argument.
 *
 * @throws TwinwireError ERR_ARGUMENT for what is none.
 */
export function connOf(conn: HttpConn): Conn {
  if (conn instanceof Conn) return conn;
  if (typeof conn === "object" && conn !== null && conn.conn instanceof Conn) return conn.conn;
  throw new TwinwireError("ERR_ARGUMENT", { reason: `a connection or a TcpStream, not ${show(conn)}` });
}

/** The HTTP side of an argument that is a connection. */
export function exchangeOn(conn: HttpConn): Exchange {
  return exchangeOf(streamOf(connOf(conn)));
}
