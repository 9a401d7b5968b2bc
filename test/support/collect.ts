/** Garbage collection on demand, so that a test can distinguish what is kept from what has not been collected yet. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { host } from "./host.ts";
import { pause } from "./wait.ts";

type Collect = () => unknown;

function find(): Collect {
  if (host === "bun") {
    const { Bun } = globalThis as { Bun?: { gc(wait: boolean): unknown } };
    if (Bun === undefined) throw new Error("no Bun in Bun");
    return () => Bun.gc(true);
  }
  /* A context that is made once the flag is set has the function; this one, which is older, has not. */
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collect;
}

let found: Collect | undefined;

/** Collects garbage, and waits one loop iteration for finalizers. */
export async function collect(): Promise<void> {
  found ??= find();
  found();
  await pause(0);
}
