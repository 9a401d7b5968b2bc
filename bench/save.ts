import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import type { Machine } from "./machine.ts";
import { type Comparison, toMarkdown } from "./report.ts";

/** Writes bench/results/<date>-<node>.json and .md. Returns their name without the ending. */
export async function save(machine: Machine, comparisons: readonly Comparison[]): Promise<string> {
  const root = dirname(createRequire(import.meta.url).resolve("twinwire/package.json"));
  const directory = join(root, "bench/results");
  const date = new Date().toISOString().slice(0, 10);
  const base = join(directory, `${date}-node${process.versions.node}`);
  await mkdir(directory, { recursive: true });
  await writeFile(`${base}.json`, `${JSON.stringify({ date, machine, cases: comparisons }, undefined, 2)}\n`);
  await writeFile(`${base}.md`, toMarkdown(comparisons, machine));
  return relative(process.cwd(), base);
}
