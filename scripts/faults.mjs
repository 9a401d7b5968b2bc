// Brings faults back into copies of core-c/, one by one, and lives on the simulated network in C until an invariant breaks:
//
//   node scripts/faults.mjs [SECONDS]     at most, for each; default: 60
//
// The faults are those of test/sim-c/faults.json: a text of a source that is right, and what stands there in its place.
// A fault that is not found is a failure, and so is a text that the source does not have any more. "make faults" runs this.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root, warningFlags } from "../wasm/build/project.mjs";
import { simSources } from "./parts-proof.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

const [seconds = "60"] = process.argv.slice(2);
const compiler = findProgram(["gcc", ...suffixed("clang")]);
if (compiler === undefined) {
  console.error("the faults need a C compiler (Debian: gcc)");
  process.exit(2);
}
const folder = join(root, "build/faults");
const program = join(folder, "sim-c");
const objectOf = (path) => join(folder, `${path.replaceAll("/", "_")}.o`);
const compile = async (path, source, object) => {
  const flags = [
    "-std=c11",
    "-O1",
    "-DTW_ASSERT",
    ...warningFlags,
    "-w",
    "-Icore-c/include",
    "-Icore-c",
    "-iquote",
    dirname(path),
  ];
  const { status } = await run(compiler.path, [...flags, "-c", source, "-o", object]);
  if (status !== 0) throw new Error(`${path} does not compile`);
};

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const path of simSources()) await compile(path, path, objectOf(path));

let missed = 0;
for (const fault of JSON.parse(readFileSync(join(root, "test/sim-c/faults.json"), "utf8"))) {
  const text = readFileSync(join(root, fault.file), "utf8");
  if (text.split(fault.right).length !== 2) {
    console.log(`${fault.name}: ${fault.file} does not have its place once`);
    missed++;
    continue;
  }
  const source = join(folder, "fault.c");
  const object = join(folder, "fault.o");
  writeFileSync(
    source,
    text.replace(fault.right, () => fault.wrong),
  );
  await compile(fault.file, source, object);
  const objects = simSources().map((path) => (path === fault.file ? object : objectOf(path)));
  await run(compiler.path, [...objects, "-o", program]);
  const started = performance.now();
  const { status, lines } = await run(program, ["--from", "1", "--count", "1000000", "--seconds", seconds], {
    quiet: true,
    seconds: Number(seconds),
  });
  const took = ((performance.now() - started) / 1000).toFixed(1);
  const why = lines.find((line) => line.startsWith("not ok"))?.replace(/^.*ms: /, "") ?? "an assertion of the core";
  const found = status !== 0 && Number(took) < Number(seconds);
  console.log(`${fault.name}: ${found ? `found after ${took} s: ${why}` : "not found"}`);
  if (!found) missed++;
}
process.exitCode = missed > 0 ? 1 : 0;
