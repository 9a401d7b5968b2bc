import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const START_MS = 30_000;

let found: string | undefined;

/**
 * The bun that npm installed. If npm did not run its install script, bin/ contains a text about that; the program itself
 * lies in the package for this processor all the same.
 */
export function findBun(): string {
  if (found !== undefined) return found;
  const require = createRequire(import.meta.url);
  const home = dirname(require.resolve("bun/package.json"));
  const scope = join(home, "../@oven");
  const candidates = [join(home, "bin/bun.exe"), ...folders(scope).map((name) => join(scope, name, "bin/bun"))];
  found = candidates.find((path) => spawnSync(path, ["--version"], { timeout: START_MS }).status === 0);
  if (found !== undefined) return found;
  throw new Error("bun does not start: run npm ci, then node node_modules/bun/install.js");
}

function folders(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
