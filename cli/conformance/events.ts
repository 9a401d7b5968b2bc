/** Event records as lines, checked against the rules of the core interface. */
import { Log, type ScriptPort, type ScriptSocket } from "../../adapters/script/index.ts";
import { Errors, Event, EventFlag, FOREVER } from "../../wasm/abi.gen.ts";
import type { Memory } from "../../wasm/memory.ts";
import type { Tap } from "./tap.ts";

const steps = ["none", "open", "connect", "handshake", "receive", "send", "close", "tls", "accept", "proxy"];
const deadlines = ["?", "read", "write"];
const names = new Map(Object.entries(Errors).map(([name, { value }]) => [value as number, name]));

/** "ERR_RESET" for -17; undefined if there is none. */
export function errorName(value: number): string | undefined {
  return names.get(value);
}

const heads = ["keep-alive", "body", "chunked", "until-close", "continue", "upgrade", "http-1.0"];
/** The words for sections of HTTP messages. */
const sections: Record<number, string> = {
  [Event.HTTP_HEAD]: "head",
  [Event.HTTP_BODY]: "body",
  [Event.HTTP_TRAILER]: "trailer",
};

/** A message, or a section of an HTTP message, that is being received. */
interface Message {
  type: number;
  text: boolean;
  compressed: boolean;
  ascii: boolean;
  /** Some of it has a line already. */
  shown: boolean;
  /** The parts that have no line yet. */
  parts: Uint8Array[];
}

type RecordReaders = Exclude<Extract<keyof Memory, `event${string}`>, undefined>;

/** Where records can be read. */
export interface Records {
  readonly memory: Pick<Memory, RecordReaders | "view" | "utf8">;
  readonly arena: number;
  readonly sender: number;
}

/** Finds the sockets by their handles, and receives what is wrong. */
type Sockets = Pick<ScriptPort, "find" | "fail">;

/** The lines of a run's events. */
export class EventLog {
  readonly #port: Sockets;
  readonly #tap: Pick<Tap, "add">;
  readonly #log = new Log();
  readonly #messages = new Map<ScriptSocket, Message>();
  /** The handle of the last reported message. */
  #current: ScriptSocket | undefined;

  constructor(port: Sockets, tap: Pick<Tap, "add">) {
    this.#port = port;
    this.#tap = tap;
  }

  /** The lines so far; it then has none. An incomplete message has a line only if it has bytes. */
  takeLines(): string[] {
    this.#pause();
    return this.#log.takeLines();
  }

  /** Adds the line of the event record at `record`. `released`: the application has closed its handle. */
  add(core: Records, record: number, released = false): void {
    const { memory } = core;
    const handle = memory.eventHandle(record);
    const socket = this.#port.find(handle);
    if (socket === undefined) {
      this.#port.fail(undefined, "an event names it");
      return;
    }
    const flags = memory.eventFlags(record);
    const bytes = memory.view(core.arena + memory.eventData(record), memory.eventSize(record));
    const type = memory.eventType(record);
    const code = memory.eventCode(record);
    const detail = memory.eventDetail(record);
    const retryMs = memory.eventRetryMs(record) >>> 0;
    const [step, port] = [memory.eventStep(record), memory.eventPort(record)];
    this.#tap.add("event", [handle, type, flags, code, detail, retryMs, step, port], bytes);
    if ((flags & EventFlag.ASCII) !== 0 && !isAscii(bytes)) {
      this.#port.fail(socket, "the ASCII flag is set on other bytes");
    }
    /* What the application has closed reports its end only: its other records were made before the call. */
    if (released && type !== Event.CLOSE && type !== Event.DISCONNECTED) return;
    const { name } = socket;
    if (type === Event.MESSAGE || type in sections) {
      this.#addPart(socket, { type, flags, bytes, code, detail });
      return;
    }
    this.#pause();
    const retry = `retry ${retryMs === FOREVER ? "never" : retryMs}`;
    const shown = errorName(code) ?? `${code}`;
    switch (type) {
      case Event.CONNECTED:
        this.#messages.delete(socket);
        this.#log.line(`connected ${name}`);
        break;
      case Event.DISCONNECTED: {
        const clean = (flags & EventFlag.CLEAN) === 0 ? "" : " clean";
        this.#log.line(`disconnected ${name} ${shown} unsent ${detail} ${retry}${clean}`);
        break;
      }
      case Event.DATA:
        this.#log.join(`data ${name}`, bytes);
        break;
      case Event.DATAGRAM: {
        const sender = memory.utf8(core.sender, detail);
        this.#log.bytes(`datagram ${name} ${sender} ${port}`, bytes);
        break;
      }
      case Event.DRAIN:
        this.#log.line(`drain ${name}`);
        break;
      case Event.ERROR: {
        this.#log.line(`error ${name} ${shown} ${steps[step]} ${detail} ${retry}`);
        break;
      }
      case Event.ACCEPTED:
        this.#log.line(`accepted ${name} by ${this.#port.find(detail)?.name}`);
        break;
      case Event.SECURED:
        this.#log.line(`secured ${name}`);
        break;
      case Event.ENDED:
        this.#log.line(`ended ${name}`);
        break;
      case Event.DEADLINE:
        this.#log.line(`deadline ${name} ${deadlines[detail] ?? "?"}`);
        break;
      case Event.CLOSE:
        this.#log.bytes(`close ${name} ${code}`, bytes);
        break;
      case Event.PING:
        this.#log.bytes(`ping ${name}`, bytes);
        break;
      case Event.PONG:
        this.#log.bytes(`pong ${name}`, bytes);
        break;
      case Event.HTTP_END:
        this.#messages.delete(socket);
        this.#log.line(code === 0 && detail === 0 ? `http-end ${name}` : `http-end ${name} ${shown} ${detail}`);
        break;
      default:
        this.#port.fail(socket, "an event has an unknown type");
    }
  }

  #addPart(socket: ScriptSocket, part: Part): void {
    const { type, flags, bytes } = part;
    const text = (flags & EventFlag.TEXT) !== 0;
    const compressed = (flags & EventFlag.COMPRESSED) !== 0;
    let message = this.#messages.get(socket);
    const wrong = faultOf(message, part);
    if (wrong !== undefined) this.#port.fail(socket, wrong);
    if (this.#current !== socket) this.#pause();
    this.#log.end();
    message ??= { type, text, compressed, ascii: true, shown: false, parts: [] };
    this.#messages.set(socket, message);
    this.#current = socket;
    message.ascii &&= isAscii(bytes);
    message.parts.push(new Uint8Array(bytes));
    if ((flags & EventFlag.FINAL) !== 0) {
      this.#show(socket, message, part);
      this.#messages.delete(socket);
      this.#current = undefined;
    }
  }

  /** Something else follows: what there is of a message gets its line. */
  #pause(): void {
    const socket = this.#current;
    this.#current = undefined;
    const message = socket === undefined ? undefined : this.#messages.get(socket);
    if (socket === undefined || message === undefined) return;
    if (message.parts.some((part) => part.length > 0)) this.#show(socket, message, undefined);
  }

  /** `last`: its final part, if it is whole. */
  #show(socket: ScriptSocket, message: Message, last: Part | undefined): void {
    const prefix = message.type === Event.MESSAGE ? messageWords(socket, message, last) : words(socket, message, last);
    for (const part of message.parts) this.#log.join(prefix, part);
    this.#log.end();
    message.shown = true;
    message.parts = [];
    message.ascii = true;
  }
}

/** An event that is a part of something. */
interface Part {
  readonly type: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
  readonly code: number;
  readonly detail: number;
}

/** How a part violates the rules of the core interface. */
function faultOf(message: Message | undefined, { type, flags, bytes }: Part): string | undefined {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const compressed = has(EventFlag.COMPRESSED);
  if (has(EventFlag.FIRST) === (message !== undefined)) {
    return message === undefined ? "a part belongs to no message" : "a message begins inside another";
  }
  const differs =
    message !== undefined &&
    (message.text !== has(EventFlag.TEXT) || message.type !== type || message.compressed !== compressed);
  if (differs) return "a message's parts differ in kind";
  const whole = has(EventFlag.FIRST) && has(EventFlag.FINAL);
  const isReported = type === Event.HTTP_BODY || (has(EventFlag.TEXT) && whole && !compressed);
  if (isReported && !has(EventFlag.ASCII) && isAscii(bytes)) return "what is ASCII lacks the ASCII flag";
  return undefined;
}

function messageWords({ name }: ScriptSocket, message: Message, last: Part | undefined): string {
  const done = last !== undefined;
  const word = message.shown ? (done ? "last" : "more") : done ? "message" : "part";
  const kind = !message.text ? "binary" : message.ascii ? "text ascii" : "text";
  return `${word} ${name} ${kind}${message.compressed ? " compressed" : ""}`;
}

function words({ name }: ScriptSocket, message: Message, last: Part | undefined): string {
  const done = last !== undefined;
  const piece = message.shown ? (done ? "-last" : "-more") : done ? "" : "-part";
  const word = `${sections[message.type]}${piece} ${name}`;
  if (last === undefined || message.type !== Event.HTTP_HEAD) return word;
  const flags = heads.filter((_, bit) => ((last.detail >> bit) & 1) !== 0).join("+");
  return `${word} ${last.code} ${flags === "" ? "none" : flags}`;
}

function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) > 127) return false;
  return true;
}
