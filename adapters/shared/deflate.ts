import { Buffer } from "node:buffer";
import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  deflateRaw,
  deflateRawSync,
  type InflateRaw,
  inflateRaw,
} from "node:zlib";
import { Errors } from "../../wasm/abi.gen.ts";
import type {
  Compressor,
  CompressorOptions,
  Decompressor,
  DecompressorOptions,
  DeflateHost,
  ReceivedBytes,
  Transformed,
} from "../port.ts";

/** What ends each message of permessage-deflate and is not sent, RFC 7692 7.2.1. */
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/** Work of all connections that is under way at once: more would only take memory, as the runtime has few threads. */
const MOST_JOBS = 8;

const TOO_BIG = Errors.ERR_WS_TOO_BIG.value;
const MALFORMED = Errors.ERR_WS_DEFLATE.value;
const HOST_ERROR = Errors.ERR_HOST.value;

type Job = () => void;

let running = 0;
const waiting: Job[] = [];

/** Runs a job when there is room for it. The job must call `leave` once. */
function enter(job: Job): void {
  if (running >= MOST_JOBS) {
    waiting.push(job);
    return;
  }
  running += 1;
  job();
}

function leave(): void {
  const next = waiting.shift();
  if (next === undefined) running -= 1;
  else next();
}

/** What is to be read as one message. Nothing at all (RFC 7692 7.2.3.6 asks for one byte) is taken for an empty one. */
function withTail(data: Uint8Array): Buffer {
  return data.length === 0 ? Buffer.from([0, ...TAIL]) : Buffer.concat([data, TAIL]);
}

/** DEFLATE by node:zlib. */
export const deflate: DeflateHost = {
  compressor: (options) => (options.takeover ? new KeepingCompressor(options) : new FreshCompressor(options)),
  decompressor: (options) => (options.takeover ? new KeepingDecompressor(options) : new FreshDecompressor(options)),
  compressNow(data, options, window) {
    const how = { ...levels(options), windowBits: options.windowBits, finishFlush: constants.Z_SYNC_FLUSH };
    try {
      /* Of a raw stream, the dictionary is the window. */
      return withoutTail(deflateRawSync(data, window.length === 0 ? how : { ...how, dictionary: window }));
    } catch {
      return HOST_ERROR;
    }
  },
};

/** One job after another, none of which reports its end after `close`. */
abstract class Worker {
  #closed = false;

  close(): void {
    this.#closed = true;
  }

  /** `start` begins the work; what it is given is to be called once, when the work is over. */
  protected work(done: Transformed, start: (over: Transformed) => void): void {
    enter(() => {
      if (this.#closed) {
        leave();
        return;
      }
      start((result, cause) => {
        leave();
        if (!this.#closed) done(result, cause);
      });
    });
  }
}

function levels({ level, memLevel }: CompressorOptions): { level?: number; memLevel?: number } {
  return { ...(level === undefined ? {} : { level }), ...(memLevel === undefined ? {} : { memLevel }) };
}

function withoutTail(bytes: Buffer): ReceivedBytes {
  return bytes.subarray(0, bytes.length - TAIL.length) as ReceivedBytes;
}

/** Each message by itself: nothing is held between messages. */
class FreshCompressor extends Worker implements Compressor {
  readonly #options: CompressorOptions;

  constructor(options: CompressorOptions) {
    super();
    this.#options = options;
  }

  compress(data: Uint8Array, done: Transformed): void {
    const { windowBits } = this.#options;
    this.work(done, (over) => {
      const how = { ...levels(this.#options), windowBits, finishFlush: constants.Z_SYNC_FLUSH };
      deflateRaw(data, how, (error, bytes) => {
        if (error === null) over(withoutTail(bytes));
        else over(HOST_ERROR, error);
      });
    });
  }
}

class FreshDecompressor extends Worker implements Decompressor {
  readonly #windowBits: number;

  constructor({ windowBits }: DecompressorOptions) {
    super();
    this.#windowBits = windowBits;
  }

  inflate(data: Uint8Array, most: number, done: Transformed): void {
    const how = { windowBits: this.#windowBits, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: most };
    this.work(done, (over) => {
      inflateRaw(withTail(data), how, (error, bytes) => {
        if (error === null) over(bytes);
        else over((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? TOO_BIG : MALFORMED, error);
      });
    });
  }
}

/** The result of one message in a zlib stream that goes on. */
class Collector {
  readonly #most: number;
  readonly #over: Transformed;
  readonly #parts: Buffer<ArrayBuffer>[] = [];
  #size = 0;
  #done = false;

  constructor(over: Transformed, most = Number.POSITIVE_INFINITY) {
    this.#over = over;
    this.#most = most;
  }

  /** Returns whether there is still room. */
  add(part: Buffer<ArrayBuffer>): boolean {
    this.#size += part.length;
    if (this.#size <= this.#most) this.#parts.push(part);
    else this.finish(TOO_BIG);
    return this.#size <= this.#most;
  }

  join(): Buffer<ArrayBuffer> {
    const [first] = this.#parts;
    return this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts, this.#size);
  }

  /** Once. */
  finish(result: ReceivedBytes | number, cause?: unknown): void {
    if (this.#done) return;
    this.#done = true;
    this.#over(result, cause);
  }
}

class KeepingCompressor extends Worker implements Compressor {
  readonly #options: CompressorOptions;
  #stream: DeflateRaw | undefined;
  #collector: Collector | undefined;

  constructor(options: CompressorOptions) {
    super();
    this.#options = options;
  }

  compress(data: Uint8Array, done: Transformed): void {
    this.work(done, (over) => {
      const collector = new Collector(over);
      this.#collector = collector;
      const stream = this.#open();
      stream.write(data);
      stream.flush(constants.Z_SYNC_FLUSH, () => collector.finish(withoutTail(collector.join())));
    });
  }

  override close(): void {
    super.close();
    this.#stream?.close();
    this.#collector?.finish(HOST_ERROR);
  }

  #open(): DeflateRaw {
    if (this.#stream !== undefined) return this.#stream;
    const stream = createDeflateRaw({ ...levels(this.#options), windowBits: this.#options.windowBits });
    stream.on("data", (part: Buffer<ArrayBuffer>) => this.#collector?.add(part));
    stream.on("error", (error) => this.#collector?.finish(HOST_ERROR, error));
    this.#stream = stream;
    return stream;
  }
}

class KeepingDecompressor extends Worker implements Decompressor {
  readonly #windowBits: number;
  #stream: InflateRaw | undefined;
  #collector: Collector | undefined;

  constructor({ windowBits }: DecompressorOptions) {
    super();
    this.#windowBits = windowBits;
  }

  inflate(data: Uint8Array, most: number, done: Transformed): void {
    this.work(done, (over) => {
      const collector = new Collector(over, most);
      this.#collector = collector;
      const stream = this.#open();
      stream.write(withTail(data));
      stream.flush(() => {
        /* Deno calls back first, and then reports the error. */
        if (stream.errored) return;
        /* RFC 7692 7.2.3.4: a block may be marked as the last; zlib reads no further, so the next message starts a new stream. */
        if (stream.readableEnded) this.#leave();
        collector.finish(collector.join());
      });
    });
  }

  override close(): void {
    super.close();
    this.#leave();
    this.#collector?.finish(HOST_ERROR);
  }

  #leave(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }

  #open(): InflateRaw {
    if (this.#stream !== undefined) return this.#stream;
    const stream = createInflateRaw({ windowBits: this.#windowBits });
    stream.on("data", (part: Buffer<ArrayBuffer>) => {
      /* Destroyed here, it inflates no further. */
      if (this.#collector?.add(part) === false) this.#leave();
    });
    stream.on("error", (error) => this.#collector?.finish(MALFORMED, error));
    this.#stream = stream;
    return stream;
  }
}
