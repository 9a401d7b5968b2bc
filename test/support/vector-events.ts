/** Event records as lines, checked against what the wall promises. */
import { Log, type ScriptPort, type ScriptSocket } from "../../adapters/script/index.ts";
import { Errors, Event, EventFlag, FOREVER } from "../../wasm/abi.gen.ts";
import type { Core } from "../../wasm/core.ts";
import type { Tap } from "./vector-tap.ts";

const steps = ["none", "open", "connect", "handshake", "receive", "send", "close", "tls", "accept"];
const deadlines = ["?", "read", "write"];
const names = new Map(Object.entries(Errors).map(([name, { value }]) => [value as number, name]));

/** "ERR_RESET" for -17; undefined if there is none. */
export function errorName(value: number): string | undefined {
  return names.get(value);
}

interface Message {
  text: boolean;
  ascii: boolean;
  /** Some of it has a line already. */
  shown: boolean;
  /** The parts that have no line yet. */
  parts: Uint8Array[];
}

/** The lines of a run's events. */
export class EventLog {
  readonly #port: ScriptPort;
  readonly #tap: Tap;
  readonly #log = new Log();
  readonly #messages = new Map<ScriptSocket, Message>();
  /** Whose message is the last thing told. */
  #current: ScriptSocket | undefined;

  constructor(port: ScriptPort, tap: Tap) {
    this.#port = port;
    this.#tap = tap;
  }

  /** The lines so far; it then has none. An incomplete message has a line only if it has bytes. */
  takeLines(): string[] {
    this.#pause();
    return this.#log.takeLines();
  }

  /** Adds the line of the event record at `record`. */
  add(core: Core, record: number): void {
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
    const { name } = socket;
    if (type === Event.MESSAGE) {
      this.#addMessage(socket, flags, bytes);
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
      default:
        this.#port.fail(socket, "an event has an unknown type");
    }
  }

  #addMessage(socket: ScriptSocket, flags: number, bytes: Uint8Array): void {
    const first = (flags & EventFlag.FIRST) !== 0;
    const final = (flags & EventFlag.FINAL) !== 0;
    const text = (flags & EventFlag.TEXT) !== 0;
    let message = this.#messages.get(socket);
    if (first === (message !== undefined)) {
      this.#port.fail(socket, first ? "a message begins inside another" : "a part belongs to no message");
    }
    if (message !== undefined && message.text !== text) this.#port.fail(socket, "a message's parts differ in kind");
    if (text && first && final && (flags & EventFlag.ASCII) === 0 && isAscii(bytes)) {
      this.#port.fail(socket, "a text of ASCII lacks the ASCII flag");
    }
    if (this.#current !== socket) this.#pause();
    this.#log.end();
    message ??= { text, ascii: true, shown: false, parts: [] };
    this.#messages.set(socket, message);
    this.#current = socket;
    message.ascii &&= isAscii(bytes);
    message.parts.push(new Uint8Array(bytes));
    if (final) {
      this.#show(socket, message, true);
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
    if (message.parts.some((part) => part.length > 0)) this.#show(socket, message, false);
  }

  #show(socket: ScriptSocket, message: Message, done: boolean): void {
    const word = message.shown ? (done ? "last" : "more") : done ? "message" : "part";
    const kind = !message.text ? "binary" : message.ascii ? "text ascii" : "text";
    const prefix = `${word} ${socket.name} ${kind}`;
    for (const part of message.parts) this.#log.join(prefix, part);
    this.#log.end();
    message.shown = true;
    message.parts = [];
    message.ascii = true;
  }
}

function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) > 127) return false;
  return true;
}
