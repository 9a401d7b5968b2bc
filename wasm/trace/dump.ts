/** Makes lines of what a flight recorder holds: the oldest first, without secrets. */
import { Event, EventRecord, type Limits } from "../abi.gen.ts";
import { Memory } from "../memory.ts";
import { bytesOver, latin1Text } from "../text.ts";
import { type Layout, layouts, Place } from "./layout.ts";
import { Lines, type TraceLine } from "./lines.ts";
import { DELIVERED_SHIFT, Field, Form, Kind, Mark } from "./records.ts";
import { Redaction } from "./redact.ts";
import type { Ring } from "./ring.ts";
import { calls } from "./steps.ts";
import { Streams } from "./streams.ts";

/** What a recorder holds. */
export interface Recording {
  readonly ring: Ring;
  /** The first records of handles that live long. */
  readonly openings: ReadonlyMap<number, readonly Uint8Array[]>;
  /** The receive buffer, from the start of the arena. */
  readonly received: number;
  readonly nowMs: number;
  readonly limits: Limits;
  /** Names of further secret header fields. */
  readonly secrets: readonly string[];
  /** Whether the application has closed a handle, and its end has not been reported yet. */
  isLeaving(handle: number): boolean;
}

/** Events whose bytes are text of HTTP, or may be. */
const TEXTS = new Set<number>([Event.DATA, Event.HTTP_HEAD, Event.HTTP_BODY, Event.HTTP_TRAILER]);

/** Events that only WebSockets have. */
const FRAMES = new Set<number>([Event.MESSAGE, Event.PING, Event.PONG, Event.CLOSE]);

const padded = (size: number): number => (size + 3) & ~3;

/** The lines as text, of one handle or of all. */
export function dump(recording: Recording, only: number | undefined): string {
  return new Dump(recording, only).text();
}

/** Where the bytes of an argument are, how many are stored, and how many there were. */
interface Part {
  readonly at: number;
  readonly stored: number;
  readonly size: number;
}

class Dump {
  readonly #recording: Recording;
  readonly #only: number | undefined;
  /** A copy of the records, one behind the other, and space for one more. */
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  /** The first word of each record. */
  readonly #places: number[] = [];
  /** Which record is the first one of the ring. */
  readonly #newest: number;
  readonly #spare: number;
  readonly #redaction: Redaction;
  readonly #streams: Streams;
  /** Who has accepted the connection that is asked for. */
  #listener: number | undefined;

  constructor(recording: Recording, only: number | undefined) {
    this.#recording = recording;
    this.#only = only;
    const { beginnings, held } = recordsOf(recording);
    const records = [...beginnings, ...held];
    this.#newest = beginnings.length;
    const size = records.reduce((sum, record) => sum + record.length, 0);
    const most = Math.max(0, ...records.map((record) => record.length));
    this.#spare = size;
    const buffer = new ArrayBuffer(size + most);
    this.#bytes = bytesOver(buffer);
    this.#words = new Int32Array(buffer);
    let at = 0;
    for (const record of records) {
      this.#bytes.set(record, at);
      this.#places.push(at >>> 2);
      at += record.length;
    }
    this.#redaction = new Redaction(recording.secrets);
    this.#streams = new Streams(this.#bytes, this.#redaction);
  }

  text(): string {
    this.#prepare();
    this.#streams.redact();
    return this.#write();
  }

  #word(at: number, field: number): number {
    return this.#words[at + field] as number;
  }

  // ---- What is secret, and where the bytes of events are

  #prepare(): void {
    let delivered: Part | undefined;
    let deliveredTo = 0;
    for (const at of this.#places) {
      const handle = this.#word(at, Field.HANDLE);
      const kind = this.#word(at, Field.KIND) & 0xffff;
      const isOpen = kind === Kind.ASKED && this.#asked(at)[0] === "open";
      if (kind !== Kind.BROADCAST) this.#streams.begin(handle, isOpen);
      if (isOpen) this.#streams.reopen(handle);
      const layout = layoutOf(kind);
      if (layout !== undefined) {
        const parts = this.#parts(at, layout);
        this.#step(layout, handle, at, parts);
        if (layout.blobs[0]?.at === Place.RECEIVED) [delivered, deliveredTo] = [parts[0], handle];
      } else if (kind === Kind.ACCEPTED) {
        const accepted = this.#word(at, Field.RESULT);
        this.#streams.begin(accepted, true);
        if (accepted === this.#only) this.#listener = handle;
      } else if (kind === Kind.WRITE) {
        this.#streams.add(handle, "write", (at + Field.BYTES) << 2, this.#word(at, Field.STORED));
      } else if (kind === Kind.EVENT) {
        this.#event(at, handle, deliveredTo === handle ? delivered : undefined);
      }
    }
  }

  #step({ name }: Layout, handle: number, at: number, parts: readonly Part[]): void {
    const [first, second, third] = parts;
    if (first === undefined) return;
    switch (name) {
      case "twc_received":
      case "twc_unread":
      case "twc_send":
        this.#streams.add(handle, name, first.at, first.stored);
        break;
      case "twc_http_send":
        this.#change(first, (text) => this.#redaction.pairs(text));
        if (second !== undefined) this.#change(second, (text) => this.#redaction.text(text));
        break;
      case "twc_http_send_body":
        this.#change(first, (text) => this.#redaction.text(text));
        if (second !== undefined) this.#change(second, (text) => this.#redaction.pairs(text));
        break;
      case "twc_ws_accept":
        this.#change(first, (text) => this.#redaction.text(text));
        if (third !== undefined) this.#change(third, (text) => this.#redaction.pairs(text));
        if (this.#word(at, Field.RESULT) >= 0) this.#streams.upgrade(handle);
        break;
      case "twc_ws_attach":
      case "twc_ws_send":
      case "twc_ws_ping":
      case "twc_ws_pong":
      case "twc_ws_close":
        this.#streams.upgrade(handle);
        break;
      case "twc_ws_header":
        if (
          second !== undefined &&
          this.#redaction.isSecret(latin1Text(this.#bytes, first.at, first.at + first.stored))
        )
          this.#change(second, (text) => this.#redaction.value(text));
        break;
      case "twc_ws_basic_auth":
        for (const part of parts) this.#bytes.fill(0x2a, part.at, part.at + part.stored);
        break;
      case "twc_ws_connect":
      case "twc_ws_connect_via":
      case "twc_ws_connect_allowed":
        this.#change(first, (text) => this.#redaction.text(text));
        break;
    }
  }

  /** Replaces the text of an argument by one of the same length. */
  #change({ at, stored }: Part, change: (text: string) => string): void {
    const text = change(latin1Text(this.#bytes, at, at + stored));
    for (let index = 0; index < stored; index++) this.#bytes[at + index] = text.charCodeAt(index);
  }

  /** Finds the bytes of an event, and how the core has unmasked them: RFC 6455 5.3. */
  #event(at: number, handle: number, delivered: Part | undefined): void {
    const type = this.#typeOf(at);
    if (FRAMES.has(type)) this.#streams.upgrade(handle);
    /* The sender is gone as well. */
    if (type === Event.DATAGRAM && delivered === undefined)
      this.#words[at + Field.RECORD + (EventRecord.detail >>> 2)] = 0;
    const form = this.#word(at, Field.FORM);
    const place = this.#word(at, Field.PLACE);
    if (form === Form.COPY && TEXTS.has(type))
      this.#streams.add(handle, `event ${type}`, (at + Field.COPY) << 2, place);
    if (form !== Form.REFERENCE) return;
    if (delivered === undefined || place + this.#sizeOf(at) > delivered.stored) {
      this.#words[at + Field.FORM] = Form.NONE;
      return;
    }
    const first = this.#bytes.subarray(delivered.at + place, delivered.at + place + Math.min(4, this.#sizeOf(at)));
    let key = 0;
    for (const [index, byte] of first.entries()) {
      key |= (byte ^ ((this.#word(at, Field.FIRST) >>> (8 * index)) & 255)) << (8 * index);
    }
    this.#words[at + Field.FIRST] = key;
    this.#words[at + Field.PLACE] = delivered.at + place;
  }

  // ---- Lines

  #write(): string {
    const { limits, isLeaving, nowMs, ring } = this.#recording;
    const out: string[] = [];
    const newest = this.#newest;
    const oldest = this.#places[newest];
    const age = oldest === undefined ? 0 : (nowMs - this.#word(oldest, Field.MS)) >>> 0;
    let ms = 0;
    let left = 0;
    const source = { memory: new Memory(this.#words), arena: 0, received: 0, sender: 0 };
    const lines = new Lines(source, (line: TraceLine) => {
      out.push(JSON.stringify(left > 0 ? { ms, ...line, left } : { ms, ...line }));
    });
    const leaving = new Set<number>();
    for (const [index, at] of this.#places.entries()) {
      const handle = this.#word(at, Field.HANDLE);
      if (!this.#isWanted(at, handle)) continue;
      ms = index < newest ? 0 : Math.max(0, age - ((nowMs - this.#word(at, Field.MS)) >>> 0));
      left = 0;
      if (isLeaving(handle)) leaving.add(handle);
      const kind = this.#word(at, Field.KIND) & 0xffff;
      const layout = layoutOf(kind);
      if (layout !== undefined) {
        const parts = this.#parts(at, layout);
        const args = Array.from({ length: layout.args }, (_, arg) => this.#word(at, Field.ARGS + arg));
        for (const [part, blob] of layout.blobs.entries()) {
          const { at: place, stored, size } = parts[part] as Part;
          if (blob.at >= 0) args[blob.at] = place;
          else source[blob.at === Place.RECEIVED ? "received" : "sender"] = place;
          args[blob.size] = Math.floor(stored / blob.unit);
          left += size - stored;
        }
        const step = layout.describe(source, args);
        if (layout.kind === "host") lines.host(step);
        else lines.call(handle, step, this.#word(at, Field.RESULT));
      } else if (kind === Kind.ACCEPTED) {
        lines.accepted(handle, this.#word(at, Field.RESULT));
      } else if (kind === Kind.WRITE) {
        const [size, taken, stored] = [Field.SIZE, Field.TAKEN, Field.STORED].map((field) => this.#word(at, field));
        left = (size ?? 0) - (stored ?? 0);
        const first = (at + Field.BYTES) << 2;
        lines.wrote(handle, this.#bytes.subarray(first, first + (stored ?? 0)), size ?? 0, taken ?? 0);
      } else if (kind === Kind.ASKED) {
        const [word = "", ...rest] = this.#asked(at);
        lines.asked(handle, `${word}`, rest);
      } else if (kind === Kind.EVENT) {
        left = this.#place(at);
        lines.event((at + Field.RECORD) << 2, this.#sizeOf(at) - left);
      } else {
        this.#broadcast(at, (to, message, result) => {
          if (this.#only === undefined || to === this.#only) lines.call(to, message(source), result);
        });
      }
    }
    const began = new Date(Date.now() - age).toISOString();
    const unfinished = leaving.size === 0 ? {} : { unfinished: [...leaving].map((handle) => lines.name(handle)) };
    return `${[JSON.stringify({ ms: 0, began, lost: ring.lost, limits, ...unfinished }), ...out].join("\n")}\n`;
  }

  #isWanted(at: number, handle: number): boolean {
    if (this.#only === undefined || handle === this.#only) return true;
    const kind = this.#word(at, Field.KIND) & 0xffff;
    if (kind === Kind.BROADCAST) return true;
    return handle === this.#listener && (kind !== Kind.ACCEPTED || this.#word(at, Field.RESULT) === this.#only);
  }

  /** Puts the bytes of an event where its record says that they are. Returns how many are missing. */
  #place(at: number): number {
    const size = this.#sizeOf(at);
    const [form, place, key] = [Field.FORM, Field.PLACE, Field.FIRST].map((field) => this.#word(at, field));
    const record = (at + Field.RECORD) << 2;
    const pointTo = (place: number): void => {
      this.#words[(record + EventRecord.data) >>> 2] = place;
    };
    if (form === Form.NONE) return size;
    if (form === Form.COPY) {
      pointTo((at + Field.COPY) << 2);
      return size - (place ?? 0);
    }
    pointTo(this.#spare);
    for (let index = 0; index < size; index++) {
      const masked = this.#bytes[(place ?? 0) + index] ?? 0;
      this.#bytes[this.#spare + index] = masked ^ ((key ?? 0) >>> (8 * (index & 3)));
    }
    return 0;
  }

  #broadcast(
    at: number,
    each: (
      to: number,
      message: (source: Parameters<Layout["describe"]>[0]) => ReturnType<Layout["describe"]>,
      result: number,
    ) => void,
  ): void {
    const count = this.#word(at, Field.COUNT);
    const first = at + Field.HANDLES;
    const place = (first + 2 * count) << 2;
    const describe = calls.twc_ws_send as Layout["describe"];
    for (let index = 0; index < count; index++) {
      const args = [0, this.#word(at, Field.FLAGS), place, this.#word(at, Field.HELD)];
      each(
        this.#words[first + index] ?? 0,
        (source) => describe(source, args),
        this.#words[first + count + index] ?? 0,
      );
    }
  }

  // ---- Records

  /** The bytes of a step. */
  #parts(at: number, { args, blobs }: Layout): Part[] {
    let next = at + Field.ARGS + args;
    return blobs.map(({ size, unit }) => {
      const stored = this.#words[next] ?? 0;
      const part = { at: (next + 1) << 2, stored, size: this.#word(at, Field.ARGS + size) * unit };
      next += 1 + (padded(stored) >>> 2);
      return part;
    });
  }

  #asked(at: number): (string | number)[] {
    const first = (at + Field.TEXT) << 2;
    const text = this.#bytes.subarray(first, first + this.#word(at, Field.TEXT_SIZE));
    return JSON.parse(new TextDecoder().decode(text)) as (string | number)[];
  }

  #typeOf(at: number): number {
    return this.#word(at, Field.RECORD + (EventRecord.type >>> 2)) & 0xffff;
  }

  #sizeOf(at: number): number {
    return this.#word(at, Field.RECORD + (EventRecord.size >>> 2));
  }
}

function layoutOf(kind: number): Layout | undefined {
  return (kind & 255) === Kind.STEP ? layouts[kind >>> 8] : undefined;
}

/** The records: beginnings that the ring has lost, then what it holds. */
function recordsOf(recording: Recording): { readonly beginnings: Uint8Array[]; readonly held: Uint8Array[] } {
  const held = [...heldBy(recording)];
  const known = new Set(held.map(keyOf));
  const beginnings = [...recording.openings.values()]
    .filter(([first]) => first !== undefined && !known.has(keyOf(first)))
    .flatMap((records) => records.filter((record) => !known.has(keyOf(record))));
  return { beginnings, held };
}

/** The records of the ring, with a record for each event, where it was delivered. */
function* heldBy({ ring, received }: Recording): Generator<Uint8Array> {
  let block = -1;
  let next = 0;
  function* until(end: number): Generator<Uint8Array> {
    for (; block >= 0 && next < Math.min(end, ring.words[block + Field.EVENT_COUNT] ?? 0); next++) {
      const event = eventOf(ring, block, next, received);
      if (event !== undefined) yield event;
    }
  }
  for (const place of ring.places()) {
    const at = place >>> 2;
    const kind = ring.words[at + Field.KIND] ?? 0;
    const isBlock = (kind & 255) === Kind.EVENTS;
    yield* until(isBlock ? Number.POSITIVE_INFINITY : kind >>> DELIVERED_SHIFT);
    if (isBlock) [block, next] = [at, 0];
    else yield ring.bytes.subarray(place, place + (ring.words[at] ?? 0));
  }
  yield* until(Number.POSITIVE_INFINITY);
}

/** An event of a block as a record of its own, if it was delivered. */
function eventOf({ words }: Ring, block: number, index: number, received: number): Uint8Array | undefined {
  const count = words[block + Field.EVENT_COUNT] ?? 0;
  const size = EventRecord.SIZE >>> 2;
  const from = block + Field.EVENTS + index * size;
  const type = words[from] ?? 0;
  if ((type & Mark.DELIVERED) === 0) return undefined;
  const record = new Int32Array(Field.COPY);
  const handle = words[from + (EventRecord.handle >>> 2)] ?? 0;
  record.set([4 * Field.COPY, Kind.EVENT, words[block + Field.MS] ?? 0, handle]);
  record.set(words.subarray(from, from + size), Field.RECORD);
  record[Field.RECORD] = type & ~Mark.DELIVERED;
  const isEmpty = words[from + (EventRecord.size >>> 2)] === 0;
  record[Field.FORM] = isEmpty ? Form.NONE : Form.REFERENCE;
  record[Field.PLACE] = isEmpty ? 0 : (words[from + (EventRecord.data >>> 2)] ?? 0) - received;
  record[Field.FIRST] = words[block + Field.EVENTS + count * size + index] ?? 0;
  return new Uint8Array(record.buffer);
}

/** What differs between two records of a handle: kind, time and handle, and the first word behind them. */
function keyOf(record: Uint8Array): string {
  return record.subarray(0, 20).join();
}
