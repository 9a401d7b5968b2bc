import { readFileSync } from "node:fs";
import { compile, link, processors } from "./size-link.mjs";

const budget = JSON.parse(readFileSync("size-budget.json", "utf8"));
const rootsOf = (set) => [
  ...new Set([...(set.with ?? []).flatMap((n) => rootsOf(budget.sets.find((o) => o.name === n))), ...set.roots]),
];
for (const p of processors.slice(0, process.argv[3] === "all" ? 2 : 1)) {
  const objects = await compile(p);
  for (const set of budget.sets) {
    const r = await link(p, objects, { name: set.name, roots: rootsOf(set) });
    console.log(p.name, set.name, r.code);
    if (process.argv[2] && set.name === process.argv[2])
      for (const f of r.functions.sort((a, b) => b.bytes - a.bytes || b.size - a.size))
        console.log("   ", JSON.stringify(f));
  }
}
