// Runs the vectors on every target and prints one table, file x target: how many cases passed. A case whose events, calls
// of the host and results differ between two targets is a failure, even if it passed on both: each runner digests them.
//
//   node scripts/vectors.mjs [target...]     all, or these: native Node Bun Deno rv32imc xtensa s390x
//
// The last line is "N passed, M failed", in cases. What is not installed is left out and named; with CI=true that fails.

import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { capture } from "./capture.mjs";
import { targets } from "./targets.mjs";

const CASE = /^case (passed|failed|inside) ([0-9a-f]{16}) ([^:]+): (.*)$/;
const TOTAL = /^\d+ passed, \d+ failed$/;
const COMPLAINTS = 12;

/** Runs what `jobs` return, as many at once as there are processors. */
async function inParallel(jobs) {
  const waiting = [...jobs];
  const worker = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) await job();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

/** What a runner printed: cases by "file: name", and what it complained of. */
function read({ status, output }) {
  const cases = new Map();
  const others = [];
  let ended = false;
  for (const line of output.split(/\r?\n/)) {
    const [, outcome, digest, file, name] = CASE.exec(line) ?? [];
    if (outcome) cases.set(`${file}: ${name}`, { outcome, digest, file });
    else others.push(line);
    ended ||= TOTAL.test(line);
  }
  const complaints = others.filter((line) => line.startsWith("  ") || (!ended && line !== ""));
  const failed = [...cases.values()].filter(({ outcome }) => outcome === "failed").length;
  const broken = !ended || (status !== 0 && failed === 0);
  return { cases, complaints, broken };
}

async function runTarget(target) {
  const started = performance.now();
  const wrong = await target.build();
  const result = wrong === undefined ? await capture(target.program, target.args) : { status: 1, output: wrong };
  return { ...read(result), seconds: (performance.now() - started) / 1000 };
}

/** The cases of `other` that are not as in `reference`. One that is partly out of reach cannot be compared. */
function differences(reference, other) {
  const found = [];
  for (const [name, { digest, outcome }] of reference.cases) {
    const there = other.cases.get(name);
    if (there === undefined) {
      if (!other.reachesLess || !name.startsWith(INPUT)) found.push(name);
    } else if (there.digest !== digest && there.outcome !== "inside" && outcome !== "inside") {
      found.push(name);
    }
  }
  for (const name of other.cases.keys()) if (!reference.cases.has(name) && !name.startsWith(INPUT)) found.push(name);
  return found;
}

/** The runner in C has one suite more, of random input to pure functions that the module does not export. */
const INPUT = "random input";

const count = (cases, file, ...outcomes) =>
  [...cases.values()].filter((one) => (file === undefined || one.file === file) && outcomes.includes(one.outcome))
    .length;

/** A cell: the cases that passed, how many failed or differ; "·" where none can be reached. */
function cell(row, file) {
  if (row.missing) return "-";
  const failed = count(row.cases, file, "failed");
  const differ = row.different.filter((name) => file === undefined || name.startsWith(`${file}: `)).length;
  const passed = count(row.cases, file, "passed") - (file === undefined ? row.different : []).length;
  const bad = [failed > 0 ? `${failed} failed` : "", differ > 0 ? `${differ} differ` : ""].filter(Boolean).join(" ");
  if (bad) return `${passed} (${bad})`;
  if (passed > 0 || row.broken) return `${passed}`;
  return "·";
}

function printTable(rows) {
  const files = [...new Set(rows.flatMap((row) => [...row.cases.values()].map(({ file }) => file)))];
  files.sort((a, b) => Number(a === INPUT) - Number(b === INPUT) || (a < b ? -1 : 1));
  const lines = [
    ["vectors", ...rows.map((row) => row.name)],
    ...files.map((file) => [file.replace(/\.json$/, ""), ...rows.map((row) => cell(row, file))]),
    ["all", ...rows.map((row) => cell(row))],
    ["seconds", ...rows.map((row) => (row.missing ? "-" : row.seconds.toFixed(1)))],
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const rule = widths.map((width) => "-".repeat(width));
  lines.splice(1, 0, rule);
  lines.splice(-2, 0, rule);
  for (const [first, ...rest] of lines) {
    const cells = rest.map((text, column) => text.padStart(widths[column + 1]));
    console.log([first.padEnd(widths[0]), ...cells].join("  "));
  }
}

function printNotes(rows) {
  for (const row of rows) {
    const complaints = [...row.complaints, ...row.different.map((name) => `  differs from ${rows[0].name}: ${name}`)];
    if (row.broken && !row.missing) complaints.unshift("  did not finish");
    if (complaints.length === 0) continue;
    console.log(`\n${row.name}:`);
    for (const line of complaints.slice(0, COMPLAINTS)) console.log(line);
    if (complaints.length > COMPLAINTS) console.log(`  ... and ${complaints.length - COMPLAINTS} lines more`);
  }
  if (rows.some((row) => row.cases.size > 0 && count(row.cases, undefined, "inside") > 0)) {
    console.log("\n· and what lacks in a column: functions inside the core, which the module does not export.");
  }
  const missing = rows.filter((row) => row.missing);
  if (missing.length > 0) console.log("\nLeft out, for want of a tool:");
  for (const row of missing) console.log(`  ${row.name}: ${row.missing}`);
}

/** Runs the vectors on these targets and prints the table. Returns { passed, failed }. */
export async function runVectors(names = []) {
  const chosen = targets.filter((target) => names.length === 0 || names.includes(target.name));
  const rows = chosen.map((target) => ({ ...target, cases: new Map(), complaints: [], different: [], seconds: 0 }));
  /* The slow ones, at the end of the list, go first. */
  const present = rows.filter((row) => !row.missing);
  await inParallel([...present].reverse().map((row) => async () => Object.assign(row, await runTarget(row))));
  const [reference] = present;
  for (const row of present) {
    row.reachesLess = count(row.cases, undefined, "inside") > 0;
    if (row !== reference && !row.broken) row.different = differences(reference, row);
  }
  printTable(rows);
  printNotes(rows);
  const counts = { passed: 0, failed: 0 };
  for (const row of rows) {
    counts.passed += count(row.cases, undefined, "passed");
    counts.failed += count(row.cases, undefined, "failed") + row.different.length + Number(row.broken ?? false);
    if (row.missing && process.env.CI === "true") counts.failed++;
  }
  return counts;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !targets.some((target) => target.name === name));
  if (unknown.length > 0) {
    console.error(`no such target: ${unknown.join(", ")}; there are ${targets.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }
  const { passed, failed } = await runVectors(names);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}
