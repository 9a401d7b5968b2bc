/**
 * Writes the records of a flight recorder: numbers and bytes, copied into the ring as they are. It stands in the path of every
 * message, so it allocates nothing, and what is frequent has a form of its own without a loop over arguments.
 */
import type { Limits } from "../abi.gen.ts";
import type { Core } from "../core.ts";
import type { Memory } from "../memory.ts";
import { type Layout, Place } from "./layout.ts";
import { Field, HEADER, Kind } from "./records.ts";
import type { Ring } from "./ring.ts";
import { SHORT, Views } from "./views.ts";

const encoder = new TextEncoder();

const padded = (size: number): number => (size + 3) & ~3;

/** Appends records to a ring. */
export class Writer {
  /** The core's time: that of its last tick, 32 bits. */
  nowMs: number;
  /** How many events of the newest block were delivered, as the word of a record has it. */
  delivered = 0;
  /** Bytes of a record's part, at most. */
  readonly most: number;
  readonly #core: Core;
  readonly #memory: Memory;
  readonly #ring: Ring;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #received: Views;
  readonly #staged: Views;

  constructor(core: Core, ring: Ring, { recvBuffer, stageBuffer }: Limits, nowMs: number) {
    this.nowMs = nowMs | 0;
    this.most = (ring.bytes.length >>> 2) & ~3;
    this.#core = core;
    this.#memory = core.memory;
    this.#ring = ring;
    this.#bytes = ring.bytes;
    this.#words = ring.words;
    this.#received = new Views(core.memory, core.received, recvBuffer);
    this.#staged = new Views(core.memory, core.stage, stageBuffer);
  }

  /** How many of so many bytes are stored. */
  stored(size: number): number {
    return size > this.most ? this.most : size;
  }

  /** Begins a record with so many bytes behind its header. Returns the index of its first word. */
  begin(kind: number, handle: number, size: number): number {
    const at = this.#ring.append(HEADER + padded(size)) >>> 2;
    const words = this.#words;
    words[at + Field.KIND] = kind | this.delivered;
    words[at + Field.MS] = this.nowMs;
    words[at + Field.HANDLE] = handle;
    return at;
  }

  /** A step of a handle and a number. */
  number(kind: number, handle: number, number: number, result: number): void {
    const at = this.begin(kind, handle, 12);
    const words = this.#words;
    words[at + Field.RESULT] = result;
    words[at + Field.ARGS] = handle;
    words[at + Field.ARGS + 1] = number;
  }

  /** A delivery whose bytes are in the receive buffer. */
  received(kind: number, handle: number, size: number): void {
    const stored = this.stored(size);
    const at = this.begin(kind, handle, 16 + Views.written(stored));
    const words = this.#words;
    words[at + Field.RESULT] = 0;
    words[at + Field.ARGS] = handle;
    words[at + Field.ARGS + 1] = size;
    words[at + Field.ARGS + 2] = stored;
    this.#received.copy(stored, words, this.#bytes, at + Field.ARGS + 3);
  }

  /** A step of a handle and bytes. */
  bytes(kind: number, handle: number, data: number, size: number, result: number): void {
    const stored = this.stored(size);
    const at = this.begin(kind, handle, 20 + Views.written(stored));
    const words = this.#words;
    words[at + Field.RESULT] = result;
    words[at + Field.ARGS] = handle;
    words[at + Field.ARGS + 1] = data;
    words[at + Field.ARGS + 2] = size;
    words[at + Field.ARGS + 3] = stored;
    this.#copy(data, stored, at + Field.ARGS + 4);
  }

  /** A step of a handle, a number and bytes. */
  numberAndBytes(kind: number, handle: number, number: number, data: number, size: number, result: number): void {
    const stored = this.stored(size);
    const at = this.begin(kind, handle, 24 + Views.written(stored));
    const words = this.#words;
    words[at + Field.RESULT] = result;
    words[at + Field.ARGS] = handle;
    words[at + Field.ARGS + 1] = number;
    words[at + Field.ARGS + 2] = data;
    words[at + Field.ARGS + 3] = size;
    words[at + Field.ARGS + 4] = stored;
    this.#copy(data, stored, at + Field.ARGS + 5);
  }

  /** Any step: its layout says which arguments are bytes. Returns the index of its first word. */
  step(layout: Layout, kind: number, handle: number, args: readonly number[], result: number): number {
    const { blobs } = layout;
    let size = 4 + 4 * layout.args;
    for (const blob of blobs) size += 4 + padded(this.stored((args[blob.size] ?? 0) * blob.unit));
    const at = this.begin(kind, handle, size);
    const words = this.#words;
    words[at + Field.RESULT] = result;
    let to = at + Field.ARGS;
    for (let index = 0; index < layout.args; index++) words[to++] = args[index] ?? 0;
    for (const blob of blobs) {
      const stored = this.stored((args[blob.size] ?? 0) * blob.unit);
      words[to++] = stored;
      this.#memory.copyWords(this.#place(blob.at, args), stored, words, to);
      to += padded(stored) >>> 2;
    }
    return at;
  }

  /** What the host was asked to write, and how much it has taken. `pieces` are views of linear memory. */
  write(handle: number, pieces: readonly Uint8Array[], taken: number): void {
    let size = 0;
    for (let index = 0; index < pieces.length; index++) size += pieces[index]?.length ?? 0;
    const stored = this.stored(size);
    const at = this.begin(Kind.WRITE, handle, 12 + stored);
    const words = this.#words;
    words[at + Field.SIZE] = size;
    words[at + Field.TAKEN] = taken;
    words[at + Field.STORED] = stored;
    let to = (at + Field.BYTES) << 2;
    let left = stored;
    for (let index = 0; left > 0; index++) {
      const piece = pieces[index] as Uint8Array;
      const some = piece.length > left ? left : piece.length;
      /* Another piece than the first may begin anywhere. */
      if (some <= SHORT && (to & 3) === 0) this.#memory.copyWords(piece.byteOffset, some, words, to >>> 2);
      else this.#bytes.set(some === piece.length ? piece : piece.subarray(0, some), to);
      to += some;
      left -= some;
    }
  }

  /** What else the host was asked for. Returns the index of its first word. */
  asked(handle: number, asked: readonly (string | number)[]): number {
    const text = encoder.encode(JSON.stringify(asked));
    const at = this.begin(Kind.ASKED, handle, 4 + text.length);
    this.#words[at + Field.TEXT_SIZE] = text.length;
    this.#bytes.set(text, (at + Field.TEXT) << 2);
    return at;
  }

  /** A broadcast, which is made by `call`. The core overwrites the handles by results; nothing else is recorded meanwhile. */
  broadcast(handles: number, count: number, flags: number, data: number, size: number, call: () => number): number {
    const held = Math.min(count, this.most >>> 3);
    const stored = this.stored(size);
    const at = this.begin(Kind.BROADCAST, 0, 16 + 8 * held + stored);
    const words = this.#words;
    words[at + Field.COUNT] = held;
    words[at + Field.FLAGS] = flags;
    words[at + Field.WHOLE] = size;
    words[at + Field.HELD] = stored;
    const first = at + Field.HANDLES;
    this.#memory.copyWords(handles, 4 * held, words, first);
    this.#memory.copyWords(data, stored, words, first + 2 * held);
    const result = call();
    if (result < 0) words.fill(result, first + held, first + 2 * held);
    else this.#memory.copyWords(handles, 4 * held, words, first + held);
    return result;
  }

  /** Copies what is sent, for which `Views.written` has made space. */
  #copy(data: number, stored: number, index: number): void {
    if (data === this.#core.stage) this.#staged.copy(stored, this.#words, this.#bytes, index);
    else this.#memory.copyWords(data, stored, this.#words, index);
  }

  #place(at: number, args: readonly number[]): number {
    if (at >= 0) return (args[at] ?? 0) >>> 0;
    return at === Place.RECEIVED ? this.#core.received : this.#core.sender;
  }
}
