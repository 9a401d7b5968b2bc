// The parts of "make test" that are about C beside the core: the handle API, the POSIX host, the examples. parts.mjs takes
// them in. What runs against real peers is test/posix, among the tests in TypeScript.

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { coreSources, includes, listFiles, root } from "../wasm/build/project.mjs";
import { sanitizers, strict } from "./c-flags.mjs";
import { withCoreObject } from "./objects.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

const api = () => listFiles("c/src", ".c");
const apiIncludes = ["c/include", "c/src"];
const apiFlags = apiIncludes.map((it) => `-I${it}`);
const elsewhere = /\/(kqueue|posix\/port\/\w+)\.c$/; // their headers are those of the BSDs, and of Node
const host = () =>
  ["c/wait", "adapters/posix", "test/posix", "examples/c"]
    .flatMap((folder) => listFiles(folder, ".c"))
    .filter((path) => !elsewhere.test(path));

const gcc = findProgram(["gcc"]);
const clang = findProgram(suffixed("clang"));
const noGcc = gcc ? undefined : "gcc";
const noClang = clang ? undefined : "clang-19 libclang-rt-19-dev";
const openssl = findProgram(["pkg-config"], ["--modversion", "openssl"]);
const noOpenssl = openssl ? undefined : "libssl-dev pkg-config";
const zlib = findProgram(["pkg-config"], ["--modversion", "zlib"]);
const noLibraries = noOpenssl ?? (zlib ? undefined : "zlib1g-dev");

async function check(program, args) {
  const { status } = await run(program, args);
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

function warnings(name, compiler, missing, flags, sources) {
  const args = () => [...flags, ...strict, ...includes.map((it) => `-I${it}`), "-fsyntax-only", ...sources()];
  return { name, group: "lint", missing, run: () => check(compiler?.path, args()) };
}

const hostFlags = [
  "-D_GNU_SOURCE",
  "-Iadapters/posix",
  "-Iadapters/posix/include",
  "-Ic/include",
  "-Ic/src",
  "-Ic/wait",
];

function apiTests(name, compiler, missing) {
  const program = join(root, `build/c/handles-${name}`);
  return {
    name: `C tests, the handle API, ${name} sanitized`,
    group: "c",
    missing,
    async run() {
      mkdirSync(dirname(program), { recursive: true });
      const sources = [...coreSources(), ...api(), ...listFiles("test/c-api", ".c")];
      const paths = [...includes, ...apiIncludes, "test/c-api"].map((it) => `-I${it}`);
      const flags = [...sanitizers, ...strict];
      const all = await withCoreObject(compiler.path, flags, sources);
      const built = all && (await run(compiler.path, [...flags, ...paths, ...all, "-o", program]));
      if (built?.status !== 0) return { passed: 0, failed: 1 };
      const { status, counts } = await run(program, []);
      if (!counts) return { passed: 0, failed: 1 };
      return status === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
    },
  };
}

/** The host's threads under ThreadSanitizer: it starts, stops, looks names up, and is called from several threads. */
const threadTests = {
  name: "C tests, the POSIX host's threads",
  group: "c",
  seconds: 60,
  missing: noClang ?? noLibraries,
  async run() {
    const total = { passed: 0, failed: 0 };
    const library = await sanitizedForThreads();
    for (const name of ["lifecycle", "addresses", "calls", "waiting", "web", "pool", "crowd"]) {
      const counts = library ? await withThreadSanitizer(name, library) : { passed: 0, failed: 1 };
      total.passed += counts.passed;
      total.failed += counts.failed;
    }
    return total;
  },
};

const threadFlags = () => [
  "-g",
  "-O1",
  "-fsanitize=thread",
  ...strict,
  ...hostFlags,
  ...includes.map((it) => `-I${it}`),
];

/** Compiles what the programs share, once; the objects, or undefined if one can't be compiled. */
async function sanitizedForThreads() {
  const host = listFiles("adapters/posix", ".c").filter(
    (path) => !/\/(tls_none|deflate_none|kqueue|poll)\.c$/.test(path),
  );
  const threaded = api().filter((path) => !path.endsWith("/current.c")); // the host has its own
  const objects = [];
  for (const source of [...coreSources(), ...threaded, ...listFiles("c/wait", ".c"), ...host]) {
    const object = join(root, "build/c/threads", source.replace(/\.c$/, ".o"));
    mkdirSync(dirname(object), { recursive: true });
    const { status } = await run(clang.path, [...threadFlags(), "-c", source, "-o", object]);
    if (status !== 0) return undefined;
    objects.push(object);
  }
  return objects;
}

async function withThreadSanitizer(name, library) {
  const program = join(root, `build/c/posix-threads-${name}`);
  const sources = [`test/posix/${name}.c`, ...library];
  const built = await run(clang.path, [
    ...threadFlags(),
    ...sources,
    "-lssl",
    "-lcrypto",
    "-lz",
    "-pthread",
    "-o",
    program,
  ]);
  if (built.status !== 0) return { passed: 0, failed: 1 };
  const { status, counts } = await run(program, []);
  return status === 0 && counts ? counts : { passed: 0, failed: 1 };
}

export const cParts = [
  warnings("C warnings, the handle API, gcc", gcc, noGcc, ["-Itest/c-api", ...apiFlags], () => [
    ...api(),
    ...listFiles("test/c-api", ".c"),
  ]),
  warnings(
    "C warnings, the handle API, wasm32",
    clang,
    noClang,
    ["--target=wasm32-unknown-unknown", "-Itest/c-api/wasm32", ...apiFlags],
    api,
  ),
  warnings("C warnings, the POSIX host, gcc", gcc, noGcc ?? noLibraries, hostFlags, host),
  warnings("C warnings, the POSIX host, clang", clang, noClang ?? noLibraries, hostFlags, host),
  apiTests("gcc", gcc, noGcc),
  apiTests("clang", clang, noClang),
  threadTests,
];
