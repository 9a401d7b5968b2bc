/** Bounded waiting: nothing in a test waits for ever. */

/** How long a step of a test may take, in ms, on a machine that has much else to do. */
export const PATIENCE = 30_000;

/** Settles as the promise does; rejects if that takes longer than `ms`. */
export async function within<T>(promise: Promise<T>, what: string, ms: number = PATIENCE): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`${what}: not within ${ms} ms`);
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until the condition holds; rejects if that takes longer than `ms`. */
export async function until(condition: () => boolean, what: string, ms: number = PATIENCE): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await pause(2);
  }
}

/** Waits until a number no longer changes, however slow the machine is, and returns it; rejects if it changes for ever. */
export async function atRest(measure: () => number, what: string): Promise<number> {
  const end = performance.now() + PATIENCE;
  let before = measure();
  /* Each pause lets this process's events happen: a process that had no processor for a while is not at rest. */
  for (let same = 0; same < 8; ) {
    if (performance.now() > end) throw new Error(`${what}: still changing after ${PATIENCE} ms`);
    await pause(25);
    const now = measure();
    same = now === before ? same + 1 : 0;
    before = now;
  }
  return before;
}

/** Lets `ms` pass. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What comes one by one, to be taken in order, whether it comes before it is asked for or after. */
export class Inbox<T> {
  /** All that has come, taken or not. */
  readonly all: T[] = [];
  readonly #what: string;
  readonly #waiting: ((value: T) => void)[] = [];
  #taken = 0;

  /** `what`: its name in the error of a wait that was in vain. */
  constructor(what: string) {
    this.#what = what;
  }

  readonly push = (value: T): void => {
    this.all.push(value);
    if (this.#waiting.length === 0) return;
    this.#taken += 1;
    this.#waiting.shift()?.(value);
  };

  /** The next one that was not taken. */
  next(ms: number = PATIENCE): Promise<T> {
    if (this.#taken < this.all.length) {
      const value = this.all[this.#taken] as T;
      this.#taken += 1;
      return Promise.resolve(value);
    }
    return within(new Promise<T>((resolve) => this.#waiting.push(resolve)), this.#what, ms);
  }
}
