/** The receiving half of a stream. */

import type { TwinwireError } from "../../wasm/errors.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { newBytes } from "../../wasm/text.ts";
import { show } from "../internal/arguments.ts";
import { type HalfStream, Waiter, WaitingList } from "../internal/waiting.ts";
import { ByteQueue } from "./byte-queue.ts";

/** The most that one call reads: what every runtime can hold in one piece. */
const MAX_READ = 2 ** 31 - 1;

/** What waits for bytes. */
type Pending = Reader | Step;

/** A call that waits for bytes. */
abstract class ReadCall<T> extends Waiter<T> {
  /** Bytes at most; if `exact`, bytes at least, too. With a delimiter: the most bytes up to its end. */
  readonly size: number;
  readonly exact: boolean;
  /** What the bytes end with. */
  delimiter: Uint8Array | undefined;
  /** The delimiter does not begin in so many of the bytes that wait. */
  searched = 0;

  constructor(size: number, exact: boolean) {
    super();
    this.size = size;
    this.exact = exact;
  }

  /** Fulfills the call: with bytes, or none at the end of the stream. */
  abstract take(bytes: ReceivedBytes): void;
}

class Reader extends ReadCall<ReceivedBytes> {
  take(bytes: ReceivedBytes): void {
    this.resolve(bytes);
  }
}

/**
 * The receiving half of a stream: bytes that came before they were asked for, and calls that wait for bytes. One of the
 * two is always empty, except while a `readExact` waits for more.
 */
export class StreamReceiver {
  readonly #stream: HalfStream;
  readonly #bytes = new ByteQueue();
  readonly #readers = new WaitingList<Pending>();
  /** Of the bytes that wait, so many have been reported as consumed, to make room for more. */
  #reported = 0;
  /** Bytes that the core has delivered again of those that it is being offered; -1 while it is offered none. */
  #returned = -1;
  /** What comes behind the last byte: the end of the stream (`null`) or an error. */
  #end: TwinwireError | null | undefined;
  #late = false;

  constructor(stream: HalfStream) {
    this.#stream = stream;
  }

  /** Bytes that wait to be read. */
  get size(): number {
    return this.#bytes.size;
  }

  /** Whether a read would be settled at once. */
  get ready(): boolean {
    return this.#late || (this.#readers.length === 0 && (this.#bytes.size > 0 || this.#end !== undefined));
  }

  /** Whether the deadline has passed. */
  get isLate(): boolean {
    return this.#late;
  }

  /** Whether a read waits. */
  get isAwaited(): boolean {
    return this.#readers.length > 0;
  }

  /** Whether nothing comes behind what is there. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Offers the core 1 to `max` of the bytes that wait, to be read as HTTP; there must be some. They count as consumed. Those
   * that the core does not use it delivers again, and they go on waiting. `done` is called when the resulting events have
   * been delivered.
   */
  offer(max: number, done: () => void): void {
    const bytes = this.#bytes.peek(max);
    const unreported = bytes.length - this.#reported;
    this.#reported = Math.max(0, -unreported);
    if (unreported > 0) this.#consumed(unreported);
    this.#returned = 0;
    const { engine, handle } = this.#stream;
    engine.unread(handle, bytes, () => {
      const used = bytes.length - this.#returned;
      this.#returned = -1;
      if (used > 0 && used <= this.#bytes.size) this.#bytes.take(used);
      done();
    });
  }

  /** Whether a read of some bytes would wait. */
  get isEmpty(): boolean {
    return !this.#late && this.#end === undefined && (this.#readers.length > 0 || this.#bytes.size === 0);
  }

  /** Adds a call that reads some bytes, which would wait. */
  add(reader: Pending): void {
    this.#readers.add(reader);
  }

  /** All the bytes that wait. */
  takeAll(): ReceivedBytes {
    return this.#used(this.#bytes.takeExact(this.#bytes.size));
  }

  /** Reads 1 to `max` bytes, or none at the end of the stream. */
  read(max: number, signal: AbortSignal | undefined): Promise<ReceivedBytes> {
    if (!isSize(max) || max === 0) return Promise.reject(this.#refuse(`read(${show(max)}): 1 to ${MAX_READ} bytes`));
    if (this.#readers.length > 0 || this.#late || signal?.aborted) return this.#wait(max, false, signal);
    if (this.#bytes.size > 0) return Promise.resolve(this.#used(this.#bytes.take(max)));
    if (this.#end === undefined) return this.#wait(max, false, signal);
    return this.#end === null ? Promise.resolve(newBytes(0)) : Promise.reject(this.#end);
  }

  /** Reads exactly `size` bytes. */
  readExact(size: number, signal: AbortSignal | undefined): Promise<ReceivedBytes> {
    if (!isSize(size)) return Promise.reject(this.#refuse(`readExact(${show(size)}): 0 to ${MAX_READ} bytes`));
    const now = this.#readers.length === 0 && !this.#late && !signal?.aborted && this.#has(size);
    return now ? Promise.resolve(this.#used(this.#bytes.takeExact(size))) : this.#wait(size, true, signal);
  }

  /** Reads up to and including the first `delimiter`, at most `max` bytes in all. */
  readUntil(delimiter: ReceivedBytes, max: number, signal: AbortSignal | undefined): Promise<ReceivedBytes> {
    if (!isSize(max) || max < delimiter.length || delimiter.length === 0) {
      const reason = `readUntil: max ${show(max)}, delimiter of ${delimiter.length} bytes: 1 to max, at most ${MAX_READ}`;
      return Promise.reject(this.#refuse(reason));
    }
    const reader = new Reader(max, true);
    reader.delimiter = delimiter;
    return this.#enqueue(reader, signal);
  }

  /** Bytes have come; they lie in linear memory for as long as this lasts. */
  received(at: number, size: number): void {
    if (this.#returned >= 0) {
      this.#returned += size;
      return;
    }
    const { memory } = this.#stream.engine;
    if (this.#readers.length > 0) this.given(memory.copy(at, size));
    else this.#bytes.push(memory, at, size);
  }

  /** Bytes have come that are ours to keep and to hand on. */
  given(bytes: ReceivedBytes): void {
    const rest = this.#bytes.size === 0 ? this.#handOut(bytes) : bytes;
    if (rest.length < bytes.length) this.#consumed(bytes.length - rest.length);
    if (rest.length === 0) return;
    this.#bytes.give(rest);
    if (this.#readers.length > 0) this.#serve();
  }

  /** Nothing comes any more: it ended, or failed. What has come can still be read. */
  end(error: TwinwireError | null): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#serve();
  }

  /** The application closed it: nothing can be read any more. */
  close(error: TwinwireError): void {
    this.#end = error;
    this.#late = false;
    this.#bytes.clear();
    this.#readers.rejectAll(() => error);
  }

  /** A deadline passed, or (`false`) holds no more. */
  setLate(late: boolean): void {
    this.#late = late;
    if (late) this.#readers.rejectAll(() => this.#deadline());
  }

  #wait(size: number, exact: boolean, signal: AbortSignal | undefined): Promise<ReceivedBytes> {
    return this.#enqueue(new Reader(size, exact), signal);
  }

  #enqueue(reader: Reader, signal: AbortSignal | undefined): Promise<ReceivedBytes> {
    if (signal?.aborted) return Promise.reject(this.#aborted(signal));
    if (this.#late) return Promise.reject(this.#deadline());
    this.#readers.add(reader);
    reader.until(signal, () => {
      this.#readers.remove(reader);
      reader.reject(this.#aborted(signal));
      this.#serve();
    });
    /* Others may be before it; if not, an exact read makes room for what it waits for, or learns of the end. */
    if (reader.exact) this.#serve();
    return reader.promise;
  }

  /** Gives waiting calls what has just come, without a detour. Returns what is left. */
  #handOut(bytes: ReceivedBytes): ReceivedBytes {
    let at = 0;
    for (let reader = this.#readers.first; reader !== undefined && at < bytes.length; reader = this.#readers.first) {
      const left = bytes.length - at;
      if (reader.exact && (reader.size > left || reader.delimiter !== undefined)) break;
      const end = at + Math.min(reader.size, left);
      this.#readers.shift();
      reader.take(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
      at = end;
    }
    return at === 0 ? bytes : bytes.subarray(at);
  }

  /** Gives waiting calls what there is. */
  #serve(): void {
    for (let reader = this.#readers.first; reader !== undefined; reader = this.#readers.first) {
      const size = this.#sizeFor(reader);
      if (size !== undefined) {
        this.#readers.shift();
        if (size < 0) reader.reject(this.#noDelimiter(reader.size));
        else reader.take(this.#used(reader.exact ? this.#bytes.takeExact(size) : this.#bytes.take(size)));
      } else if (this.#end !== undefined) {
        this.#readers.shift();
        this.#finish(reader, this.#end);
      } else {
        this.#makeRoom();
        return;
      }
    }
  }

  /** Returns how many bytes a reader takes now; `undefined`: it waits; -1: its delimiter is too far away. */
  #sizeFor(reader: Pending): number | undefined {
    const { size, exact, delimiter } = reader;
    if (delimiter === undefined) return (exact ? this.#has(size) : this.#bytes.size > 0) ? size : undefined;
    const found = this.#find(reader, delimiter);
    return found > 0 ? found : this.#bytes.size >= size ? -1 : undefined;
  }

  /** Returns the bytes up to the end of the delimiter, or -1 if it is not there within the bytes that are allowed. */
  #find(reader: Pending, delimiter: Uint8Array): number {
    const at = this.#bytes.indexOf(delimiter, reader.searched);
    if (at < 0) reader.searched = Math.max(0, this.#bytes.size - delimiter.length + 1);
    return at < 0 || at + delimiter.length > reader.size ? -1 : at + delimiter.length;
  }

  #noDelimiter(max: number): TwinwireError {
    const problem = `the delimiter is not within ${max} bytes, which can still be read`;
    const remedy = "raise max if you trust the peer";
    return this.#stream.fault("ERR_TOO_LARGE", { step: "receive", operation: "readUntil", problem, remedy });
  }

  /** Whether an exact read gets what it wants. One of nothing does, unless the connection failed or was closed. */
  #has(size: number): boolean {
    return this.#bytes.size >= size && (size > 0 || !this.#end);
  }

  #finish(reader: Pending, end: TwinwireError | null): void {
    if (end !== null) {
      reader.reject(end);
    } else if (reader.exact) {
      const detail = this.#bytes.size;
      const wanted = reader.delimiter === undefined ? `of ${reader.size} bytes` : "bytes without the delimiter";
      const reason = `${detail} ${wanted} came, and can still be read`;
      reader.reject(this.#stream.fault("ERR_UNEXPECTED_EOF", { step: "receive", detail, reason }));
    } else {
      reader.take(newBytes(0));
    }
  }

  /** An exact read holds on to what has come: without this, one that is larger than the window would wait for ever. */
  #makeRoom(): void {
    const unreported = this.#bytes.size - this.#reported;
    if (unreported === 0) return;
    this.#reported += unreported;
    this.#consumed(unreported);
  }

  #used(bytes: ReceivedBytes): ReceivedBytes {
    const before = Math.min(this.#reported, bytes.length);
    this.#reported -= before;
    if (bytes.length > before) this.#consumed(bytes.length - before);
    return bytes;
  }

  #consumed(size: number): void {
    const { engine, handle } = this.#stream;
    engine.consumed(handle, size);
  }

  #refuse(reason: string): TwinwireError {
    return this.#stream.fault("ERR_ARGUMENT", { step: "receive", reason });
  }

  #deadline(): TwinwireError {
    return this.#stream.fault("ERR_DEADLINE", { step: "receive", detail: this.#bytes.size });
  }

  #aborted(signal: AbortSignal | undefined): TwinwireError {
    return this.#stream.fault("ERR_ABORTED", { step: "receive", cause: signal?.reason });
  }
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_READ;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** What is iterated over: a stream. That the application closed it ends the iteration without an error. */
interface ChunkSource {
  readonly receiver: StreamReceiver;
  readonly phase: string;
}

type Chunk = IteratorResult<ReceivedBytes, undefined>;

/** What an iteration makes of bytes, or of none at the end of the stream. */
let took: (chunks: Chunks, bytes: ReceivedBytes) => Chunk;
/** What it makes of an error, which it may throw. */
let failed: (chunks: Chunks, error: TwinwireError) => Chunk;

/** A step of an iteration that waits: it is settled as the iteration has it, without a promise between the two. */
class Step extends ReadCall<Chunk> {
  readonly #chunks: Chunks;

  constructor(size: number, chunks: Chunks) {
    super(size, false);
    this.#chunks = chunks;
  }

  take(bytes: ReceivedBytes): void {
    this.resolve(took(this.#chunks, bytes));
  }

  /** Not at once: the application may yet close the connection, and then it is no failure. */
  override reject(error: TwinwireError): void {
    queueMicrotask(() => {
      try {
        this.resolve(failed(this.#chunks, error));
      } catch {
        super.reject(error);
      }
    });
  }
}

/**
 * Iterates over the chunks of a stream. It does what an async generator would do, with a fifth of its promises: a loop over a
 * connection costs mostly those.
 */
export class Chunks implements AsyncGenerator<ReceivedBytes, void, undefined> {
  readonly #stream: ChunkSource;
  readonly #max: number;
  #done = false;

  constructor(stream: ChunkSource, max: number) {
    this.#stream = stream;
    this.#max = max;
  }

  static {
    took = (chunks, value) => {
      if (value.length > 0) return { done: false, value };
      chunks.#done = true;
      return DONE;
    };
    failed = (chunks, error) => {
      const again = chunks.#done;
      chunks.#done = true;
      if (again || chunks.#stream.phase === "closed") return DONE;
      throw error;
    };
  }

  next(): Promise<Chunk> {
    if (this.#done) return Promise.resolve(DONE);
    const { receiver } = this.#stream;
    if (receiver.isEmpty) {
      const step = new Step(this.#max, this);
      receiver.add(step);
      return step.promise;
    }
    return receiver.read(this.#max, undefined).then(
      (bytes) => took(this, bytes),
      (error: TwinwireError) => failed(this, error),
    );
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#done = true;
    return Promise.resolve(DONE);
  }

  throw(error: unknown): Promise<never> {
    this.#done = true;
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#done = true;
  }
}
