// What the parts of the tests print: at once, or together at a part's end where several run side by side.

import { AsyncLocalStorage } from "node:async_hooks";

const kept = new AsyncLocalStorage();

/** Prints a line, or keeps it for the end of the part that it belongs to. */
export function print(line) {
  const lines = kept.getStore();
  if (lines) lines.push(line);
  else console.log(line);
}

/** Returns what `work` returns; what it prints comes together, once it has ended. */
export async function printTogether(work) {
  const lines = [];
  try {
    return await kept.run(lines, work);
  } finally {
    for (const line of lines) console.log(line);
  }
}
