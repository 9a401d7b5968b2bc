/** The life of the process. */

import { openedEngine } from "../../wasm/host.ts";
import { isInt32, show } from "../internal/arguments.ts";
import { type Done, refuse } from "./calls.ts";
import { HandleEndpoint } from "./endpoints.ts";

/** The longest time that a timer takes: 31 bits of milliseconds. */
const LONGEST_MS = 2_147_483_647;

let held: ReturnType<typeof setInterval> | undefined;

/** Keeps the process alive until `exit`, whether or not a handle is open. */
export function keepAlive(): void {
  held ??= setInterval(() => {}, LONGEST_MS);
}

/**
 * Closes every handle and undoes `keepAlive`. Queued bytes and close frames are still sent, within
 * `limits().closeTimeoutMs`. The process then ends by itself, if nothing else keeps it alive.
 *
 * ```ts
 * ws.on(conn, "disconnected", () => runtime.exit(0));
 * ```
 *
 * @param code the exit code of the process, 0 to 255. Default: it is not changed.
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
    if (endpoint instanceof HandleEndpoint) endpoint.close();
    else engine?.close(endpoint);
  }
  const host = (globalThis as { process?: { exitCode?: number | string | null | undefined } }).process;
  if (code !== undefined && host !== undefined) host.exitCode = code;
  return 0;
}
