// What the core is made of, and how every toolchain compiles it.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAbi } from "../../core-c/gen-parse.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Where headers are searched for, relative to the root. */
export const includes = ["core-c/include", "core-c"];

export const warningFlags = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow"];

/** Without it, inlining across files makes a third of the module out of copies. */
const inlining = ["-mllvm", "-inline-threshold=10"];

/** -O3 and not -Os: only from -O2 on are the loops over bytes vectorised. */
export const compileFlags = ["-std=c11", "-O3", "-flto", "-mbulk-memory", "-msimd128", ...inlining, ...warningFlags];

/** The stack lies below the data, so that an overflow traps and overwrites nothing. */
const stackFlags = ["--stack-first", "-z", "stack-size=65536"];

/** Arguments of wasm-ld. `importsFile` lists what may stay undefined. */
export function linkFlags(abi, importsFile) {
  return [
    "--no-entry",
    "--strip-all",
    "--gc-sections",
    "--lto-O3",
    ...inlining,
    ...stackFlags,
    `--allow-undefined-file=${importsFile}`,
    ...abi.exports.map((entry) => `--export=${entry.name}`),
    "--export=__heap_base",
    "--export=__stack_pointer",
  ];
}

/** The files below a directory whose names end so; paths relative to the root, sorted. */
export function listFiles(directory, ...extensions) {
  return readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extensions.some((extension) => entry.name.endsWith(extension)))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).replaceAll("\\", "/"))
    .sort();
}

export function coreSources() {
  return ["core-c/src", "core-c/proto"].flatMap((directory) => listFiles(directory, ".c"));
}

/** What a toolchain is given: paths relative to the root, and the text of each file in `files`. */
export function readProject({ shim }) {
  const sources = [...coreSources(), ...(shim ? listFiles("wasm/shim", ".c") : [])];
  const headers = ["core-c", ...(shim ? ["wasm/shim"] : [])].flatMap((directory) => listFiles(directory, ".h"));
  const definition = join(root, "core-c/abi.def");
  return {
    root,
    abi: parseAbi(readFileSync(definition, "utf8"), definition),
    sources,
    includes: [...includes, ...(shim ? ["wasm/shim"] : [])],
    files: new Map([...sources, ...headers].map((path) => [path, readFileSync(join(root, path), "utf8")])),
  };
}
