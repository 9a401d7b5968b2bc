// The parts of "make test" that drive the core in C at random: lives of two cores on a simulated network, and the fuzz
// targets with a fixed generator. parts.mjs takes them in; "make sim-c" and "make fuzz" run them for longer.

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { coreSources, includes, listFiles, root } from "../wasm/build/project.mjs";
import { sanitizers, strict } from "./c-flags.mjs";
import { withCoreObject } from "./objects.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

const paths = ["c/include", "c/src", "test/c-api", "test/fuzz", "test/fuzz/targets"];
const flags = [...includes, ...paths].map((path) => `-I${path}`);
const gcc = findProgram(["gcc"]);
const clang = findProgram(suffixed("clang"));
const compiler = gcc ?? clang;
const missing = compiler ? undefined : "gcc";

export const simSources = () => [...coreSources(), ...listFiles("test/sim-c", ".c")];

/** The same network and lives with the handle API in C on each machine. */
export const apiSimSources = () => [
  ...coreSources(),
  ...listFiles("c/src", ".c"),
  ...["handles", "main", "network", "sim"].map((name) => `test/sim-c/${name}.c`),
  ...listFiles("test/sim-c-api", ".c"),
];

/** What calls answer to wrong arguments and with full memory. */
export const callSources = () => [...coreSources(), ...listFiles("test/calls", ".c"), "test/c-api/stub_port.c"];

/** What drives the core's interface by the fuzzer's bytes; the other targets have a folder of their own. */
export const coreFuzzer = () => listFiles("test/fuzz", ".c").filter((path) => !path.includes("/targets/"));

const webSocket = ["test/fuzz/targets/websocket.c", "test/c-api/stub_port.c"];

/** The sources of each target, without the core and without what calls it. */
export const fuzzTargets = {
  frames: () => ["test/fuzz/targets/frames.c", ...webSocket],
  handshake: () => ["test/fuzz/targets/handshake.c", ...webSocket],
  "c-api": () => ["test/fuzz/targets/c_api.c", "test/c-api/stub_port.c", ...listFiles("c/src", ".c")],
};
export const fuzzIncludes = flags;

async function build(program, sources, more = sanitizers) {
  mkdirSync(dirname(program), { recursive: true });
  const all = await withCoreObject(compiler.path, [...more, ...strict], sources);
  if (all === undefined) return false;
  const { status } = await run(compiler.path, [...more, ...strict, ...flags, ...all, "-o", program]);
  return status === 0;
}

function warnings(name, { path } = {}) {
  const sources = () => [
    ...listFiles("test/sim-c", ".c"),
    ...listFiles("test/sim-c-api", ".c"),
    ...listFiles("test/fuzz/targets", ".c"),
    ...listFiles("test/calls", ".c"),
  ];
  return {
    name: `C warnings, simulation, fuzz targets, calls, ${name}`,
    group: "lint",
    missing: path ? undefined : name,
    async run() {
      const { status } = await run(path, [...strict, ...flags, "-fsyntax-only", ...sources()]);
      return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
    },
  };
}

/** The same lives in every run, under the sanitizers; "make sim-c" lives fresh seeds. */
async function simulate(name, sources) {
  const program = join(root, `build/c/${name}-sanitized`);
  if (!(await build(program, sources))) return { passed: 0, failed: 1 };
  const { status, counts } = await run(program, ["--from", "1", "--count", "100"]);
  return status === 0 && counts ? counts : { passed: 0, failed: 1 };
}

async function call() {
  const program = join(root, "build/c/calls");
  if (!(await build(program, callSources()))) return { passed: 0, failed: 1 };
  const { status, counts } = await run(program, []);
  return counts && (status === 0 || counts.failed > 0) ? counts : { passed: 0, failed: 1 };
}

/** The bounds of "make coverage": lines and branches of the core that the tests in C reach. */
const coverage = {
  name: "C coverage of the core",
  group: "c",
  missing: clang && findProgram(suffixed("llvm-cov")) ? undefined : "clang-19 llvm-19",
  async run() {
    const { status } = await run(process.execPath, ["scripts/coverage.mjs"], { quiet: true });
    return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  },
};

/** Each target, with inputs that are the same in every run. */
async function fuzz() {
  const total = { passed: 0, failed: 0 };
  for (const [name, sources] of Object.entries(fuzzTargets)) {
    const program = join(root, `build/c/fuzz-${name}`);
    const all = [...coreSources(), ...sources(), "test/fuzz/fuzz_main.c"];
    const built = await build(program, all);
    const { status } = built ? await run(program, ["4000"], { quiet: true }) : { status: 1 };
    if (status === 0) total.passed++;
    else total.failed++;
  }
  return total;
}

export const proofParts = [
  warnings("gcc", gcc),
  warnings("clang", clang),
  { name: "C tests, calls of the core", group: "c", missing, run: call },
  { name: "C simulation, two cores", group: "c", missing, run: () => simulate("sim-c", simSources()) },
  { name: "C simulation, the handle API", group: "c", missing, run: () => simulate("sim-c-api", apiSimSources()) },
  { name: "C fuzzing, frames, handshakes, the C API", group: "c", missing, run: fuzz },
  coverage,
];
