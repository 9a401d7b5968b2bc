import type { Core } from "../core.ts";
import { Tracer, type TraceSink } from "./tracer.ts";

/** The tracer of what passes the core interface, if there is one. */
export class Tracing {
  tracer: Tracer | undefined;
  #end: (() => void) | undefined;

  /** Begins to write; a trace that is being written ends. Returns what ends this one. */
  begin(core: Core, sink: TraceSink, nowMs: number, only: number | undefined): () => void {
    this.#end?.();
    const plain = core.exports;
    const tracer = new Tracer(core, sink, nowMs, only);
    this.tracer = tracer;
    core.exports = tracer.watch(plain);
    const end = (): void => {
      if (this.tracer !== tracer) return;
      this.tracer = undefined;
      core.exports = plain;
    };
    this.#end = end;
    return end;
  }
}
