/** The time of a host: its clock, and the timer and the deferred call of an engine. */

/** The clock, the one timer of the engine, and deferred calls. */
export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  now(): number;

  /** Delivers `wake` once, `delayMs` from now. It replaces the timer that was set before; `FOREVER` only clears that. */
  wake(delayMs: number): void;

  /** Delivers `later` once, in a later iteration of the event loop, after sockets were polled. */
  later(): void;

  /** Whether a timer that is set keeps the process alive. Default: true. */
  keep(on: boolean): void;
}
