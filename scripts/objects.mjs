// The core compiled once for each compiler and its flags: the test programs in C that want it alike are linked with one
// object.

import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { coreSources, includes, root } from "../wasm/build/project.mjs";
import { run } from "./run.mjs";

const objects = new Map();

/**
 * Returns the sources without those of the core, and in place of all of these one object; compiles that at the first call
 * with a compiler and flags. Undefined if it can't be compiled. Sources that have only some of the core stay as they are.
 */
export async function withCoreObject(compiler, flags, sources) {
  const core = coreSources();
  if (!core.every((path) => sources.includes(path))) return sources;
  const key = createHash("sha256")
    .update([compiler, ...flags].join("\0"))
    .digest("hex")
    .slice(0, 16);
  if (!objects.has(key)) objects.set(key, compileCore(compiler, flags, core, key));
  const object = await objects.get(key);
  return object && [object, ...sources.filter((path) => !core.includes(path))];
}

async function compileCore(compiler, flags, core, key) {
  const folder = join(root, "build/c/objects");
  mkdirSync(folder, { recursive: true });
  const object = join(folder, `core-${key}.o`);
  /* clang would link its sanitizers' runtime into the object, and then once more into the program. */
  const alone = compiler.includes("clang") ? ["-fno-sanitize-link-runtime"] : [];
  const paths = includes.map((path) => `-I${path}`);
  const args = [...flags, ...paths, "-nostdlib", "-r", ...alone, ...core, "-o", object];
  return (await run(compiler, args)).status === 0 ? object : undefined;
}
