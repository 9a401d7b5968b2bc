/** What a call of this door comes to: a value, or why there is none. */
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
