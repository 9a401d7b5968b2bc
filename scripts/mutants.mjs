// Measures what the tests notice: makes one small mistake in a source (test/mutation/operators.mjs) and runs the tests
// until one fails.
//
//   node scripts/mutants.mjs --sample 200 --seed 7   a sample
//   node scripts/mutants.mjs --all                   every mutant: hours
//   node scripts/mutants.mjs --only core-c/src/url.c every mutant of the files whose path begins so; url.c:41: of this line;
//                                                    with --sample a sample of them
//   --group core|api|posix|hosts                     only core-c/, c/src, c/wait with adapters/posix, or Node's host
//   --jobs N                                         at the same time; default: 1
//   --least 96                                       exit status 1 below that score, in percent
//
// Mutants of C are judged by programs in C (mutants/programs.mjs) and then by the suites of test/posix; those of the hosts in
// TypeScript by the suites that run on Node (mutants/hosts.mjs). A mutant whose machine code at -O2 is that of the original
// is none. What survives is listed with file, line and change, unless test/mutation/argued.json says why no test can notice
// it. Results are kept in build/mutants/results.jsonl, so that a run that was stopped goes on where it was; --fresh forgets
// them. "make mutants" runs this.

import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { apply, mutations } from "../test/mutation/operators.mjs";
import { listFiles, root } from "../wasm/build/project.mjs";
import { hosts } from "./mutants/hosts.mjs";
import { folder, hash, judgeC, judgeHost, prepare, prepareSuites } from "./mutants/judge.mjs";
import { groups as inC, kinds } from "./mutants/programs.mjs";

const { values } = parseArgs({
  options: {
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    all: { type: "boolean" },
    only: { type: "string", multiple: true },
    group: { type: "string" },
    jobs: { type: "string", default: "1" },
    least: { type: "string", default: "0" },
    fresh: { type: "boolean" },
  },
});

const groups = { ...inC, hosts };

const isWanted = (path, number) =>
  values.only === undefined ||
  values.only.some((it) => {
    const [file, line] = it.split(":");
    return path.startsWith(file) && (line === undefined || number === undefined || number === Number(line));
  });

/** Every mutant of a group, with an identity that stays when other lines change. */
function* mutantsOf(name) {
  for (const path of groups[name].sources()) {
    if (!isWanted(path)) continue;
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
      if (!isWanted(path, number)) continue;
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
/* `nth`: which of the mutants that make the same change of the same line, counted from 0; without it all of them. */
const reasonFor = ({ path, change, nth }) =>
  argued.find((it) => it.file === path && it.change === change && (it.nth ?? nth) === nth)?.reason;

if (spawnSync("gcc", ["--version"]).status !== 0) {
  console.error("mutation needs gcc (Debian: gcc libssl-dev)");
  process.exit(2);
}
if (values.fresh) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const names = values.group === undefined ? Object.keys(groups) : [values.group];
const everything = names.flatMap((name) => [...mutantsOf(name)]);
const whole = values.all || (values.only !== undefined && values.sample === undefined);
const chosen = whole ? everything : sampleOf(everything, Number(values.sample ?? 200), Number(values.seed));
console.log(`${chosen.length} of ${everything.length} mutants${whole ? "" : `, seed ${values.seed}`}`);

/* Objects and results of other sources or tests are worth nothing. */
const tests = ["test/c", "test/fuzz", "test/sim-c", "test/c-api", "test/calls", "test/posix", "test/faults"];
const inputs = ["core-c", "c", "adapters", "api", "wasm", "examples/c", "test/adapters", "test/api", ...tests]
  .flatMap((path) => listFiles(path, ".c", ".h", ".ts"))
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
  for (const program of groups[name].programs ?? []) if (program.seconds === undefined) await prepare(program);
  if (name === "hosts") await prepareSuites(hosts.suites);
}

const results = [];
let next = 0;
async function work(worker) {
  while (next < chosen.length) {
    const mutant = chosen[next++];
    const id = hash(`${state} ${mutant.path} ${mutant.text}`);
    let result = known.get(id);
    if (result === undefined) {
      result =
        mutant.group === "hosts"
          ? await judgeHost(mutant, worker, hosts.suites)
          : await judgeC(mutant, worker, groups[mutant.group].programs);
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
