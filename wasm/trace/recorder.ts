/** The flight recorder: copies what passes the core interface into a ring. `Dump` makes lines of it when they are asked for. */
import { type CoreExports, Event } from "../abi.gen.ts";
import type { TwinwireError } from "../errors.ts";
import { callSafely, report } from "../report.ts";
import { dump, type Recording } from "./dump.ts";
import { EventBlocks } from "./event-blocks.ts";
import { type Layout, layouts } from "./layout.ts";
import { lasting, Openings, settings } from "./openings.ts";
import { Field, Kind } from "./records.ts";
import { Ring } from "./ring.ts";
import type { Watched, Watcher } from "./watcher.ts";
import { Writer } from "./writer.ts";

type Call = (...args: number[]) => number;

/** Functions of the core that have a record of their own form. */
type Special = {
  -readonly [Name in
    | "twc_accepted"
    | "twc_consumed"
    | "twc_received"
    | "twc_send"
    | "twc_tick"
    | "twc_ws_broadcast"
    | "twc_ws_send"]: CoreExports[Name];
};

/** How to record. */
export interface RecorderSettings {
  /** The bytes of the ring. */
  readonly bytes: number;
  readonly onError: ((error: TwinwireError) => unknown) | undefined;
  readonly everyMs: number;
  readonly secrets: readonly string[];
}

/** Records what passes the core interface in a ring. */
export class Recorder implements Watcher {
  readonly #watched: Watched;
  readonly #settings: RecorderSettings;
  readonly #ring: Ring;
  readonly #writer: Writer;
  readonly #events: EventBlocks;
  readonly #openings: Openings;
  /** The record of what the host was asked last. */
  #asked = 0;
  #failedMs: number | undefined;

  constructor(watched: Watched, given: RecorderSettings) {
    const { core, limits, nowMs } = watched;
    this.#watched = watched;
    this.#settings = given;
    this.#ring = new Ring(given.bytes & ~3);
    this.#writer = new Writer(core, this.#ring, limits, nowMs);
    this.#events = new EventBlocks(core, this.#ring, this.#writer, limits.recvBuffer);
    this.#openings = new Openings(this.#ring, core.memory);
  }

  get records(): number {
    return this.#ring.records;
  }

  get lost(): number {
    return this.#ring.lost;
  }

  /** The records as lines, of one handle or of all. */
  dump(only: number | undefined): string {
    const { core, isLeaving, limits } = this.#watched;
    const recording: Recording = {
      ring: this.#ring,
      openings: this.#openings.records,
      received: core.received - core.arena,
      nowMs: this.#writer.nowMs,
      limits,
      secrets: this.#settings.secrets,
      isLeaving,
    };
    return dump(recording, only);
  }

  watch(exports: CoreExports): CoreExports {
    const watched: Record<string, unknown> & Partial<Special> = { ...exports };
    for (const [index, layout] of layouts.entries()) {
      const kind = Kind.STEP | (index << 8);
      const original = exports[layout.name] as unknown as Call;
      const make = layout.kind === "host" ? this.#delivery : this.#call;
      watched[layout.name] = make.call(this, layout, kind, original);
    }
    this.#watchFrequent(exports, watched);
    const writer = this.#writer;
    watched.twc_tick = (self, nowMs) => {
      writer.nowMs = nowMs | 0;
      return exports.twc_tick(self, nowMs);
    };
    watched.twc_accepted = (self, listener) => {
      const result = exports.twc_accepted(self, listener);
      if (result >= 0) this.#ring.words[writer.begin(Kind.ACCEPTED, listener, 4) + Field.RESULT] = result;
      return result;
    };
    watched.twc_ws_broadcast = (self, handles, count, flags, data, size) =>
      writer.broadcast(handles, count, flags, data, size, () =>
        exports.twc_ws_broadcast(self, handles, count, flags, data, size),
      );
    return watched as unknown as CoreExports;
  }

  wrote(handle: number, pieces: readonly Uint8Array[], taken: number): void {
    this.#writer.write(handle, pieces, taken);
  }

  asked(handle: number, word: string, ...rest: readonly (string | number)[]): void {
    this.#asked = this.#writer.asked(handle, [word, ...rest]);
  }

  batch(count: number): void {
    this.#events.begin(count);
  }

  event(record: number): void {
    if (this.#events.delivered(record) === Event.CONNECTED) this.#openings.keepEvent(record, this.#writer.nowMs);
  }

  failed(make: () => TwinwireError): void {
    const { onError, everyMs } = this.#settings;
    if (onError === undefined) return;
    const { nowMs } = this.#writer;
    if (this.#failedMs !== undefined && (nowMs - this.#failedMs) >>> 0 < everyMs) return;
    this.#failedMs = nowMs;
    const error = make();
    /* When what is delivered now has been recorded. */
    queueMicrotask(() => callSafely(() => onError(error), report));
  }

  /** Ends the recording of beginnings, too. */
  clear(): void {
    this.#openings.clear();
  }

  /**
   * What each message takes: a function each, so that its call of the core can be compiled into it, and a record without a loop
   * over arguments.
   */
  #watchFrequent(exports: CoreExports, watched: Partial<Special>): void {
    const writer = this.#writer;
    const kindOf = (name: keyof CoreExports): number =>
      Kind.STEP | (layouts.findIndex((layout) => layout.name === name) << 8);
    const [received, sent, wsSent, consumed] = [
      kindOf("twc_received"),
      kindOf("twc_send"),
      kindOf("twc_ws_send"),
      kindOf("twc_consumed"),
    ];
    watched.twc_received = (self, handle, size) => {
      /* Before the call: the core unmasks in place. */
      writer.received(received, handle, size);
      return exports.twc_received(self, handle, size);
    };
    watched.twc_send = (self, handle, data, size) => {
      const result = exports.twc_send(self, handle, data, size);
      writer.bytes(sent, handle, data, size, result);
      return result;
    };
    watched.twc_ws_send = (self, handle, flags, data, size) => {
      const result = exports.twc_ws_send(self, handle, flags, data, size);
      writer.numberAndBytes(wsSent, handle, flags, data, size, result);
      return result;
    };
    watched.twc_consumed = (self, handle, size) => {
      const result = exports.twc_consumed(self, handle, size);
      writer.number(consumed, handle, size, result);
      return result;
    };
  }

  /** What the host delivers is recorded before the call: the core unmasks in place. */
  #delivery(layout: Layout, kind: number, original: Call): Call {
    return (self = 0, ...given) => {
      const [handle = 0] = given;
      const at = this.#writer.step(layout, kind, handle, given, 0);
      if (settings.has(layout.name)) this.#openings.keep(handle, at);
      return original(self, ...given);
    };
  }

  #call(layout: Layout, kind: number, original: Call): Call {
    return (self = 0, ...given) => {
      const result = original(self, ...given);
      if (layout.opens && result < 0) return result;
      const handle = layout.opens ? result : (given[0] ?? 0);
      const at = this.#writer.step(layout, kind, handle, given, result);
      if (lasting.has(layout.name)) {
        this.#openings.open(handle);
        this.#openings.keep(handle, this.#asked);
        this.#openings.keep(handle, at);
      } else if (settings.has(layout.name)) {
        this.#openings.keep(handle, at);
      }
      return result;
    };
  }
}
