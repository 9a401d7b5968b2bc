import type { TwinwireError } from "../../wasm/errors.ts";

/** A call that waits for something, and the promise that it has returned. */
export class Waiter<T> {
  readonly promise: Promise<T>;
  #resolve: (value: T) => void = nothing;
  #reject: (error: TwinwireError) => void = nothing;
  #signal: AbortSignal | undefined;
  #onAbort: () => void = nothing;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Has `run` called when the signal aborts, if that happens before the call is settled. */
  until(signal: AbortSignal | undefined, run: () => void): void {
    if (signal === undefined) return;
    this.#signal = signal;
    this.#onAbort = run;
    signal.addEventListener("abort", run, { once: true });
  }

  resolve(value: T): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#resolve(value);
  }

  reject(error: TwinwireError): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#reject(error);
  }
}

/* Most connections have no waiter most of the time, so they share this until one waits. */
const none: never[] = [];

/** Calls that wait, in the order in which they came. */
export class WaitingList<W extends { reject(error: TwinwireError): void }> {
  #items: W[] = none;

  /** The one that is served next. */
  get first(): W | undefined {
    return this.#items[0];
  }

  get length(): number {
    return this.#items.length;
  }

  /** Whether it holds for one of them. */
  some(holds: (waiter: W) => boolean): boolean {
    return this.#items.some(holds);
  }

  add(waiter: W): void {
    if (this.#items === none) this.#items = [waiter];
    else this.#items.push(waiter);
  }

  /** Takes off the first. */
  shift(): W | undefined {
    return this.#items.shift();
  }

  /** Takes one off, wherever it stands. Returns whether it was there. */
  remove(waiter: W): boolean {
    const at = this.#items.indexOf(waiter);
    if (at >= 0) this.#items.splice(at, 1);
    return at >= 0;
  }

  /** Rejects all. */
  rejectAll(reason: (waiter: W) => TwinwireError): void {
    const all = this.#items;
    this.#items = none;
    for (const waiter of all) waiter.reject(reason(waiter));
  }
}

function nothing(): void {}

/** What a runtime's timer may have: some have numbers instead. */
interface Timer {
  unref?(): unknown;
}

/**
 * A bound that is moved far more often than it passes. The runtime's timer is moved only when it rings, too early as a
 * rule. It never keeps the process alive: what is bounded does.
 */
export class Timeout {
  readonly #ring: () => void;
  #due = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer rings. */
  #timerDue = 0;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings in `ms`, unless it is set again or cleared by then. 0: never. */
  set(ms: number): void {
    if (ms <= 0) {
      this.#due = 0;
      return;
    }
    this.#due = performance.now() + ms;
    if (this.#timer !== undefined && this.#timerDue <= this.#due) return;
    this.#start(ms);
  }

  clear(): void {
    this.#due = 0;
  }

  /** Nothing will be bounded any more. */
  stop(): void {
    this.#due = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(ms: number): void {
    clearTimeout(this.#timer);
    this.#timerDue = performance.now() + ms;
    this.#timer = setTimeout(this.#rang, ms);
    (this.#timer as Timer).unref?.();
  }

  readonly #rang = (): void => {
    this.#timer = undefined;
    if (this.#due === 0) return;
    const left = this.#due - performance.now();
    if (left >= 1) {
      this.#start(left);
      return;
    }
    this.#due = 0;
    this.#ring();
  };
}
