/** Random numbers that are the same in every run with the same seed: sfc32, on integers of 32 bits alone. */

/** The 32-bit FNV-1a hash of a text's UTF-16 units. */
export function hashText(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** A sequence of random numbers. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number | string) {
    const text = String(seed);
    this.#a = hashText(text);
    this.#b = hashText(text, this.#a);
    this.#c = hashText(text, this.#b);
    for (let round = 0; round < 12; round++) this.next();
  }

  /** Returns 32 random bits, as a number from 0. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** Returns a number from 0 to below 1. */
  fraction(): number {
    return this.next() / 0x1_0000_0000;
  }

  /** Returns an integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  /** Returns true with a probability. Takes no number from the sequence if the result is certain. */
  happens(probability: number): boolean {
    return probability > 0 && (probability >= 1 || this.fraction() < probability);
  }

  /** Fills `target`. */
  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; at++) target[at] = this.next() & 255;
  }
}
