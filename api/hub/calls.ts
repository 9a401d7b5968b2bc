/** How a hub calls its driver, and a driver its broker: with a time limit, few at once, or one for many. */
import type { TwinwireError } from "../../wasm/errors.ts";
import { brokerError, inTime } from "./driver.ts";

/**
 * Calls for topics that are under way at once. A node that joins ten thousand topics, or resumes them after the broker was down,
 * would otherwise wait for its own queue, take the broker for one that does not answer, and resume again.
 */
const AT_ONCE = 128;

/** A call that is not made yet. */
interface Waiting {
  begin(): void;
  reject(error: TwinwireError): void;
}

export class Calls {
  readonly #timeoutMs: number;
  readonly #failed: (error: TwinwireError, isLate: boolean) => void;
  readonly #once = new Set<string>();
  #underWay = 0;
  #waiting: Waiting[] = [];
  #next = 0;

  /** `failed` is called with each error; `isLate`: there was no answer within `timeoutMs`. */
  constructor(timeoutMs: number, failed: (error: TwinwireError, isLate: boolean) => void) {
    this.#timeoutMs = timeoutMs;
    this.#failed = failed;
  }

  /** Waits for the answer to a call that was made. */
  async answer<T>(operation: string, answer: Promise<T>): Promise<T> {
    try {
      return await inTime(answer, operation, this.#timeoutMs);
    } catch (cause) {
      const error = brokerError(cause);
      this.#failed(error, cause === error && error.message.includes("no answer within"));
      throw error;
    }
  }

  /** Makes a call for a topic once fewer than the most are under way, in order; its time begins then. */
  queue<T>(operation: string, call: () => Promise<T>): Promise<T> {
    /* A driver may also throw. */
    const run = async (): Promise<T> => call();
    return new Promise<T>((resolve, reject) => {
      const begin = (): void => {
        this.#underWay++;
        this.answer(operation, run())
          .then(resolve, reject)
          .finally(() => {
            this.#underWay--;
            this.#begin();
          });
      };
      if (this.#underWay < AT_ONCE) begin();
      else this.#waiting.push({ begin, reject });
    });
  }

  /** As `queue`, unless the same call for this topic was not answered yet. */
  async once(operation: string, topic: string, call: () => Promise<void>): Promise<void> {
    const key = `${operation} ${topic}`;
    if (this.#once.has(key)) return;
    this.#once.add(key);
    try {
      await this.queue(operation, call);
    } finally {
      this.#once.delete(key);
    }
  }

  /** Rejects the calls that were not made yet. */
  fail(error: TwinwireError): void {
    const failed = this.#waiting.slice(this.#next);
    this.#waiting = [];
    this.#next = 0;
    for (const { reject } of failed) reject(error);
  }

  #begin(): void {
    const next = this.#waiting[this.#next];
    if (next === undefined) return;
    this.#next++;
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
    next.begin();
  }
}

/**
 * One call for all who ask while another one is under way: it begins after the last of them has asked, so that its answer is
 * not older than any of their questions.
 */
export class Combined<T> {
  readonly #call: () => Promise<T>;
  #last: Promise<unknown> = Promise.resolve();
  #next: Promise<T> | undefined;

  constructor(call: () => Promise<T>) {
    this.#call = call;
  }

  ask(): Promise<T> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#last.then(() => {
      this.#next = undefined;
      return this.#call();
    });
    this.#next = next;
    this.#last = next.catch(() => {});
    return next;
  }

  /** Waits for what is under way no longer: its connection has ended, and there may be no answer. */
  forget(): void {
    this.#last = Promise.resolve();
    this.#next = undefined;
  }
}
