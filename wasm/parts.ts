import type { ReceivedBytes } from "../adapters/port.ts";
import { bytesOver, freeBytes, newBytes, utf8Text } from "./text.ts";

/** A first part makes room for this many bytes at least. */
const FIRST = 1024;

/** Room is a power of two, as sizes of large messages often are; up to this, the next one is four times as large. */
const FAST_GROWTH = 1_048_576;

/**
 * Joins the parts of a message. It grows with what has come, never by what a peer announces; the core has seen to it
 * that all parts together are within `maxMessage`.
 */
export class Joiner {
  #bytes: ReceivedBytes = newBytes(0);
  #size = 0;
  /** Whether every byte so far is below 128. */
  ascii = true;

  /** Adds a part. The bytes are copied. */
  add(part: Uint8Array, ascii: boolean): void {
    this.ascii &&= ascii;
    const size = this.#size + part.length;
    if (size > this.#bytes.length) this.#move(roomFor(size, this.#bytes.length));
    this.#bytes.set(part, this.#size);
    this.#size = size;
  }

  /** All of it, the caller's to keep. The joiner is of no more use. */
  take(): ReceivedBytes {
    const spare = this.#bytes.length - this.#size;
    if (spare <= this.#size / 4) return this.#bytes.subarray(0, this.#size);
    /* A message that is kept should not keep more memory than it needs. */
    this.#move(this.#size);
    return this.#bytes;
  }

  #move(room: number): void {
    const old = this.#bytes;
    const bytes = newBytes(room);
    bytes.set(old.subarray(0, this.#size));
    this.#bytes = bytes;
    freeBytes(old);
  }
}

/** Room for `size` bytes, once `room` is too little. */
function roomFor(size: number, room: number): number {
  const next = room <= FAST_GROWTH / 4 ? 4 * room : 2 * room;
  return Math.max(FIRST, next, 2 ** (32 - Math.clz32(size - 1)));
}

/**
 * Decodes a byte stream as UTF-8 chunk by chunk: a character that is split between chunks comes whole with the later
 * one. What is not UTF-8 becomes U+FFFD.
 */
export class StreamText {
  /** The first bytes of a character whose rest has not come: 1 to 3 of them, or none. */
  #carry: Uint8Array | undefined;

  /** Whether the stream stands between characters, so that ASCII needs no decoder. */
  get clean(): boolean {
    return this.#carry === undefined;
  }

  /** The text of the next chunk: a range of `bytes`, which are borrowed for the call. */
  decode(bytes: Uint8Array, start: number, end: number): string {
    const carry = this.#carry;
    if (carry !== undefined) {
      const joined = newBytes(carry.length + end - start);
      joined.set(carry);
      joined.set(bytes.subarray(start, end), carry.length);
      this.#carry = undefined;
      return this.decode(joined, 0, joined.length);
    }
    const whole = wholeEnd(bytes, start, end);
    if (whole < end) {
      this.#carry = bytesOver(new ArrayBuffer(end - whole));
      this.#carry.set(bytes.subarray(whole, end));
    }
    return utf8Text(bytes, start, whole);
  }

  /** The stream is over: what a character was begun with and never finished is U+FFFD. */
  end(): string {
    const cut = this.#carry !== undefined;
    this.#carry = undefined;
    return cut ? "\ufffd" : "";
  }
}

/** Where the last character begins if it is incomplete, else `end`. RFC 3629 4 */
function wholeEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end - 1; at >= start && at >= end - 3; at--) {
    const byte = bytes[at] as number;
    if (byte < 0x80) return end;
    if (byte >= 0xc0) return at + sizeFrom(byte) > end && canFollow(byte, bytes[at + 1], at + 1 < end) ? at : end;
  }
  return end;
}

function sizeFrom(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

/** Whether the second byte is there and may not follow the lead; then it is no character, and there is nothing to wait for. */
function canFollow(lead: number, second: number | undefined, present: boolean): boolean {
  if (!present || second === undefined) return true;
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second < 0xa0;
  if (lead === 0xf0) return second >= 0x90;
  if (lead === 0xf4) return second < 0x90;
  return true;
}
