/**
 * A ring of records in memory of a fixed size: the newest replace the oldest, a block of them at a time, so that nothing
 * looks at a record again when it is replaced.
 */

/** The ring has about so many blocks. */
const BLOCKS = 32;

/** Records that lie one behind the other and are replaced together. */
interface Block {
  /** Where the first one begins. */
  readonly from: number;
  /** How many there are; of the newest block, once there is another one. */
  records: number;
}

/** Records in memory of a fixed size. */
export class Ring {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same memory as words. The first one of a record is its size; what follows is its owner's. */
  readonly words: Int32Array<ArrayBuffer>;
  /** How many records there are, and how many were replaced. */
  records = 0;
  lost = 0;
  /** Where the next record begins, and where the newest block ends at the latest. */
  #head = 0;
  #limit = 0;
  /** The oldest first. */
  readonly #blocks: Block[] = [];
  /** Records that there were, replaced ones too, when the newest block began. */
  #before = 0;

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
    if (this.#head + size > this.#limit) this.#beginBlock(size);
    const at = this.#head;
    this.#head = at + size;
    this.words[at >>> 2] = size;
    this.records++;
    return at;
  }

  /** Where each record begins, the oldest first. */
  *places(): Generator<number> {
    this.#countNewest();
    for (const { from, records } of this.#blocks) {
      let at = from;
      for (let count = records; count > 0; count--) {
        yield at;
        at += this.words[at >>> 2] ?? 0;
      }
    }
  }

  /** Begins a block that has space for a record of `size` bytes, in place of the oldest ones. */
  #beginBlock(size: number): void {
    const end = this.bytes.length;
    this.#countNewest();
    if (this.#head + size > end) {
      /* Records do not cross the end. */
      this.#drop(this.#head, end);
      this.#head = 0;
    }
    const from = this.#head;
    this.#limit = Math.min(end, from + Math.max(size, (end / BLOCKS) & ~3));
    this.#drop(from, this.#limit);
    this.#before = this.records + this.lost;
    this.#blocks.push({ from, records: 0 });
  }

  /** Removes the oldest blocks as far as they begin there. */
  #drop(from: number, to: number): void {
    for (let [oldest] = this.#blocks; oldest !== undefined; [oldest] = this.#blocks) {
      if (oldest.from < from || oldest.from >= to) break;
      this.#blocks.shift();
      this.records -= oldest.records;
      this.lost += oldest.records;
    }
  }

  #countNewest(): void {
    const newest = this.#blocks.at(-1);
    if (newest !== undefined) newest.records = this.records + this.lost - this.#before;
  }
}
