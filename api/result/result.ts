/** The result of a call of this API: a value, or the reason why there is none. */
export type Result<T, E = string> = Ok<T> | Err<E>;

/** A call that did it. */
export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
}

/** A call that did not. */
export interface Err<E = string> {
  readonly ok: false;
  readonly error: E;
}

/** A result that is a value. */
export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

/** A result that is an error. */
export function err<E = string>(error: E): Err<E> {
  return { ok: false, error };
}

/**
 * The value of a result.
 *
 * @throws Error with the result's error as its message.
 */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Error(result.error);
}

/** The error of a call in non-blocking mode that would have to wait. */
export const WOULD_BLOCK = "would block";

/** A call of the connection API as a result: ok exactly if it does not throw or reject. */
export async function attempt<T>(call: () => T | Promise<T>): Promise<Result<T>> {
  try {
    return ok(await call());
  } catch (error) {
    return err(textOf(error));
  }
}

/** As `attempt`, for a call that answers at once. */
export function attemptNow<T>(call: () => T): Result<T> {
  try {
    return ok(call());
  } catch (error) {
    return err(textOf(error));
  }
}

/** How a socket of this API waits: until there is an answer, or not at all. */
export class Blocking {
  #nonblocking = false;

  /** As `attempt`; in non-blocking mode only if the answer is there. */
  attempt<T>(ready: () => boolean, call: () => Promise<T>): Promise<Result<T>> {
    return this.#nonblocking && !ready() ? Promise.resolve(err(WOULD_BLOCK)) : attempt(call);
  }

  /** Sets the mode; `check` throws once the socket is closed. */
  set(enabled: boolean, check: () => unknown): Result<void> {
    return attemptNow(() => {
      check();
      this.#nonblocking = Boolean(enabled);
    });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
