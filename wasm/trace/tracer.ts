import { type CoreExports, Event } from "../abi.gen.ts";
import type { Core } from "../core.ts";
import { errorCode } from "../errors.ts";
import { report } from "../report.ts";
import { showBytes } from "./show.ts";
import { calls, deliveries, type Step } from "./steps.ts";

/** Takes the lines of a trace: each is one JSON object. */
export type TraceSink = (line: string) => void;

type Call = (...args: number[]) => number;

/** A line of a trace: one of `call`, `host`, `wire` or `event`, and what belongs to it. */
export interface TraceLine {
  /** Milliseconds since the trace began. */
  ms?: number;
  /** A call of the application, in the words of the shared vectors: operation, name, arguments. */
  call?: readonly (string | number)[];
  /** What it returned: a number, or the name of an error. */
  result?: number | string;
  /** What the host told the core, in the same words. */
  host?: readonly (string | number)[];
  /** What the core asked of the host. */
  wire?: readonly (string | number)[];
  /** Of a write: the bytes that the host took at once. */
  taken?: number;
  /** The name of an event, and whose it is. */
  event?: string | number;
  of?: string;
  flags?: number;
  code?: number | string;
  detail?: number;
  by?: string;
  from?: readonly [address: string, port: number];
  step?: number;
  retryMs?: number;
  /** The bytes of a write or an event: text, or `x:` and hex. */
  bytes?: string;
  /** Their number. */
  size?: number;
}

const eventNames = new Map<number, string>(Object.entries(Event).map(([name, value]) => [value, name]));

/** What opens a handle: it is known by the result. */
const opening = new Set(["tcp", "unix", "ws", "udp", "udp-bind", "listen"]);

/**
 * Writes down what passes the wall: calls, deliveries, what the host is asked to write, events. It stands between the
 * engine and the core's functions only while somebody listens, so that it costs nothing otherwise.
 */
export class Tracer {
  readonly #core: Core;
  readonly #sink: TraceSink;
  readonly #now: () => number;
  readonly #only: number | undefined;
  readonly #names = new Map<number, string>();
  readonly #start: number;

  /** `only`: the one handle of which it tells. */
  constructor(core: Core, sink: TraceSink, now: () => number, only: number | undefined) {
    this.#core = core;
    this.#sink = sink;
    this.#now = now;
    this.#only = only;
    this.#start = now();
  }

  /** The core's functions, watched. */
  watch(exports: CoreExports): CoreExports {
    const watched: Record<string, unknown> & { tw_accepted?: CoreExports["tw_accepted"] } = { ...exports };
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
          const result = original(self, ...args);
          if (kind === "call") this.#call(step, result);
          return result;
        };
      }
    }
    watched.tw_accepted = (self: number, listener: number): number => {
      const result = exports.tw_accepted(self, listener);
      this.#write(result >= 0 ? result : listener, {
        host: ["accepted", this.#name(listener), result >= 0 ? this.#name(result) : errorCode(result)],
      });
      return result;
    };
    return watched as unknown as CoreExports;
  }

  /** The host was asked to write, and has taken so much of it. */
  wrote(handle: number, pieces: readonly Uint8Array[], taken: number): void {
    let size = 0;
    let shown = "";
    for (const piece of pieces) {
      size += piece.length;
      if (pieces.length === 1) shown = showBytes(piece);
    }
    if (pieces.length > 1) shown = showBytes(joined(pieces, size));
    this.#write(handle, { wire: ["write", this.#name(handle)], bytes: shown, size, taken });
  }

  /** The host was asked for something else. */
  asked(handle: number, word: string, ...rest: readonly (string | number)[]): void {
    this.#write(handle, { wire: [word, this.#name(handle), ...rest] });
  }

  /** The record at this place is about to be told. */
  told(record: number): void {
    const { arena, memory, sender } = this.#core;
    const handle = memory.eventHandle(record);
    const type = memory.eventType(record);
    const size = memory.eventSize(record);
    const line: TraceLine = { event: eventNames.get(type) ?? type, of: this.#name(handle) };
    const flags = memory.eventFlags(record);
    const code = memory.eventCode(record);
    const detail = memory.eventDetail(record);
    if (flags !== 0) line.flags = flags;
    if (code !== 0) line.code = code < 0 ? errorCode(code) : code;
    if (type === Event.ACCEPTED) line.by = this.#name(detail);
    else if (type === Event.DATAGRAM) line.from = [memory.ascii(sender, detail), memory.eventPort(record)];
    else if (detail !== 0) line.detail = detail;
    if (type === Event.ERROR) line.step = memory.eventStep(record);
    if (type === Event.ERROR || type === Event.DISCONNECTED) line.retryMs = memory.eventRetryMs(record) >>> 0;
    if (size > 0) line.bytes = showBytes(memory.view(arena + memory.eventData(record), size));
    line.size = size;
    this.#write(handle, line);
  }

  #call({ word, handle, rest }: Step, result: number): void {
    const of = opening.has(word) ? result : handle;
    if (of < 0) return;
    this.#write(of, { call: [word, this.#name(of), ...rest], result: result < 0 ? errorCode(result) : result });
  }

  #host({ word, handle, rest }: Step): void {
    this.#write(handle, { host: [word, this.#name(handle), ...rest] });
  }

  #name(handle: number): string {
    let name = this.#names.get(handle);
    if (name === undefined) {
      name = `c${this.#names.size + 1}`;
      this.#names.set(handle, name);
    }
    return name;
  }

  #write(handle: number, line: TraceLine): void {
    if (this.#only !== undefined && handle !== this.#only) return;
    const ms = Math.round(this.#now() - this.#start);
    try {
      this.#sink(JSON.stringify({ ms, ...line }));
    } catch (error) {
      report(error);
    }
  }
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
