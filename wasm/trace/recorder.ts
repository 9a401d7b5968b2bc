/**
 * The flight recorder: copies what passes the core interface into a ring, as numbers and bytes. It stands in the path of every
 * message, so it allocates nothing there; `Dump` makes lines of the records when they are asked for.
 */
import { type CoreExports, Event, EventRecord, type Limits } from "../abi.gen.ts";
import type { Core } from "../core.ts";
import type { TwinwireError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { callSafely, report } from "../report.ts";
import { dump, type Recording } from "./dump.ts";
import { type Layout, layouts, Place } from "./layout.ts";
import { DELIVERED_SHIFT, Field, Form, HEADER, Kind, Mark } from "./records.ts";
import { Ring } from "./ring.ts";
import type { Watched, Watcher } from "./watcher.ts";

/** Handles whose beginning is kept beside the ring, and records of it. */
const MOST_OPENINGS = 64;
const MOST_RECORDS = 16;

/** Events that are copied at once. */
const MOST_EVENTS = 64;

/** Handles that live long and serve many: listeners and UDP sockets. */
const LASTING = new Set<keyof CoreExports>(["twc_listen", "twc_udp_open", "twc_udp_bind"]);

/** What belongs to their beginning. */
const BEGINNING = new Set<keyof CoreExports>([
  ...(["twc_connected", "twc_set_address_limits", "twc_set_tls", "twc_udp_connect"] as const),
]);

const encoder = new TextEncoder();

type Call = (...args: number[]) => number;

type Mutable = { -readonly [Name in keyof CoreExports]: CoreExports[Name] };

/** How to record. */
export interface RecorderSettings {
  /** The bytes of the ring. */
  readonly bytes: number;
  readonly onError: ((error: TwinwireError) => unknown) | undefined;
  readonly everyMs: number;
  readonly secrets: readonly string[];
}

const padded = (size: number): number => (size + 3) & ~3;

/** Records what passes the core interface in a ring. */
export class Recorder implements Watcher {
  readonly #core: Core;
  readonly #limits: Limits;
  readonly #settings: RecorderSettings;
  readonly #isLeaving: (handle: number) => boolean;
  readonly #ring: Ring;
  /** Bytes of a record's part, at most. */
  readonly #most: number;
  readonly #memory: Memory;
  readonly #args = new Int32Array(16);
  /** Where the receive buffer ends. */
  readonly #receivedEnd: number;
  readonly #openings = new Map<number, Uint8Array[]>();
  /** Event records that are there, and those that were copied last: from which to which, and where their marks are. */
  #count = 0;
  #blockStart = 0;
  #blockEnd = 0;
  #blockNumber = 0;
  #marks = 0;
  /** How many of these were delivered, as the word of a record has it. */
  #delivered = 0;
  /** The record of what the host was asked last. */
  #asked = 0;
  /** The core's time: that of its last tick, 32 bits. */
  #nowMs: number;
  #failedMs: number | undefined;

  constructor({ core, isLeaving, limits, nowMs }: Watched, settings: RecorderSettings) {
    this.#core = core;
    this.#limits = limits;
    this.#settings = settings;
    this.#isLeaving = isLeaving;
    this.#nowMs = nowMs | 0;
    this.#ring = new Ring(settings.bytes & ~3);
    this.#most = (settings.bytes >>> 2) & ~3;
    this.#memory = core.memory;
    this.#receivedEnd = core.received + limits.recvBuffer;
  }

  get records(): number {
    return this.#ring.records;
  }

  get lost(): number {
    return this.#ring.lost;
  }

  /** The records as lines, of one handle or of all. */
  dump(only: number | undefined): string {
    const recording: Recording = {
      ring: this.#ring,
      openings: this.#openings,
      received: this.#core.received - this.#core.arena,
      nowMs: this.#nowMs,
      limits: this.#limits,
      secrets: this.#settings.secrets,
      isLeaving: this.#isLeaving,
    };
    return dump(recording, only);
  }

  watch(exports: CoreExports): CoreExports {
    const watched: Record<string, unknown> & Partial<Pick<Mutable, "twc_accepted" | "twc_tick" | "twc_ws_broadcast">> =
      { ...exports };
    for (const [index, layout] of layouts.entries()) {
      watched[layout.name] = this.#wrap(layout, index, exports[layout.name] as unknown as Call);
    }
    watched.twc_tick = (self: number, nowMs: number): number => {
      this.#nowMs = nowMs | 0;
      return exports.twc_tick(self, nowMs);
    };
    watched.twc_accepted = (self: number, listener: number): number => {
      const result = exports.twc_accepted(self, listener);
      if (result >= 0) this.#ring.words[this.#begin(Kind.ACCEPTED, listener, 4) + Field.RESULT] = result;
      return result;
    };
    watched.twc_ws_broadcast = (
      self: number,
      handles: number,
      count: number,
      flags: number,
      at: number,
      size: number,
    ) => this.#broadcast(exports, self, handles, count, flags, at, size);
    return watched as unknown as CoreExports;
  }

  /** `pieces` are views of linear memory. */
  wrote(handle: number, pieces: readonly Uint8Array[], taken: number): void {
    let size = 0;
    for (let index = 0; index < pieces.length; index++) size += pieces[index]?.length ?? 0;
    const stored = size > this.#most ? this.#most : size;
    const at = this.#begin(Kind.WRITE, handle, 12 + stored);
    const { words } = this.#ring;
    words[at + Field.SIZE] = size;
    words[at + Field.TAKEN] = taken;
    words[at + Field.STORED] = stored;
    let to = (at + Field.BYTES) << 2;
    let left = stored;
    for (let index = 0; left > 0; index++) {
      const piece = pieces[index] as Uint8Array;
      const some = piece.length > left ? left : piece.length;
      /* Another piece than the first may begin anywhere. */
      if ((to & 3) === 0) this.#memory.copyWords(piece.byteOffset, some, words, to >>> 2);
      else this.#ring.bytes.set(some === piece.length ? piece : piece.subarray(0, some), to);
      to += some;
      left -= some;
    }
  }

  asked(handle: number, word: string, ...rest: readonly (string | number)[]): void {
    const text = encoder.encode(JSON.stringify([word, ...rest]));
    const at = this.#begin(Kind.ASKED, handle, 4 + text.length);
    this.#ring.words[at + Field.TEXT_SIZE] = text.length;
    this.#ring.bytes.set(text, (at + Field.TEXT) << 2);
    this.#asked = at;
  }

  batch(count: number): void {
    this.#count = count;
    this.#blockEnd = 0;
  }

  event(record: number): void {
    const index = ((record - this.#core.events) / EventRecord.SIZE) | 0;
    if (index >= this.#blockEnd) this.#copyEvents(record, index);
    const own = index - this.#blockStart;
    this.#delivered = (own + 1) << DELIVERED_SHIFT;
    const { words } = this.#ring;
    /* What the application did meanwhile may have replaced the block. */
    const isThere = this.#blockNumber > this.#ring.lost;
    if (!isThere || words[this.#marks + own] === Mark.SEPARATE) this.#separate(record);
    else words[this.#marks + own] = Mark.DELIVERED;
    if (this.#openings.size > 0 && this.#memory.eventType(record) === Event.CONNECTED) this.#keepEvent(record);
  }

  failed(make: () => TwinwireError): void {
    const { onError, everyMs } = this.#settings;
    if (onError === undefined) return;
    if (this.#failedMs !== undefined && (this.#nowMs - this.#failedMs) >>> 0 < everyMs) return;
    this.#failedMs = this.#nowMs;
    const error = make();
    /* When what is delivered now has been recorded. */
    queueMicrotask(() => callSafely(() => onError(error), report));
  }

  /** Ends the recording of beginnings, too. */
  clear(): void {
    this.#openings.clear();
  }

  #wrap(layout: Layout, index: number, original: Call): Call {
    const kind = Kind.STEP | (index << 8);
    const args = this.#args;
    const [blob] = layout.blobs;
    const isSimple = layout.blobs.length <= 1 && !layout.opens && !BEGINNING.has(layout.name);
    if (layout.kind === "host") {
      if (layout.name === "twc_received") {
        return (self: number, handle: number, size = 0): number => {
          this.#bytes(kind, handle, 2, this.#core.received, size, size, 0, 0);
          return original(self, handle, size);
        };
      }
      /* Recorded before the call: the core unmasks in place. */
      return (self: number, handle: number, size = 0, addressSize = 0, port = 0): number => {
        args[0] = handle;
        args[1] = size;
        args[2] = addressSize;
        args[3] = port;
        const at = this.#step(layout, kind, handle, 0);
        if (!isSimple) this.#keep(handle, at);
        return original(self, handle, size, addressSize, port);
      };
    }
    if (isSimple && layout.args <= 2 && blob === undefined) {
      return (self: number, handle: number, number = 0): number => {
        const result = original(self, handle, number);
        const at = this.#begin(kind, handle, 4 + 4 * layout.args);
        const { words } = this.#ring;
        words[at + Field.RESULT] = result;
        words[at + Field.ARGS] = handle;
        if (layout.args === 2) words[at + Field.ARGS + 1] = number;
        return result;
      };
    }
    if (isSimple && blob?.unit === 1 && layout.args === 3 && blob.at === 1 && blob.size === 2) {
      return (self: number, handle: number, data: number, size = 0): number => {
        const result = original(self, handle, data, size);
        this.#bytes(kind, handle, 3, data, size, data, size, result);
        return result;
      };
    }
    if (isSimple && blob?.unit === 1 && layout.args === 4 && blob.at === 2 && blob.size === 3) {
      return (self: number, handle: number, flags: number, data = 0, size = 0): number => {
        const result = original(self, handle, flags, data, size);
        const at = this.#bytes(kind, handle, 4, data, size, flags, data, result);
        this.#ring.words[at + Field.ARGS + 3] = size;
        return result;
      };
    }
    return (self: number, ...given: number[]): number => {
      const result = original(self, ...given);
      args.set(given);
      if (layout.opens && result < 0) return result;
      const at = this.#step(layout, kind, layout.opens ? result : (given[0] ?? 0), result);
      if (LASTING.has(layout.name) && result >= 0) {
        this.#open(result);
        this.#keep(result, this.#asked);
        this.#keep(result, at);
      } else if (BEGINNING.has(layout.name)) {
        this.#keep(given[0] ?? 0, at);
      }
      return result;
    };
  }

  /** A step of up to four arguments whose bytes are `size` at `from`: the form of almost every step, without a loop. */
  #bytes(
    kind: number,
    handle: number,
    count: number,
    from: number,
    size: number,
    second: number,
    third: number,
    result: number,
  ): number {
    const stored = size > this.#most ? this.#most : size;
    const at = this.#begin(kind, handle, 8 + 4 * count + stored);
    const { words } = this.#ring;
    words[at + Field.RESULT] = result;
    words[at + Field.ARGS] = handle;
    words[at + Field.ARGS + 1] = second;
    if (count > 2) words[at + Field.ARGS + 2] = third;
    words[at + Field.ARGS + count] = stored;
    this.#memory.copyWords(from, stored, words, at + Field.ARGS + count + 1);
    return at;
  }

  #step(layout: Layout, kind: number, handle: number, result: number): number {
    const { blobs } = layout;
    const args = this.#args;
    let size = 4 + 4 * layout.args;
    for (let index = 0; index < blobs.length; index++) {
      const blob = blobs[index] as Layout["blobs"][number];
      size += 4 + padded(this.#stored((args[blob.size] as number) * blob.unit));
    }
    const at = this.#begin(kind, handle, size);
    const { words } = this.#ring;
    words[at + Field.RESULT] = result;
    let to = at + Field.ARGS;
    for (let index = 0; index < layout.args; index++) words[to++] = args[index] as number;
    for (let index = 0; index < blobs.length; index++) {
      const blob = blobs[index] as Layout["blobs"][number];
      const stored = this.#stored((args[blob.size] as number) * blob.unit);
      words[to++] = stored;
      const from =
        blob.at >= 0
          ? (args[blob.at] as number) >>> 0
          : blob.at === Place.RECEIVED
            ? this.#core.received
            : this.#core.sender;
      this.#memory.copyWords(from, stored, words, to);
      to += padded(stored) >>> 2;
    }
    return at;
  }

  #broadcast(
    exports: CoreExports,
    self: number,
    handles: number,
    count: number,
    flags: number,
    data: number,
    size: number,
  ): number {
    /* The core overwrites the handles by results; nothing else is recorded meanwhile. */
    const held = Math.min(count, this.#most >>> 3);
    const stored = this.#stored(size);
    const at = this.#begin(Kind.BROADCAST, 0, 16 + 8 * held + stored);
    const { words } = this.#ring;
    words[at + Field.COUNT] = held;
    words[at + Field.FLAGS] = flags;
    words[at + Field.WHOLE] = size;
    words[at + Field.HELD] = stored;
    const first = at + Field.HANDLES;
    for (let index = 0; index < held; index++) words[first + index] = this.#memory.word(handles + 4 * index);
    this.#memory.copyWords(data, stored, words, first + 2 * held);
    const result = exports.twc_ws_broadcast(self, handles, count, flags, data, size);
    for (let index = 0; index < held; index++) {
      words[first + held + index] = result < 0 ? result : this.#memory.word(handles + 4 * index);
    }
    return result;
  }

  #stored(size: number): number {
    return size > this.#most ? this.#most : size;
  }

  /** Begins a record with so many bytes behind its header. Returns the index of its first word. */
  #begin(kind: number, handle: number, size: number): number {
    const at = this.#ring.append(HEADER + padded(size)) >>> 2;
    const { words } = this.#ring;
    words[at + Field.KIND] = kind | this.#delivered;
    words[at + Field.MS] = this.#nowMs;
    words[at + Field.HANDLE] = handle;
    return at;
  }

  /** A handle's beginning is kept from now on. */
  #open(handle: number): void {
    for (const oldest of this.#openings.keys()) {
      if (this.#openings.size < MOST_OPENINGS) break;
      this.#openings.delete(oldest);
    }
    this.#openings.set(handle, []);
  }

  /** Copies the event records from this one on, as far as a block reaches. Their bytes are in the delivery. */
  #copyEvents(record: number, index: number): void {
    const { memory, arena, received } = this.#core;
    const left = this.#count - index;
    const count = left > MOST_EVENTS ? MOST_EVENTS : left;
    this.#delivered = 0;
    const at = this.#begin(Kind.EVENTS, count, count * (EventRecord.SIZE + 8));
    const { words } = this.#ring;
    memory.copyWords(record, count * EventRecord.SIZE, words, at + Field.EVENTS);
    const first = at + Field.EVENTS + count * (EventRecord.SIZE >>> 2);
    const marks = first + count;
    for (let own = 0; own < count; own++) {
      const event = record + own * EventRecord.SIZE;
      const size = memory.eventSize(event);
      const data = arena + memory.eventData(event);
      const isThere = data >= received && data + size <= this.#receivedEnd;
      words[first + own] = size > 0 ? memory.word(data) : 0;
      words[marks + own] = size === 0 || isThere ? Mark.NONE : Mark.SEPARATE;
    }
    this.#blockStart = index;
    this.#blockEnd = index + count;
    this.#blockNumber = this.#ring.records + this.#ring.lost;
    this.#marks = marks;
  }

  /** Records an event by itself, with its bytes. */
  #separate(record: number): void {
    const { memory, arena } = this.#core;
    const size = memory.eventSize(record);
    const data = arena + memory.eventData(record);
    const stored = this.#stored(size);
    const at = this.#begin(Kind.EVENT, memory.eventHandle(record), EventRecord.SIZE + 12 + stored);
    const { words } = this.#ring;
    memory.copyWords(record, EventRecord.SIZE, words, at + Field.RECORD);
    words[at + Field.FORM] = size === 0 ? Form.NONE : Form.COPY;
    words[at + Field.PLACE] = stored;
    words[at + Field.FIRST] = 0;
    memory.copyWords(data, stored, words, at + Field.COPY);
  }

  /** CONNECTED of a handle whose beginning is kept: as it is when blocks are taken apart. */
  #keepEvent(record: number): void {
    const handle = this.#memory.eventHandle(record);
    const records = this.#openings.get(handle);
    if (records === undefined || records.length >= MOST_RECORDS) return;
    const words = new Int32Array(Field.COPY);
    words.set([4 * Field.COPY, Kind.EVENT, this.#nowMs, handle]);
    this.#memory.copyWords(record, EventRecord.SIZE, words, Field.RECORD);
    records.push(new Uint8Array(words.buffer));
  }

  /** The record at this word is one of a beginning, if its handle's is kept. */
  #keep(handle: number, at: number): void {
    const records = this.#openings.get(handle);
    if (records === undefined || records.length >= MOST_RECORDS) return;
    const { bytes, words } = this.#ring;
    records.push(bytes.slice(at << 2, (at << 2) + (words[at] as number)));
  }
}
