// Judges a mutant: compiles and links it if it is C, and runs the tests until one fails.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { transformSync } from "@babel/core";
import { root } from "../../wasm/build/project.mjs";
import { attempt, attemptSuites } from "./attempt.mjs";
import { flags, kinds, linksOf, sanitized } from "./programs.mjs";

export const folder = join(root, "build/mutants");
export const hash = (text) => createHash("sha1").update(text).digest("hex").slice(0, 16);

const exec = (program, args) =>
  new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: "ignore" });
    child.on("error", () => resolve(false));
    child.on("close", (status) => resolve(status === 0));
  });

const objectOf = (path, kind) => join(folder, kind, `${path.replaceAll("/", "_")}.o`);
const compile = (path, source, object, kind) =>
  exec("gcc", [...kinds[kind], ...flags(path), "-c", source, "-o", object]);
const kindOf = (program) => (program.sanitize ? "sanitized" : "plain");

/** Links a program, or what suites run, into a folder; of one source the object is another one. */
async function link(program, place, path, object) {
  const kind = kindOf(program);
  mkdirSync(place, { recursive: true });
  for (const { name, objects } of linksOf(program, (it) => (it === path ? object : objectOf(it, kind)))) {
    const more = program.sanitize ? sanitized : [];
    if (!(await exec("gcc", [...more, ...objects, ...program.link, "-o", join(place, name)]))) return false;
  }
  return true;
}

/** Runs a program that was linked into a folder, or the suites that are about the source of a mutant. */
const run = (program, place, seconds, path) =>
  program.files === undefined
    ? attempt(join(place, program.name), program.args(path), seconds)
    : attemptSuites(program.files(path), seconds, { TWINWIRE_PROGRAMS: place });

async function measure(program, start) {
  const started = performance.now();
  const { result, test } = await start();
  if (result !== "passed") throw new Error(`${program.name}: the tests of the original: ${result} ${test ?? ""}`);
  program.seconds = (performance.now() - started) / 1000;
}

/** The objects of the original, and how long its tests take; throws if they fail. */
export async function prepare(program) {
  const kind = kindOf(program);
  mkdirSync(join(folder, kind), { recursive: true });
  for (const path of program.sources()) {
    const object = objectOf(path, kind);
    if (existsSync(object)) continue;
    if (!(await compile(path, path, object, kind))) throw new Error(`${path} does not compile`);
  }
  const place = join(folder, "original");
  if (!(await link(program, place))) throw new Error(`${program.name} does not link`);
  await measure(program, () => run(program, place, 600));
}

export const prepareSuites = (suites) => measure(suites, () => attemptSuites(suites.files(), 600, {}));

/** How long the tests of a mutant may take: much, since the machine may have become busy. */
const patience = (program) => (program.files === undefined ? 10 + 20 * program.seconds : 60 + 4 * program.seconds);
const killed = (program, { result, test }) =>
  `killed by ${test ?? program.name}${result === "late" ? ", which did not end" : ""}`;

/** Whether the optimized machine code of a mutant is that of the original. */
async function isSameCode(mutant, source, place) {
  const original = objectOf(mutant.path, "compared");
  const object = join(place, "compared.o");
  mkdirSync(dirname(original), { recursive: true });
  if (!existsSync(original)) {
    /* Under the same name as the mutant: the name is in the object. */
    writeFileSync(source, readFileSync(join(root, mutant.path)));
    await compile(mutant.path, source, original, "compared");
    writeFileSync(source, mutant.text);
  }
  if (!(await compile(mutant.path, source, object, "compared"))) return false;
  return readFileSync(original).equals(readFileSync(object));
}

/** "killed by NAME", "survived", "same code" or "no code", for a mutant of C. */
export async function judgeC(mutant, worker, programs) {
  const place = join(folder, `worker-${worker}`);
  mkdirSync(place, { recursive: true });
  const source = join(place, mutant.path.split("/").at(-1));
  writeFileSync(source, mutant.text);
  const objects = {};
  const build = async (kind) => {
    objects[kind] ??= join(place, `${kind}.o`);
    return compile(mutant.path, source, objects[kind], kind);
  };
  if (!(await build("plain"))) return "no code";
  for (const program of programs) {
    /* What the quick tests do not notice may be the same program. */
    if (program === programs[1] && (await isSameCode(mutant, source, place))) return "same code";
    if (!program.sources().includes(mutant.path)) continue;
    const kind = kindOf(program);
    if (objects[kind] === undefined) await build(kind);
    const binaries = join(place, "programs");
    if (!(await link(program, binaries, mutant.path, objects[kind]))) return "no code";
    const outcome = await run(program, binaries, patience(program), mutant.path);
    rmSync(binaries, { recursive: true, force: true });
    if (outcome.result !== "passed") return killed(program, outcome);
  }
  return "survived";
}

/** "killed by NAME", "survived" or "same code" (a mistake in a type) or "no code", for a mutant of a host in TypeScript. */
export async function judgeHost(mutant, worker, suites) {
  const filename = join(root, mutant.path);
  const codeOf = (text) => transformSync(text, { filename, comments: false })?.code;
  try {
    if (codeOf(mutant.text) === codeOf(readFileSync(filename, "utf8"))) return "same code";
  } catch {
    return "no code";
  }
  const file = join(folder, `worker-${worker}.ts`);
  writeFileSync(file, mutant.text);
  const env = { TWINWIRE_MUTANT: file, TWINWIRE_MUTATED: filename };
  const outcome = await attemptSuites(suites.files(mutant.path), patience(suites), env);
  return outcome.result === "passed" ? "survived" : killed(suites, outcome);
}
