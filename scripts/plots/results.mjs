// The stored results of "make bench" that pages are made of, and the tables of those pages.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const folder = join(root, "bench/results");
const read = (path) => JSON.parse(readFileSync(path, "utf8"));

/** The newest stored file with a case whose name begins with `prefix`. */
const newest = (prefix) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => join(folder, name))
    .findLast((path) => read(path).cases.some(({ name }) => name.startsWith(prefix)));

/** Returns the results in the file that the command line names, or in the newest with a case of `prefix`; ends without one. */
export function readResults(prefix) {
  const path = process.argv[2] ?? newest(prefix);
  if (path !== undefined) return read(path);
  console.error(`no stored result has the cases of ${prefix}: run make bench ARGS="--only ${prefix} --save" first`);
  process.exit(1);
}

/** A table of Markdown. `head` and each of `rows` are lists of cells. */
export const markdownTable = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
