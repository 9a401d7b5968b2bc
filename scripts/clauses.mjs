// Lists the clauses of the standards that the code and the tests cite, as "RFC 6455 5.5.1" or "RFC 9112 6.1, 6.3":
//
//   node scripts/clauses.mjs          a table for each standard
//   node scripts/clauses.mjs --open   only the sections with a MUST that the code or the tests do not cite
//
// test/clauses.json has how often MUST, REQUIRED and SHALL stand in each section of RFC 6455, RFC 7692 and RFC 9112, and of those of
// RFC 9110 that frame messages, without registries and sections of terms. Under "elsewhere" are the sections that are not for
// twinwire to keep, or that are decided otherwise, with the reason. A section that is cited is not necessarily complete. A citation
// of a section stands for those below it, too. "make clauses" runs this.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "../wasm/build/project.mjs";

const standards = ["6455", "7692", "9110", "9112"];
const code = ["core-c", "c", "api", "adapters", "wasm", "esp32"];
const tests = ["test"];

function* filesOf(folder) {
  if (!existsSync(join(root, folder))) return;
  for (const name of readdirSync(join(root, folder))) {
    const path = `${folder}/${name}`;
    if (statSync(join(root, path)).isDirectory()) yield* filesOf(path);
    else if (/\.([chm]js|[ch]|ts|json|mjs|def)$/.test(name) && !/\.gen\./.test(name)) yield path;
  }
}

/** Citations by standard and section: the files that have them. */
function citations(folders) {
  const found = new Map(standards.map((rfc) => [rfc, new Map()]));
  const form = /RFC (\d+)((?:,| and| or)? \d+(?:\.\d+)*(?:(?:,| and| or| to) \d+(?:\.\d+)+)*)/g;
  for (const path of folders.flatMap((folder) => [...filesOf(folder)])) {
    for (const [, rfc, sections] of readFileSync(join(root, path), "utf8").matchAll(form)) {
      for (const [section] of sections.matchAll(/\d+(?:\.\d+)*/g)) {
        const files = found.get(rfc);
        if (files) files.set(section, (files.get(section) ?? new Set()).add(path));
      }
    }
  }
  return found;
}

/** The files that cite a section or one above it. */
function cite(found, section) {
  const files = new Set();
  for (let at = section; at !== ""; at = at.includes(".") ? at.slice(0, at.lastIndexOf(".")) : "") {
    for (const file of found.get(at) ?? []) files.add(file);
  }
  return [...files];
}

const show = (files) => (files.length > 2 ? `${files.slice(0, 2).join(" ")} +${files.length - 2}` : files.join(" "));
const byNumber = (one, other) => one.localeCompare(other, "en", { numeric: true });

const { elsewhere, ...musts } = JSON.parse(readFileSync(join(root, "test/clauses.json"), "utf8"));
const [inCode, inTests] = [citations(code), citations(tests)];
const onlyOpen = process.argv.includes("--open");

let failed = false;

for (const rfc of standards) {
  const counted = musts[rfc];
  const sections = new Set([...Object.keys(counted), ...inCode.get(rfc).keys(), ...inTests.get(rfc).keys()]);
  const rows = [...sections].sort(byNumber).map((section) => ({
    section,
    count: counted[section] ?? 0,
    reason: elsewhere[rfc]?.[section],
    code: cite(inCode.get(rfc), section),
    tests: cite(inTests.get(rfc), section),
  }));
  const open = rows.filter(
    ({ count, reason, code, tests }) => count > 0 && reason === undefined && (code.length === 0 || tests.length === 0),
  );
  console.log(`\nRFC ${rfc}: section, MUSTs, code | tests`);
  for (const row of onlyOpen ? open : rows) {
    const number = `${row.count}`.padStart(5);
    const where = row.reason ?? `${show(row.code) || "-"} | ${show(row.tests) || "-"}`;
    console.log(`${row.section.padEnd(8)}${number}  ${where}`);
  }
  const sum = (list) => list.reduce((total, { count }) => total + count, 0);
  const all = rows.filter(({ count }) => count > 0);
  const ours = all.filter(({ reason }) => reason === undefined);
  const citedBy = (key) => ours.filter((row) => row[key].length > 0);
  console.log(
    `${all.length} sections with ${sum(all)} MUSTs, ${all.length - ours.length} of them elsewhere; of the ${ours.length} others ` +
      `the code cites ${citedBy("code").length}, the tests ${citedBy("tests").length}`,
  );
  failed ||= open.length > 0;
}

/* With --open, a section that is neither cited nor not ours is a failure. */
if (onlyOpen && failed) process.exitCode = 1;
