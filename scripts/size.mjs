// What the core costs on a device: code, memory, stack, for each feature set of size-budget.json; fails if a budget is
// exceeded or docs/size.md is not current.
//
//   node scripts/size.mjs            prints and checks
//   node scripts/size.mjs --write    writes the tables into docs/size.md
//   node scripts/size.mjs --largest  prints the largest functions of the sets that have a budget

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "../wasm/build/project.mjs";
import { print } from "./output.mjs";
import { compile, compilerOf, link, measurePort, processors } from "./size-link.mjs";
import { needOf } from "./size-need.mjs";
import { deepest } from "./size-stack.mjs";

const PAGE = "docs/size.md";
const BLOCK = /(<!-- size: begin -->\n)([\s\S]*?)(<!-- size: end -->)/;
const LARGEST = 25;
/** A page that is this much off is still current: not every change of the core has to be one of the page. */
const TOLERANCE = 0.02;

const budget = JSON.parse(readFileSync(join(root, "size-budget.json"), "utf8"));

/** All functions of a set, with those of the sets that it builds on. */
function rootsOf(set) {
  const below = (set.with ?? []).flatMap((name) => rootsOf(budget.sets.find((one) => one.name === name)));
  return [...new Set([...below, ...set.roots])];
}

async function measure(processor) {
  const objects = await compile(processor);
  const need = await needOf(processor);
  const sets = [];
  for (const set of budget.sets) {
    const roots = rootsOf(set);
    const { code, data, functions } = await link(processor, objects, { name: set.name, roots });
    const linked = new Set(functions.map(({ name }) => name));
    const graphs = objects.map(({ graph }) => graph);
    const stack = deepest(graphs, roots, linked, budget);
    const suffix = roots.includes("twc_ws_connect") ? "" : "-without-ws";
    const ram = data + need[`arena${suffix}`] + (set.api ? need[`api${suffix}`] : 0);
    sets.push({ ...set, code, data, ram, stack, functions });
  }
  const port = await measurePort(processor);
  return { processor: processor.name, compiler: await compilerOf(processor), need, sets, port };
}

const bytes = (number) => number.toLocaleString("en");

/** Cells in columns: aligned for a reader of the text, and a table for one of Markdown. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]));
  const line = (row) => `| ${row.map(pad).join(" | ")} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join("\n");
}

function render(results) {
  const heads = (word) => results.map(({ processor }) => `${word}, ${processor}`);
  const rows = budget.sets.map((set, index) => {
    const of = (key) => results.map(({ sets }) => bytes(sets[index][key]));
    const stack = results.map(({ sets }) => bytes(sets[index].stack.bytes));
    return [set.name, ...of("code"), ...of("ram"), ...stack];
  });
  const sets = table([["feature set", ...heads("code"), ...heads("RAM"), ...heads("stack")], ...rows]);
  const needs = [
    ["the arena with the ESP32's defaults", "arena"],
    ["of which receive buffer, outbound pool, text pool", "buffers"],
    ["one more socket", "socket"],
    ["one more WebSocket", "webSocket"],
  ];
  const memory = table([
    ["memory in bytes", ...results.map(({ processor }) => processor)],
    ...needs.map(([what, key]) => [what, ...results.map(({ need }) => bytes(need[key]))]),
  ]);
  const sum = (port) => port.reduce((total, { code }) => total + code, 0);
  const port = table([
    ["the component's own files", ...heads("code")],
    ...results[0].port.map(({ name }, index) => [name, ...results.map((one) => bytes(one.port[index].code))]),
    ["together", ...results.map((one) => bytes(sum(one.port)))],
  ]);
  const made = results.map(({ processor, compiler }) => `${processor} by ${compiler}`).join(", ");
  return `${sets}\n\n${memory}\n\n${port}\n\nMeasured at \`-Os\`: ${made}.`;
}

/** What exceeds its `kind`: "budget" or "goal". */
function excesses(results, kind) {
  return results.flatMap(({ processor, sets }) =>
    sets.flatMap((set) => {
      const limits = set[kind] ?? {};
      const used = { code: set.code, ram: set.ram, stack: set.stack.bytes };
      return Object.entries(limits)
        .filter(([what, limit]) => used[what] > limit)
        .map(
          ([what, limit]) =>
            `${set.name}, ${processor}: ${bytes(used[what])} bytes of ${what}; the ${kind} is ${bytes(limit)}`,
        );
    }),
  );
}

/** Whether the page's tables are these, give or take what small changes of the source make; those of other compilers
 *  can't be compared. */
function isCurrent(text, tables) {
  const written = BLOCK.exec(text)?.[2] ?? "";
  const made = (of) => /Measured at .*$/m.exec(of)?.[0];
  if (made(written) !== undefined && made(written) !== made(tables)) return true;
  const words = (of) =>
    of
      .replace(/[\s|:-]+/g, " ")
      .trim()
      .split(" ");
  const numberOf = (word) => Number(word.replaceAll(",", ""));
  const [there, here] = [words(written), words(tables)];
  const same = (word, other) =>
    word === other || Math.abs(numberOf(word) - numberOf(other)) <= numberOf(word) * TOLERANCE;
  return there.length === here.length && there.every((word, index) => same(word, here[index]));
}

function printLargest(results) {
  for (const { processor, sets } of results) {
    for (const { name, functions, stack } of sets.filter((set) => set.budget)) {
      print(`\n${name}, ${processor}: the largest functions and tables`);
      for (const one of functions.slice(0, LARGEST)) print(`${bytes(one.size).padStart(8)}  ${one.name}`);
      print(`the deepest calls, ${bytes(stack.bytes)} bytes: ${stack.path.join(" > ")}`);
    }
  }
}

/** Measures, prints, checks. Returns { passed, failed }. */
export async function runSize({ write = false, largest = false } = {}) {
  const results = [];
  for (const processor of processors) results.push(await measure(processor));
  const tables = render(results);
  print(tables);
  if (largest) printLargest(results);
  for (const note of excesses(results, "goal")) print(`\n${note}`);
  const complaints = excesses(results, "budget");
  const path = join(root, PAGE);
  const text = readFileSync(path, "utf8");
  if (write) writeFileSync(path, text.replace(BLOCK, `$1${tables}\n$3`));
  else if (!isCurrent(text, tables)) complaints.push(`${PAGE} is not current: node scripts/size.mjs --write`);
  for (const complaint of complaints) print(`\n${complaint}`);
  return { passed: results.length * budget.sets.length + 1 - complaints.length, failed: complaints.length };
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const has = (option) => process.argv.includes(option);
  const { passed, failed } = await runSize({ write: has("--write"), largest: has("--largest") });
  print(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
