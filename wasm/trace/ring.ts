/** A ring of records in memory of a fixed size: the newest replace the oldest. It allocates nothing after it was made. */
export class Ring {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same memory as words. The first one of a record is its size; what follows is its owner's. */
  readonly words: Int32Array<ArrayBuffer>;
  /** How many records there are, and how many were replaced. */
  records = 0;
  lost = 0;
  /** Where the next record begins, and where the oldest one does. */
  #head = 0;
  #tail = 0;
  /** Whether the newest records are in front of the oldest ones; those end at `#wrap`. */
  #wrapped = false;
  #wrap = 0;

  /** `size`: bytes, divisible by 4. */
  constructor(size: number) {
    const buffer = new ArrayBuffer(size);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }

  /**
   * Makes space for a record.
   *
   * @param size bytes, divisible by 4, at least 4 and at most those of the ring.
   * @returns where it begins, divisible by 4.
   */
  append(size: number): number {
    for (;;) {
      if (this.#wrapped) {
        if (this.#tail - this.#head >= size) break;
        this.#drop();
      } else if (this.#head + size <= this.bytes.length) {
        break;
      } else {
        /* Records do not cross the end. */
        this.#wrapped = this.#tail !== this.#head;
        this.#wrap = this.#head;
        this.#head = 0;
        if (!this.#wrapped) this.#tail = 0;
      }
    }
    const at = this.#head;
    this.#head += size;
    this.words[at >>> 2] = size;
    this.records++;
    return at;
  }

  /** Where each record begins, the oldest first. */
  *places(): Generator<number> {
    let at = this.#tail;
    for (let count = this.records; count > 0; count--) {
      if (this.#wrapped && at === this.#wrap) at = 0;
      yield at;
      at += this.words[at >>> 2] ?? 0;
    }
  }

  #drop(): void {
    this.#tail += this.words[this.#tail >>> 2] ?? 0;
    this.records--;
    this.lost++;
    if (this.#tail !== this.#wrap) return;
    this.#tail = 0;
    this.#wrapped = false;
  }
}
