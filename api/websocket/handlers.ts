/** A function of an `on…` attribute. */
type Handler = (event: Event) => unknown;

/**
 * The `on…` attributes of an object, as HTML has them: a handler keeps its place among the listeners while it is replaced
 * by another one, and loses it when it is taken off.
 */
export class Handlers {
  readonly #target: EventTarget;
  readonly #handlers = new Map<string, { handler: Handler; readonly listener: (event: Event) => void }>();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get<H>(type: string): H | null {
    return (this.#handlers.get(type)?.handler as H | undefined) ?? null;
  }

  /** What is no function is none. */
  set(type: string, value: unknown): void {
    const known = this.#handlers.get(type);
    if (typeof value !== "function") {
      if (known === undefined) return;
      this.#target.removeEventListener(type, known.listener);
      this.#handlers.delete(type);
      return;
    }
    if (known !== undefined) {
      known.handler = value as Handler;
      return;
    }
    const entry = {
      handler: value as Handler,
      listener: (event: Event): void => {
        if (entry.handler.call(this.#target, event) === false) event.preventDefault();
      },
    };
    this.#handlers.set(type, entry);
    this.#target.addEventListener(type, entry.listener);
  }
}
