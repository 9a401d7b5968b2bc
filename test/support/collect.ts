/** A collector of garbage that runs when it is told to, so that a test can tell what is kept from what is not yet gone. */
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

/** Collects garbage, and lets a turn pass for what is finalized after it. */
export async function collect(): Promise<void> {
  found ??= find();
  found();
  await pause(0);
}
