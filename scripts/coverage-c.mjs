// "make coverage-c": how much of c/ and adapters/posix the tests run, by clang's counters: lines and branches. Fails below the
// bounds. The suites of test/posix run with a library that counts, and the tests of the handle API.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { coreSources, includes, listFiles, root } from "../wasm/build/project.mjs";
import { findProgram, suffixed } from "./programs.mjs";

const LINES = 90;
const BRANCHES = 80;

const folder = join(root, "build/posix-coverage");
const profiles = join(root, "build/coverage-c");
const flags = ["-std=c11", "-g", "-O0", "-DTW_ASSERT", "-fprofile-instr-generate", "-fcoverage-mapping"];

const clang = findProgram(suffixed("clang"))?.path;
const profdata = findProgram(suffixed("llvm-profdata"))?.path;
const cov = findProgram(suffixed("llvm-cov"))?.path;
if (!clang || !profdata || !cov) {
  console.error("coverage needs clang-19 and llvm-19");
  process.exit(1);
}

function run(program, args, more = {}) {
  const { status, stdout, error } = spawnSync(program, args, {
    ...{ cwd: root, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] },
    env: { ...process.env, LLVM_PROFILE_FILE: join(profiles, "%p-%m.profraw"), ...more },
  });
  if (error || status !== 0) {
    console.error(`${program} ${args.slice(0, 4).join(" ")} …: ${error ?? `exit ${status}`}\n${stdout ?? ""}`);
    process.exit(1);
  }
  return stdout;
}

rmSync(profiles, { recursive: true, force: true });
mkdirSync(profiles, { recursive: true });

/* docs and lua build programs of their own, package a library of its own: they count nothing. */
run(
  process.execPath,
  ["node_modules/.bin/jest", "test/posix", "--testPathIgnorePatterns", "posix/(docs|lua|package)"],
  {
    NODE_OPTIONS: "--experimental-vm-modules",
    TWINWIRE_COVERAGE: clang,
  },
);

const handles = join(folder, "handles");
const paths = [...includes, "c/include", "c/src", "test/c-api"].map((it) => `-I${it}`);
const sources = [...coreSources(), ...listFiles("c/src", ".c"), ...listFiles("test/c-api", ".c")];
run(clang, [...flags, ...paths, ...sources, "-o", handles]);
run(handles, []);

const data = join(profiles, "all.profdata");
const raw = readdirSync(profiles).map((name) => join(profiles, name));
run(profdata, ["merge", "-sparse", ...raw, "-o", data]);
const names = [...listFiles("test/posix", ".c"), ...listFiles("examples/c", ".c")]
  .filter((path) => /^(test\/posix|examples\/c)\/[^/]+$/.test(path)) // below are parts of programs
  .map((path) => basename(path, ".c"));
const programs = [...names.map((name) => join(folder, name)), handles].filter((path) => existsSync(path));
const measured = [...listFiles("c", ".c"), ...listFiles("adapters/posix", ".c")].map((path) => join(root, path));
const [first, ...others] = programs;
const report = run(cov, [
  ...["report", first, ...others.flatMap((it) => ["-object", it])],
  ...[`-instr-profile=${data}`, "-show-region-summary=false", ...measured],
]);
console.log(report);
const total = /^TOTAL.*$/m.exec(report)?.[0].match(/[\d.]+(?=%)/g) ?? [];
const [, lines = 0, branches = 0] = total.map(Number);
console.log(`lines ${lines} % (at least ${LINES}), branches ${branches} % (at least ${BRANCHES})`);
process.exit(lines >= LINES && branches >= BRANCHES ? 0 : 1);
