import { type CoreExports, Event } from "../abi.gen.ts";
import type { Core } from "../core.ts";
import { errorCode } from "../errors.ts";
import { report } from "../report.ts";
import { calls, deliveries, type Step, showBytes } from "./steps.ts";

/** Takes the lines of a trace: each is one JSON object. */
export type TraceSink = (line: string) => void;

type Call = (...args: number[]) => number;

/** A line of a trace: one of `call`, `host`, `wire` or `event`, and what belongs to it. */
export interface TraceLine {
  /** Milliseconds since the trace began, by the clock of the core, which stands still between deliveries. */
  ms?: number;
  /** A call of the application, in the words of the shared vectors: operation, name, arguments. */
  call?: readonly (string | number)[];
  /** What it returned: a number, or the name of an error. */
  result?: number | string;
  /** The delivery of the host to the core, in the same form. */
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

type Mutable = { -readonly [Name in keyof CoreExports]: CoreExports[Name] };

const eventNames = new Map<number, string>(Object.entries(Event).map(([name, value]) => [value, name]));

/** What opens a handle: it is known by the result. */
const opening = new Set(["tcp", "tcp-via", "unix", "ws", "ws-via", "udp", "udp-bind", "listen"]);

/**
 * Records what passes the core interface: calls, deliveries, what the host is asked to write, events. It stands between the
 * engine and the core's functions only while a trace is active, so that it costs nothing otherwise.
 */
export class Tracer {
  readonly #core: Core;
  readonly #sink: TraceSink;
  readonly #only: number | undefined;
  readonly #names = new Map<number, string>();
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
        this.#write({ host: ["accepted", this.#name(listener), this.#name(result)] });
      }
      return result;
    };
    return watched as unknown as CoreExports;
  }

  /** The host was asked to write, and has taken so much of it. */
  wrote(handle: number, pieces: readonly Uint8Array[], taken: number): void {
    if (!this.#traces(handle)) return;
    let size = 0;
    let shown = "";
    for (const piece of pieces) {
      size += piece.length;
      if (pieces.length === 1) shown = showBytes(piece);
    }
    if (pieces.length > 1) shown = showBytes(joined(pieces, size));
    this.#write({ wire: ["write", this.#name(handle)], bytes: shown, size, taken });
  }

  /** The host was asked for something else. */
  asked(handle: number, word: string, ...rest: readonly (string | number)[]): void {
    if (!this.#traces(handle)) return;
    this.#write({ wire: [word, this.#name(handle), ...rest] });
  }

  /** The record at this place is about to be delivered. */
  event(record: number): void {
    const { arena, memory, sender } = this.#core;
    const handle = memory.eventHandle(record);
    if (!this.#traces(handle)) return;
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
    this.#write(line);
  }

  #call({ word, handle, rest }: Step, result: number): void {
    const of = opening.has(word) ? result : handle;
    if (of < 0) return;
    if (opening.has(word) && this.#only === undefined) this.#name(of);
    if (!this.#traces(of)) return;
    this.#write({ call: [word, this.#name(of), ...rest], result: result < 0 ? errorCode(result) : result });
  }

  #host({ word, handle, rest }: Step): void {
    if (!this.#traces(handle)) return;
    this.#write({ host: [word, this.#name(handle), ...rest] });
  }

  /** Whether it is one of those that the trace records: the one that was asked for, or all that were opened since. */
  #traces(handle: number): boolean {
    return this.#only === undefined ? this.#opening || this.#names.has(handle) : handle === this.#only;
  }

  #name(handle: number): string {
    let name = this.#names.get(handle);
    if (name === undefined) {
      name = `c${this.#names.size + 1}`;
      this.#names.set(handle, name);
    }
    return name;
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

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The tracer of what passes the core interface, if there is one. */
export class Tracing {
  tracer: Tracer | undefined;
  #end: (() => void) | undefined;

  /** Begins to write; a trace that is being written ends. Returns what ends this one. */
  begin(core: Core, sink: TraceSink, nowMs: number, only: number | undefined): () => void {
    this.#end?.();
    const plain = core.exports;
    const tracer = new Tracer(core, sink, nowMs, only);
    this.tracer = tracer;
    core.exports = tracer.watch(plain);
    const end = (): void => {
      if (this.tracer !== tracer) return;
      this.tracer = undefined;
      core.exports = plain;
    };
    this.#end = end;
    return end;
  }
}
