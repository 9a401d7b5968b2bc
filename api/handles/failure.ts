import type { ErrorCode } from "../../wasm/abi.gen.ts";
import { type ErrorFacts, errorCode, TwinwireError } from "../../wasm/errors.ts";

/* A send that is refused again and again must stay cheap, so the error itself is made only when it is asked for. */
let last: { code: ErrorCode; facts: ErrorFacts } | undefined;
let made: TwinwireError | undefined;

/** Notes why a call fails, and is what the call returns. `error`: a code, or the number of one. */
export function refuse(error: ErrorCode | number, facts: ErrorFacts): -1 {
  last = { code: typeof error === "number" ? errorCode(error) : error, facts };
  made = undefined;
  return -1;
}

/**
 * Why the last call that returned -1 did so; `undefined` if none has. A call that succeeds leaves it as it is.
 *
 * ```ts
 * if (net.send(sock, "ping") < 0) console.error(lastError()?.message);
 * ```
 */
export function lastError(): TwinwireError | undefined {
  if (last !== undefined) made ??= new TwinwireError(last.code, last.facts);
  return made;
}
