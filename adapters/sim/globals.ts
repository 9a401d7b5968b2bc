/** The functions of time and chance that a program finds in its global object, as a simulation has them. */

/** A call that is scheduled. */
interface Scheduled {
  cancelled: boolean;
}

/** The time of a simulation. */
export interface VirtualTime {
  /** Milliseconds since the start. */
  nowMs(): number;
  /** Milliseconds since 1970, by the clock of the machine whose code runs. */
  wallMs(): number;
  /** Calls `run` as code of the process whose code runs. */
  after(delayMs: number, run: () => void): Scheduled;
  random(): number;
}

type Callback = (...args: unknown[]) => void;

/** An iteration of the event loop takes a microsecond, so that a loop over setImmediate does not stop time. */
export const ITERATION_MS = 0.001;

/** The longest delay of a timer; a longer one counts as 1, as in Node. */
const LONGEST_MS = 2_147_483_647;

/** A timer, with the methods that those of Node have. Node's functions accept its number as well. */
class VirtualTimer {
  readonly #id: number;
  readonly #start: () => Scheduled;
  #scheduled: Scheduled;
  #referenced = true;

  constructor(id: number, start: () => Scheduled) {
    this.#id = id;
    this.#start = start;
    this.#scheduled = start();
  }

  ref(): this {
    this.#referenced = true;
    return this;
  }

  unref(): this {
    this.#referenced = false;
    return this;
  }

  hasRef(): boolean {
    return this.#referenced;
  }

  refresh(): this {
    this.#scheduled.cancelled = true;
    this.#scheduled = this.#start();
    return this;
  }

  close(): this {
    this.#scheduled.cancelled = true;
    return this;
  }

  /** For a timer that repeats: the next call. */
  again(): void {
    if (!this.#scheduled.cancelled) this.#scheduled = this.#start();
  }

  [Symbol.toPrimitive](): number {
    return this.#id;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The timers of one run. */
class Timers {
  readonly #time: VirtualTime;
  readonly #byId = new Map<number, VirtualTimer>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Starts a timer. */
  add(delay: unknown, repeats: boolean, run: Callback, args: unknown[]): VirtualTimer {
    const ms = Number(delay);
    const delayMs = ms >= 1 && ms <= LONGEST_MS ? ms : 1;
    return this.#make(delayMs, repeats, run, args);
  }

  /** Calls `run` in the next iteration of the event loop. */
  immediate(run: Callback, args: unknown[]): VirtualTimer {
    return this.#make(ITERATION_MS, false, run, args);
  }

  clear(timer: unknown): void {
    if (timer instanceof VirtualTimer) timer.close();
    else if (typeof timer === "number" || typeof timer === "string") this.#byId.get(Number(timer))?.close();
  }

  #make(delayMs: number, repeats: boolean, run: Callback, args: unknown[]): VirtualTimer {
    if (typeof run !== "function") throw new TypeError("The callback of a timer must be a function");
    const id = this.#byId.size + 1;
    const timer: VirtualTimer = new VirtualTimer(id, () =>
      this.#time.after(delayMs, () => {
        run(...args);
        if (repeats) timer.again();
      }),
    );
    this.#byId.set(id, timer);
    return timer;
  }
}

/** Makes `AbortSignal.timeout` count simulated time. */
function abortAfter(time: VirtualTime, ms: number): AbortSignal {
  const controller = new AbortController();
  time.after(ms, () => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")));
  return controller.signal;
}

function dateOf(time: VirtualTime): DateConstructor {
  const now = (): number => Math.floor(time.wallMs());
  const virtual: DateConstructor = new Proxy(Date, {
    construct: (real, args: [], newTarget) =>
      Reflect.construct(real, args.length === 0 ? [now()] : args, newTarget === virtual ? real : newTarget),
    apply: (real) => new real(now()).toString(),
    get: (real, name) => (name === "now" ? now : Reflect.get(real, name, real)),
  });
  return virtual;
}

function performanceOf(time: VirtualTime): Performance {
  const now = (): number => time.nowMs();
  return new Proxy(performance, {
    get(real, name) {
      if (name === "now") return now;
      const value: unknown = Reflect.get(real, name, real);
      return typeof value === "function" ? value.bind(real) : value;
    },
  });
}

/**
 * Replaces the timers, `Date`, `performance.now`, `AbortSignal.timeout` and `Math.random` of the global object by those of a
 * simulation.
 *
 * @returns what restores them.
 */
export function replaceGlobals(time: VirtualTime): () => void {
  const timers = new Timers(time);
  const clear = (timer: unknown): void => timers.clear(timer);
  const undo: (() => void)[] = [];
  const replace = (owner: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, {
      value,
      writable: true,
      configurable: true,
      enumerable: before?.enumerable ?? false,
    });
    undo.unshift(() => {
      if (before === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, before);
    });
  };
  replace(globalThis, "setTimeout", (run: Callback, ms?: unknown, ...args: unknown[]) =>
    timers.add(ms, false, run, args),
  );
  replace(globalThis, "setInterval", (run: Callback, ms?: unknown, ...args: unknown[]) =>
    timers.add(ms, true, run, args),
  );
  replace(globalThis, "setImmediate", (run: Callback, ...args: unknown[]) => timers.immediate(run, args));
  for (const name of ["clearTimeout", "clearInterval", "clearImmediate"]) replace(globalThis, name, clear);
  replace(globalThis, "performance", performanceOf(time));
  replace(globalThis, "Date", dateOf(time));
  replace(AbortSignal, "timeout", (ms: number) => abortAfter(time, ms));
  replace(Math, "random", () => time.random());
  return () => {
    for (const restore of undo) restore();
  };
}
