/** Views of the bytes at one place of linear memory, kept by size: to make one takes longer than to copy what it shows. */
import type { Memory } from "../memory.ts";

/** Up to so many bytes, a loop over words is faster than a view that exists. */
export const SHORT = 96;

/** Views differ in size by an eighth at most, so that there are few: by 2 to the power of this at least. */
const LEAST_STEP = 6;
const EIGHTH = 3;

/** Copies what begins at one place, in any size, to a ring. */
export class Views {
  readonly #memory: Memory;
  readonly #at: number;
  readonly #most: number;
  readonly #views = new Map<number, Uint8Array>();

  /** Of at most so many bytes at this place. */
  constructor(memory: Memory, at: number, most: number) {
    this.#memory = memory;
    this.#at = at;
    this.#most = most;
  }

  /** Returns how many bytes a copy of `size` bytes writes: up to an eighth more, and at least to the end of the word. */
  static written(size: number): number {
    if (size <= SHORT) return (size + 3) & ~3;
    const step = Math.max(LEAST_STEP, 31 - Math.clz32(size) - EIGHTH);
    return ((size + (1 << step) - 1) >>> step) << step;
  }

  /** Copies `size` bytes to the words from `index` on, where there is space for `written(size)`. `bytes` is the same memory. */
  copy(size: number, words: Int32Array, bytes: Uint8Array, index: number): void {
    if (size > SHORT) bytes.set(this.#views.get(Views.written(size)) ?? this.#make(size), index << 2);
    else this.#memory.copyWords(this.#at, size, words, index);
  }

  #make(size: number): Uint8Array {
    const written = Views.written(size);
    const view = this.#memory.view(this.#at, Math.min(written, this.#most));
    this.#views.set(written, view);
    return view;
  }
}
