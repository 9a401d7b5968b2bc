import type { Port } from "../adapters/port.ts";
import { MAX_HOST } from "./abi.gen.ts";
import { errorCode, TwinwireError } from "./errors.ts";
import { utf8Size } from "./text.ts";

/** What a look-up may be asked for. */
export interface ResolveOptions {
  /** Only addresses of this family. */
  readonly family?: 4 | 6 | undefined;
  /** Gives up waiting with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

/** As `Engine.resolve`. */
export async function resolve(port: Port, host: string, { family, signal }: ResolveOptions = {}): Promise<string[]> {
  const address = host;
  if (!isHost(host))
    throw new TwinwireError("ERR_ARGUMENT", { step: "resolve", reason: `host ${JSON.stringify(host)}` });
  /* Not a number that is only equal: -0 ends the process in Node's resolver. */
  if (family !== undefined && family !== 4 && family !== 6) {
    throw new TwinwireError("ERR_ARGUMENT", { step: "resolve", reason: `family is 4 or 6, not ${String(family)}` });
  }
  const aborted = (): TwinwireError =>
    new TwinwireError("ERR_ABORTED", { step: "resolve", address, cause: signal?.reason });
  if (signal?.aborted) throw aborted();
  let onAbort = (): void => {};
  const abort = new Promise<never>((_, reject) => {
    onAbort = () => reject(aborted());
    signal?.addEventListener("abort", onAbort, { once: true });
  });
  try {
    const { error, addresses, cause } = await Promise.race([port.resolve(host, family ?? 0), abort]);
    if (error !== 0) throw new TwinwireError(errorCode(error), { step: "resolve", address, cause });
    return [...addresses];
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** As the core decides it for a connection: what no resolver takes is refused here. */
function isHost(host: string): boolean {
  return typeof host === "string" && host !== "" && utf8Size(host) <= MAX_HOST && !/[\0- \x7f]/.test(host);
}
