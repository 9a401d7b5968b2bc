// Reads abi.def and writes its numbers in C and in TypeScript. The grammar is at the top of abi.def.
//
//   node core-c/gen.mjs          writes include/twinwire/abi.gen.h and ../wasm/abi.gen.ts where they differ
//   node core-c/gen.mjs --check  writes nothing; fails if a file is not current

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { writeC } from "./gen-c.mjs";
import { parseAbi } from "./gen-parse.mjs";
import { writeTypeScript } from "./gen-ts.mjs";

const here = dirname(fileURLToPath(import.meta.url));

/** The generated files as they should be: [path, text] pairs. */
export function generate(definition = join(here, "abi.def")) {
  const abi = parseAbi(readFileSync(definition, "utf8"), definition);
  return [
    [join(here, "include/twinwire/abi.gen.h"), writeC(abi)],
    [resolve(here, "../wasm/abi.gen.ts"), writeTypeScript(abi)],
  ];
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return "";
    throw error;
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const stale = generate().filter(([path, text]) => read(path) !== text);
    if (process.argv.includes("--check")) {
      for (const [path] of stale) console.error(`${path}: not current; run "make gen"`);
      process.exitCode = stale.length > 0 ? 1 : 0;
    } else {
      for (const [path, text] of stale) writeFileSync(path, text);
    }
  } catch (error) {
    if (error.name !== "DefinitionError") throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
