import type { ErrorCode } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import type { ErrorFacts, TwinwireError } from "../../wasm/errors.ts";

/** What the two halves of a stream know of it: its number in the engine, and how its errors are made. */
export interface StreamHandle {
  readonly engine: Engine;
  readonly handle: number;
  /** An error of this stream. `code`: also the number of one. */
  fault(code: ErrorCode | number, facts: ErrorFacts): TwinwireError;
}
