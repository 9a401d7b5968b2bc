import { parseArgs } from "node:util";
import type { Runtime } from "./cases.ts";
import type { Pace } from "./session.ts";

/** What the command line asks for. */
export interface Options {
  readonly pace: Pace;
  /** Rounds of the cases that measure memory: each takes new processes. */
  readonly idleRounds: number;
  /** Rounds of the cases of hubs, which take seconds each. */
  readonly hubRounds: number;
  /** Whether all of it is to take less than a minute. */
  readonly quick: boolean;
  readonly json: boolean;
  readonly save: boolean;
  readonly help: boolean;
  /** Only cases whose names begin so. */
  readonly prefix: string;
  /** Two files of results to compare, instead of measuring. */
  readonly compare: readonly [string, string] | undefined;
  /** Flags of the runtime for every contender. */
  readonly flags: Readonly<Record<Runtime, readonly string[]>>;
}

export const usage = `usage: make bench ARGS="[options]"
  --quick            shorter rounds, and without --only fewer cases: all within 60 s
  --json             one JSON object on stdout
  --only <prefix>    only the cases whose names begin so
  --compare <a> <b>  compares two files of bench/results/, and measures nothing
  --rounds <n>       measured rounds for each case; default: 5, 3 with --quick or of memory, 1 of hubs
  --save             keep the results in bench/results/
  --node-flag <flag> a flag of node for every contender, as --node-flag=--cpu-prof; --bun-flag, --deno-flag: one of theirs
  --help`;

const FULL: Pace = { rounds: 5, settleMs: 1000, measureMs: 1000 };
const QUICK: Pace = { rounds: 3, settleMs: 60, measureMs: 200 };

/** Reads the command line. Throws for what it does not know. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      save: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      compare: { type: "boolean", default: false },
      rounds: { type: "string" },
      "node-flag": { type: "string", multiple: true, default: [] },
      "bun-flag": { type: "string", multiple: true, default: [] },
      "deno-flag": { type: "string", multiple: true, default: [] },
    },
  });
  const [before, after, ...more] = positionals;
  const isComplete = before !== undefined && after !== undefined && more.length === 0;
  if (values.compare ? !isComplete : positionals.length > 0)
    throw new Error(values.compare ? "--compare takes two files" : `what is ${before}? see --help`);
  const pace = values.quick ? QUICK : FULL;
  const rounds = values.rounds === undefined ? pace.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) throw new Error("--rounds is a whole number from 1");
  return {
    pace: { ...pace, rounds },
    idleRounds: Math.min(rounds, values.quick ? 1 : 3),
    hubRounds: values.rounds === undefined ? 1 : rounds,
    quick: values.quick,
    json: values.json,
    save: values.save,
    help: values.help,
    prefix: values.only,
    compare: values.compare && isComplete ? [before, after] : undefined,
    flags: { node: values["node-flag"], bun: values["bun-flag"], deno: values["deno-flag"] },
  };
}
