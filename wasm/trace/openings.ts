/** The beginnings of handles that live long and serve many: kept beside the ring, so that their connections can be replayed. */
import { type CoreExports, EventRecord } from "../abi.gen.ts";
import type { Memory } from "../memory.ts";
import { Field, Kind } from "./records.ts";
import type { Ring } from "./ring.ts";

/** Handles whose beginning is kept, and records of each. */
const MOST_OPENINGS = 64;
const MOST_RECORDS = 16;

/** What opens listeners and UDP sockets. */
export const lasting: ReadonlySet<keyof CoreExports> = new Set<keyof CoreExports>([
  ...(["twc_listen", "twc_udp_open", "twc_udp_bind"] as const),
]);

/** What belongs to their beginning. */
export const settings: ReadonlySet<keyof CoreExports> = new Set<keyof CoreExports>([
  ...(["twc_connected", "twc_set_address_limits", "twc_set_tls", "twc_udp_connect"] as const),
]);

/** The first records of handles. */
export class Openings {
  readonly #ring: Ring;
  readonly #memory: Memory;
  readonly #records = new Map<number, Uint8Array[]>();

  constructor(ring: Ring, memory: Memory) {
    this.#ring = ring;
    this.#memory = memory;
  }

  /** By handle. */
  get records(): ReadonlyMap<number, readonly Uint8Array[]> {
    return this.#records;
  }

  /** Keeps the beginning of a handle from now on; that of the oldest one is discarded if there are too many. */
  open(handle: number): void {
    for (const oldest of this.#records.keys()) {
      if (this.#records.size < MOST_OPENINGS) break;
      this.#records.delete(oldest);
    }
    this.#records.set(handle, []);
  }

  /** Keeps the record at this word of the ring, if it belongs to a beginning that is kept. */
  keep(handle: number, at: number): void {
    const { bytes, words } = this.#ring;
    this.#listOf(handle)?.push(bytes.slice(at << 2, (at << 2) + (words[at] as number)));
  }

  /** Keeps the event CONNECTED at this place of the core's memory, in the form that a dump gives to each event of a block. */
  keepEvent(record: number, nowMs: number): void {
    const handle = this.#memory.eventHandle(record);
    const list = this.#listOf(handle);
    if (list === undefined) return;
    const words = new Int32Array(Field.COPY);
    words.set([4 * Field.COPY, Kind.EVENT, nowMs, handle]);
    this.#memory.copyWords(record, EventRecord.SIZE, words, Field.RECORD);
    list.push(new Uint8Array(words.buffer));
  }

  /** Discards everything. */
  clear(): void {
    this.#records.clear();
  }

  #listOf(handle: number): Uint8Array[] | undefined {
    const list = this.#records.get(handle);
    return list === undefined || list.length >= MOST_RECORDS ? undefined : list;
  }
}
