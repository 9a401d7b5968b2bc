/** `make bench`: measures twinwire beside its peers. */
import { type Case, cases, isScale, QUICK } from "./cases.ts";
import { Contender } from "./contenders.ts";
import { findDeno } from "./deno.ts";
import { difference } from "./difference.ts";
import { describeBrokers, isInstalled } from "./hub/broker.ts";
import { describeMachine } from "./machine.ts";
import { type Options, parseOptions, usage } from "./options.ts";
import { type Comparison, compare, describe, notes, toJson, toText } from "./report.ts";
import { save } from "./save.ts";
import { startServer } from "./server.ts";
import { runCase } from "./session.ts";

function print(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A case of hubs with the contenders whose brokers are installed; none without Redis, by which all are compared. */
function withBrokers(one: Case): readonly Case[] {
  if (one.kind !== "hub") return [one];
  const contenders = one.contenders.filter(isInstalled);
  return contenders.includes(Contender.TWINWIRE) ? [{ ...one, contenders }] : [];
}

/** How often a case is measured. */
function roundsOf({ kind }: Case, { hubRounds, idleRounds, pace }: Options): number {
  if (kind === "hub") return hubRounds;
  return kind === "idle" ? idleRounds : pace.rounds;
}

async function bench(options: Options): Promise<void> {
  const named = cases.filter((one) => one.name.startsWith(options.prefix));
  const isUsual = ({ name }: Case): boolean => (options.quick ? QUICK.has(name) : !isScale(name));
  const chosen = options.prefix === "" ? named.filter(isUsual) : named;
  if (chosen.length === 0) {
    throw new Error(`no case begins with ${options.prefix}; there are\n  ${cases.map((one) => one.name).join("\n  ")}`);
  }
  const there = chosen.filter((one) => one.runtime !== "deno" || findDeno() !== undefined).flatMap(withBrokers);
  if (there.length < chosen.length)
    print("bench: what is not installed is skipped; CONTRIBUTING.md lists what it needs");
  const server = await startServer();
  const comparisons: Comparison[] = [];
  try {
    const machine = describeMachine(server.version);
    if (!options.json) print(`${describe(machine)}\n`);
    const brokers = there.some(({ kind }) => kind === "hub") ? describeBrokers() : undefined;
    if (!options.json && brokers !== undefined) print(`${brokers}\n`);
    for (const one of there) {
      print(`${one.name} ...`);
      const rounds = roundsOf(one, options);
      try {
        const result = await runCase(one, server.ports, { ...options.pace, rounds }, options.flags[one.runtime]);
        comparisons.push(...compare(result));
      } catch (error) {
        /* A system of many processes that did not recover is a result, too; the other cases go on. */
        if (one.kind !== "hub") throw error;
        print(error instanceof Error ? error.message : String(error));
        process.exitCode = 1;
      }
    }
    if (options.json) process.stdout.write(`${JSON.stringify(toJson(comparisons))}\n`);
    else process.stdout.write(`\n${toText(comparisons)}\n\n${notes.join("\n")}\n`);
    if (options.save) print(`\nsaved in ${await save(machine, comparisons, brokers)}`);
  } finally {
    await server.end();
  }
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) console.log(usage);
  else if (options.compare !== undefined) console.log(await difference(...options.compare));
  else await bench(options);
} catch (error) {
  print(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
