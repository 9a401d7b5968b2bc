import { report } from "../../wasm/report.ts";
import type { EventContext } from "./context.ts";
import type { EventType, Listener } from "./define-event.ts";

/** A listener of some event; the functions of the door see to it that it is the right one. */
export type AnyListener = Listener<never>;

/* One for all: most channels of most handles have one listener or none. */
const NONE: readonly never[] = [];

/** Who listens to one event of one handle. */
export class Channel {
  #types: readonly EventType<never>[] = NONE;
  #plain: readonly AnyListener[] = NONE;
  #bytes: readonly AnyListener[] = NONE;

  /** Whether a declared type is bound. */
  get typed(): boolean {
    return this.#types.length > 0;
  }

  /** Whether a plain function listens. */
  get plain(): boolean {
    return this.#plain.length > 0;
  }

  /** Whether a plain function wants bytes. */
  get bytes(): boolean {
    return this.#bytes.length > 0;
  }

  /** Whether somebody wants a message as text: declared types always do, plain functions get a binary one as bytes. */
  wantsText(binary: boolean): boolean {
    return this.#types.length > 0 || (!binary && this.#plain.length > 0);
  }

  bind(type: EventType<never>): void {
    if (!this.#types.includes(type)) this.#types = [...this.#types, type];
  }

  listen(listener: AnyListener): void {
    this.#plain = [...this.#plain, listener];
  }

  listenBytes(listener: AnyListener): void {
    this.#bytes = [...this.#bytes, listener];
  }

  /** Tells the listeners of declared types; `event` is the declared shape. */
  tellTyped(event: object, context: EventContext): void {
    for (const type of this.#types) tell(type.listeners, event, context);
  }

  /** Tells plain functions. */
  tellPlain(event: object, context: EventContext): void {
    tell(this.#plain, event, context);
  }

  /** Tells plain functions that ask for bytes. */
  tellBytes(event: object, context: EventContext): void {
    tell(this.#bytes, event, context);
  }
}

/* The arrays are never changed, so a listener may add and take off listeners. One that throws stops no other. */
function tell(listeners: readonly AnyListener[], event: object, context: EventContext): void {
  for (let index = 0; index < listeners.length; index++) {
    try {
      (listeners[index] as Listener<object>)(event, context);
    } catch (error) {
      report(error);
    }
  }
}
