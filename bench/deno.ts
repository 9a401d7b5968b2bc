import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const START_MS = 30_000;

let found: string | null | undefined;

/** The deno that npm installed in scripts/runtimes, or the machine's; `undefined` where there is none. */
export function findDeno(): string | undefined {
  if (found === undefined) {
    /* This file lies in bench/ or, compiled, in build/tools/bench/. */
    const installed = ["..", "../../.."].map((root) =>
      fileURLToPath(new URL(`${root}/scripts/runtimes/node_modules/deno/deno`, import.meta.url)),
    );
    const starts = (path: string): boolean => spawnSync(path, ["--version"], { timeout: START_MS }).status === 0;
    found = [...installed, "deno"].find(starts) ?? null;
  }
  return found ?? undefined;
}
