import type { ReceivedBytes } from "../adapters/port.ts";
import { AddressStats as AddressStatsRecord, EventRecord, Span, Stats as StatsRecord } from "./abi.gen.ts";
import { TwinwireError } from "./errors.ts";
import {
  asciiText,
  bytesOver,
  copyBytes,
  latin1Text,
  utf8Text,
  validUtf8Text,
  writeLatin1,
  writeUtf8,
} from "./text.ts";

const PAGE = 65536;

/** Up to so many bytes, a loop is faster than making a view of them. */
const SHORT = 256;

/** Counters of a handle since it was opened. Reconnecting does not reset them. */
export interface Stats {
  /** Bytes received, including handshakes and frame headers, without TLS overhead; for UDP: the payloads of datagrams. */
  readonly received: number;
  /** Bytes that the host accepted to send, counted in the same way. */
  readonly sent: number;
  /** Connections that opened: 1, and 1 more for each reconnection; of a listener: accepted connections. */
  readonly connects: number;
  /** Sends that were refused with ERR_BACKPRESSURE. */
  readonly refused: number;
}

/** The counters of a listener's limits per peer address. */
export interface AddressStats {
  /** Connections that were counted and admitted. */
  readonly admitted: number;
  /** Connections that were refused because their address had too many at the same time. */
  readonly refusedConnections: number;
  /** Connections that were refused because their address had opened too many within a second. */
  readonly refusedHandshakes: number;
  /** Messages and HTTP requests that were refused because their address had sent too many within a second. */
  readonly refusedMessages: number;
  /** Connections that were admitted without being counted: their address is unknown, or the table is full. */
  readonly untracked: number;
}

/** That of a listener without limits. */
export const NO_ADDRESS_STATS: AddressStats = {
  admitted: 0,
  refusedConnections: 0,
  refusedHandshakes: 0,
  refusedMessages: 0,
  untracked: 0,
};

/** That of a handle that could not be opened. */
export const NO_STATS: Stats = { received: 0, sent: 0, connects: 0, refused: 0 };

/** Makes a memory at least `size` bytes large. To be done before the first `Memory` is made of it: views detach. */
export function growMemory(memory: WebAssembly.Memory, size: number): void {
  const missing = Math.ceil((size - memory.buffer.byteLength) / PAGE);
  if (missing > 0) memory.grow(missing);
}

/** Writes 32-bit numbers, as pairs of place and value, to a memory that may yet grow. */
export function writeNumbers(memory: WebAssembly.Memory, entries: readonly (readonly [number, number])[]): void {
  const view = new DataView(memory.buffer);
  for (const [place, value] of entries) view.setUint32(place, value, true);
}

/**
 * The core's linear memory; nothing else touches it. It has its final size before it comes here (core.ts), so that the
 * views made here are the only ones and never detach.
 *
 * Places are byte offsets from the start of memory. What the accessors of records take is the place of the record.
 */
export class Memory {
  /** All of it; a `Buffer` where the runtime has one. */
  readonly bytes: Uint8Array;
  readonly #u16: Uint16Array;
  readonly #i32: Int32Array;
  readonly #u32: Uint32Array;
  readonly #any: DataView;

  constructor(memory: { readonly buffer: ArrayBufferLike }) {
    this.bytes = bytesOver(memory.buffer);
    this.#u16 = new Uint16Array(memory.buffer);
    this.#i32 = new Int32Array(memory.buffer);
    this.#u32 = new Uint32Array(memory.buffer);
    this.#any = new DataView(memory.buffer);
  }

  /** The `Event` of an event record. */
  eventType(record: number): number {
    return this.#u16[(record + EventRecord.type) >>> 1] as number;
  }

  /** Its `EventFlag` bits. */
  eventFlags(record: number): number {
    return this.#u16[(record + EventRecord.flags) >>> 1] as number;
  }

  /** Whose event it is. */
  eventHandle(record: number): number {
    return this.#i32[(record + EventRecord.handle) >>> 2] as number;
  }

  /** Where its bytes are, from the start of the arena. */
  eventData(record: number): number {
    return this.#u32[(record + EventRecord.data) >>> 2] as number;
  }

  /** How many bytes it has. */
  eventSize(record: number): number {
    return this.#u32[(record + EventRecord.size) >>> 2] as number;
  }

  /** An error, a close code, or 0. */
  eventCode(record: number): number {
    return this.#i32[(record + EventRecord.code) >>> 2] as number;
  }

  /** A number that depends on the event. */
  eventDetail(record: number): number {
    return this.#u32[(record + EventRecord.detail) >>> 2] as number;
  }

  /** Milliseconds to the next attempt, or `FOREVER`. */
  eventRetryMs(record: number): number {
    return this.#u32[(record + EventRecord.retry_ms) >>> 2] as number;
  }

  /** The `Step` of an error. */
  eventStep(record: number): number {
    return this.#u16[(record + EventRecord.step) >>> 1] as number;
  }

  /** A datagram's source port. */
  eventPort(record: number): number {
    return this.#u16[(record + EventRecord.port) >>> 1] as number;
  }

  /** Where the bytes of a span are, from the start of the arena. */
  spanData(span: number): number {
    return this.#u32[(span + Span.data) >>> 2] as number;
  }

  /** How many bytes a span has. */
  spanSize(span: number): number {
    return this.#u32[(span + Span.size) >>> 2] as number;
  }

  /** A record of what a handle has done. */
  stats(record: number): Stats {
    return {
      received: this.#wide(record + StatsRecord.received),
      sent: this.#wide(record + StatsRecord.sent),
      connects: this.#u32[(record + StatsRecord.connects) >>> 2] as number,
      refused: this.#u32[(record + StatsRecord.refused) >>> 2] as number,
    };
  }

  /** A record of what the limits per peer address of a listener have done. */
  addressStats(record: number): AddressStats {
    const at = (offset: number): number => this.#u32[(record + offset) >>> 2] as number;
    return {
      admitted: at(AddressStatsRecord.admitted),
      refusedConnections: at(AddressStatsRecord.refused_connections),
      refusedHandshakes: at(AddressStatsRecord.refused_handshakes),
      refusedMessages: at(AddressStatsRecord.refused_messages),
      untracked: at(AddressStatsRecord.untracked),
    };
  }

  /** A number of 64 bits; exact up to 2 to the 53rd. */
  #wide(at: number): number {
    return (this.#u32[at >>> 2] as number) + (this.#u32[(at >>> 2) + 1] as number) * 2 ** 32;
  }

  /** Text of bytes that the core has seen to be below 128. */
  ascii(at: number, size: number): string {
    return asciiText(this.bytes, at, at + size);
  }

  /** Text of bytes that are a character each. */
  latin1(at: number, size: number): string {
    return latin1Text(this.bytes, at, at + size);
  }

  /** Text of UTF-8; what is not UTF-8 becomes U+FFFD. */
  utf8(at: number, size: number): string {
    return utf8Text(this.bytes, at, at + size);
  }

  /** Text of bytes that the core has seen to be UTF-8: those of a whole message. */
  validUtf8(at: number, size: number): string {
    return validUtf8Text(this.bytes, at, at + size);
  }

  /** A copy that is the caller's to keep. */
  copy(at: number, size: number): ReceivedBytes {
    return copyBytes(this.bytes, at, at + size);
  }

  /** The bytes themselves: borrowed for as long as the core lends them. */
  view(at: number, size: number): Uint8Array {
    return this.bytes.subarray(at, at + size);
  }

  /** The 32-bit number at any place. */
  word(at: number): number {
    return this.#any.getInt32(at, true);
  }

  /**
   * Copies bytes to the words of another memory from `index` on, without allocating if they are few. Up to three more than `size`
   * come along.
   */
  copyWords(at: number, size: number, words: Int32Array, index: number): void {
    if (size > SHORT) {
      const count = (size + 3) >>> 2;
      if ((at & 3) === 0) words.set(this.#i32.subarray(at >>> 2, (at >>> 2) + count), index);
      else new Uint8Array(words.buffer, words.byteOffset).set(this.view(at, size), index << 2);
      return;
    }
    if ((at & 3) === 0) {
      const numbers = this.#i32;
      const from = at >>> 2;
      const count = (size + 3) >>> 2;
      for (let word = 0; word < count; word++) words[index + word] = numbers[from + word] as number;
      return;
    }
    for (let done = 0; done < size; done += 4) words[index + (done >>> 2)] = this.#any.getInt32(at + done, true);
  }

  /** Writes text as UTF-8. Returns its bytes, or -1 if they are more than `room`. */
  writeText(at: number, room: number, text: string): number {
    return writeUtf8(this.bytes, at, room, text);
  }

  /** Writes text of which each character is one byte. Returns its bytes, or -1 if some are not, or for want of room. */
  writeLatin1(at: number, room: number, text: string): number {
    return writeLatin1(this.bytes, at, room, text);
  }

  /**
   * Writes bytes. Returns their number, or -1 if they are more than `room`.
   *
   * @throws TwinwireError ERR_ARGUMENT for a view that has lost its buffer.
   */
  writeBytes(at: number, room: number, bytes: Uint8Array): number {
    if (bytes.length > room) return -1;
    try {
      this.bytes.set(bytes, at);
    } catch (cause) {
      const reason = "the bytes were transferred, or their buffer was shortened";
      throw new TwinwireError("ERR_ARGUMENT", { reason, cause });
    }
    return bytes.length;
  }

  /** Writes 32-bit numbers to a place that is divisible by 4. */
  writeU32(at: number, values: readonly number[]): void {
    this.#u32.set(values, at >>> 2);
  }

  /** A copy that has a buffer of its own, for those who hand out the buffer. */
  separate(at: number, size: number): ReceivedBytes {
    /* Not slice: that of a Buffer is a view. */
    const copy = new Uint8Array(size);
    copy.set(this.bytes.subarray(at, at + size));
    return copy;
  }

  /** A copy of 32-bit numbers at a place that is divisible by 4. */
  readI32(at: number, count: number): Int32Array {
    return this.#i32.slice(at >>> 2, (at >>> 2) + count);
  }
}
