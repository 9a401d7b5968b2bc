import type { CoreExports } from "../abi.gen.ts";
import type { Core } from "../core.ts";
import { report } from "../report.ts";
import { Lines, opening, type TraceLine } from "./lines.ts";
import { calls, deliveries, type Step } from "./steps.ts";
import type { Watcher } from "./watcher.ts";

/** Takes the lines of a trace: each is one JSON object. */
export type TraceSink = (line: string) => void;

type Call = (...args: number[]) => number;

type Mutable = { -readonly [Name in keyof CoreExports]: CoreExports[Name] };

/**
 * Writes a line for each thing that passes the core interface: calls, deliveries, what the host is asked to write, events. It
 * stands between the engine and the core's functions only while a trace is active, so that it costs nothing otherwise.
 */
export class Tracer implements Watcher {
  readonly #core: Core;
  readonly #sink: TraceSink;
  readonly #only: number | undefined;
  readonly #lines: Lines;
  readonly #start: number;
  /** A call that opens a handle is under way: what it asks of the host is about that one. */
  #opening = false;
  /** The core's time: that of its last tick. */
  #nowMs: number;

  /** `only`: the one handle that it records. */
  constructor(core: Core, sink: TraceSink, nowMs: number, only: number | undefined) {
    this.#core = core;
    this.#sink = sink;
    this.#only = only;
    this.#lines = new Lines(core, (line) => this.#write(line));
    this.#start = nowMs;
    this.#nowMs = nowMs;
  }

  /** The core's functions, watched. */
  watch(exports: CoreExports): CoreExports {
    const watched: Record<string, unknown> & Partial<Pick<Mutable, "twc_accepted" | "twc_tick" | "twc_ws_broadcast">> =
      {
        ...exports,
      };
    for (const [table, kind] of [
      [calls, "call"],
      [deliveries, "host"],
    ] as const) {
      for (const [name, describe] of Object.entries(table)) {
        const original = exports[name as keyof CoreExports] as unknown as Call;
        watched[name] = (self: number, ...args: number[]): number => {
          /* Before the call: the core unmasks in place. */
          const step = describe(this.#core, args);
          if (kind === "host") this.#host(step);
          this.#opening = opening.has(step.word);
          const result = original(self, ...args);
          this.#opening = false;
          if (kind === "call") this.#call(step, result);
          return result;
        };
      }
    }
    watched.twc_tick = (self: number, nowMs: number): number => {
      /* The clock of the core wraps, that of a trace does not. */
      this.#nowMs += (nowMs - this.#nowMs) >>> 0;
      return exports.twc_tick(self, nowMs);
    };
    watched.twc_ws_broadcast = (self, handles, count, flags, at, size): number => {
      const to = [...this.#core.memory.readI32(handles, count)];
      const message = calls.twc_ws_send?.(this.#core, [0, flags, at, size]);
      const result = exports.twc_ws_broadcast(self, handles, count, flags, at, size);
      const results = this.#core.memory.readI32(handles, result < 0 ? 0 : count);
      /* As if it had been sent to each: that is what became of it. */
      for (const [index, handle] of to.entries()) {
        if (message !== undefined) this.#call({ ...message, handle }, results[index] ?? result);
      }
      return result;
    };
    watched.twc_accepted = (self: number, listener: number): number => {
      const result = exports.twc_accepted(self, listener);
      if (this.#traces(listener) && result >= 0) {
        this.#lines.accepted(listener, result);
      }
      return result;
    };
    return watched as unknown as CoreExports;
  }

  wrote(handle: number, pieces: readonly Uint8Array[], taken: number): void {
    if (!this.#traces(handle)) return;
    const [first] = pieces;
    const bytes = pieces.length === 1 && first !== undefined ? first : joined(pieces);
    this.#lines.wrote(handle, bytes, bytes.length, taken);
  }

  asked(handle: number, word: string, ...rest: readonly (string | number)[]): void {
    if (this.#traces(handle)) this.#lines.asked(handle, word, rest);
  }

  batch(): void {}

  event(record: number): void {
    if (this.#traces(this.#core.memory.eventHandle(record))) this.#lines.event(record);
  }

  failed(): void {}

  #call(step: Step, result: number): void {
    const of = opening.has(step.word) ? result : step.handle;
    if (of < 0) return;
    if (opening.has(step.word) && this.#only === undefined) this.#lines.name(of);
    if (this.#traces(of)) this.#lines.call(of, step, result);
  }

  #host(step: Step): void {
    if (this.#traces(step.handle)) this.#lines.host(step);
  }

  /** Whether it is one of those that the trace records: the one that was asked for, or all that were opened since. */
  #traces(handle: number): boolean {
    return this.#only === undefined ? this.#opening || this.#lines.knows(handle) : handle === this.#only;
  }

  #write(line: TraceLine): void {
    const ms = this.#nowMs - this.#start;
    try {
      this.#sink(JSON.stringify({ ms, ...line }));
    } catch (error) {
      report(error);
    }
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
