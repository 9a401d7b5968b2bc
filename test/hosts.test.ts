/** The tables of docs/hosts.md agree with the tests. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { defaultPort } from "../wasm/host.ts";
import { type HostName, host, hosts } from "./support/host.ts";

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(at(path), "utf8");
const tests = readdirSync(at("test"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => `test/${path}`);
const suites = tests.filter((path) => /^test\/adapters\/[\w-]*suite\.ts$/.test(path)).map(read);
const known = (["node", "bun", "deno"] as const).filter((name) =>
  hosts.capabilities.some((it) => it[name] !== undefined),
);

test("the adapter is that of the runtime", () => {
  expect(defaultPort().name).toBe(host);
});

test.each(hosts.capabilities)("$id is proved by a test that there is", ({ proof: [suite, title] }) => {
  const found = suites.filter((source) => source.includes(`export function ${suite}(`));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(`test("${title}"`);
});

describe.each(known)("%s", (name: HostName) => {
  test("a row for each capability", () => {
    for (const it of hosts.capabilities) expect([it.id, it[name]]).toEqual([it.id, expect.any(String)]);
  });

  test("its own tests run every suite that proves one", () => {
    const own = tests.filter((path) => RegExp(`^test/adapters/${name}(-\\w+)?\\.test\\.ts$`).test(path)).map(read);
    expect(own.length).toBeGreaterThan(0);
    for (const { proof, [name]: claim } of hosts.capabilities) {
      if (claim === "yes") expect(own.some((source) => source.includes(`${proof[0]}("${name}", `))).toBe(true);
    }
  });

  test("the page has its table", () => {
    expect(existsSync(at(`adapters/${name}`))).toBe(true);
    if (hosts.differences.some((it) => it.hosts.includes(name)))
      expect(read("docs/hosts.md")).toContain(`<!-- begin differences: ${name} -->`);
  });
});

test.each(hosts.differences.map(({ id }) => id))("the difference %s is known to a test", (id) => {
  expect(tests.some((path) => read(path).includes(`differs("${id}")`))).toBe(true);
});
