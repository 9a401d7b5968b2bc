import { defaultEngine } from "../host.ts";
import type { TraceSink } from "./tracer.ts";

export type { TraceLine, TraceSink } from "./tracer.ts";

/**
 * Writes down what passes between the application, the core and the host: calls, bytes that arrive and leave, events;
 * each with its time, as one line of JSON (`TraceLine`). The lines contain everything, including payloads and headers: keep
 * them as you would keep a password. A trace costs time while it is written and nothing after.
 *
 * A trace that began before a connection was opened can be replayed against the core, on any target: see
 * `test/vectors/README.md`, "From a trace".
 *
 * ```ts
 * const lines: string[] = [];
 * const stop = trace((line) => lines.push(line));
 * ```
 *
 * @param sink receives each line, in the middle of the operation: it must not call back, and an error that it throws is
 * reported and changes nothing.
 * @param of one connection, or its handle. Default: all of them.
 * @returns what ends it. Another `trace` ends it too.
 */
export function trace(sink: TraceSink, of?: number | { readonly handle: number }): () => void {
  return defaultEngine().trace(sink, typeof of === "object" ? of.handle : of);
}
