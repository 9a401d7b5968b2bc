/** Calls that wait, in order; time limits and deadlines. */
import { Deadline, type ErrorCode } from "../../wasm/abi.gen.ts";
import type { Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import type { ErrorFacts, TwinwireError } from "../../wasm/errors.ts";
import { show } from "./arguments.ts";

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

/** What the two halves of a stream use of it: the engine, its handle, and its errors. */
export interface HalfStream {
  readonly engine: Engine;
  readonly handle: number;
  /** Creates an error of this stream. `code`: a code or its number. */
  fault(code: ErrorCode | number, facts: ErrorFacts): TwinwireError;
}

/** The longest deadline: 31 bits of milliseconds, almost 25 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** The engine counts whole milliseconds: it may be this much early by a finer clock. */
const SLACK_MS = 2;

/** One direction of a handle, whose deadline can pass. */
export interface Side {
  setLate(late: boolean): void;
}

/** The deadlines of a handle. The timers are the core's. */
export class Deadlines {
  readonly #engine: Engine;
  readonly #endpoint: Endpoint;
  readonly #readControl: Side;
  readonly #writing: Side;
  /** When each passes; 0: never. */
  #readDue = 0;
  #writeDue = 0;

  constructor(engine: Engine, endpoint: Endpoint, reading: Side, writing: Side) {
    this.#engine = engine;
    this.#endpoint = endpoint;
    this.#readControl = reading;
    this.#writing = writing;
  }

  /**
   * Sets deadlines (`Deadline` bits) to `ms` from now; 0 clears them, and a negative number is one that has passed.
   *
   * @throws ERR_ARGUMENT, as `fault` makes it, for what is no such number.
   */
  set(which: number, ms: number, fault: (code: ErrorCode, reason: string) => TwinwireError): void {
    if (typeof ms !== "number" || Number.isNaN(ms) || ms > LONGEST_MS) {
      throw fault("ERR_ARGUMENT", `a deadline is a number of milliseconds up to ${LONGEST_MS}, not ${show(ms)}`);
    }
    const due = ms > 0 ? performance.now() + ms : 0;
    if ((which & Deadline.READ) !== 0) this.#readDue = due;
    if ((which & Deadline.WRITE) !== 0) this.#writeDue = due;
    this.#engine.setDeadline(this.#endpoint.handle, which as Deadline, Math.ceil(Math.max(ms, 0)));
    this.#setLate(which, ms < 0);
  }

  /** Called when the engine reports passed deadlines. Returns those that were not changed in the meantime. */
  passed(which: number): number {
    const now = performance.now() + SLACK_MS;
    const reading = this.#readDue > 0 && this.#readDue <= now ? Deadline.READ : 0;
    const writing = this.#writeDue > 0 && this.#writeDue <= now ? Deadline.WRITE : 0;
    const late = which & (reading | writing);
    this.#setLate(late, true);
    return late;
  }

  #setLate(which: number, late: boolean): void {
    if ((which & Deadline.READ) !== 0) this.#readControl.setLate(late);
    if ((which & Deadline.WRITE) !== 0) this.#writing.setLate(late);
  }
}

/** A timer of the runtime. */
export type RuntimeTimer = ReturnType<typeof setTimeout>;

/** Sets whether a timer keeps the process alive; that of a runtime with numbers for timers always does. */
function keepAlive(timer: RuntimeTimer, on: boolean): void {
  const { ref, unref } = timer as { ref?(): void; unref?(): void };
  if (on) ref?.call(timer);
  else unref?.call(timer);
}

/** The timers of something that keeps the process alive, or not, as a whole. */
export class TimerGroup {
  #timers: Set<RuntimeTimer> | undefined;
  #kept = true;

  /** Starts one. Returns what stops it. */
  after(ms: number, run: () => void): () => void {
    this.#timers ??= new Set();
    const timers = this.#timers;
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
    keepAlive(timer, this.#kept);
    return () => {
      timers.delete(timer);
      clearTimeout(timer);
    };
  }

  /** Sets whether they keep the process alive. Default: they do. */
  keep(on: boolean): void {
    this.#kept = on;
    for (const timer of this.#timers ?? []) keepAlive(timer, on);
  }
}

/** How many connections go on in one iteration of the event loop. */
const PER_ITERATION = 4;

interface Immediates {
  readonly setImmediate?: (run: () => void) => unknown;
}

/** Calls `run` in a later iteration of the event loop. The functions are looked up at each call: a test may replace them. */
function defer(run: () => void): void {
  const { setImmediate = setTimeout } = globalThis as Immediates;
  setImmediate(run);
}

let waiting: (() => void)[] = [];

function resume(): void {
  const first = waiting.slice(0, PER_ITERATION);
  waiting = waiting.slice(PER_ITERATION);
  if (waiting.length > 0) defer(resume);
  for (const go of first) go();
}

/**
 * Settled in a later iteration of the event loop, in the order of the calls. A connection whose requests came together
 * waits for it after some of them, so that thousands of requests of some clients don't delay one of another.
 */
export function nextShare(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) defer(resume);
  });
}
