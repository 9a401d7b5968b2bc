import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { Readable } from "node:stream";
import type { Head } from "./handshake.ts";

/** What a message comes as: a Buffer, unless `binaryType` says otherwise of binary ones. */
export type MessageData = Buffer | ArrayBuffer | Buffer[] | Blob;

/** The events of a WebSocket, and their values. */
export interface WebSocketEvents {
  open: [];
  message: [data: MessageData, isBinary: boolean];
  ping: [data: Buffer];
  pong: [data: Buffer];
  /** The peer's code, 1005 if it gave none, 1006 if the connection broke. */
  close: [code: number, reason: Buffer];
  error: [error: Error];
  /** The answer that accepts. */
  upgrade: [response: Head];
  redirect: [url: string, request: EventEmitter];
  /** An answer that refuses: whoever listens ends the WebSocket. */
  "unexpected-response": [request: EventEmitter, response: Readable & Head];
}

/** What a listener is called with. */
export interface CompatEvent {
  readonly type: string;
  readonly target: unknown;
}

/** As the DOM has them. */
export type Listener = ((event: CompatEvent) => unknown) | { handleEvent(event: CompatEvent): unknown };
type Wrapper = (...values: unknown[]) => void;

interface Added {
  readonly type: string;
  readonly listener: Listener;
  readonly wrapper: Wrapper;
}

/** How a listener is added: `once`. */
export interface CompatListenerOptions {
  readonly once?: boolean | undefined;
}

class BasicEvent implements CompatEvent {
  readonly type: string;
  readonly target: unknown;

  constructor(type: string, target: unknown, facts: object = {}) {
    this.type = type;
    this.target = target;
    Object.assign(this, facts);
  }
}

/** What an event of that name says of the values that it was emitted with; `undefined`: the DOM has no such event. */
function factsOf(type: string, values: readonly unknown[], source: { readonly wasClean: boolean }): object | undefined {
  const [first, second] = values;
  switch (type) {
    case "open":
      return {};
    case "message":
      return { data: second === true ? first : String(first) };
    case "close":
      return { code: first, reason: String(second), wasClean: source.wasClean };
    case "error":
      return { error: first, message: (first as Error).message };
    default:
      return undefined;
  }
}

const known = ["open", "message", "close", "error"];

/** The listeners that one WebSocket was given in the DOM's way. */
export class DomListeners {
  readonly #emitter: EventEmitter;
  readonly #source: { readonly wasClean: boolean };
  readonly #added: Added[] = [];
  readonly #handlers = new Map<string, Added>();

  constructor(emitter: EventEmitter, source: { readonly wasClean: boolean }) {
    this.#emitter = emitter;
    this.#source = source;
  }

  add(type: string, listener: Listener, { once = false }: CompatListenerOptions): void {
    if (!known.includes(type) || this.#find(type, listener) !== undefined) return;
    const wrapper = this.#wrap(type, listener, once ? () => this.remove(type, listener) : undefined);
    this.#added.push({ type, listener, wrapper });
    this.#emitter.on(type, wrapper);
  }

  remove(type: string, listener: Listener): void {
    const found = this.#find(type, listener);
    if (found === undefined) return;
    this.#added.splice(this.#added.indexOf(found), 1);
    this.#emitter.removeListener(type, found.wrapper);
  }

  /** What `onmessage` and its like are. */
  handler(type: string): Listener | null {
    return this.#handlers.get(type)?.listener ?? null;
  }

  setHandler(type: string, listener: unknown): void {
    const before = this.#handlers.get(type);
    if (before !== undefined) this.#emitter.removeListener(type, before.wrapper);
    this.#handlers.delete(type);
    if (typeof listener !== "function") return;
    const wrapper = this.#wrap(type, listener as Listener, undefined);
    this.#handlers.set(type, { type, listener: listener as Listener, wrapper });
    this.#emitter.on(type, wrapper);
  }

  #find(type: string, listener: Listener): Added | undefined {
    return this.#added.find((it) => it.type === type && it.listener === listener);
  }

  #wrap(type: string, listener: Listener, before: (() => void) | undefined): Wrapper {
    const target = this.#emitter;
    return (...values) => {
      before?.();
      const event = new BasicEvent(type, target, factsOf(type, values, this.#source));
      if (typeof listener === "function") listener.call(target, event);
      else listener.handleEvent(event);
    };
  }
}
