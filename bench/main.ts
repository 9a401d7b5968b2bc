/** `make bench`: measures twinwire beside its peers. */
import { type Case, cases, isExtra, isScale } from "./cases.ts";
import { findDeno } from "./deno.ts";
import { difference } from "./difference.ts";
import { describeMachine } from "./machine.ts";
import { type Options, parseOptions, usage } from "./options.ts";
import { type Comparison, compare, describe, notes, toJson, toText } from "./report.ts";
import { save } from "./save.ts";
import { startServer } from "./server.ts";
import { runCase } from "./session.ts";

function print(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function bench(options: Options): Promise<void> {
  const named = cases.filter((one) => one.name.startsWith(options.prefix));
  const isLeftOut = options.quick ? isExtra : ({ name }: Case) => isScale(name);
  const chosen = options.prefix === "" ? named.filter((one) => !isLeftOut(one)) : named;
  if (chosen.length === 0) {
    throw new Error(`no case begins with ${options.prefix}; there are\n  ${cases.map((one) => one.name).join("\n  ")}`);
  }
  const there = chosen.filter((one) => one.runtime !== "deno" || findDeno() !== undefined);
  if (there.length < chosen.length)
    print("bench: Deno is not installed, its cases are skipped; run npm ci --prefix scripts/runtimes");
  const server = await startServer();
  const comparisons: Comparison[] = [];
  try {
    const machine = describeMachine(server.version);
    if (!options.json) print(`${describe(machine)}\n`);
    for (const one of there) {
      print(`${one.name} ...`);
      const rounds = one.kind === "idle" ? options.idleRounds : options.pace.rounds;
      const result = await runCase(one, server.ports, { ...options.pace, rounds }, options.flags[one.runtime]);
      comparisons.push(...compare(result));
    }
    if (options.json) process.stdout.write(`${JSON.stringify(toJson(comparisons))}\n`);
    else process.stdout.write(`\n${toText(comparisons)}\n\n${notes.join("\n")}\n`);
    if (options.save) print(`\nsaved in ${await save(machine, comparisons)}`);
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
