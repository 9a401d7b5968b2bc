/**
 * The table of cases: each program runs with npm's `ws` and with `twinwire/ws-compat`, and must observe the same, unless
 * its row says why not. The cases are those of ws's own suite, re-expressed by what a program can see. `WRITE_CASES=1`
 * writes docs/ws-compat-cases.md.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { endPeers } from "../support/peers.ts";
import { within } from "../support/wait.ts";
import { attributes } from "./cases/attributes.ts";
import { deflate } from "./cases/deflate.ts";
import { dom } from "./cases/dom.ts";
import { establishing } from "./cases/establishing.ts";
import { frames } from "./cases/frames.ts";
import type { Cases, Program } from "./cases/kit.ts";
import { methods } from "./cases/methods.ts";
import { redirectCases } from "./cases/redirects.ts";
import { servers } from "./cases/server.ts";
import { streams } from "./cases/stream.ts";
import { original, standIn } from "./libraries.ts";

const groups: Readonly<Record<string, Cases>> = {
  "The constructor and the attributes of a client": attributes,
  "Events, and responses to the handshake": establishing,
  Redirects: redirectCases,
  Methods: methods,
  "The interface of the DOM, TLS, request headers": dom,
  "Compression, and ends": deflate,
  Servers: servers,
  Streams: streams,
  Frames: frames,
};

const page = join(dirname(fileURLToPath(import.meta.url)), "../../docs/ws-compat-cases.md");

interface Row {
  readonly name: string;
  readonly run: Program;
  readonly differs: string | undefined;
}

const rowsOf = (cases: Cases): Row[] =>
  Object.entries(cases).map(([name, it]) =>
    typeof it === "function" ? { name, run: it, differs: undefined } : { name, ...it },
  );

/** What a program observed, as JSON. */
function text(outcome: unknown): string {
  return JSON.stringify(outcome, (_key, value: unknown) => (value === undefined ? "undefined" : value)) ?? "undefined";
}

async function outcome(run: Program, library: typeof original): Promise<string> {
  try {
    return text(await within(Promise.resolve(run(library)), "the program"));
  } finally {
    await endPeers();
  }
}

/** The outcomes of this run, by group and row. */
const outcomes = new Map<Row, { readonly expected: string; readonly actual: string }>();
const table = Object.entries(groups).map(([group, cases]) => ({ group, rows: rowsOf(cases) }));
const all = table.flatMap(({ rows }) => rows);

afterEach(endPeers);

describe.each(table)("$group", ({ rows }) => {
  test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
    const expected = await outcome(row.run, original);
    const actual = await outcome(row.run, standIn);
    outcomes.set(row, { expected, actual });
    if (row.differs === undefined) expect(actual).toBe(expected);
    else expect(actual).not.toBe(expected);
  });
});

/** A cell of the page. */
function cell(value: string): string {
  return value.replaceAll("|", "\\|");
}

/** An outcome as a cell, cut where it gets long; ports change from run to run. */
function code(value: string): string {
  const shown = value.replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT").replaceAll("`", "'");
  return `\`${cell(shown.length > 100 ? `${shown.slice(0, 99)}…` : shown)}\``;
}

const verdict = ({ differs }: Row): string => (differs === undefined ? "same" : `differs: ${cell(differs)}`);

const head = (): string => `<!-- Written by WRITE_CASES=1 make test-js ARGS=test/ws-compat/cases. -->

# ws-compat: the cases of ws's own suite

Each row is a program of \`test/ws-compat/cases\`, written after a case of the test suite of \`ws\` by what a program can observe. The
test runs it with \`ws\` and with \`twinwire/ws-compat\` and compares what it observed. Of ${all.length} cases,
${all.filter(({ differs }) => differs === undefined).length} have the same outcome; the others differ on purpose. Long outcomes are cut.
`;

test("the page has every row and its verdict", () => {
  const sections = table.map(({ group, rows }) => {
    const lines = rows.map((row) => {
      const { expected = "", actual = "" } = outcomes.get(row) ?? {};
      return `| ${cell(row.name)} | ${code(expected)} | ${row.differs === undefined ? "" : code(actual)} | ${verdict(row)} |`;
    });
    return `\n## ${group}\n\n| case | \`ws\` | here, if not the same | verdict |\n| --- | --- | --- | --- |\n${lines.join("\n")}\n`;
  });
  const { WRITE_CASES } = process.env;
  if (WRITE_CASES !== undefined) {
    expect(outcomes.size).toBe(all.length);
    writeFileSync(page, head() + sections.join(""));
  }
  const written = readFileSync(page, "utf8");
  expect(written.startsWith(head())).toBe(true);
  /* Outcomes may have other words on another version of the runtime; the tests above compare them. */
  const rows = [...written.matchAll(/^\| (?!case|---)(.*?) \| `.*` \| (?:`.*`)? ?\| (.*) \|$/gm)];
  expect(rows.map(([, name, found]) => `${name}: ${found}`)).toEqual(
    all.map((row) => `${cell(row.name)}: ${verdict(row)}`),
  );
});
