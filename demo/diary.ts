/** An entry of a diary: what came, and when, in ms of `performance.now()`. */
export type Entry<T> = T & { readonly at: number };

/** What came, in order, and a way to wait for more of it. */
export class Diary<T extends object> {
  readonly entries: Entry<T>[] = [];
  readonly #wakers = new Set<() => void>();

  /** Notes what has just come. */
  add(entry: T): void {
    this.entries.push({ ...entry, at: performance.now() });
    for (const wake of this.#wakers) wake();
  }

  /**
   * Waits until `look` finds something in the entries.
   *
   * @throws if that takes longer than `seconds`; `what` is how the error calls it.
   */
  async until<R>(look: (entries: readonly Entry<T>[]) => R | undefined, what: string, seconds: number): Promise<R> {
    let wake = (): void => {};
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<R>((resolve, reject) => {
        wake = () => {
          const found = look(this.entries);
          if (found !== undefined) resolve(found);
        };
        timer = setTimeout(() => reject(new Error(`waited ${seconds} s in vain for ${what}`)), seconds * 1000);
        this.#wakers.add(wake);
        wake();
      });
    } finally {
      clearTimeout(timer);
      this.#wakers.delete(wake);
    }
  }
}
