/** Records events as the core has them: a block of event records at once, with a mark for each that was delivered. */
import { EventRecord } from "../abi.gen.ts";
import type { Core } from "../core.ts";
import { DELIVERED_SHIFT, Field, Form, Kind, Mark } from "./records.ts";
import type { Ring } from "./ring.ts";
import type { Writer } from "./writer.ts";

/** Events of a block. */
const MOST_EVENTS = 64;

/** The size of an event record is a power of two. */
const SHIFT = Math.log2(EventRecord.SIZE);

/** Copies event records to a ring. */
export class EventBlocks {
  readonly #core: Core;
  readonly #ring: Ring;
  readonly #words: Int32Array;
  readonly #writer: Writer;
  /** Where the receive buffer ends. */
  readonly #receivedEnd: number;
  /** Where the core's event records end, and from which to which the block has them. */
  #end = 0;
  #blockStart = 0;
  #blockEnd = 0;
  /** Its number among all records, and the word of its first mark. */
  #number = 0;
  #marks = 0;

  constructor(core: Core, ring: Ring, writer: Writer, recvBuffer: number) {
    this.#core = core;
    this.#ring = ring;
    this.#words = ring.words;
    this.#writer = writer;
    this.#receivedEnd = core.received + recvBuffer;
  }

  /** So many event records are there. */
  begin(count: number): void {
    this.#end = this.#core.events + (count << SHIFT);
    this.#blockEnd = 0;
  }

  /** The event at this place of the core's memory is delivered. */
  delivered(record: number): void {
    if (record >= this.#blockEnd) this.#copy(record);
    const own = (record - this.#blockStart) >>> SHIFT;
    this.#writer.delivered = (own + 1) << DELIVERED_SHIFT;
    const mark = this.#marks + own;
    /* What the application did meanwhile may have replaced the block. */
    if (this.#number > this.#ring.lost && this.#words[mark] !== Mark.SEPARATE) this.#words[mark] = Mark.DELIVERED;
    else this.#separate(record);
  }

  /** Copies the event records from this one on, as far as a block reaches. Their bytes are in the delivery. */
  #copy(record: number): void {
    const { memory, arena, received } = this.#core;
    const left = (this.#end - record) >>> SHIFT;
    const count = left > MOST_EVENTS ? MOST_EVENTS : left;
    this.#writer.delivered = 0;
    const at = this.#writer.begin(Kind.EVENTS, count, count * (EventRecord.SIZE + 8));
    const words = this.#words;
    memory.copyWords(record, count << SHIFT, words, at + Field.EVENTS);
    const first = at + Field.EVENTS + ((count << SHIFT) >>> 2);
    const marks = first + count;
    for (let own = 0; own < count; own++) {
      const event = record + (own << SHIFT);
      const size = memory.eventSize(event);
      const data = arena + memory.eventData(event);
      const isThere = data >= received && data + size <= this.#receivedEnd;
      words[first + own] = size > 0 ? memory.word(data) : 0;
      words[marks + own] = size === 0 || isThere ? Mark.NONE : Mark.SEPARATE;
    }
    this.#blockStart = record;
    this.#blockEnd = record + (count << SHIFT);
    this.#number = this.#ring.records + this.#ring.lost;
    this.#marks = marks;
  }

  /** Records an event by itself, with its bytes. */
  #separate(record: number): void {
    const { memory, arena } = this.#core;
    const size = memory.eventSize(record);
    const data = arena + memory.eventData(record);
    const stored = this.#writer.stored(size);
    const at = this.#writer.begin(Kind.EVENT, memory.eventHandle(record), EventRecord.SIZE + 12 + stored);
    const words = this.#words;
    memory.copyWords(record, EventRecord.SIZE, words, at + Field.RECORD);
    words[at + Field.FORM] = size === 0 ? Form.NONE : Form.COPY;
    words[at + Field.PLACE] = stored;
    words[at + Field.FIRST] = 0;
    memory.copyWords(data, stored, words, at + Field.COPY);
  }
}
