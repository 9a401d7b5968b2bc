/** What the runtimes have that also have node's `process`. */
interface Ticking {
  nextTick?(run: () => void): void;
}

const ticking = (globalThis as { process?: Ticking }).process;

/**
 * Calls `run` when all that was going on is done: the code that called this, and every promise that is settled by then. So
 * a loop that awaits one write after the other still makes one write of the socket. Where there is no `process`, promises
 * that are settled meanwhile may come later.
 */
export function atEndOfTurn(run: () => void): void {
  if (ticking?.nextTick === undefined) queueMicrotask(run);
  /* Ticks come after microtasks only where the microtasks have begun. */ else
    queueMicrotask(() => ticking.nextTick?.(run));
}
