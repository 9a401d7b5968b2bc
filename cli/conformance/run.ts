/** The ways in which a case runs. */

import type { VectorCase } from "./file.ts";
import { isInside, isLeaf, runLeaf } from "./leaf.ts";
import type { CoreMachine } from "./machine.ts";
import { cleanUp, runStep } from "./ops.ts";
import { type Mode, Session } from "./session.ts";

const EVERY_SPLIT = 600;
const NEAR_SPLITS = 64;
const SOME_SPLITS = 32;

const modes: readonly Mode[] = [
  { label: "byte by byte", cut: "bytes" },
  { label: "least events and receive buffer", small: true },
  { label: "least events, byte by byte", small: true, cut: "bytes" },
  { label: "dribbling writes", dribble: true },
  { label: "clock that wraps", wrap: true },
  { label: "compared as a whole", cut: "apart" },
  { label: "joined", cut: "joined" },
];

/** What came of a case. */
export interface Outcome {
  readonly name: string;
  /** What went wrong in the first way that failed. */
  readonly failure: string | undefined;
  /** A digest of everything that passed the core interface. */
  readonly digest: string;
  /** Some of it calls what the module does not export. */
  readonly inside: boolean;
}

/** Runs a case in all ways. */
export function runCase(machine: CoreMachine, one: VectorCase): Outcome {
  machine.tap.start();
  const failure = runAll(machine, one);
  return { name: one.name, failure, digest: `${machine.tap}`, inside: one.steps.some(isInside) };
}

function runAll(machine: CoreMachine, one: VectorCase): string | undefined {
  const whole = new Session(machine, { label: "whole" });
  const failure = runSession(whole, one, { label: "whole" });
  if (failure !== undefined || !whole.started) return failure;
  let apart: string | undefined;
  for (const mode of modes) {
    if (!takesPart(whole, one, mode)) continue;
    const session = new Session(machine, mode);
    const failed = runSession(session, one, mode);
    if (failed !== undefined) return failed;
    if (mode.cut === "joined" && session.left !== apart) {
      return `${one.name}\n    run: joined\n  apart:\n${apart}\n  joined:\n${session.left}`;
    }
    apart = session.left;
  }
  for (const cut of splits(whole)) {
    const mode = { label: `split at ${cut}`, cut };
    const failed = runSession(new Session(machine, mode), one, mode);
    if (failed !== undefined) return failed;
  }
  return undefined;
}

function runSession(s: Session, one: VectorCase, mode: Mode): string | undefined {
  const { label, cut, small, dribble, wrap } = mode;
  const kinds = { bytes: [1, 0], apart: [3, 0], joined: [4, 0] };
  const pieces = cut === undefined ? [0, 0] : typeof cut === "number" ? [2, cut] : kinds[cut];
  s.machine.tap.add("run", [...pieces, Number(small ?? false), Number(dribble ?? false), Number(wrap ?? false)]);
  let at = 0;
  try {
    for (const step of one.steps) {
      at++;
      if (isLeaf(step)) runLeaf(s.machine, step);
      else runStep(s, step);
    }
    if (s.started) cleanUp(s);
    return undefined;
  } catch (error) {
    const step = one.steps[at - 1]?.slice(0, 4).join(" ").slice(0, 120);
    return `${one.name}\n    run: ${label}\n    step ${at} ${step}: ${error instanceof Error ? error.message : error}`;
  }
}

function takesPart(whole: Session, one: VectorCase, mode: Mode): boolean {
  /* Such a case itself defines what is taken when. */
  if (mode.dribble) return !one.steps.some(([name]) => name === "take" || name === "writes");
  if (mode.small) return !whole.own.has("recvBuffer");
  return mode.cut === undefined || whole.arrived > 0;
}

/** Every place in what a step received; in a long one those near its ends and some between. */
function* splits({ arrivals, arrived }: Session): Generator<number> {
  for (const [index, from] of arrivals.entries()) {
    const size = (arrivals[index + 1] ?? arrived) - from;
    for (let k = 1; k < size; ) {
      yield from + k;
      const near = size <= EVERY_SPLIT || k < NEAR_SPLITS || size - k <= NEAR_SPLITS;
      const stride = near ? 1 : Math.floor((size - 2 * NEAR_SPLITS) / SOME_SPLITS) + 1;
      k = near ? k + 1 : Math.min(k + stride, Math.max(size - NEAR_SPLITS, k + 1));
    }
  }
}
