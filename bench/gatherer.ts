/** Hands on the messages of one size that a stream is made of, each in one piece, whatever the chunks it comes in. */
export class Gatherer {
  readonly #size: number;
  readonly #deliver: (message: Uint8Array) => void;
  #parts: Uint8Array[] = [];
  #gathered = 0;

  constructor(size: number, deliver: (message: Uint8Array) => void) {
    this.#size = size;
    this.#deliver = deliver;
  }

  /** The next chunk. */
  take(chunk: Uint8Array): void {
    const size = this.#size;
    let at = 0;
    while (at < chunk.length) {
      const end = Math.min(chunk.length, at + size - this.#gathered);
      const part = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
      at = end;
      if (part.length === size) this.#deliver(part);
      else this.#gather(part);
    }
  }

  #gather(part: Uint8Array): void {
    this.#parts.push(part);
    this.#gathered += part.length;
    if (this.#gathered < this.#size) return;
    const message = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#gathered = 0;
    this.#deliver(message);
  }
}
