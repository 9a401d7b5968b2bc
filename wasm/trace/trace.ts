import { defaultEngine } from "../host.ts";
import { Tracer, type TraceSink } from "./tracer.ts";

export type { TraceLine } from "./lines.ts";
export type { TraceSink } from "./tracer.ts";

/**
 * Records what passes between the application, the core and the host: calls, bytes received and sent, events. Each is one line
 * of JSON (`TraceLine`) with its time. The lines contain payloads, headers and passwords: store them accordingly. Tracing
 * costs time only while it is active.
 *
 * A trace that began before a connection was opened can be replayed against the core, on any target: see
 * `test/vectors/README.md`, "From a trace".
 *
 * ```ts
 * const lines: string[] = [];
 * const stop = trace((line) => lines.push(line));
 * ```
 *
 * @param sink called with each line, in the middle of the operation. It must not call twinwire; an error that it throws is
 * reported as an uncaught exception.
 * @param of the connection to trace, or its handle. Default: all connections.
 * @returns a function that ends the trace. Another call of `trace` ends it, too.
 */
export function trace(sink: TraceSink, of?: number | { readonly handle: number }): () => void {
  const only = typeof of === "object" ? of.handle : of;
  return defaultEngine().watch("trace", ({ core, nowMs }) => new Tracer(core, sink, nowMs, only));
}
