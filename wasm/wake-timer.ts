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
