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
