/** A digest of everything that passes the core interface while a case runs, as in test/c/tap.c. */
import { showBytes } from "../../adapters/script/index.ts";

const NONE = new Uint8Array(0);
/* Held here, as looking up a global is slow in the contexts that jest runs tests in. */
const { imul } = Math;
const words = new Map<string, Uint8Array>();

/** Events, imports, the results of calls: targets that behave the same to the byte have the same digest. */
export class Tap {
  #first = 0;
  #second = 0;
  /** Records each report as a line, to find out where two targets differ. */
  show: ((line: string) => void) | undefined;

  /** Begins the digest of a case. */
  start(): void {
    this.#first = 0x811c9dc5 | 0;
    this.#second = 0x9747b28c | 0;
  }

  /** Adds what happened, its numbers and its bytes. */
  add(what: string, numbers: readonly number[], bytes: Uint8Array = NONE): void {
    let word = words.get(what);
    if (word === undefined) {
      word = new TextEncoder().encode(what);
      words.set(what, word);
    }
    this.#bytes(word);
    for (const number of numbers) this.#word(number);
    this.#bytes(bytes);
    this.show?.(`    ${[what, ...numbers.map((number) => number | 0)].join(" ")} ${showBytes(bytes)}`);
  }

  /** The digest: 16 hex digits. */
  toString(): string {
    return [this.#first, this.#second].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /* Two multiplicative hashes of words: for comparing runs, not against an attacker. */
  #word(word: number): void {
    this.#first = imul(this.#first ^ word, 0x01000193);
    this.#second = imul(((this.#second << 5) | (this.#second >>> 27)) ^ word, 0x9e3779b1);
  }

  /* As little-endian words, the last one filled up with zeros. */
  #bytes(bytes: Uint8Array): void {
    const size = bytes.length;
    this.#word(size);
    let at = 0;
    for (; size - at >= 4; at += 4) {
      const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
      this.#word(low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24));
    }
    if (at === size) return;
    let last = 0;
    for (let shift = 0; at < size; at++, shift += 8) last |= (bytes[at] as number) << shift;
    this.#word(last);
  }
}
