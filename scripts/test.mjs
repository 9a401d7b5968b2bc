// Runs every part of the tests, then prints a table and, last, "N passed, M failed".
//
//   node scripts/test.mjs            all of them
//   node scripts/test.mjs lint c     only these groups: build, lint, c, wasm, targets, js, bun
//
// Parts that use one processor run side by side, and beside them one that often waits; the others alone or in pairs. A part
// whose tools are not installed is left out and named. With CI=true that is a failure.

import { availableParallelism } from "node:os";
import { print, printTogether } from "./output.mjs";
import { parts } from "./parts.mjs";

const groups = process.argv.slice(2);
const unknown = groups.filter((it) => !parts.some((part) => part.group === it));
if (unknown.length > 0) {
  console.error(`no such group: ${unknown.join(", ")}`);
  process.exit(2);
}
const chosen = parts.filter((part) => (groups.length === 0 ? !part.onRequest : groups.includes(part.group)));
const mustRunAll = process.env.CI === "true";

/** Runs a part, and once more if it fails and depends on time. */
async function runSteadily(part) {
  const first = await part.run();
  if (!part.again || first.failed === 0) return first;
  print(`\n== once more: ${part.name}`);
  const second = await part.run();
  return second.failed === 0 ? { ...second, unsteady: [part.name] } : first;
}

/** Runs a part, and returns what came of it. */
async function runPart(part) {
  print(`\n== ${part.name}`);
  const started = performance.now();
  const left = part.missing !== undefined;
  if (left) print(`left out: needs ${part.missing}`);
  const counts = left ? { passed: 0, failed: mustRunAll ? 1 : 0 } : await runSteadily(part);
  const seconds = (performance.now() - started) / 1000;
  return { ...counts, name: part.name, left, missing: part.missing, seconds };
}

/** How long the parts of a lane take together, about. */
const secondsOf = (lane) => lane.reduce((sum, { seconds = 20 }) => sum + seconds, 0);

/** Parts that run one after the other; longest lane first, so that none of its parts comes last. */
function lanesOf(these) {
  const lanes = new Map();
  for (const part of these) {
    const key = part.lane ?? part.name;
    lanes.set(key, [...(lanes.get(key) ?? []), part]);
  }
  return [...lanes.values()].sort((a, b) => secondsOf(b) - secondsOf(a));
}

const results = new Map();
const runAlone = async (part) => results.set(part, await runPart(part));

async function runSideBySide(these, width = availableParallelism()) {
  const lanes = lanesOf(these);
  const worker = async () => {
    for (let lane = lanes.shift(); lane; lane = lanes.shift())
      for (const part of lane) results.set(part, await printTogether(() => runPart(part)));
  };
  await Promise.all(Array.from({ length: width }, worker));
}

const started = performance.now();
/* What the others need comes first. */
for (const part of chosen.filter(({ group }) => group === "build")) await runAlone(part);
const computing = chosen.filter(({ alone, waits }) => !alone && !waits);
const waiting = chosen.filter(({ waits }) => waits);
await Promise.all([runSideBySide(computing), runSideBySide(waiting, 1)]);
for (const part of chosen.filter((one) => one.alone === true && !results.has(one))) await runAlone(part);
await runSideBySide(chosen.filter(({ alone }) => alone === "pair"));
const rows = chosen.map((part) => results.get(part));

const width = Math.max(...rows.map((row) => row.name.length));
console.log(`\n${"part".padEnd(width)}  passed  failed  seconds`);
for (const { name, passed, failed, seconds, left } of rows) {
  const numbers = left ? "left out".padStart(14) : `${String(passed).padStart(6)}  ${String(failed).padStart(6)}`;
  console.log(`${name.padEnd(width)}  ${numbers}  ${seconds.toFixed(1).padStart(7)}`);
}
console.log(`all of it took ${((performance.now() - started) / 1000).toFixed(0)} s`);
const missing = rows.filter((row) => row.left || row.skipped > 0);
if (missing.length > 0) {
  console.log("\nLeft out, for want of a tool or of what a host has not got (docs/hosts.md):");
  for (const row of missing) console.log(`  ${row.name}: ${row.missing ?? `${row.skipped} tests, see above`}`);
}
const unsteady = rows.flatMap((row) => row.unsteady ?? []);
if (unsteady.length > 0) {
  console.log("\nUnsteady: failed at first, and passed when it ran once more (see CONTRIBUTING.md):");
  for (const name of unsteady) console.log(`  ${name}`);
}

const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
console.log(`\n${total("passed")} passed, ${total("failed")} failed`);
process.exitCode = total("failed") > 0 || total("passed") === 0 ? 1 : 0;
