// Brings faults back into copies of the sources, one by one, and lives on the simulated network until an invariant breaks:
//
//   node scripts/faults.mjs                        all of them, each for a minute at most
//   node scripts/faults.mjs --seconds 20 json      those whose name has this word
//
// A fault is a text of a source that is right, and what stands there in its place: test/sim-c/faults.json for core-c/ and c/,
// which the network in C finds, test/sim/faults.json for the APIs, which twinwire/sim finds. A fault that is not found is a
// failure, and so is a text that the source does not have any more. "make faults" runs this.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";
import { root, warningFlags } from "../wasm/build/project.mjs";
import { apiSimSources, simSources } from "./parts-proof.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

const { values, positionals: words } = parseArgs({
  options: { seconds: { type: "string", default: "60" } },
  allowPositionals: true,
});
const { seconds } = values;
const compiler = findProgram(["gcc", ...suffixed("clang")]);
if (compiler === undefined) {
  console.error("the faults need a C compiler (Debian: gcc)");
  process.exit(2);
}
const folder = join(root, "build/faults");
const program = join(folder, "sim-c");
const objectOf = (path) => join(folder, `${path.replaceAll("/", "_")}.o`);
const includes = ["core-c/include", "core-c", "c/include", "c/src"].map((path) => `-I${path}`);

async function compile(path, source, object) {
  const flags = ["-std=c11", "-O1", "-DTW_ASSERT", ...warningFlags, "-w", ...includes, "-iquote", dirname(path)];
  const { status } = await run(compiler.path, [...flags, "-c", source, "-o", object]);
  if (status !== 0) throw new Error(`${path} does not compile`);
}

/** Of the core the program is two cores, of c/ the handle API on them. */
const sourcesOf = (file) => (file.startsWith("c/") ? apiSimSources() : simSources());

/** Builds the simulation in C with this text in place of a file; returns the command of its lives. */
async function buildC(file, text) {
  const source = join(folder, "fault.c");
  const object = join(folder, "fault.o");
  writeFileSync(source, text);
  await compile(file, source, object);
  const objects = sourcesOf(file).map((path) => (path === file ? object : objectOf(path)));
  await run(compiler.path, [...objects, "-o", program]);
  return [program, "--from", "1", "--count", "1000000", "--seconds", seconds];
}

/** The same for lives of the APIs: a bundle of the sources and of test/sim. The module of the core is that of dist/. */
async function buildApis(file, text) {
  const path = join(root, file);
  const faulty = { name: "faulty", load: (id) => (id === path ? { code: text, moduleType: "ts" } : undefined) };
  const bundle = await rolldown({
    input: join(root, "test/sim/main.mjs"),
    external: [/^#/, /^node:/, /\.wasm$/],
    resolve: { alias: { "twinwire/sim": join(root, "api/sim.ts") } },
    plugins: [faulty],
    platform: "node",
    logLevel: "silent",
  });
  const { output } = await bundle.write({ dir: folder, format: "es", entryFileNames: "sim.mjs" });
  await bundle.close();
  return [process.execPath, join(folder, output[0].fileName), "--from", "1", "--seconds", seconds, "--brief"];
}

/** What a run that failed says of the invariant. */
function reasonIn(lines) {
  const line = lines.find((text) => /^not ok.*ms: |^Violation: |^\w*Error: /.test(text));
  return line?.replace(/^not ok.*ms: |^\w+: /, "") ?? "an assertion of the core";
}

const faultsOf = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));
const faults = [...faultsOf("test/sim-c/faults.json"), ...faultsOf("test/sim/faults.json")].filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
);

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const inC = faults.filter(({ file }) => file.endsWith(".c"));
for (const path of new Set(inC.flatMap(({ file }) => sourcesOf(file)))) await compile(path, path, objectOf(path));

let missed = 0;
for (const fault of faults) {
  const text = readFileSync(join(root, fault.file), "utf8");
  if (text.split(fault.right).length !== 2) {
    console.log(`${fault.name}: ${fault.file} does not have its place once`);
    missed++;
    continue;
  }
  const build = fault.file.endsWith(".c") ? buildC : buildApis;
  const [command, ...args] = await build(
    fault.file,
    text.replace(fault.right, () => fault.wrong),
  );
  const started = performance.now();
  const { status, lines } = await run(command, args, { quiet: true, seconds: Number(seconds) + 20 });
  const took = ((performance.now() - started) / 1000).toFixed(1);
  const found = status !== 0 && Number(took) < Number(seconds);
  console.log(`${fault.name}: ${found ? `found after ${took} s: ${reasonIn(lines)}` : "not found"}`);
  if (!found) missed++;
}
process.exitCode = missed > 0 ? 1 : 0;
