/** Calls of functions that the application passed: whatever they do wrong is an error of one operation. */

/**
 * Calls a function of the application. `failed` gets what it throws, or what the promise that it returns is rejected with;
 * the promise is not waited for.
 */
export function callSafely(call: () => unknown, failed: (cause: unknown) => void): void {
  try {
    const result = call();
    if (isThenable(result)) Promise.resolve(result).catch(failed);
  } catch (cause) {
    failed(cause);
  }
}

/** Whether a callback has returned a promise. @throws what asking for its `then` throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as PromiseLike<unknown>).then === "function";
}
