// Lives many lives on simulated networks, each from a seed.
//
//   node test/sim/main.mjs                     fresh seeds for 60 seconds
//   node test/sim/main.mjs --seconds 300
//   node test/sim/main.mjs --seed 17           one life, again
//   node test/sim/main.mjs --from 1 --count 50 these seeds
//   node test/sim/main.mjs --digest --count 5  prints the digests, to compare runtimes
//
// A life that fails prints a command that repeats it, and the options that are needed for it. "make sim" runs this.

import { parseArgs } from "node:util";
import { activities } from "./activities.mjs";
import { edges } from "./edges.mjs";
import { live, optionsOf, Violation } from "./lives.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    seed: { type: "string" },
    from: { type: "string" },
    count: { type: "string" },
    options: { type: "string" },
    digest: { type: "boolean" },
    broken: { type: "boolean" },
    brief: { type: "boolean" },
  },
});

/** With --broken, an activity that fails: a test of this program. */
const broken = () => Promise.reject(new Violation("this invariant never holds"));
const chosen = values.broken ? [broken] : [...Object.values(activities), ...Object.values(edges)];

/** Uncaught errors of a life: promises of the programs that nothing awaited any more. */
let loose;
process.on("unhandledRejection", (error) => {
  loose ??= error;
});

async function attempt(seed, options) {
  loose = undefined;
  try {
    const result = await live(seed, chosen, options);
    return { result, error: loose };
  } catch (error) {
    return { error };
  }
}

/** The options without which a life does not fail. */
async function shrink(seed, options) {
  let left = options;
  for (const name of Object.keys(options)) {
    const { [name]: _, ...fewer } = left;
    const { error } = await attempt(seed, fewer);
    if (error !== undefined) left = fewer;
  }
  return left;
}

async function fail(seed, options, error) {
  console.log(`\nnot ok: seed ${seed}\n${error?.stack ?? error}`);
  if (values.brief) return; /* whoever asks wants to know only whether it fails */
  const small = await shrink(seed, options);
  const { error: smaller } = await attempt(seed, small);
  console.log(`\nenough for it: ${JSON.stringify(small)}\n${smaller?.message ?? ""}`);
  console.log(`\nto repeat it:\n  make sim ARGS="--seed ${seed}"`);
  console.log(`  make sim ARGS='--seed ${seed} --options ${JSON.stringify(small)}'`);
}

const now = () => performance.now();
const started = now();
const endless = values.seconds !== undefined || (values.seed === undefined && values.count === undefined);
const seconds = Number(values.seconds ?? 60);
const first = Number(values.seed ?? values.from ?? (endless ? Math.floor(Math.random() * 1e9) : 1));
const count = endless ? Number.POSITIVE_INFINITY : Number(values.seed === undefined ? values.count : 1);
let steps = 0;
let hours = 0;
let lives = 0;
for (let seed = first; lives < count && (!endless || now() - started < seconds * 1000); seed++) {
  const options = values.options === undefined ? optionsOf(seed) : JSON.parse(values.options);
  const { result, error } = await attempt(seed, options);
  lives++;
  if (error !== undefined) {
    await fail(seed, options, error);
    process.exitCode = 1;
    break;
  }
  steps += result.steps;
  hours += result.ms / 3_600_000;
  if (values.digest) console.log(`${seed} ${result.digest}`);
}
if (!values.digest) {
  console.log(
    `${lives} lives from seed ${first}, ${steps} steps, ${hours.toFixed(1)} hours of simulated time, ` +
      `${((now() - started) / 1000).toFixed(1)} s`,
  );
}
process.exit();
