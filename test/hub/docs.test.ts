/** docs/hub.md: every row of the failure table names a test that exists. */
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";

const page = readFileSync(new URL("../../docs/hub.md", import.meta.url), "utf8");
const [, section = ""] = page.split("\n## What happens when …\n");
const [, table = ""] = /\n((?:\|.*\n)+)/.exec(section) ?? [];
const [, , ...rows] = table.trim().split("\n");

test("the table has the rows of the failures that are promised to be survived", () => {
  expect(rows.length).toBeGreaterThanOrEqual(14);
});

test.each(rows)("%s", (row) => {
  const [, file = "", title = ""] = /\]\(\.\.\/test\/hub\/([\w.-]+)\): "(.+) …" \|$/.exec(row) ?? [];
  expect(file).not.toBe("");
  const source = readFileSync(new URL(file, import.meta.url), "utf8");
  expect(source).toContain(`test("${title}`);
});
