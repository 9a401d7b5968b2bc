import { report } from "../../wasm/report.ts";
import type { EventContext } from "./context.ts";
import type { EventType, Listener } from "./define-event.ts";

/** A listener of some event; the functions of the door see to it that it is the right one. */
export type AnyListener = Listener<never>;

/** How one who listens wants an event: bits. */
export const Form = {
  /** The declared struct, for the listeners of a declared type. */
  TYPED: 1,
  /** What plain functions get that ask for nothing. */
  PLAIN: 2,
  /** Data as text, always: the declared struct, for a plain function. */
  TEXT: 4,
  /** Data as bytes, always. */
  BYTES: 8,
} as const;
export type Form = (typeof Form)[keyof typeof Form];

/** One who listens: a declared type (`TYPED`) or a function. */
interface Entry {
  readonly form: Form;
  readonly target: EventType<never> | AnyListener;
}

/* One for all: most channels of most handles have one listener or none. */
const NOBODY: readonly never[] = [];

/** Who listens to one event of one handle. */
export class Channel {
  /* Never changed, only replaced: a listener may add and take off listeners. */
  #entries: readonly Entry[] = NOBODY;
  #forms = 0;

  /** Whether somebody wants the event in one of these forms. */
  wants(forms: number): boolean {
    return (this.#forms & forms) !== 0;
  }

  /** Adds one who listens. A declared type is bound once, however often it is added. */
  add(form: Form, target: EventType<never> | AnyListener): void {
    if (form === Form.TYPED && this.#entries.some((entry) => entry.target === target)) return;
    this.#entries = [...this.#entries, { form, target }];
    this.#forms |= form;
  }

  /** Takes off who was added; the latest, if it was added more than once. Returns whether it was there. */
  remove(target: unknown): boolean {
    const at = this.#entries.findLastIndex((entry) => entry.target === target);
    if (at < 0) return false;
    this.#entries = this.#entries.filter((_, index) => index !== at);
    this.#forms = this.#entries.reduce((forms, { form }) => forms | form, 0);
    return true;
  }

  /**
   * Tells all of them, in the order in which they were added. Who wants a form that is left out is not told. One that
   * throws stops no other.
   *
   * @param struct for `TYPED` and `TEXT`.
   */
  tell(context: EventContext, struct: object | undefined, plain?: object, bytes?: object): void {
    const entries = this.#entries;
    for (let index = 0; index < entries.length; index++) {
      const { form, target } = entries[index] as Entry;
      const event = form === Form.PLAIN ? plain : form === Form.BYTES ? bytes : struct;
      if (event === undefined) continue;
      if (form === Form.TYPED) tellAll((target as EventType<never>).listeners, event, context);
      else tellOne(target as AnyListener, event, context);
    }
  }
}

function tellAll(listeners: readonly AnyListener[], event: object, context: EventContext): void {
  for (let index = 0; index < listeners.length; index++) tellOne(listeners[index] as AnyListener, event, context);
}

function tellOne(listener: AnyListener, event: object, context: EventContext): void {
  try {
    (listener as Listener<object>)(event, context);
  } catch (error) {
    report(error);
  }
}
