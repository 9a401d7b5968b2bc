// Proves by abstract interpretation (Frama-C's Eva) that parsers of core-c/ do nothing undefined whatever they are given:
// the programs of test/proof feed them arbitrary bytes, cut at arbitrary places.
//
//   node scripts/proof.mjs            all programs
//   node scripts/proof.mjs url        this one
//   node scripts/proof.mjs --show     lists every alarm, those that are argued, too
//
// An alarm is an operation that Eva cannot exclude to be undefined. Those that cannot happen although Eva does not see it
// stand in test/proof/alarms.json with the reason; any other, one of that file that is not raised any more, and a certain
// error are failures. "make proof" runs this.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../wasm/build/project.mjs";
import { findProgram } from "./programs.mjs";
import { run } from "./run.mjs";

/* A program that includes a source can set its private state to anything. core-c/small has the variants for devices:
   Frama-C does not know vector registers. `states`: how many Eva keeps apart; with `splits` also those that come out of a
   function, by what is split on there; with `returns` those in which these functions return these numbers. */
const programs = {
  utf8: { sources: ["core-c/small/utf8.c"], states: 20000 },
  url: { sources: ["core-c/src/url.c", "core-c/src/ip.c", "core-c/src/bytes.c"], states: 2000 },
  chunk: { sources: ["core-c/src/bytes.c"], states: 20000 },
  words: {
    sources: [
      "core-c/proto/http1/words.c",
      "core-c/proto/http1/field.c",
      "core-c/proto/ws/handshake.c",
      "core-c/src/bytes.c",
    ],
    states: 20000,
  },
  head: {
    sources: ["core-c/small/runs.c", "core-c/src/bytes.c"],
    states: 30000,
    splits: true,
    returns: "expect:0,take_protocol:0,advance:0",
  },
  frames: { sources: ["core-c/small/mask.c", "core-c/src/bytes.c"], states: 20000, splits: true },
  handshake: { sources: [], states: 300, splits: true },
  accept: { sources: [], states: 3000, splits: true },
};

const frama = findProgram(["frama-c"], ["-version"]);
if (frama === undefined) {
  console.error("make proof needs Frama-C (Debian: apt-get install --no-install-recommends frama-c-base)");
  process.exit(2);
}
const args = process.argv.slice(2);
const show = args.includes("--show");
const names = args.filter((it) => !it.startsWith("--"));
const chosen = names.length > 0 ? names : Object.keys(programs);
const folder = join(root, "build/proof");
mkdirSync(folder, { recursive: true });
const argued = JSON.parse(readFileSync(join(root, "test/proof/alarms.json"), "utf8"));

/** The alarms of a run: { file, text } for each, the text being the condition that could not be shown. */
function alarmsOf(lines) {
  const found = [];
  const all = lines.join("\n");
  const form = /\[eva:alarm\] (\S+?):\d+: Warning: (.*\n(?: {2}.*\n?)*)/g;
  for (const [, file, text] of `${all}\n`.matchAll(form)) {
    found.push({ file, text: text.trim().replace(/\s+/g, " ") });
  }
  return found;
}

let failed = 0;
for (const name of chosen) {
  const program = programs[name];
  if (program === undefined) {
    console.error(`no such program: ${name}; there are ${Object.keys(programs).join(", ")}`);
    process.exit(2);
  }
  const { status, lines } = await run(
    frama.path,
    [
      ...["-eva", "-c11", "-machdep", "gcc_x86_64", "-eva-slevel", String(program.states)],
      ...(program.splits ? ["-eva-interprocedural-splits"] : []),
      ...(program.returns ? ["-eva-split-return-function", program.returns] : []),
      ...["-eva-msg-key=-initial-state,-final-states", "-eva-warn-key=alarm=active"],
      "-cpp-extra-args=-Icore-c -Icore-c/include -Itest/proof",
      ...[`test/proof/${name}.c`, ...program.sources],
    ],
    { quiet: true, seconds: 1800 },
  );
  writeFileSync(join(folder, `${name}.txt`), lines.join("\n"));
  const alarms = alarmsOf(lines);
  const reasons = argued.filter((it) => it.program === name);
  const isArgued = (alarm) => reasons.some((it) => it.file === alarm.file && it.alarm === alarm.text);
  const open = alarms.filter((alarm) => !isArgued(alarm));
  const stale = reasons.filter((it) => !alarms.some((alarm) => alarm.file === it.file && alarm.text === it.alarm));
  const reached = /(\d+) statements reached \(out of (\d+)\)/.exec(lines.join(" "))?.[0];
  const certain = lines.filter((line) =>
    /completely invalid|NON TERMINATING FUNCTION|unspecified function/i.test(line),
  );
  const good = status === 0 && open.length === 0 && stale.length === 0 && certain.length === 0;
  if (!good) failed++;
  console.log(
    `${name}: ${good ? "proved" : "not proved"}; ${alarms.length} alarms, ${open.length} of them not argued; ${reached}`,
  );
  for (const { file, text } of show ? alarms : open) console.log(`  ${file}: ${text}`);
  for (const { file, alarm } of stale) console.log(`  not raised any more: ${file}: ${alarm}`);
  for (const line of certain) console.log(`  ${line.trim()}`);
}
process.exitCode = failed > 0 ? 1 : 0;
