import { type Case, runtimeOf } from "./cases.ts";
import { Child } from "./child.ts";
import { compile } from "./compiled.ts";
import { Contender } from "./contenders.ts";
import { findLoad } from "./native.ts";
import type { Measured, Ports } from "./protocol.ts";

/** How long and how often is measured. */
export interface Pace {
  readonly rounds: number;
  readonly settleMs: number;
  readonly measureMs: number;
}

/** What all contenders of a case have measured: one number a round, the warm-up left out. */
export interface CaseResult {
  readonly case: Case;
  readonly rounds: ReadonlyMap<Contender, readonly Measured[]>;
  /** Contenders that can't take part here, each with the Debian package that it needs. */
  readonly absent?: ReadonlyMap<Contender, string>;
}

/**
 * Measures one case. Each contender has a process of its own, and they alternate: A B C, B C A, C A B. The first round
 * warms up and does not count.
 */
export async function runCase(one: Case, ports: Ports, pace: Pace, flags: readonly string[]): Promise<CaseResult> {
  const programs = new Map<Contender, string>();
  const absent = new Map<Contender, string>();
  for (const contender of "compiled" in one && one.compiled ? one.contenders : []) {
    const made = compile(contender);
    if (made !== undefined && "program" in made) programs.set(contender, made.program);
    else if (made !== undefined) absent.set(contender, made.lacks);
  }
  if (absent.has(Contender.TWINWIRE)) return { case: one, rounds: new Map(), absent };
  const contenders = one.contenders.filter((contender) => !absent.has(contender));
  const rounds = new Map(contenders.map((contender): [Contender, Measured[]] => [contender, []]));
  const children = new Map<Contender, Child>();
  /* What a connection leaves behind must not count as spared by the next round, so memory is measured in new ones. */
  const load = one.kind === "serve" ? findLoad() : undefined;
  const start = (contender: Contender): Child => {
    const runtime = runtimeOf(contender, one);
    const own = runtime === one.runtime ? flags : [];
    const child = new Child(runtime, one.kind === "idle" ? [...own, "--expose-gc"] : own);
    children.set(contender, child);
    return child;
  };
  try {
    /* A hub's processes are new in each round. */
    const warmUps = one.kind === "idle" || one.kind === "hub" ? 0 : 1;
    for (let round = 0; round < pace.rounds + warmUps; round++) {
      for (let next = 0; next < contenders.length; next++) {
        const contender = contenders[(next + round) % contenders.length] as Contender;
        const child = children.get(contender) ?? start(contender);
        const { settleMs, measureMs } = pace;
        const program = programs.get(contender);
        const measured = await child.run({ case: one, contender, ports, load, program, settleMs, measureMs });
        if (round >= warmUps) rounds.get(contender)?.push(measured);
        if (one.kind === "idle") {
          children.delete(contender);
          await child.end();
        }
      }
    }
  } finally {
    await Promise.all([...children.values()].map((child) => child.end()));
  }
  return { case: one, rounds, absent };
}
