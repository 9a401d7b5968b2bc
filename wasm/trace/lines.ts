/** What passes the core interface, as the lines of a trace. */
import { Event } from "../abi.gen.ts";
import { errorCode } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { type Step, type StepSource, showBytes } from "./steps.ts";

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
  /** Of a dump: the bytes that the recorder has left out. */
  left?: number;
  /** The first line of a dump: when `ms` was 0, as ISO 8601. */
  began?: string;
  /** Of a dump: the records that newer ones have replaced. */
  lost?: number;
  /** Of a dump: the limits of the engine. */
  limits?: Readonly<Record<string, number>>;
  /** Of a dump: connections that were closed, and whose end has not been reported yet. */
  unfinished?: readonly string[];
}

/** Where event records can be read. */
export interface RecordSource extends StepSource {
  readonly memory: Memory;
  readonly arena: number;
}

const eventNames = new Map<number, string>(Object.entries(Event).map(([name, value]) => [value, name]));

/** What opens a handle: it is known by the result. */
export const opening: ReadonlySet<string> = new Set([
  ...["tcp", "tcp-via", "tcp-allowed", "unix", "ws", "ws-via", "ws-allowed", "udp", "udp-bind", "listen"],
]);

/** Makes lines, with a name for each handle. */
export class Lines {
  readonly #source: RecordSource;
  readonly #sink: (line: TraceLine) => void;
  readonly #names = new Map<number, string>();

  constructor(source: RecordSource, sink: (line: TraceLine) => void) {
    this.#source = source;
    this.#sink = sink;
  }

  /** Whether a handle has a name. */
  knows(handle: number): boolean {
    return this.#names.has(handle);
  }

  /** The name of a handle: `c1`, `c2` … in the order in which they are first named. */
  name(handle: number): string {
    let name = this.#names.get(handle);
    if (name === undefined) {
      name = `c${this.#names.size + 1}`;
      this.#names.set(handle, name);
    }
    return name;
  }

  /** The application has called, on this handle or to open it. */
  call(handle: number, { word, rest }: Step, result: number): void {
    this.#sink({ call: [word, this.name(handle), ...rest], result: result < 0 ? errorCode(result) : result });
  }

  /** The host has delivered something. */
  host({ word, handle, rest }: Step): void {
    this.#sink({ host: [word, this.name(handle), ...rest] });
  }

  /** A listener has a new connection. */
  accepted(listener: number, handle: number): void {
    this.#sink({ host: ["accepted", this.name(listener), this.name(handle)] });
  }

  /** The host was asked to write `size` bytes, and has taken so many of them. */
  wrote(handle: number, bytes: Uint8Array, size: number, taken: number): void {
    this.#sink({ wire: ["write", this.name(handle)], bytes: showBytes(bytes), size, taken });
  }

  /** The host was asked for something else. */
  asked(handle: number, word: string, rest: readonly (string | number)[]): void {
    this.#sink({ wire: [word, this.name(handle), ...rest] });
  }

  /** The record at this place is about to be delivered. */
  event(record: number, size = this.#source.memory.eventSize(record)): void {
    const { arena, memory, sender } = this.#source;
    const type = memory.eventType(record);
    const line: TraceLine = { event: eventNames.get(type) ?? type, of: this.name(memory.eventHandle(record)) };
    const flags = memory.eventFlags(record);
    const code = memory.eventCode(record);
    const detail = memory.eventDetail(record);
    if (flags !== 0) line.flags = flags;
    if (code !== 0) line.code = code < 0 ? errorCode(code) : code;
    if (type === Event.ACCEPTED) line.by = this.name(detail);
    else if (type === Event.DATAGRAM) line.from = [memory.ascii(sender, detail), memory.eventPort(record)];
    else if (detail !== 0) line.detail = detail;
    if (type === Event.ERROR) line.step = memory.eventStep(record);
    if (type === Event.ERROR || type === Event.DISCONNECTED) line.retryMs = memory.eventRetryMs(record) >>> 0;
    if (size > 0) line.bytes = showBytes(memory.view(arena + memory.eventData(record), size));
    line.size = memory.eventSize(record);
    this.#sink(line);
  }
}
