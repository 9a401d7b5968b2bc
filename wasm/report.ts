/**
 * Reports an error that a listener threw as the runtime reports any uncaught exception, on a turn of its own: what is
 * under way here goes on.
 */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
