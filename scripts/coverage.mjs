// Measures which lines and branches of core-c/ the vectors, the tests of calls, the core's fuzzer and the simulation of two
// cores reach, by clang's source-based coverage:
//
//   node scripts/coverage.mjs          a table of the files, and the totals; exit status 1 below the bounds
//   node scripts/coverage.mjs --open   also each line that is not reached, and each branch that goes one way only
//
// The report with each line is build/coverage/report.txt. "make coverage" runs this, and so does "make test": what the
// programs do is the same in every run.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { coreSources, includes, listFiles, root } from "../wasm/build/project.mjs";
import { callSources, coreFuzzer, simSources } from "./parts-proof.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

/* Percent of the lines and of the branches. */
const bounds = { lines: 99.5, branches: 98 };

/* The tools that read a profile have to be of the version of the compiler that wrote it. */
const clang = findProgram(suffixed("clang"));
const major = /version (\d+)/.exec(clang?.version ?? "")?.[1];
const ofClang = (name) => clang && findProgram([`${name}-${major}`, name]);
const [profdata, cov] = [ofClang("llvm-profdata"), ofClang("llvm-cov")];
if (clang === undefined || profdata === undefined || cov === undefined) {
  console.error("coverage needs clang-19, llvm-profdata-19 and llvm-cov-19 (Debian: clang-19 llvm-19)");
  process.exit(2);
}

const folder = join(root, "build/coverage");
mkdirSync(folder, { recursive: true });
const flags = [
  ...["-std=c11", "-g", "-O0", "-fprofile-instr-generate", "-fcoverage-mapping"],
  ...[...includes, "test/c", "test/fuzz", "test/targets", "test/c-api"].map((path) => `-I${path}`),
];

/** Runs a program or ends. */
async function must(program, args, options) {
  const result = await run(program, args, options);
  if (result.status !== 0) process.exit(1);
  return result;
}

const vectors = join(folder, "vectors");
const fuzz = join(folder, "fuzz");
const sim = join(folder, "sim-c");
const calls = join(folder, "calls");
const tests = listFiles("test/c", ".c").filter((path) => !path.endsWith("_fuzz.c"));
/* The core is compiled once, into one object that the programs share. */
const core = join(folder, "core.o");
await must(clang.path, [...flags, "-nostdlib", "-r", ...coreSources(), "-o", core]);
const withoutCore = (sources) => sources.filter((path) => !path.startsWith("core-c/"));
const build = (program, sources) => must(clang.path, [...flags, core, ...withoutCore(sources), "-o", program]);
await build(vectors, tests);
await build(fuzz, coreFuzzer());
await build(sim, simSources());
await build(calls, callSources());
const profile = (name) => join(folder, `${name}.profraw`);
await must(vectors, ["test/vectors"], { quiet: true, env: { LLVM_PROFILE_FILE: profile("vectors") } });
await must(fuzz, ["12000"], { quiet: true, env: { LLVM_PROFILE_FILE: profile("fuzz") } });
await must(sim, ["--from", "1", "--count", "40"], { quiet: true, env: { LLVM_PROFILE_FILE: profile("sim-c") } });
await must(calls, [], { quiet: true, env: { LLVM_PROFILE_FILE: profile("calls") } });
const merged = join(folder, "all.profdata");
await must(profdata.path, [
  "merge",
  "-sparse",
  profile("vectors"),
  profile("fuzz"),
  profile("sim-c"),
  profile("calls"),
  "-o",
  merged,
]);

const objects = [
  vectors,
  "-object",
  fuzz,
  "-object",
  sim,
  "-object",
  calls,
  `-instr-profile=${merged}`,
  "-ignore-filename-regex=(^|/)(test|wasm|c)/",
];
const { lines } = await must(cov.path, ["report", ...objects, "-show-region-summary=false", "-show-functions=false"], {
  quiet: true,
});
console.log(lines.join("\n"));
const { lines: shown } = await must(cov.path, ["show", ...objects, "-show-branches=count"], { quiet: true });
writeFileSync(join(folder, "report.txt"), shown.join("\n"));

if (process.argv.includes("--open")) {
  let file = "";
  let line = "";
  for (const text of shown) {
    if (/^\S.*\.[ch]:$/.test(text)) file = text.slice(text.lastIndexOf("core-c"), -1);
    const [, number, count, source] = /^ *(\d+)\| *([\d.kM]*)\|(.*)$/.exec(text) ?? [];
    if (number !== undefined) line = `${file}:${number}: ${source.trim()}`;
    if (count === "0") console.log(`not reached  ${line}`);
    if (/Branch .*\[True: 0, False: [^0]|Branch .*\[True: [^0].*, False: 0\]/.test(text))
      console.log(`one way      ${line}`);
  }
}
const total = lines.find((text) => text.startsWith("TOTAL"))?.match(/[\d.]+(?=%)/g) ?? [];
const [, reachedLines = 0, reachedBranches = 0] = total.map(Number);
console.log(
  `lines ${reachedLines} % (at least ${bounds.lines}), branches ${reachedBranches} % (at least ${bounds.branches})`,
);
process.exitCode = reachedLines >= bounds.lines && reachedBranches >= bounds.branches ? 0 : 1;
