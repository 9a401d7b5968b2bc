/** How long the process runs. */

import { openedEngine } from "../../wasm/host.ts";
import { isInt32, show } from "../internal/arguments.ts";
import { type Done, refuse } from "./calls.ts";

/** The longest time that a timer takes: 31 bits of milliseconds. */
const LONGEST_MS = 2_147_483_647;

let held: ReturnType<typeof setInterval> | undefined;

/** Keeps the process alive until `exit`, whether or not a handle is open. */
export function keepAlive(): void {
  held ??= setInterval(() => {}, LONGEST_MS);
}

/**
 * Closes every handle and lets the process end. What is queued and the close frames still go out, within
 * `limits().closeTimeoutMs`. The process ends by itself when nothing else keeps it; this does not end it.
 *
 * @param code the exit code that the process will have, 0 to 255; without one it stays what it is.
 * @returns 0, or -1: ERR_ARGUMENT, and then nothing was done.
 */
export function exit(code?: number): Done {
  if (code !== undefined && (!isInt32(code) || code < 0 || code > 255)) {
    return refuse("ERR_ARGUMENT", { reason: `code ${show(code)}` });
  }
  clearInterval(held);
  held = undefined;
  const engine = openedEngine();
  for (const endpoint of engine?.all() ?? []) {
    engine?.keep(endpoint, true);
    engine?.close(endpoint);
  }
  const host = (globalThis as { process?: { exitCode?: number | string | null | undefined } }).process;
  if (code !== undefined && host !== undefined) host.exitCode = code;
  return 0;
}
