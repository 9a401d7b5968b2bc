// Runs every part of the tests, then prints a table and, last, "N passed, M failed".
//
//   node scripts/test.mjs            all of them
//   node scripts/test.mjs lint c     only these groups: build, lint, c, wasm, targets, js, bun
//
// A part whose tools are not installed is left out and named. With CI=true that is a failure.

import { parts } from "./parts.mjs";

const groups = process.argv.slice(2);
const unknown = groups.filter((it) => !parts.some((part) => part.group === it));
if (unknown.length > 0) {
  console.error(`no such group: ${unknown.join(", ")}`);
  process.exit(2);
}
const chosen = parts.filter((part) => (groups.length === 0 ? !part.onRequest : groups.includes(part.group)));
const mustRunAll = process.env.CI === "true";

const rows = [];
for (const part of chosen) {
  console.log(`\n== ${part.name}`);
  const started = performance.now();
  const left = part.missing !== undefined;
  if (left) console.log(`left out: needs ${part.missing}`);
  const counts = left ? { passed: 0, failed: mustRunAll ? 1 : 0 } : await part.run();
  rows.push({ ...counts, name: part.name, left, missing: part.missing, seconds: (performance.now() - started) / 1000 });
}

const width = Math.max(...rows.map((row) => row.name.length));
console.log(`\n${"part".padEnd(width)}  passed  failed  seconds`);
for (const { name, passed, failed, seconds, left } of rows) {
  const numbers = left ? "left out".padStart(14) : `${String(passed).padStart(6)}  ${String(failed).padStart(6)}`;
  console.log(`${name.padEnd(width)}  ${numbers}  ${seconds.toFixed(1).padStart(7)}`);
}
const missing = rows.filter((row) => row.left || row.skipped > 0);
if (missing.length > 0) {
  console.log("\nLeft out, for want of a tool or of what a host has not got (docs/hosts.md):");
  for (const row of missing) console.log(`  ${row.name}: ${row.missing ?? `${row.skipped} tests, see above`}`);
}

const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
console.log(`\n${total("passed")} passed, ${total("failed")} failed`);
process.exitCode = total("failed") > 0 || total("passed") === 0 ? 1 : 0;
