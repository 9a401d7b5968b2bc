import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { http } from "twinwire";

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("docs/http.md names every function, every option and every member of a body", () => {
  const page = read("docs/http.md");
  const members = (file: string, pattern: RegExp): string[] => {
    const found = [...read(file).matchAll(pattern)].map(([, name = ""]) => name);
    expect(found.length).toBeGreaterThan(2);
    return found;
  };
  const names = [
    ...Object.keys(http).map((name) => `http.${name}`),
    ...members("api/http/types.ts", /^ {2}readonly (\w+)\??:/gm),
    ...members("api/http/calls.ts", /^ {2}(?:readonly |get )(\w+)[:(]/gm),
    ...members("api/http/request.ts", /^ {2}(?:readonly |get )(\w+)[:(]/gm).filter((name) => name !== "message"),
    ...members("api/http/body.ts", /^ {2}(?:async |get )?(next|bytes|text|json|stream|cancel|trailers)\(/gm),
  ];
  expect(names.filter((name) => !new RegExp(`\\b${name.replace(".", "\\.")}\\b`).test(page))).toEqual([]);
});
