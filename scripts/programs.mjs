// Finds programs of the machine.

import { spawnSync } from "node:child_process";

/** Returns the path of the first of these programs that runs, and its version output; or undefined. */
export function findProgram(names, args = ["--version"]) {
  for (const path of names) {
    const { status, stdout } = spawnSync(path, args, { encoding: "utf8" });
    if (status === 0) return { path, version: stdout.split("\n")[0].trim() };
  }
  return undefined;
}

/** A program's names with and without the version suffixes of Debian, newest first. */
export function suffixed(name, versions = [22, 21, 20, 19, 18, 17, 16, 15, 14]) {
  return [name, ...versions.map((version) => `${name}-${version}`)];
}
