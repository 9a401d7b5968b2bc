/** Bytes that arrived and wait to be read. */

import type { Memory } from "../../wasm/memory.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { newBytes } from "../../wasm/text.ts";

/** Small pieces are gathered in blocks, so that a peer who sends byte by byte costs no more than its bytes. */
const LARGEST_BLOCK = 16_384;

/** From here on, a block of its own costs less than a copy. */
const LARGE = 4_096;

interface Block {
  readonly bytes: ReceivedBytes;
  /** What has been handed out ends here. */
  start: number;
  /** What has come ends here; behind it there may be room. */
  end: number;
  next: Block | undefined;
}

/**
 * Bytes that arrived and wait to be read. They are copied out of linear memory once; `take` returns parts of that copy,
 * which are never written again.
 */
export class ByteQueue {
  #first: Block | undefined;
  #last: Block | undefined;
  #size = 0;

  /** How many bytes wait. */
  get size(): number {
    return this.#size;
  }

  /** Copies bytes in from linear memory. */
  push(memory: Memory, at: number, size: number): void {
    if (this.#last === undefined) this.#append(memory.copy(at, size), size);
    else this.#gather(this.#last, memory.view(at, size));
  }

  /** Takes bytes over. Small ones are gathered all the same. */
  give(bytes: ReceivedBytes): void {
    if (this.#last === undefined || bytes.length >= LARGE) this.#append(bytes, bytes.length);
    else this.#gather(this.#last, bytes);
  }

  /** Shows 1 to `max` of the first bytes, which stay; there must be some. */
  peek(max: number): ReceivedBytes {
    const { bytes, start, end } = this.#first as Block;
    return bytes.subarray(start, Math.min(end, start + max));
  }

  /** Returns the index of the first `pattern` that begins at `from` or later, or -1. */
  indexOf(pattern: Uint8Array, from: number): number {
    const first = pattern[0] as number;
    let base = 0;
    for (let block = this.#first; block !== undefined; block = block.next) {
      const { bytes, start, end } = block;
      let at = start + Math.max(0, from - base);
      for (at = bytes.indexOf(first, at); at >= 0 && at < end; at = bytes.indexOf(first, at + 1)) {
        if (startsWith(block, at, pattern)) return base + at - start;
      }
      base += end - start;
    }
    return -1;
  }

  /** Hands out 1 to `max` bytes; there must be some. */
  take(max: number): ReceivedBytes {
    const block = this.#first as Block;
    const { bytes, start } = block;
    const end = Math.min(block.end, start + max);
    this.#size -= end - start;
    if (end < block.end) block.start = end;
    else this.#leave(block);
    return end - start === bytes.length ? bytes : bytes.subarray(start, end);
  }

  /** Hands out exactly `size` bytes in one piece; there must be so many. */
  takeExact(size: number): ReceivedBytes {
    const first = this.#first;
    if (first === undefined || first.end - first.start >= size)
      return first === undefined ? newBytes(0) : this.take(size);
    const joined = newBytes(size);
    for (let at = 0; at < size; ) {
      const part = this.take(size - at);
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
    this.#size = 0;
  }

  #append(bytes: ReceivedBytes, size: number): Block {
    const block: Block = { bytes, start: 0, end: size, next: undefined };
    if (this.#last === undefined) this.#first = block;
    else this.#last.next = block;
    this.#last = block;
    this.#size += size;
    return block;
  }

  /** Copies bytes behind those of the last block, or into a new one that has room for some more. */
  #gather(last: Block, bytes: Uint8Array): void {
    const size = bytes.length;
    const room = last.bytes.length - last.end;
    const block = room >= size ? last : this.#append(newBytes(Math.max(size, Math.min(this.#size, LARGEST_BLOCK))), 0);
    block.bytes.set(bytes, block.end);
    block.end += size;
    this.#size += size;
  }

  #leave(block: Block): void {
    this.#first = block.next;
    if (block.next === undefined) this.#last = undefined;
  }
}

/** Whether the bytes from `at` in a block on, and in the blocks behind it, begin with `pattern`. */
function startsWith(block: Block, at: number, pattern: Uint8Array): boolean {
  let current: Block | undefined = block;
  let position = at;
  for (const byte of pattern) {
    while (current !== undefined && position === current.end) {
      current = current.next;
      position = current?.start ?? 0;
    }
    if (current === undefined || current.bytes[position] !== byte) return false;
    position += 1;
  }
  return true;
}
