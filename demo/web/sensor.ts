import { Processors } from "../processors.ts";

/** One reading. */
export interface Reading {
  /** Counts from 1. */
  readonly n: number;
  /** When, in ms since 1970. */
  readonly at: number;
  /** How busy the processors are, in percent; measured ten times a second. */
  readonly cpu: number;
  /** How much later than it should this reading was taken, in ms. */
  readonly late: number;
}

const CPU_MS = 100;

/** Measures again and again, and keeps its time: a reading that is late does not delay the next one. */
export class Sensor {
  rate = 10;
  readonly #take: (reading: Reading) => void;
  readonly #processors = new Processors();
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #n = 0;
  #cpu = 0;
  #cpuAt = 0;

  constructor(take: (reading: Reading) => void) {
    this.#take = take;
  }

  start(): void {
    this.#due = performance.now();
    this.#next();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #next(): void {
    const now = performance.now();
    this.#due = Math.max(this.#due + 1000 / this.rate, now);
    this.#timer = setTimeout(() => this.#measure(), this.#due - now);
  }

  #measure(): void {
    const now = performance.now();
    if (now - this.#cpuAt >= CPU_MS) {
      this.#cpu = this.#processors.busy();
      this.#cpuAt = now;
    }
    const late = Math.max(0, Math.round((now - this.#due) * 100) / 100);
    this.#n++;
    this.#take({ n: this.#n, at: Date.now(), cpu: this.#cpu, late });
    this.#next();
  }
}
