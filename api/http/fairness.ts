/** How many connections go on in one iteration of the event loop. */
const PER_ITERATION = 4;

type Run = (run: () => void) => unknown;

const { setImmediate = setTimeout } = globalThis as { setImmediate?: Run };

let waiting: (() => void)[] = [];

function resume(): void {
  const first = waiting.slice(0, PER_ITERATION);
  waiting = waiting.slice(PER_ITERATION);
  if (waiting.length > 0) setImmediate(resume);
  for (const go of first) go();
}

/**
 * Settled in a later iteration of the event loop, in the order of the calls. A connection whose requests came together
 * waits for it after some of them, so that thousands of requests of some clients don't delay one of another.
 */
export function nextShare(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(resume);
  });
}
