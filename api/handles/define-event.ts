import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { show } from "./arguments.ts";
import type { EventContext } from "./context.ts";

/** The types that a field of an event can have. */
export type FieldType = "i32" | "string";

/** The shape that declared fields make. */
export type Shape<F extends Readonly<Record<string, FieldType>>> = {
  -readonly [K in keyof F]: F[K] extends "i32" ? number : string;
};

/** Called for each event; `context` tells whose it is and lends its bytes. */
export type Listener<E> = (event: E, context: EventContext) => void;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * A declared event type. Its listeners hear of every handle that it was bound to with `net.on` or `ws.on`. Made by
 * `defineEvent`.
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

  /** The declaration's hash, as the core computes it; asking for it makes the engine, so limits are fixed from then on. */
  get signature(): number {
    this.#signature ??= defaultEngine().signature(this.declaration);
    return this.#signature;
  }

  /** The listeners there are. An array that is never changed. @internal */
  get listeners(): readonly Listener<E>[] {
    return this.#listeners;
  }

  /**
   * Adds a listener.
   *
   * @returns a function that takes it off again.
   * @throws TwinwireError ERR_ARGUMENT for what is no function.
   */
  on(listener: Listener<E>): () => void {
    if (typeof listener !== "function") throw wrong(`a listener is a function, not ${show(listener)}`);
    /* One entry a call, so that the same function can be added twice and taken off one by one. */
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
 * Declares an event type with its fields in order. The core refuses to bind a type whose name or fields are not those of
 * the event.
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
 * Listens to a declared event type, on every handle that it is bound to.
 *
 * @returns a function that takes the listener off again.
 */
export function on<E>(type: EventType<E>, listener: Listener<E>): () => void {
  if (!(type instanceof EventType)) throw wrong(`an event type comes from defineEvent, not ${show(type)}`);
  return type.on(listener);
}

function wrong(reason: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { reason });
}
