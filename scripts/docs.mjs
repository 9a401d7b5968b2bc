// Fills the tables in README.md and docs/ from core-c/abi.def. A table is placed between
//
//   <!-- begin errors -->  and  <!-- end errors -->
//   <!-- begin limits: sockets webSockets -->  and  <!-- end limits -->      without names: all limits
//   <!-- begin events -->  and  <!-- end events -->
//
// and, from test/hosts.json:
//
//   <!-- begin hosts -->  and  <!-- end hosts -->
//   <!-- begin differences: bun -->  and  <!-- end differences -->
//
//   node scripts/docs.mjs          writes the files that have changed
//   node scripts/docs.mjs --check  writes nothing; fails if a file is out of date

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAbi } from "../core-c/gen-parse.mjs";

const root = resolve(fileURLToPath(import.meta.url), "../..");
const pages = () => [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

const UNITS = [
  [1024 ** 3, "GiB"],
  [1024 ** 2, "MiB"],
  [1024, "KiB"],
];

/** Formats a number for readers: `ms` and `bytes` with their units. */
function amount(value, meaning) {
  if (meaning.startsWith("ms ")) return value % 1000 === 0 ? `${(value / 1000).toLocaleString("en")} s` : `${value} ms`;
  const unit = /\bbytes\b/.test(meaning) && UNITS.find(([size]) => value >= size && value % size === 0);
  return unit ? `${value / unit[0]} ${unit[1]}` : value.toLocaleString("en");
}

/** Returns the meaning without the unit, which `amount` shows. */
const plain = (meaning) => meaning.replace(/^ms /, "time ");

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

const writers = {
  errors: (abi) =>
    table(
      ["code", "number", "problem", "remedy"],
      abi.errors.map(({ name, value, what, todo }) => [`\`${name}\``, value, what, todo]),
    ),
  limits(abi, names) {
    const chosen = names.map((name) => abi.limits.members.find((limit) => limit.name === name) ?? missing(name));
    const rows = (names.length > 0 ? chosen : abi.limits.members).map(({ name, meaning, host, esp32, min, max }) => {
      const [low, high] = [amount(min, meaning), amount(max, meaning)];
      return [`\`${name}\``, plain(meaning), amount(host, meaning), amount(esp32, meaning), `${low} to ${high}`];
    });
    return table(["limit", "what it limits", "PC", "ESP32", "range"], rows);
  },
  events: (abi) =>
    table(
      ["event", "handle", "declaration"],
      abi.events.map(({ kind, event, signature }) => [`\`${event}\``, kind, `\`${signature}\``]),
    ),
};

const hosts = JSON.parse(readFileSync(join(root, "test/hosts.json"), "utf8"));
const hostNames = { node: "Node", bun: "Bun", deno: "Deno" };

writers.hosts = () => {
  const names = Object.keys(hostNames).filter((name) => hosts.capabilities.every((it) => it[name] !== undefined));
  return table(
    ["", ...names.map((name) => hostNames[name])],
    hosts.capabilities.map((it) => [it.what, ...names.map((name) => it[name])]),
  );
};
writers.differences = (_abi, [name]) =>
  table(
    ["difference", "reason"],
    hosts.differences.filter((it) => it.hosts.includes(name)).map(({ what, why }) => [what, why]),
  );

function missing(name) {
  throw new Error(`docs: unknown limit "${name}"`);
}

/** Returns the page with its tables filled in. */
export function fill(text, abi) {
  const block = /<!-- begin (\w+)(?:: ([\w ]+))? -->\n[\s\S]*?<!-- end \1 -->/g;
  return text.replace(block, (whole, what, names) => {
    const writer = writers[what];
    if (!writer) throw new Error(`docs: unknown table "${what}"`);
    const begin = whole.slice(0, whole.indexOf("\n"));
    return `${begin}\n${writer(abi, names?.split(" ") ?? [])}\n<!-- end ${what} -->`;
  });
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const definition = join(root, "core-c/abi.def");
  const abi = parseAbi(readFileSync(definition, "utf8"), definition);
  for (const page of pages()) {
    const path = join(root, page);
    const text = readFileSync(path, "utf8");
    const filled = fill(text, abi);
    if (filled === text) continue;
    if (process.argv.includes("--check")) {
      console.error(`${page}: out of date; run "node scripts/docs.mjs"`);
      process.exitCode = 1;
    } else {
      writeFileSync(path, filled);
    }
  }
}
