import type { Clock } from "../adapters/port.ts";
import { FOREVER } from "./abi.gen.ts";

/**
 * The one timer that wakes the core. The core says again and again how long it can wait; the host's timer is touched
 * only if it would come too late. One that fires too early finds nothing due and is set again.
 */
export class WakeTimer {
  readonly #clock: Clock;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The core can wait `waitMs` from `nowMs`, or forever. */
  set(waitMs: number, nowMs: number): void {
    if (waitMs === FOREVER) {
      if (this.#dueMs === Number.POSITIVE_INFINITY) return;
      this.#clock.wake(FOREVER);
      this.#dueMs = Number.POSITIVE_INFINITY;
      return;
    }
    const dueMs = nowMs + waitMs;
    if (dueMs >= this.#dueMs) return;
    this.#clock.wake(waitMs);
    this.#dueMs = dueMs;
  }

  /** The host's timer has fired. */
  fired(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
  }
}

/** What the runtimes have that also have node's `process`. */
interface Ticking {
  nextTick?(run: () => void): void;
}

const ticking = (globalThis as { process?: Ticking }).process;

/**
 * Calls `run` when all that was going on is done: the code that called this, and every promise that is settled by then. So
 * a loop that awaits one write after the other still makes one write of the socket. Where there is no `process`, promises
 * that are settled meanwhile may come later.
 */
export function afterMicrotasks(run: () => void): void {
  deferrer(run)();
}

const DONE = Promise.resolve();

/** As `afterMicrotasks`, for what is called over and over. */
export function deferrer(run: () => void): () => void {
  if (ticking?.nextTick === undefined) return () => queueMicrotask(run);
  /* Ticks come after microtasks only where the microtasks have begun. */
  const tick = (): void => ticking.nextTick?.(run);
  /* queueMicrotask would do the same, and make an AsyncResource each time. */
  return () => void DONE.then(tick);
}
