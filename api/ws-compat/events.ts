/** The events of a WebSocket in the way of the DOM, as npm's `ws` has them on its EventEmitter. */
import type { EventEmitter } from "node:events";
import { showMembers } from "../internal/websocket.ts";

/** What a listener of `addEventListener` is called with. */
export class CompatEvent {
  readonly #type: string;
  readonly #target: unknown;

  constructor(type: string, target: unknown = null) {
    this.#type = type;
    this.#target = target;
  }

  /** The name of the event. */
  get type(): string {
    return this.#type;
  }

  /** The WebSocket. */
  get target(): unknown {
    return this.#target;
  }
}

/** The event `message`. */
export class CompatMessageEvent extends CompatEvent {
  readonly #data: unknown;

  constructor(target: unknown, data: unknown) {
    super("message", target);
    this.#data = data;
  }

  /** A string, or what `binaryType` says. */
  get data(): unknown {
    return this.#data;
  }
}

/** The event `close`. */
export class CompatCloseEvent extends CompatEvent {
  readonly #code: number;
  readonly #reason: string;
  readonly #wasClean: boolean;

  constructor(target: unknown, code: number, reason: string, wasClean: boolean) {
    super("close", target);
    this.#code = code;
    this.#reason = reason;
    this.#wasClean = wasClean;
  }

  /** The peer's close code, 1005 without one, 1006 without a close frame. */
  get code(): number {
    return this.#code;
  }

  /** The peer's reason. */
  get reason(): string {
    return this.#reason;
  }

  /** Whether both close frames were exchanged. */
  get wasClean(): boolean {
    return this.#wasClean;
  }
}

/** The event `error`. */
export class CompatErrorEvent extends CompatEvent {
  readonly #error: unknown;
  readonly #message: string;

  constructor(target: unknown, error: unknown) {
    super("error", target);
    this.#error = error;
    this.#message = error instanceof Error ? error.message : "";
  }

  /** What the event `error` was emitted with. */
  get error(): unknown {
    return this.#error;
  }

  /** Its message. */
  get message(): string {
    return this.#message;
  }
}

for (const made of [CompatEvent, CompatMessageEvent, CompatCloseEvent, CompatErrorEvent]) showMembers(made.prototype);

/** A listener of `addEventListener`. */
export type Listener = ((event: CompatEvent) => unknown) | { handleEvent(event: CompatEvent): unknown };

/** How a listener is added. */
export interface CompatListenerOptions {
  /** Whether it is called at most once. */
  readonly once?: boolean | undefined;
}

type Wrapper = (...values: unknown[]) => void;

interface Added {
  readonly type: string;
  readonly listener: Listener;
  readonly wrapper: Wrapper;
}

const known = ["open", "message", "close", "error"];

/** The listeners that one WebSocket was given by `addEventListener` and by `onopen` and its like. */
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

  /** Returns what `onmessage` and its like are. */
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
      const event = this.#eventOf(type, values);
      if (typeof listener === "function") listener.call(target, event);
      else listener.handleEvent(event);
    };
  }

  /** Makes the event of the values that the emitter's event has. */
  #eventOf(type: string, [first, second]: readonly unknown[]): CompatEvent {
    const target = this.#emitter;
    switch (type) {
      case "message":
        return new CompatMessageEvent(target, second === true ? first : String(first));
      case "close":
        return new CompatCloseEvent(target, first as number, String(second), this.#source.wasClean);
      case "error":
        return new CompatErrorEvent(target, first);
      default:
        return new CompatEvent(type, target);
    }
  }
}
