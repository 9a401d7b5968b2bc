import type { Place } from "../shared/sockets.ts";

/** Bytes from which on it pays to free memory that the core has a copy of, instead of leaving it to the collector. */
const FREEABLE = 16_384;

/** ES2024, which Bun has. */
interface FreeableBuffer {
  transfer(size: number): ArrayBuffer;
}

/**
 * Received bytes on their way to the core. Bun delivers up to half a MiB at once, in memory that is ours then. The core is
 * given as much as fits, and may stop reading in between. What is left waits here, and behind it the end.
 */
export class Inbound {
  readonly #place: Place;
  /** Whether Bun's memory may be given away. */
  readonly #gives: boolean;
  #reading = true;
  #closed = false;
  #handing = false;
  /** What remains of the bytes that were handed on last. */
  #rest: Buffer<ArrayBuffer> | undefined;
  /** What came behind it. */
  #queue: Buffer<ArrayBuffer>[] | undefined;
  /** What is delivered once all bytes were: the end, and that the socket is closed. */
  #ends: (() => void)[] | undefined;

  constructor(place: Place, gives: boolean) {
    this.#place = place;
    this.#gives = gives;
  }

  get reading(): boolean {
    return this.#reading;
  }

  /** Whether bytes wait here. */
  get holds(): boolean {
    return this.#rest !== undefined || this.#queue !== undefined;
  }

  read(on: boolean): void {
    this.#reading = on;
    if (on && !this.#handing && (this.holds || this.#ends !== undefined)) queueMicrotask(() => this.#release());
  }

  /** Nothing is delivered any more. */
  close(): void {
    this.#closed = true;
    this.#rest = undefined;
    this.#queue = undefined;
    this.#ends = undefined;
  }

  /** Bytes were received. */
  take(bytes: Buffer<ArrayBuffer>): void {
    if (this.#handing || !this.#reading || this.holds) {
      this.#queue ??= [];
      this.#queue.push(bytes);
      return;
    }
    this.#hand(bytes);
    if (this.holds || this.#ends !== undefined) this.#release();
  }

  /** Calls `deliver` behind all bytes that were received, and only while reading is on. */
  after(deliver: () => void): void {
    if (this.#reading && !this.#handing && !this.holds && this.#ends === undefined) {
      deliver();
      return;
    }
    this.#ends ??= [];
    this.#ends.push(deliver);
  }

  /** Delivers bytes, until reading is stopped. */
  #hand(bytes: Buffer<ArrayBuffer>): void {
    const { handle, deliver, memory } = this.#place;
    const room = memory.received.length;
    let next: Buffer<ArrayBuffer> | undefined = bytes;
    this.#handing = true;
    while (next !== undefined && this.#reading && !this.#closed) {
      const part: Buffer<ArrayBuffer> = next.length <= room ? next : next.subarray(0, room);
      this.#rest = part === next ? undefined : next.subarray(room);
      if (this.#gives) deliver.given(handle, part);
      else {
        memory.received.set(part);
        deliver.received(handle, part.length);
      }
      next = this.#rest;
      if (next === undefined && !this.#gives && part.buffer.byteLength >= FREEABLE) free(part);
    }
    this.#handing = false;
  }

  #release(): void {
    while (this.#reading && !this.#closed && this.holds) {
      const next = this.#rest ?? this.#queue?.shift();
      if (this.#queue?.length === 0) this.#queue = undefined;
      if (next !== undefined) this.#hand(next);
    }
    while (this.#reading && !this.#closed && !this.holds) {
      const deliver = this.#ends?.shift();
      if (this.#ends?.length === 0) this.#ends = undefined;
      if (deliver === undefined) return;
      deliver();
    }
  }
}

/** Empties bytes, and all views of their buffer. Bun's allocator uses what is freed at once again before it returns it to the system. */
function free({ buffer }: Buffer<ArrayBuffer>): void {
  (buffer as ArrayBuffer & FreeableBuffer).transfer(0);
}
