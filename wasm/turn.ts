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
  turnEnder(run)();
}

/** As `atEndOfTurn`, for what is called over and over. */
export function turnEnder(run: () => void): () => void {
  if (ticking?.nextTick === undefined) return () => queueMicrotask(run);
  /* Ticks come after microtasks only where the microtasks have begun. */
  const tick = (): void => ticking.nextTick?.(run);
  return () => queueMicrotask(tick);
}
