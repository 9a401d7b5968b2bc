/** What a runtime's timer may have: some have numbers instead. */
interface Timer {
  unref?(): unknown;
}

/**
 * A bound that is moved far more often than it passes. The runtime's timer is moved only when it rings, too early as a
 * rule. It never keeps the process alive: what is bounded does.
 */
export class Alarm {
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
