// Measures what the tests in C notice: makes one small mistake in a source (test/mutation/operators.mjs), compiles that file,
// links, and runs the tests until one fails.
//
//   node scripts/mutants.mjs --sample 200 --seed 7   a sample
//   node scripts/mutants.mjs --all                   every mutant: hours
//   node scripts/mutants.mjs --only core-c/src/url.c every mutant of the files whose path begins so
//   --group core|api|host                            only core-c/, c/src or c/wait with adapters/posix
//   --jobs N                                         at the same time; default: 1
//   --least 96                                       exit status 1 below that score, in percent
//
// A mutant whose machine code at -O2 is that of the original is none. What survives is listed with file, line and change, unless
// test/mutation/argued.json says why no test can notice it. Results are kept in build/mutants/results.jsonl, so that a run
// that was stopped goes on where it was; --fresh forgets them. "make mutants" runs this.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { apply, mutations } from "../test/mutation/operators.mjs";
import { coreSources, includes, listFiles, root } from "../wasm/build/project.mjs";
import { callSources, coreFuzzer, simSources } from "./parts-proof.mjs";

const { values } = parseArgs({
  options: {
    sample: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    all: { type: "boolean" },
    only: { type: "string" },
    group: { type: "string" },
    jobs: { type: "string", default: "1" },
    least: { type: "string", default: "0" },
    fresh: { type: "boolean" },
  },
});

const folder = join(root, "build/mutants");
const include = (paths) => paths.map((path) => `-I${path}`);
const vectorTests = () => listFiles("test/c", ".c").filter((path) => !path.endsWith("_fuzz.c"));
const apiPaths = ["c/include", "c/src", "c/wait", "adapters/posix", "adapters/posix/include"];
const posix = () => [
  ...listFiles("c/src", ".c").filter((path) => !path.endsWith("/current.c")),
  ...listFiles("c/wait", ".c"),
  ...listFiles("adapters/posix", ".c").filter((path) => !/\/(tls_none|deflate_none|kqueue|poll)\.c$/.test(path)),
];
const wrapped =
  "socket accept4 connect recv recvmsg send sendmsg sendto getsockopt setsockopt epoll_ctl epoll_wait calloc";
const threads = ["-lssl", "-lcrypto", "-lz", "-pthread"];
const onPosix = (name, ...more) => ({
  name,
  sources: () => [...coreSources(), ...posix(), `test/posix/${name}.c`],
  link: [...threads, ...more],
  args: () => [],
});

/* The programs that test a group, the quickest first. `flags` make a second kind of object files. */
const sanitized = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
/** The files of vectors that are about a source come first: most of its mutants fail there. */
function vectorArgs(path = "") {
  const files = listFiles("test/vectors", ".json").filter((file) => !file.includes("/make/"));
  const topic = [
    [/proto\/ws/, /\/ws-/],
    [/http1/, /\/http/],
    [/tunnel/, /\/proxy/],
    [/dgram/, /\/udp/],
    [/listen|peers/, /\/(listen|address)/],
    [/tx|pool/, /\/(pool|tcp-back|ws-back)/],
  ].find(([source]) => source.test(path));
  const name = path.replace(/^.*\/|\.c$/g, "");
  const isFirst = (file) => file.includes(name) || topic?.[1].test(file) === true;
  return ["-x", ...files.filter(isFirst), ...files.filter((file) => !isFirst(file))];
}
const vectors = {
  name: "vectors",
  sources: () => [...coreSources(), ...vectorTests()],
  link: [],
  args: vectorArgs,
};
const simulation = { name: "sim-c", sources: simSources, link: [], args: () => ["--from", "1", "--count", "12"] };
const calls = { name: "calls", sources: callSources, link: [], args: () => [] };
const fuzz = {
  name: "fuzz",
  sources: () => [...coreSources(), ...coreFuzzer()],
  link: [],
  args: () => ["2000"],
};
const longer = [
  { ...simulation, name: "sim-c-sanitized", args: () => ["--from", "1000", "--count", "60"], sanitize: true },
  { ...fuzz, name: "fuzz-sanitized", args: () => ["6000"], sanitize: true },
  { ...vectors, name: "vectors-sanitized", sanitize: true },
];
const handles = {
  name: "handles",
  sources: () => [...coreSources(), ...listFiles("c/src", ".c"), ...listFiles("test/c-api", ".c")],
  link: [],
  args: () => [],
};
const onSystem = ["calls", "web", "settings", "addresses", "lifecycle", "edges"].map((name) => onPosix(name));
const faults = onPosix("faults", ...wrapped.split(" ").map((call) => `-Wl,--wrap=${call}`));
const groups = {
  core: {
    sources: coreSources,
    programs: [calls, simulation, fuzz, vectors, ...longer],
  },
  api: { sources: () => listFiles("c/src", ".c"), programs: [handles, ...onSystem] },
  host: {
    sources: () => posix().filter((path) => !path.startsWith("c/src/") && !path.includes("/tls/")),
    programs: [...onSystem, faults],
  },
};

const flags = (path) => [
  ...["-std=c11", "-DTW_ASSERT", "-D_GNU_SOURCE", "-w", ...include(includes), ...include(apiPaths)],
  ...include(["test/c", "test/fuzz", "test/targets", "test/c-api"]),
  ...["-iquote", dirname(path)],
];

/** Runs a program; "passed", "failed" or "late". Ends it as soon as it prints that a test has failed. */
function attempt(program, args, seconds) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, seconds * 1000);
    child.stdout.on("data", (data) => /^ *FAIL|^not ok/m.test(data) && child.kill("SIGKILL"));
    child.on("error", () => resolve("failed"));
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve(late ? "late" : status === 0 ? "passed" : "failed");
    });
  });
}

const exec = (program, args) =>
  new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: "ignore" });
    child.on("error", () => resolve(false));
    child.on("close", (status) => resolve(status === 0));
  });

const kinds = { plain: ["-O1"], sanitized, compared: ["-O2"] };
const objectOf = (path, kind) => join(folder, kind, `${path.replaceAll("/", "_")}.o`);
const compile = (path, source, object, kind) =>
  exec("gcc", [...kinds[kind], ...flags(path), "-c", source, "-o", object]);
const kindOf = (program) => (program.sanitize ? "sanitized" : "plain");

/** The objects of the original, and how long its tests take; ends if they fail. */
async function prepare(program) {
  const kind = kindOf(program);
  mkdirSync(join(folder, kind), { recursive: true });
  for (const path of program.sources()) {
    const object = objectOf(path, kind);
    if (existsSync(object)) continue;
    if (!(await compile(path, path, object, kind))) throw new Error(`${path} does not compile`);
  }
  const binary = join(folder, program.name);
  if (!(await link(program, binary))) throw new Error(`${program.name} does not link`);
  const started = performance.now();
  const result = await attempt(binary, program.args(), 600);
  if (result !== "passed") throw new Error(`${program.name}: the tests of the original: ${result}`);
  program.seconds = (performance.now() - started) / 1000;
}

function link(program, binary, path, object) {
  const kind = kindOf(program);
  const objects = program.sources().map((it) => (it === path ? object : objectOf(it, kind)));
  return exec("gcc", [...(program.sanitize ? sanitized : []), ...objects, ...program.link, "-o", binary]);
}

/** "killed by NAME", "survived", "same code" or "no code". */
async function judge(mutant, worker, programs) {
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
  let compared = false;
  for (const program of programs) {
    /* What the quick tests do not notice may be the same program. */
    if (program !== programs[0] && !compared) {
      compared = true;
      const original = objectOf(mutant.path, "compared");
      mkdirSync(dirname(original), { recursive: true });
      if (!existsSync(original)) {
        /* Under the same name as the mutant: the name is in the object. */
        const text = readFileSync(join(root, mutant.path));
        writeFileSync(source, text);
        await compile(mutant.path, source, original, "compared");
        writeFileSync(source, mutant.text);
      }
      if ((await build("compared")) && readFileSync(original).equals(readFileSync(objects.compared)))
        return "same code";
    }
    if (!program.sources().includes(mutant.path)) continue;
    const kind = kindOf(program);
    if (objects[kind] === undefined) await build(kind);
    const binary = join(place, program.name);
    if (!(await link(program, binary, mutant.path, objects[kind]))) return "no code";
    const result = await attempt(binary, program.args(mutant.path), 10 + 20 * program.seconds);
    rmSync(binary, { force: true });
    if (result !== "passed") return `killed by ${program.name}${result === "late" ? ", which did not end" : ""}`;
  }
  return "survived";
}

/** Every mutant of a group, with an identity that stays when other lines change. */
function* mutantsOf(name) {
  for (const path of groups[name].sources()) {
    if (values.only !== undefined && !path.startsWith(values.only)) continue;
    const text = readFileSync(join(root, path), "utf8");
    const seen = new Map();
    for (const mutation of mutations(text)) {
      const from = text.lastIndexOf("\n", mutation.at - 1) + 1;
      const until = text.indexOf("\n", mutation.at);
      const [line, mutated] = [text, apply(text, mutation)].map((it, i) =>
        it.slice(from, until + i * (mutation.after.length - mutation.before.length)).trim(),
      );
      const change = `${line}  ->  ${mutated}`;
      const nth = seen.get(change) ?? 0;
      seen.set(change, nth + 1);
      const number = text.slice(0, mutation.at).split("\n").length;
      yield { group: name, path, number, change, nth, kind: mutation.kind, text: apply(text, mutation) };
    }
  }
}

/* xorshift32: a sample is the same for the same seed. */
function sampleOf(list, count, seed) {
  let state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const rest = [...list];
  const chosen = [];
  while (chosen.length < count && rest.length > 0) chosen.push(...rest.splice(next() % rest.length, 1));
  return chosen;
}

const argued = JSON.parse(readFileSync(join(root, "test/mutation/argued.json"), "utf8"));
const reasonFor = ({ path, change }) => argued.find((it) => it.file === path && it.change === change)?.reason;
const hash = (text) => createHash("sha1").update(text).digest("hex").slice(0, 16);

if (spawnSync("gcc", ["--version"]).status !== 0) {
  console.error("mutation needs gcc (Debian: gcc libssl-dev)");
  process.exit(2);
}
if (values.fresh) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const names = values.group === undefined ? Object.keys(groups) : [values.group];
const everything = names.flatMap((name) => [...mutantsOf(name)]);
const whole = values.all || values.only !== undefined;
const chosen = whole ? everything : sampleOf(everything, Number(values.sample), Number(values.seed));
console.log(`${chosen.length} of ${everything.length} mutants${whole ? "" : `, seed ${values.seed}`}`);

/* Objects and results of other sources or tests are worth nothing. */
const inputs = [
  "core-c",
  "c",
  "adapters/posix",
  "test/c",
  "test/fuzz",
  "test/sim-c",
  "test/c-api",
  "test/posix",
  "test/faults",
]
  .flatMap((path) => listFiles(path, ".c", ".h"))
  .concat(listFiles("test/vectors", ".json"));
const state = hash(inputs.map((path) => readFileSync(join(root, path))).join("\0"));
const stateFile = join(folder, "state");
if (!existsSync(stateFile) || readFileSync(stateFile, "utf8") !== state) {
  for (const kind of Object.keys(kinds)) rmSync(join(folder, kind), { recursive: true, force: true });
  writeFileSync(stateFile, state);
}
const resultsFile = join(folder, "results.jsonl");
const known = new Map(
  (existsSync(resultsFile) ? readFileSync(resultsFile, "utf8").trim().split("\n") : [])
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .map(({ id, result }) => [id, result]),
);

for (const name of new Set(chosen.map(({ group }) => group))) {
  for (const program of groups[name].programs) if (program.seconds === undefined) await prepare(program);
}

const results = [];
let next = 0;
async function work(worker) {
  while (next < chosen.length) {
    const mutant = chosen[next++];
    const id = hash(`${state} ${mutant.path} ${mutant.text}`);
    let result = known.get(id);
    if (result === undefined) {
      result = await judge(mutant, worker, groups[mutant.group].programs);
      appendFileSync(
        resultsFile,
        `${JSON.stringify({ id, file: mutant.path, line: mutant.number, change: mutant.change, result })}\n`,
      );
    }
    results.push({ mutant, result });
    if (result === "survived" && reasonFor(mutant) === undefined)
      console.log(`${mutant.path}:${mutant.number}: ${mutant.kind}: ${mutant.change}`);
  }
}
await Promise.all(Array.from({ length: Number(values.jobs) }, (_, worker) => work(worker)));

let worst = 100;
for (const name of names) {
  const own = results.filter(({ mutant }) => mutant.group === name);
  const count = (test) => own.filter(test).length;
  const killed = count(({ result }) => result.startsWith("killed"));
  const excused = count(({ mutant, result }) => result === "survived" && reasonFor(mutant) !== undefined);
  const survived = count(({ result }) => result === "survived") - excused;
  const same = count(({ result }) => result === "same code" || result === "no code");
  if (killed + survived === 0) continue;
  const score = (100 * killed) / (killed + survived);
  worst = Math.min(worst, score);
  console.log(
    `${name}: ${killed} killed, ${survived} survived, ${excused} argued, ${same} no mutants: ${score.toFixed(1)} % killed`,
  );
}
process.exitCode = worst < Number(values.least) ? 1 : 0;
