/** Listeners: declared event types, what a listener is called with, and who listens to which event of a handle. */

import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { Memory } from "../../wasm/memory.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { report } from "../../wasm/report.ts";
import { show } from "../internal/arguments.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * The second argument of a listener: the handle of the event, and its bytes.
 *
 * ```ts
 * net.on(sock, "data", (e, { handle, bytes }) => { ... });
 * ```
 */
export class EventContext {
  /** The handle of the event. */
  readonly handle: number;
  /** Whether it is a binary WebSocket message. */
  readonly binary: boolean;
  #memory: Memory | undefined;
  readonly #at: number;
  readonly #size: number;
  #bytes: ReceivedBytes | undefined;

  /** @internal */
  constructor(handle: number, binary: boolean, memory: Memory | undefined, at: number, size: number) {
    this.handle = handle;
    this.binary = binary;
    this.#memory = memory;
    this.#at = at;
    this.#size = size;
  }

  /**
   * The event's bytes as they arrived: data of a stream, a datagram, a message; a `Buffer` where the runtime has that class.
   * The first read copies them, and has to happen inside the listener.
   *
   * @throws TwinwireError ERR_STATE if the first read happens after the listener has returned.
   */
  get bytes(): ReceivedBytes {
    this.#bytes ??= this.#copy();
    return this.#bytes;
  }

  #copy(): ReceivedBytes {
    if (this.#memory === undefined) {
      const reason = "an event's bytes must be read inside its listener, before the first await";
      throw new TwinwireError("ERR_STATE", { step: "receive", reason });
    }
    return this.#memory.copy(this.#at, this.#size);
  }

  /** The context of an event without bytes. @internal */
  static empty(handle: number): EventContext {
    const context = new EventContext(handle, false, undefined, 0, 0);
    context.#bytes = NO_BYTES;
    return context;
  }

  /** Gives the context bytes of its own. @internal */
  static keep(context: EventContext, bytes: ReceivedBytes): void {
    context.#bytes = bytes;
  }

  /** The listeners have returned: the core's bytes are no longer valid. @internal */
  static expire(context: EventContext): void {
    context.#memory = undefined;
  }
}

/** The types that a field of an event can have. */
export type FieldType = "i32" | "string";

/** The shape that declared fields make. */
export type Shape<F extends Readonly<Record<string, FieldType>>> = {
  -readonly [K in keyof F]: F[K] extends "i32" ? number : string;
};

/** Called with each event. `context` has its handle and its bytes. */
export type Listener<E> = (event: E, context: EventContext) => void;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * A declared event type, made by `defineEvent`. Its listeners are called for every handle that it was bound to with
 * `net.on` or `ws.on`.
 */
export class EventType<E> {
  /** The name of the struct: `"NetData"`. */
  readonly name: string;
  /** The declaration whose hash the core compares: `"NetData{data:string}"`. */
  readonly declaration: string;
  #listeners: readonly Listener<E>[] = [];
  #signature: number | undefined;

  /** @internal */
  constructor(name: string, declaration: string) {
    this.name = name;
    this.declaration = declaration;
  }

  /** The hash of the declaration, computed by the core. The first read makes the engine: limits are fixed from then on. */
  get signature(): number {
    this.#signature ??= defaultEngine().signature(this.declaration);
    return this.#signature;
  }

  /** The listeners, in an array that is never changed. @internal */
  get listeners(): readonly Listener<E>[] {
    return this.#listeners;
  }

  /**
   * Adds a listener.
   *
   * @returns a function that removes it.
   * @throws TwinwireError ERR_ARGUMENT for what is no function.
   */
  on(listener: Listener<E>): () => void {
    if (typeof listener !== "function") throw wrong(`a listener is a function, not ${show(listener)}`);
    /* One entry per call, so that a function that was added twice can be removed one by one. */
    const entry: Listener<E> = (event, context) => listener(event, context);
    this.#listeners = [...this.#listeners, entry];
    return () => {
      this.#listeners = this.#listeners.filter((it) => it !== entry);
    };
  }
}

/** Whether `defineEvent` made it. @internal */
export function isEventType(value: unknown): value is EventType<never> {
  return value instanceof EventType;
}

/**
 * Declares an event type with its fields in order. The core refuses to bind a type whose name or fields differ from the
 * event's.
 *
 * ```ts
 * const NetData = defineEvent("NetData", { data: "string" });
 * net.on(sock, "data", NetData);
 * NetData.on((e) => console.log(e.data));
 * ```
 *
 * @throws TwinwireError ERR_ARGUMENT for a name that is no identifier or a field of another type.
 */
export function defineEvent<const F extends Readonly<Record<string, FieldType>>>(
  name: string,
  fields: F,
): EventType<Shape<F>> {
  if (typeof name !== "string" || !NAME.test(name)) throw wrong(`an event's name is an identifier, not ${show(name)}`);
  if (typeof fields !== "object" || fields === null) throw wrong(`fields are an object, not ${show(fields)}`);
  const parts = Object.entries(fields).map(([field, type]) => {
    if (!NAME.test(field)) throw wrong(`a field's name is an identifier, not ${show(field)}`);
    if (type !== "i32" && type !== "string") throw wrong(`field ${field} is "i32" or "string", not ${show(type)}`);
    return `${field}:${type}`;
  });
  return new EventType(name, `${name}{${parts.join(",")}}`);
}

/**
 * Adds a listener to a declared event type, for every handle that it is bound to.
 *
 * @returns a function that removes the listener.
 */
export function on<E>(type: EventType<E>, listener: Listener<E>): () => void {
  if (!(type instanceof EventType)) throw wrong(`an event type comes from defineEvent, not ${show(type)}`);
  return type.on(listener);
}

function wrong(reason: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { reason });
}

/** A listener of some event. The functions of the handle API check which one. */
export type AnyListener = Listener<never>;

/** The forms in which a listener gets an event, as bits. */
export const Form = {
  /** The declared struct, for the listeners of a declared type. */
  TYPED: 1,
  /** The default of plain functions. */
  PLAIN: 2,
  /** Data as text, always: the declared struct, for a plain function. */
  TEXT: 4,
  /** Data as bytes, always. */
  BYTES: 8,
} as const;
export type Form = (typeof Form)[keyof typeof Form];

/** A listener: a declared type (`TYPED`) or a function. */
interface Entry {
  readonly form: Form;
  readonly target: EventType<never> | AnyListener;
}

/* Shared: most channels have one listener or none. */
const NO_ENTRIES: readonly never[] = [];

/** The listeners of one event of one handle. */
export class Channel {
  /* Never changed, only replaced: a listener may add and remove listeners. */
  #entries: readonly Entry[] = NO_ENTRIES;
  #forms = 0;
  readonly #next: Channel | undefined;

  /** `next`: that of the server that accepted the handle. Its listeners are called behind those here. */
  constructor(next?: Channel) {
    this.#next = next;
  }

  /** Whether a listener wants the event in one of these forms. */
  wants(forms: number): boolean {
    return (this.#forms & forms) !== 0 || this.#next?.wants(forms) === true;
  }

  /** Adds a listener. A declared type is bound once, however often it is added. */
  add(form: Form, target: EventType<never> | AnyListener): void {
    if (form === Form.TYPED && this.#entries.some((entry) => entry.target === target)) return;
    this.#entries = [...this.#entries, { form, target }];
    this.#forms |= form;
  }

  /** Removes a listener; the latest entry if it was added more than once. Returns whether it was there. */
  remove(target: unknown): boolean {
    const at = this.#entries.findLastIndex((entry) => entry.target === target);
    if (at < 0) return false;
    this.#entries = this.#entries.filter((_, index) => index !== at);
    this.#forms = this.#entries.reduce((forms, { form }) => forms | form, 0);
    return true;
  }

  /**
   * Calls all listeners in the order in which they were added, but for those of a form that is left out. A listener that
   * throws stops no other.
   *
   * @param struct for `TYPED` and `TEXT`.
   */
  emit(context: EventContext, struct: object | undefined, plain?: object, bytes?: object): void {
    const entries = this.#entries;
    for (let index = 0; index < entries.length; index++) {
      const { form, target } = entries[index] as Entry;
      const event = form === Form.PLAIN ? plain : form === Form.BYTES ? bytes : struct;
      if (event === undefined) continue;
      if (form === Form.TYPED) callAll((target as EventType<never>).listeners, event, context);
      else callOne(target as AnyListener, event, context);
    }
    this.#next?.emit(context, struct, plain, bytes);
  }
}

/** The names of all events. */
const EVENTS = [
  "connected",
  "disconnected",
  "accepted",
  "data",
  "datagram",
  "message",
  "drain",
  "error",
  "closing",
  "ping",
  "pong",
] as const;

/** The name of an event. */
export type EventName = (typeof EVENTS)[number];

/** The channels of a handle, or those of a server for all WebSockets that it accepts. */
export class Channels {
  connected: Channel | undefined;
  disconnected: Channel | undefined;
  accepted: Channel | undefined;
  data: Channel | undefined;
  datagram: Channel | undefined;
  message: Channel | undefined;
  drain: Channel | undefined;
  error: Channel | undefined;
  closing: Channel | undefined;
  ping: Channel | undefined;
  pong: Channel | undefined;

  /** `next`: those of a server, which get each event, too. */
  constructor(next?: Channels) {
    if (next !== undefined) for (const event of EVENTS) this[event] = new Channel(next.of(event));
  }

  /** Returns the channel of an event, which is made when it is first asked for. */
  of(event: EventName): Channel {
    this[event] ??= new Channel();
    return this[event];
  }
}

function callAll(listeners: readonly AnyListener[], event: object, context: EventContext): void {
  for (let index = 0; index < listeners.length; index++) callOne(listeners[index] as AnyListener, event, context);
}

function callOne(listener: AnyListener, event: object, context: EventContext): void {
  try {
    (listener as Listener<object>)(event, context);
  } catch (error) {
    report(error);
  }
}
