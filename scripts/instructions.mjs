// Counts the instructions that the core takes for a frame and for an HTTP head, and holds them against a budget. Instructions
// are the same on a busy machine, so that a regression of some percent shows where times would not.
//
//   node scripts/instructions.mjs            prints the counts beside the budget; exit code 1 if one is exceeded
//   node scripts/instructions.mjs --write    makes the counts the new budget (bench/instructions/budget.json)

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { coreSources, includes, root, warningFlags } from "../wasm/build/project.mjs";
import { print } from "./output.mjs";
import { findProgram } from "./programs.mjs";
import { run } from "./run.mjs";

const gcc = findProgram(["gcc"]);
const valgrind = findProgram(["valgrind"]);
const folder = "bench/instructions";
const budgetFile = join(root, folder, "budget.json");

/** Other versions of gcc make other code; a regression that matters is larger. */
const TOLERANCE = 1.05;
const ROUNDS = 500;

export const missing = gcc && valgrind ? undefined : "gcc valgrind";

/** The instructions that one run of a program takes. */
async function count(program, ...args) {
  const options = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
  const { status, lines } = await run(valgrind.path, [...options, program, ...args], { quiet: true });
  const collected = lines.map((line) => /Collected : (\d+)/.exec(line)?.[1]).find(Boolean);
  if (status !== 0 || collected === undefined) throw new Error(`valgrind ${program} ${args.join(" ")} failed`);
  return Number(collected);
}

/** What one piece of a program's work takes: setting up cancels out between two runs. */
async function perPiece(program, ...args) {
  const [once, twice] = [await count(program, ...args, `${ROUNDS}`), await count(program, ...args, `${2 * ROUNDS}`)];
  return Math.round((twice - once) / ROUNDS);
}

async function compile(program, args) {
  mkdirSync(dirname(program), { recursive: true });
  if ((await run(gcc.path, ["-std=c11", "-O2", ...args, "-o", program])).status !== 0) throw new Error("gcc failed");
  return program;
}

/** Counts every kind of work that the budget names. */
async function measure(names) {
  const args = [...warningFlags, "-Werror", ...includes.map((it) => `-I${it}`), ...coreSources()];
  const program = await compile(join(root, "build/c/instructions"), [...args, `${folder}/instructions.c`]);
  const counts = {};
  for (const name of names) counts[name] = await perPiece(program, name);
  return counts;
}

/** llhttp's count for the request of http-head, where Debian's node-llhttp is installed. */
async function llhttp() {
  const sources = ["api", "http", "llhttp"].map((name) => `/usr/share/llhttp/${name}.c`);
  const args = ["-w", "-I/usr/share/include/llhttp", `${folder}/llhttp.c`, ...sources];
  try {
    return await perPiece(await compile(join(root, "build/c/instructions-llhttp"), args));
  } catch {
    return undefined;
  }
}

/** Prints the table; returns how many counts are within the budget, and how many are not. */
export async function runInstructions({ write = false } = {}) {
  const budget = JSON.parse(readFileSync(budgetFile, "utf8"));
  const counts = await measure(Object.keys(budget));
  const total = { passed: 0, failed: 0 };
  for (const [name, instructions] of Object.entries(counts)) {
    const within = instructions <= budget[name] * TOLERANCE;
    total[within ? "passed" : "failed"]++;
    print(`${name.padEnd(16)}${instructions} instructions, budget ${budget[name]}${within ? "" : ": exceeded"}`);
  }
  const other = await llhttp();
  if (other !== undefined) print(`${"llhttp".padEnd(16)}${other} instructions for the request of http-head`);
  if (write) writeFileSync(budgetFile, `${JSON.stringify(counts, null, 2)}\n`);
  return total;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (missing) {
    console.error(`needs ${missing}`);
    process.exit(1);
  }
  const { failed } = await runInstructions({ write: process.argv.includes("--write") });
  process.exitCode = failed > 0 && !process.argv.includes("--write") ? 1 : 0;
}
