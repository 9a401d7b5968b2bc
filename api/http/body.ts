import { TwinwireError } from "../../wasm/errors.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { newBytes, utf8Text } from "../../wasm/text.ts";
import { Waiter, WaitingList } from "../internal/waiting.ts";
import { parseJson, toHeaders } from "./head.ts";
import type { Headers, Json } from "./types.ts";

/** The connection from which a body is received. */
export interface BodySource {
  /** So many bytes of it have been read: there is room for more. */
  consumed(size: number): void;
  /** The body was requested: the peer may wait for that. */
  wanted(): void;
  /** A call waits for the next part. */
  awaited(): void;
  /** The rest is not needed. */
  abandoned(): void;
  fault(reason: string): TwinwireError;
  /** What was read is no JSON. */
  notJson(cause: unknown): TwinwireError;
}

/** Makes one. @internal */
export let newBody: (source: BodySource, empty: boolean) => Body;

/** What the receiving side does with it. @internal */
export let bodyEnds: {
  push(body: Body, bytes: ReceivedBytes): void;
  end(body: Body, trailers: readonly string[] | Headers, error: TwinwireError | undefined): void;
  /** Whether nothing of it is left to be read. */
  isOver(body: Body): boolean;
  /** A deadline passed: who waits for a part is rejected, and can ask again. */
  late(body: Body, error: TwinwireError): void;
  /** The connection from which it is received. */
  sourceOf(body: Body): BodySource;
  /** It has ended, and its connection is used for something else: what has not been read is the reader's alone. */
  detach(body: Body): void;
  /** Its connection is over: it is forgotten, unless something is left to be read. */
  forgetSource(body: Body): void;
};

/** The source of a body that has been read, whose connection is over. */
const NO_SOURCE: BodySource = {
  consumed: () => {},
  wanted: () => {},
  awaited: () => {},
  abandoned: () => {},
  fault: (reason) => new TwinwireError("ERR_STATE", { step: "receive", reason }),
  notJson: (cause) => new TwinwireError("ERR_JSON", { step: "receive", status: 400, detail: 400, cause }),
};

const DONE: IteratorResult<ReceivedBytes> = { done: true, value: undefined };

/**
 * The body of a received message, part by part as it arrives. TCP slows down a peer that sends faster than the body is read. It
 * can be read once: in parts, or by `bytes`, `text` or `json`.
 *
 * ```ts
 * for await (const part of response.body) file.write(part);
 * ```
 */
export class Body implements AsyncIterable<ReceivedBytes> {
  #source: BodySource;
  #parts: ReceivedBytes[] = [];
  readonly #readers = new WaitingList<Waiter<IteratorResult<ReceivedBytes>>>();
  #ended = false;
  /** Whether the connection no longer counts what is read. */
  #detached = false;
  #error: TwinwireError | undefined;
  #wanted = false;
  #stream: ReadableStream<ReceivedBytes> | undefined;
  #trailers: Headers = {};

  /** @internal */
  constructor(source: BodySource, empty: boolean) {
    this.#source = source;
    this.#ended = empty;
  }

  static {
    newBody = (source, empty) => new Body(source, empty);
    bodyEnds = {
      push: (body, bytes) => body.#push(bytes),
      end: (body, trailers, error) => body.#end(trailers, error),
      isOver: (body) => body.#ended && body.#parts.length === 0,
      late: (body, error) => body.#readers.rejectAll(() => error),
      sourceOf: (body) => body.#source,
      detach: (body) => body.#detach(),
      forgetSource: (body) => {
        if (body.#ended && body.#parts.length === 0) body.#source = NO_SOURCE;
      },
    };
  }

  /** The trailer fields of a chunked body; empty until it has been read. */
  get trailers(): Headers {
    return this.#trailers;
  }

  /** Waits for the next part; `undefined` at the end. */
  async next(): Promise<ReceivedBytes | undefined> {
    const { done, value } = await this.#read();
    return done ? undefined : value;
  }

  /** Reads the rest of the body into memory; `maxBody` limits its size. */
  async bytes(): Promise<ReceivedBytes> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (let part = await this.next(); part !== undefined; part = await this.next()) {
      parts.push(part);
      size += part.length;
    }
    if (parts.length === 1) return parts[0] as ReceivedBytes;
    const all = newBytes(size);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** Reads the rest of the body as UTF-8 text. */
  async text(): Promise<string> {
    const bytes = await this.bytes();
    return utf8Text(bytes, 0, bytes.length);
  }

  /**
   * Reads the rest of the body as JSON.
   *
   * @throws TwinwireError ERR_JSON for a body that is empty or not valid JSON; for a request, its `status` is 400.
   */
  async json(): Promise<Json> {
    const text = await this.text();
    try {
      return parseJson(text);
    } catch (cause) {
      throw this.#source.notJson(cause);
    }
  }

  /** The body as a web stream. */
  get stream(): ReadableStream<ReceivedBytes> {
    this.#stream ??= new ReadableStream<ReceivedBytes>(
      {
        pull: async (controller) => {
          const { done, value } = await this.#read();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => this.cancel(),
      },
      { highWaterMark: 0 },
    );
    return this.#stream;
  }

  /** Discards the rest. A client's connection is closed; a server's takes no further request. */
  cancel(): void {
    if (this.#ended && this.#parts.length === 0) return;
    this.#drop();
    this.#error ??= this.#source.fault("the body was given up");
    if (this.#ended) return;
    this.#end({}, this.#error);
    this.#source.abandoned();
  }

  /** Iterates over the parts. `break` discards the rest. */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedBytes> {
    return {
      next: () => this.#read(),
      return: () => {
        this.cancel();
        return Promise.resolve(DONE);
      },
    };
  }

  #read(): Promise<IteratorResult<ReceivedBytes>> {
    if (!this.#wanted) {
      this.#wanted = true;
      if (!this.#ended) this.#source.wanted();
    }
    const value = this.#parts.shift();
    if (value !== undefined) {
      if (!this.#detached) this.#source.consumed(value.length);
      return Promise.resolve({ done: false, value });
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(DONE);
    const reader = new Waiter<IteratorResult<ReceivedBytes>>();
    this.#readers.add(reader);
    this.#source.awaited();
    return reader.promise;
  }

  #push(value: ReceivedBytes): void {
    const reader = this.#readers.shift();
    if (reader === undefined) {
      this.#parts.push(value);
      return;
    }
    this.#source.consumed(value.length);
    reader.resolve({ done: false, value });
  }

  #detach(): void {
    if (!this.#detached) this.#source.consumed(this.#unread);
    this.#detached = true;
  }

  #drop(): void {
    if (!this.#detached) this.#source.consumed(this.#unread);
    this.#parts = [];
  }

  get #unread(): number {
    return this.#parts.reduce((size, part) => size + part.length, 0);
  }

  #end(trailers: readonly string[] | Headers, error: TwinwireError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#trailers = Array.isArray(trailers) ? toHeaders(trailers) : (trailers as Headers);
    if (error !== undefined) this.#readers.rejectAll(() => error);
    else
      for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift())
        reader.resolve(DONE);
  }
}
