/** docs/security.md is true: each threat has a test, and the tests that it names exist. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, "utf8");

const rows = read("docs/security.md")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (threat|---) /.test(line))
  .map((line) => line.split(" | "));

test("each threat names a defence and a test", () => {
  expect(rows.length).toBeGreaterThan(15);
  for (const [threat = "", defence = "", proof = ""] of rows) {
    expect({ threat, defence: defence !== "", proof: /`test\/[^`]+`/.test(proof) }).toEqual({
      threat,
      defence: true,
      proof: true,
    });
  }
});

test("the tests that it names exist", () => {
  const named = rows.flatMap(([, , proof = ""]) => [...proof.matchAll(/"([^"]+)" in `([^`]+)`/g)]);
  expect(named.length).toBeGreaterThan(15);
  const missing = named.filter(
    ([, name = "", file = ""]) => !existsSync(`${root}${file}`) || !read(file).includes(`"${name}"`),
  );
  expect(missing.map(([text]) => text)).toEqual([]);
});
