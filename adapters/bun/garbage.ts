/**
 * When the garbage of what was received is collected.
 *
 * JavaScriptCore lets garbage gather in proportion to the heap, and counts all of the core's linear memory as part of that,
 * though hardly any of it is in use: some 60 MB in a program that has 5. Bun's allocator returns what has been free for some
 * 50 ms to the system. So messages went to memory that the system had to supply page by page, and did so the more, the slower
 * that made them: a message of 1 MiB took 2 or 13 ms, for minutes on end.
 */

/** Bytes received after which their garbage is collected: no more than fits into caches. */
const STEP = 4 * 1024 * 1024;

/** What a delivery counts besides its bytes: a buffer, a string, promises and what waits for them. */
const DELIVERY = 2048;

/** As `STEP`, for each millisecond that a collection takes, in programs that keep much of what they make. */
const STEP_PER_MS = 4 * 1024 * 1024;

/** Paces collections by what is received. */
export class Collector {
  /** Collects what has become garbage since the last time. Returns how many milliseconds it took. */
  readonly #collect: () => number;
  /** Calls a function from the event loop: what the stack still names would outlive the collection, and then many more. */
  readonly #later: (run: () => void) => void;
  #left = STEP;
  /** Milliseconds of the last collections. Single ones take long because the system did something else meanwhile. */
  readonly #costs = [0, 0, 0, 0];

  constructor(collect: () => number, later: (run: () => void) => void) {
    this.#collect = collect;
    this.#later = later;
  }

  /** Bytes were delivered. */
  count(size: number): void {
    this.#left -= size + DELIVERY;
    if (this.#left > 0) return;
    this.#left = Number.POSITIVE_INFINITY;
    this.#later(this.#run);
  }

  readonly #run = (): void => {
    this.#costs.shift();
    this.#costs.push(this.#collect());
    this.#left = Math.max(STEP, Math.min(...this.#costs) * STEP_PER_MS);
  };
}

/** What is used of the module bun:jsc. */
interface Jsc {
  edenGC(): number;
}

const jsc = (process as { getBuiltinModule?(name: string): unknown }).getBuiltinModule?.("bun:jsc") as Jsc | undefined;

/** The collector of this thread. */
export const collector = new Collector(
  () => {
    const begun = performance.now();
    jsc?.edenGC();
    return performance.now() - begun;
  },
  (run) => void setImmediate(run),
);
