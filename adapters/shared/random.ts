import { randomFillSync } from "node:crypto";

/** Bytes that are taken from the generator at once: one call for 4096 masks instead of one for 64. */
const SIZE = 16_384;

/** Random bytes in stock. Those that were handed out are wiped, so none is left behind or comes twice. */
export class RandomPool {
  readonly #bytes = new Uint8Array(SIZE);
  #left = 0;

  /** Fills `target`, at most 256 bytes. */
  fill(target: Uint8Array): void {
    if (this.#left < target.length) {
      randomFillSync(this.#bytes);
      this.#left = SIZE;
    }
    const part = this.#bytes.subarray(this.#left - target.length, this.#left);
    target.set(part);
    part.fill(0);
    this.#left -= target.length;
  }
}
