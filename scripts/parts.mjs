// The parts of "make test". Each is { name, group, missing, onRequest, alone, again, lane, seconds, run }:
//   missing    what has to be installed before the part can run; undefined: nothing
//   onRequest  runs only if its group is named
//   alone      true: keeps several processors busy, so nothing else runs beside it; "pair": waits half of the time, so
//              another such part may. The others run side by side
//   waits      waits for a third of its time: one such part runs beside those that keep a processor busy
//   again      depends on time, of emulators or threads: if it fails, it runs once more, and that decides
//   lane       parts with the same one share files: they run one after the other
//   seconds    about what it takes, if that is far from 20: what takes long begins first
//   run        does it, and returns { passed, failed }, perhaps skipped: tests that a part left out itself, and
//              unsteady: names of tests that failed, and passed when they ran once more

import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { coreSources, includes, listFiles, root } from "../wasm/build/project.mjs";
import { toolchains } from "../wasm/build/toolchains.mjs";
import { sanitizers, strict } from "./c-flags.mjs";
import { missing as missingInstructions, runInstructions } from "./instructions.mjs";
import { jest } from "./jest.mjs";
import { withCoreObject } from "./objects.mjs";
import { cParts } from "./parts-c.mjs";
import { esp32Parts } from "./parts-esp32.mjs";
import { llhttpPart } from "./parts-llhttp.mjs";
import { coreFuzzer, proofParts } from "./parts-proof.mjs";
import { targetParts } from "./parts-targets.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";
import { deno, otherNodes } from "./runtimes.mjs";

const bin = (name) => join(root, "node_modules/.bin", name);
const includeFlags = [...includes, "test/c", "test/fuzz", "test/targets"].map((directory) => `-I${directory}`);

const gcc = findProgram(["gcc"]);
const clang = findProgram(suffixed("clang"));
const clangFormat = findProgram(suffixed("clang-format"));

/** One check: passed if the program ends well. */
async function check(program, args, options) {
  const { status } = await run(program, args, options);
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** The sources that clang-format looks at; what is generated is as it is. */
export const formatted = () =>
  ["core-c", "c", "test", "adapters", "wasm/shim", "esp32", "examples"]
    .filter((directory) => existsSync(join(root, directory)))
    .flatMap((directory) => listFiles(directory, ".c", ".h"))
    .filter((path) => !path.endsWith(".gen.h"));

export const formatter = { program: clangFormat?.path, missing: clangFormat ? undefined : "clang-format-19" };

/** The tests in C: what they share, the program that runs the vectors, and what libFuzzer calls instead. */
const cTests = () => listFiles("test/c", ".c");
const forDevices = () => [...listFiles("core-c/small", ".c"), "test/targets/files_embedded.c"];
const allCTests = () => [...cTests(), ...coreFuzzer(), ...forDevices()];
const vectorProgram = () => [...coreSources(), ...cTests().filter((path) => !path.endsWith("_fuzz.c"))];
const fuzzProgram = () => [...coreSources(), ...cTests().filter((path) => !path.endsWith("/main.c"))];

function warnings(name, compiler, missing, flags, sources) {
  const args = () => [...flags, ...strict, ...includeFlags, "-fsyntax-only", ...sources()];
  return { name, group: "lint", missing, run: () => check(compiler?.path, args()) };
}

async function compile(compiler, flags, sources, program) {
  mkdirSync(dirname(program), { recursive: true });
  const all = await withCoreObject(compiler.path, [...flags, ...strict], sources);
  if (all === undefined) return false;
  return (await run(compiler.path, [...flags, ...strict, ...includeFlags, ...all, "-o", program])).status === 0;
}

/** libFuzzer on the pure functions: the same inputs in every run, as many as a few seconds hold. */
async function fuzz() {
  const program = join(root, "build/c/fuzz");
  if (!(await compile(clang, [...sanitizers, "-fsanitize=fuzzer"], fuzzProgram(), program)))
    return { passed: 0, failed: 1 };
  return check(program, ["-seed=1", "-runs=300000", "-max_len=700", "-artifact_prefix=build/c/"], { quiet: true });
}

/** The whole core, driven by a fixed generator of calls and deliveries. */
async function fuzzCore() {
  const program = join(root, "build/c/fuzz-core");
  const sources = [...coreSources(), ...coreFuzzer()];
  if (!(await compile(gcc ?? clang, sanitizers, sources, program))) return { passed: 0, failed: 1 };
  return check(program, ["100000"], { quiet: true });
}

function nativeTests(compiler, missing, name, flags) {
  const program = join(root, "build/c", name.replaceAll(" ", "-"));
  return {
    name: `C tests, ${name}`,
    group: "c",
    missing,
    async run() {
      if (!(await compile(compiler, flags, vectorProgram(), program))) return { passed: 0, failed: 1 };
      const { status, counts } = await run(program, ["test/vectors"]);
      if (!counts) return { passed: 0, failed: 1 };
      return status === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
    },
  };
}

/** Another toolchain's module: its imports and exports by the build, its behaviour by the shared vectors. */
function otherToolchain(toolchain) {
  let missing;
  try {
    toolchain.find();
  } catch (error) {
    missing = error.message;
  }
  const file = `build/toolchains/${toolchain.name}.wasm`;
  return {
    name: `wasm by ${toolchain.name}`,
    group: "wasm",
    seconds: 60,
    missing,
    async run() {
      const built = await check(process.execPath, ["wasm/build/build.mjs", file], {
        env: { TOOLCHAIN: toolchain.name },
      });
      if (built.failed > 0) return built;
      const vectors = await jest(["test/vectors.test.ts"], {
        env: { TWINWIRE_CORE: join(root, file) },
        name: toolchain.name,
      });
      return { ...vectors, passed: vectors.passed + built.passed };
    },
  };
}

/** Tests that have the same result on every runtime: of C, the build, the documentation, and other programs. */
const hostless = [
  "test/(architecture|bench|build|chat-cluster|clauses|demo|demo-web|package|package-consumers|readme|security|site)\\.test\\.ts$",
  "test/(esp32|posix|targets|workerd)/",
  /* Its processes are Node's, of the package as it was built. */
  "test/api/ws-server/handover\\.test\\.ts$",
  /* The command, by the machine's Node. */
  "test/cli/",
  /* Programs that Node and Bun run, whatever starts them. */
  "test/samples/",
  "test/sync/",
  /* The drivers' brokers, and nodes in processes of their own; the hub itself is tested on every runtime. */
  "test/hub/(failures|failures-nats|nats|redis|threads)\\.test\\.ts$",
  /* It runs every runtime itself. */
  "test/sim/lives\\.test\\.ts$",
  /* npm's ws and its dependents, as they are on Node. */
  "test/ws-compat/",
];

/** The tests that a version of Node could decide otherwise: of the adapter, and of what the APIs take from the runtime. */
const ofNewest = [
  "test/(adapters|handles|wasm)/",
  "test/interop/(families|limits|tcp|udp|ws-\\w+)\\.test\\.ts$",
  "test/api/(close|conn|server|tls|udp|waiting|websocket-(deflate|life|peers|standard))\\.test\\.ts$",
  "test/api/http/(client|peers|server)\\.test\\.ts$",
  "test/api/ws-server/(handshake|messages)\\.test\\.ts$",
];

/** Between the oldest version, which runs everything, and the newest: what is closest to the runtime. */
const ofMiddle = [
  "test/(adapters|wasm)/",
  "test/interop/(families|limits|tcp|udp|ws-library)\\.test\\.ts$",
  "test/api/(conn|tls|udp|websocket-standard)\\.test\\.ts$",
  "test/api/http/peers\\.test\\.ts$",
];

/** Every runtime runs the vectors in the part that compares all targets, and Node those of each toolchain's module. */
const vectors = "test/vectors\\.test\\.ts$";

/** Each host's own suite runs on that host. */
const otherHosts = (host) =>
  ["bun", "deno", "node"]
    .filter((other) => other !== host)
    .map((other) => `test/adapters/${other}(-\\w+)?\\.test\\.ts$`);

/** The tests whose result depends on the runtime, in Deno, two processes at a time. */
function onDeno({ name, program, missing }) {
  const args = ["--maxWorkers=2", "--testPathIgnorePatterns", ...hostless, vectors, ...otherHosts("deno")];
  const runTests = () => jest(args, { runtime: [program.path, "run", "--allow-all"], name });
  return { name: `TypeScript tests, ${name}`, group: "deno", missing, alone: "pair", run: runTests };
}

/**
 * The tests whose result depends on the version, in another version of Node. They wait much: each version runs them in one
 * process, beside the parts that compile.
 */
function onNode({ name, program, missing }, _, all) {
  const file = name.replace(" ", "-");
  const isNewest = name === all.at(-1).name;
  const args = ["--maxWorkers=1", `--cacheDirectory=${join(root, "build/jest", file)}`];
  args.push("--testPathIgnorePatterns", ...hostless, vectors, ...otherHosts("node"));
  args.push("--testPathPatterns", ...(isNewest ? ofNewest : ofMiddle));
  const runTests = () => jest(args, { runtime: [program.path], name: file });
  return { name: `TypeScript tests, ${name}`, group: "nodes", missing, waits: true, run: runTests };
}

/**
 * The same tests in Bun, each file with globals of its own, two processes at a time; tsconfig.bun.json has them take the
 * package from its sources, as jest.config.js does. Left out are the suites that are another host's, those of C, one that
 * runs every host itself, and the vectors, which Bun runs in the part that compares all targets.
 */
async function bun() {
  const others = [
    "adapters/node*",
    "adapters/deno*",
    "api/ws-server/handover",
    "architecture",
    "bench",
    "build",
    "chat-cluster",
    "cli/*",
    "clauses",
    "demo*",
    "esp32/*",
    "hub/failures*",
    "hub/nats",
    "hub/redis",
    "hub/threads",
    "package*",
    "posix/*",
    "readme",
    "samples/*",
    "security",
    "sim/lives",
    "site",
    "sync/*",
    "targets/*",
    "vectors",
    "workerd/*",
    "ws-compat/*",
  ].map((name) => `--path-ignore-patterns=test/${name}.test.ts`);
  const args = [
    "test",
    "--parallel=2",
    "--timeout=90000",
    "--only-failures",
    "--tsconfig-override=tsconfig.bun.json",
    ...others,
    "./test",
  ];
  const { status, lines } = await run(bunProgram.path, args, { seconds: 1_200 });
  const last = (word) => lines.map((line) => RegExp(`^ *(\\d+) ${word}$`).exec(line)?.[1]).findLast(Boolean);
  const [passed, failed, skipped] = ["pass", "fail", "skip"].map((word) => Number(last(word) ?? 0));
  return { passed, failed: status === 0 && passed > 0 ? failed : Math.max(failed, 1), skipped };
}

/* Where npm held back the install script of "bun", its bin holds a text; the program lies in the processor's package. */
const bunProgram = findProgram([bin("bun"), join(root, "node_modules/@oven", `bun-linux-${process.arch}`, "bin/bun")]);
const noBun = bunProgram ? undefined : "bun: npm ci, then node node_modules/bun/install.js";
const noGcc = gcc ? undefined : "gcc";
const noClang = clang ? undefined : "clang-19 libclang-rt-19-dev";
const lint = (name, program, args) => ({ name, group: "lint", run: () => check(program, args) });

export const parts = [
  { name: "build", group: "build", alone: true, run: () => check("make", ["--no-print-directory", "build"]) },
  lint("generated files", process.execPath, ["core-c/gen.mjs", "--check"]),
  lint("types", bin("tsc"), ["--noEmit", "-p", "tsconfig.json"]),
  lint("TypeScript style", bin("biome"), ["check", "--error-on-warnings", "."]),
  {
    name: "C style",
    group: "lint",
    missing: formatter.missing,
    run: () => check(formatter.program, ["--dry-run", "-Werror", ...formatted()]),
  },
  warnings("C warnings, gcc", gcc, noGcc, [], () => [...coreSources(), ...allCTests()]),
  warnings("C warnings, clang", clang, noClang, [], () => [...coreSources(), ...allCTests()]),
  warnings("C warnings, wasm32", clang, noClang, ["--target=wasm32-unknown-unknown", "-msimd128", "-Iwasm/shim"], () =>
    coreSources(),
  ),
  nativeTests(gcc, noGcc, "gcc sanitized", sanitizers),
  nativeTests(gcc, noGcc, "gcc -O2", ["-O2"]),
  nativeTests(clang, noClang, "clang sanitized", sanitizers),
  nativeTests(clang, noClang, "clang -O2", ["-O2"]),
  { name: "C fuzzing, pure functions", group: "c", missing: noClang, run: fuzz },
  { name: "C fuzzing, the core", group: "c", missing: gcc || clang ? undefined : "gcc", run: fuzzCore },
  llhttpPart,
  {
    name: "instructions of the core",
    group: "c",
    missing: missingInstructions,
    run: () => runInstructions(),
  },
  ...toolchains.filter((it) => it.name !== "npm").map(otherToolchain),
  ...cParts,
  ...proofParts,
  ...esp32Parts,
  ...targetParts,
  {
    name: "TypeScript tests, Node",
    group: "js",
    alone: true,
    /* One more than processors: a suite waits for a fifth of its time. */
    run: () => jest(["--maxWorkers=3", "--testPathIgnorePatterns", vectors, ...otherHosts("node")]),
  },
  { name: "TypeScript tests, Bun", group: "bun", missing: noBun, alone: "pair", again: true, run: bun },
  onDeno(deno),
  ...otherNodes.map(onNode),
];
