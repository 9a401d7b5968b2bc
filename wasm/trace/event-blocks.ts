/** Records events as the core has them: a block of event records at once, in which those that were delivered are marked. */
import { EventRecord } from "../abi.gen.ts";
import type { Core } from "../core.ts";
import { DELIVERED_SHIFT, Field, Form, Kind, Mark } from "./records.ts";
import type { Ring } from "./ring.ts";
import { Views } from "./views.ts";
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
  readonly #views: Views;
  /** Where the receive buffer ends. */
  readonly #receivedEnd: number;
  /** Where the core's event records end, and from which to which the block has them. */
  #end = 0;
  #blockStart = 0;
  #blockEnd = 0;
  /** Its number among all records, and the word of its first event record. */
  #number = 0;
  #records = 0;

  constructor(core: Core, ring: Ring, writer: Writer, recvBuffer: number) {
    this.#core = core;
    this.#ring = ring;
    this.#words = ring.words;
    this.#writer = writer;
    this.#views = new Views(core.memory, core.events, MOST_EVENTS << SHIFT);
    this.#receivedEnd = core.received + recvBuffer;
  }

  /** So many event records are there. */
  begin(count: number): void {
    this.#end = this.#core.events + (count << SHIFT);
    this.#blockEnd = 0;
  }

  /** The event at this place of the core's memory is delivered. Returns its type. */
  delivered(record: number): number {
    if (record >= this.#blockEnd) this.#copy(record);
    const own = (record - this.#blockStart) >>> SHIFT;
    this.#writer.delivered = (own + 1) << DELIVERED_SHIFT;
    const words = this.#words;
    const at = this.#records + ((own << SHIFT) >>> 2);
    const first = words[at] as number;
    /* What the application did meanwhile may have replaced the block. */
    if (this.#number <= this.#ring.lost) return this.#separate(record);
    if ((first & Mark.SEPARATE) !== 0) return this.#separate(record);
    words[at] = first | Mark.DELIVERED;
    return first & Mark.TYPE;
  }

  /** Copies the event records from this one on, as far as a block reaches. Their bytes are in the delivery. */
  #copy(record: number): void {
    const { arena, events, memory, received } = this.#core;
    const left = (this.#end - record) >>> SHIFT;
    const count = left > MOST_EVENTS ? MOST_EVENTS : left;
    const size = count << SHIFT;
    this.#writer.delivered = 0;
    const at = this.#writer.begin(Kind.EVENTS, count, Views.written(size) + 4 * count);
    const words = this.#words;
    const records = at + Field.EVENTS;
    if (record === events) this.#views.copy(size, words, this.#ring.bytes, records);
    else memory.copyWords(record, size, words, records);
    const firsts = records + (size >>> 2);
    for (let own = 0; own < count; own++) {
      const event = records + ((own << SHIFT) >>> 2);
      const bytes = words[event + (EventRecord.size >>> 2)] as number;
      if (bytes === 0) continue;
      const data = arena + (words[event + (EventRecord.data >>> 2)] as number);
      if (data >= received && data + bytes <= this.#receivedEnd) words[firsts + own] = memory.word(data);
      else words[event] = (words[event] as number) | Mark.SEPARATE;
    }
    this.#blockStart = record;
    this.#blockEnd = record + size;
    this.#number = this.#ring.records + this.#ring.lost;
    this.#records = records;
  }

  /** Records an event by itself, with its bytes. Returns its type. */
  #separate(record: number): number {
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
    return memory.eventType(record);
  }
}
