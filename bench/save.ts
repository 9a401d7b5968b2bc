import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Machine } from "./machine.ts";
import { type Comparison, toMarkdown } from "./report.ts";

/** `commit`: of this repository when it was measured, if that is not the one of the file. */
type Stored = Comparison & { readonly commit?: string | undefined };

interface Results {
  readonly date: string;
  readonly machine: Machine;
  /** The versions of the brokers and of what uses them, if there are cases of hubs. */
  readonly brokers?: string | undefined;
  readonly cases: readonly Stored[];
}

/**
 * Writes bench/results/<date>-<node>.json and .md; cases that were measured before on that day and on the same machine
 * stay, each with its commit. Returns their name without the ending.
 */
export async function save(
  machine: Machine,
  comparisons: readonly Comparison[],
  brokers: string | undefined,
): Promise<string> {
  const root = dirname(createRequire(import.meta.url).resolve("twinwire/package.json"));
  const directory = join(root, "bench/results");
  const date = new Date().toISOString().slice(0, 10);
  const base = join(directory, `${date}-node${process.versions.node}`);
  await mkdir(directory, { recursive: true });
  const before = await earlier(`${base}.json`, machine, comparisons);
  const cases = [...before.cases, ...comparisons];
  const results: Results = { date, machine, brokers: brokers ?? before.brokers, cases };
  await writeFile(`${base}.json`, `${JSON.stringify(results, undefined, 2)}\n`);
  await writeFile(`${base}.md`, toMarkdown(cases, machine));
  return relative(process.cwd(), base);
}

/** What a file has of the same machine, besides the cases that were measured again. */
async function earlier(
  path: string,
  machine: Machine,
  again: readonly Comparison[],
): Promise<Pick<Results, "brokers" | "cases">> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return { cases: [] };
  const found = JSON.parse(text) as Results;
  const { commit } = found.machine;
  /* As JSON has it: without what is undefined. */
  const now = JSON.parse(JSON.stringify({ ...machine, commit })) as Machine;
  if (!isDeepStrictEqual(found.machine, now)) return { cases: [] };
  const { brokers } = found;
  const names = new Set(again.map(({ name }) => name));
  const stay = found.cases.filter(({ name }) => !names.has(name));
  const cases = commit === machine.commit ? stay : stay.map((one) => ({ ...one, commit: one.commit ?? commit }));
  return { brokers, cases };
}
