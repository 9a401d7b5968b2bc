// The runtimes that tests use besides the machine's Node: scripts/runtimes/ has them from npm, for x64 Linux.

import { join } from "node:path";
import { root } from "../wasm/build/project.mjs";
import { findProgram } from "./programs.mjs";

const installed = (path) => join(root, "scripts/runtimes/node_modules", path);

/** A runtime as findProgram has it, and what to do for it if it is missing. */
function find(name, paths) {
  const program = findProgram(paths);
  return { name, program, missing: program ? undefined : `${name}: npm ci --prefix scripts/runtimes` };
}

/** Deno: the one from npm, or the machine's. */
export const deno = find("Deno", [installed("deno/deno"), "deno"]);

/** The versions of Node that are supported, but for the one that this runs on. */
export const otherNodes = [20, 22, 24, 26]
  .filter((major) => process.versions.node.split(".")[0] !== String(major))
  .map((major) => find(`Node ${major}`, [installed(`node-${major}/bin/node`)]));
