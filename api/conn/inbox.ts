import type { TwinwireError } from "../../wasm/errors.ts";
import { newBytes } from "../../wasm/text.ts";
import { show } from "../internal/arguments.ts";
import { Waiter, WaitingList } from "../internal/waiting.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { StreamHandle } from "./handle.ts";

/** The most that one call reads: what every runtime can hold in one piece. */
const MAX_READ = 2 ** 31 - 1;

class Reader extends Waiter<Uint8Array> {
  /** Bytes at most; if `exact`, bytes at least, too. */
  readonly size: number;
  readonly exact: boolean;

  constructor(size: number, exact: boolean) {
    super();
    this.size = size;
    this.exact = exact;
  }
}

/**
 * The receiving half of a stream: bytes that came before they were asked for, and calls that wait for bytes. One of the
 * two is always empty, but for a `readExact` that has not got enough.
 */
export class Inbox {
  readonly #stream: StreamHandle;
  readonly #bytes = new ByteQueue();
  readonly #readers = new WaitingList<Reader>();
  /** Of the bytes that wait, so many have been reported as consumed, to make room for more. */
  #reported = 0;
  /** What comes behind the last byte: the end of the stream (`null`) or an error. */
  #end: TwinwireError | null | undefined;
  #late = false;

  constructor(stream: StreamHandle) {
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
   * Lends 1 to `max` of the bytes that wait, to be offered to the core once more; there must be some. They count as
   * consumed: what the core delivers again is counted again. `settle` follows.
   */
  lend(max: number): Uint8Array {
    const bytes = this.#bytes.peek(max);
    const unreported = bytes.length - this.#reported;
    this.#reported = Math.max(0, -unreported);
    if (unreported > 0) this.#consumed(unreported);
    return bytes;
  }

  /** Of `size` bytes that were lent, the last `kept` go on waiting. */
  settle(size: number, kept: number): void {
    const used = size - kept;
    if (used > 0 && used <= this.#bytes.size) this.#bytes.take(used);
  }

  /** All the bytes that wait. */
  takeAll(): Uint8Array {
    return this.#used(this.#bytes.takeExact(this.#bytes.size));
  }

  /** Reads 1 to `max` bytes, or none at the end of the stream. */
  read(max: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (!isSize(max) || max === 0) return Promise.reject(this.#refuse(`read(${show(max)}): 1 to ${MAX_READ} bytes`));
    if (this.#readers.length > 0 || this.#late || signal?.aborted) return this.#wait(max, false, signal);
    if (this.#bytes.size > 0) return Promise.resolve(this.#used(this.#bytes.take(max)));
    if (this.#end === undefined) return this.#wait(max, false, signal);
    return this.#end === null ? Promise.resolve(newBytes(0)) : Promise.reject(this.#end);
  }

  /** Reads exactly `size` bytes. */
  readExact(size: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (!isSize(size)) return Promise.reject(this.#refuse(`readExact(${show(size)}): 0 to ${MAX_READ} bytes`));
    const now = this.#readers.length === 0 && !this.#late && !signal?.aborted && this.#has(size);
    return now ? Promise.resolve(this.#used(this.#bytes.takeExact(size))) : this.#wait(size, true, signal);
  }

  /** Bytes have come; they lie in linear memory for as long as this lasts. */
  received(at: number, size: number): void {
    const { memory } = this.#stream.engine;
    if (this.#readers.length > 0) this.given(memory.copy(at, size));
    else this.#bytes.push(memory, at, size);
  }

  /** Bytes have come that are ours to keep and to hand on. */
  given(bytes: Uint8Array): void {
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

  #wait(size: number, exact: boolean, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (signal?.aborted) return Promise.reject(this.#aborted(signal));
    if (this.#late) return Promise.reject(this.#deadline());
    const reader = new Reader(size, exact);
    this.#readers.add(reader);
    reader.until(signal, () => {
      this.#readers.remove(reader);
      reader.reject(this.#aborted(signal));
      this.#serve();
    });
    /* Others may be before it; if not, an exact read makes room for what it waits for, or learns of the end. */
    if (exact) this.#serve();
    return reader.promise;
  }

  /** Gives waiting calls what has just come, without a detour. Returns what is left. */
  #handOut(bytes: Uint8Array): Uint8Array {
    let at = 0;
    for (let reader = this.#readers.first; reader !== undefined && at < bytes.length; reader = this.#readers.first) {
      const left = bytes.length - at;
      if (reader.exact && reader.size > left) break;
      const end = at + Math.min(reader.size, left);
      this.#readers.shift();
      reader.resolve(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
      at = end;
    }
    return at === 0 ? bytes : bytes.subarray(at);
  }

  /** Gives waiting calls what there is. */
  #serve(): void {
    for (let reader = this.#readers.first; reader !== undefined; reader = this.#readers.first) {
      const { size, exact } = reader;
      if (exact ? this.#has(size) : this.#bytes.size > 0) {
        this.#readers.shift();
        reader.resolve(this.#used(exact ? this.#bytes.takeExact(size) : this.#bytes.take(size)));
      } else if (this.#end !== undefined) {
        this.#readers.shift();
        this.#finish(reader, this.#end);
      } else {
        this.#makeRoom();
        return;
      }
    }
  }

  /** Whether an exact read gets what it wants. One of nothing does, unless the connection failed or was closed. */
  #has(size: number): boolean {
    return this.#bytes.size >= size && (size > 0 || !this.#end);
  }

  #finish(reader: Reader, end: TwinwireError | null): void {
    if (end !== null) {
      reader.reject(end);
    } else if (reader.exact) {
      const detail = this.#bytes.size;
      const reason = `${detail} of ${reader.size} bytes came, and can still be read`;
      reader.reject(this.#stream.fault("ERR_UNEXPECTED_EOF", { step: "receive", detail, reason }));
    } else {
      reader.resolve(newBytes(0));
    }
  }

  /** An exact read holds on to what has come: without this, one that is larger than the window would wait for ever. */
  #makeRoom(): void {
    const unreported = this.#bytes.size - this.#reported;
    if (unreported === 0) return;
    this.#reported += unreported;
    this.#consumed(unreported);
  }

  #used(bytes: Uint8Array): Uint8Array {
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
