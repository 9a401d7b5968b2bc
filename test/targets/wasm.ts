/**
 * Runs the vector files through WebAssembly, in whatever runtime this is, and prints what test/c/main.c prints with -d:
 * a line for each case and each file, and last "N passed, M failed". A case is "inside" if it calls what the module does
 * not export: the part of it that can be reached has passed.
 *
 *     node build/targets/js/test/targets/wasm.js [folder] [-t name]
 *
 * `-t` shows what passes the core interface in the cases of that name.
 */
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { readVectors } from "../../cli/conformance/file.ts";
import { CoreMachine } from "../../cli/conformance/machine.ts";
import { type Outcome, runCase } from "../../cli/conformance/run.ts";

const [folder = "test/vectors", option, shown] = process.argv.slice(2);
const machine = new CoreMachine();
const lines: string[] = [];
let passed = 0;
let failed = 0;

/** Notes what came of a case. */
function print(file: string, { name, failure, digest, inside }: Outcome): void {
  const word = failure !== undefined ? "failed" : inside ? "inside" : "passed";
  if (failure !== undefined) lines.push(`  FAIL ${file}: ${failure}`);
  lines.push(`case ${word} ${digest} ${file}: ${name}`);
}

for (const { name, cases } of readVectors(pathToFileURL(`${resolve(folder)}/`))) {
  const outcomes = cases.map((one) => {
    machine.tap.show = option === "-t" && shown === one.name ? (line) => lines.push(line) : undefined;
    return runCase(machine, one);
  });
  for (const outcome of outcomes) print(name, outcome);
  const bad = outcomes.filter(({ failure }) => failure !== undefined).length;
  lines.push(`${name}: ${outcomes.length - bad} passed, ${bad} failed`);
  passed += outcomes.length - bad;
  failed += bad;
}
lines.push(`${passed} passed, ${failed} failed`);
process.stdout.write(`${lines.join("\n")}\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
