/** What functions of the application do wrong: it becomes an error of one operation, or an uncaught exception. */
import { currentScope } from "./scope.ts";

/**
 * Reports an error that a listener threw as the runtime reports any uncaught exception, in a microtask of its own, so that
 * what is under way here goes on. In a simulation, the simulated process reports it.
 */
export function report(error: unknown): void {
  const scope = currentScope();
  if (scope !== undefined) {
    scope.uncaught(error);
    return;
  }
  queueMicrotask(() => {
    throw error;
  });
}

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
