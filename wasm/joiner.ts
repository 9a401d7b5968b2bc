import { newBytes } from "./text.ts";

/** A first part makes room for this many bytes at least. */
const FIRST = 1024;

/**
 * Joins the parts of a message. It grows with what has come, never by what a peer announces; the core has seen to it
 * that all parts together are within `maxMessage`.
 */
export class Joiner {
  #bytes: Uint8Array = newBytes(0);
  #size = 0;
  /** Whether every byte so far is below 128. */
  ascii = true;

  /** Adds a part. The bytes are copied. */
  add(part: Uint8Array, ascii: boolean): void {
    this.ascii &&= ascii;
    const size = this.#size + part.length;
    if (size > this.#bytes.length) {
      const larger = newBytes(Math.max(FIRST, size, 2 * this.#size));
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#size);
    this.#size = size;
  }

  /** All of it, the caller's to keep. The joiner is of no more use. */
  take(): Uint8Array {
    const spare = this.#bytes.length - this.#size;
    if (spare <= this.#size / 4) return this.#bytes.subarray(0, this.#size);
    /* A message that is kept should not keep more memory than it needs. */
    const exact = newBytes(this.#size);
    exact.set(this.#bytes.subarray(0, this.#size));
    return exact;
  }
}
