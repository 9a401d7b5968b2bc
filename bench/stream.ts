import type { Flow } from "./flow.ts";

/** One whole piece of every so many chunks is compared. */
const SAMPLE = 4;

/** Counts the pieces of one size that come back in a stream, whatever the chunks it comes in, and compares samples. */
export class StreamChecker {
  readonly #flow: Flow;
  readonly #pieces: readonly Uint8Array[];
  readonly #size: number;
  #partial = 0;
  #chunks = 0;

  /** `pieces`: the response to each message, in order. */
  constructor(flow: Flow, pieces: readonly Uint8Array[]) {
    this.#flow = flow;
    this.#pieces = pieces;
    this.#size = (pieces[0] as Uint8Array).length;
  }

  /** The next chunk. */
  take(chunk: Uint8Array): void {
    if (++this.#chunks % SAMPLE === 0 && !this.#sampleIsRight(chunk)) {
      this.#flow.fail(new Error(`the bytes after message ${this.#flow.received} are not what was sent`));
      return;
    }
    const bytes = this.#partial + chunk.length;
    this.#partial = bytes % this.#size;
    if (bytes >= this.#size) this.#flow.next((bytes - this.#partial) / this.#size);
  }

  /** Compares the first piece that is whole in this chunk, if there is one. */
  #sampleIsRight(chunk: Uint8Array): boolean {
    const start = this.#partial === 0 ? 0 : this.#size - this.#partial;
    const end = start + this.#size;
    if (end > chunk.length) return true;
    const place = this.#flow.received + (this.#partial === 0 ? 0 : 1);
    return Buffer.compare(chunk.subarray(start, end), this.#pieces[place % this.#pieces.length] as Uint8Array) === 0;
  }
}
