/** Results instead of exceptions, for the APIs that return them: with promises and with calls that wait. */

/** The result of a call: a value, or an error. `E` is text that begins with an error code. */
export type Result<T, E = string> = Ok<T> | Err<E>;

/** The result of a call that succeeded. */
export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
}

/** The result of a call that failed. */
export interface Err<E = string> {
  readonly ok: false;
  readonly error: E;
}

/** Returns a result with a value. */
export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

/** Returns a result with an error. */
export function err<E = string>(error: E): Err<E> {
  return { ok: false, error };
}

/**
 * Returns the value of a result.
 *
 * @throws Error if the result is an error, which is its message.
 */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Error(result.error);
}

/** The error of a call that would have to wait, in non-blocking mode. */
export const WOULD_BLOCK = "would block";

/** Returns the result of what was thrown. */
export function failed(error: unknown): Err {
  return err(error instanceof Error ? error.message : String(error));
}

/** Returns the result of a call that may throw. */
export function attempt<T>(call: () => T): Result<T> {
  try {
    return ok(call());
  } catch (error) {
    return failed(error);
  }
}

/** The blocking mode of a socket. */
export class Blocking {
  #nonblocking = false;

  /** Whether a call is to fail, since it would have to wait; an error if that can't be found out. */
  refuses(ready: () => boolean): Result<boolean> {
    return this.#nonblocking ? attempt(() => !ready()) : ok(false);
  }

  /** Sets the mode; `check` throws once the socket is closed. */
  set(enabled: boolean, check: () => unknown): Result<void> {
    return attempt(() => {
      check();
      this.#nonblocking = Boolean(enabled);
    });
  }
}
