/** Our own simulations: lives of fresh seeds, and the same lives on every runtime. `make sim` runs many more of them. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";

const root = join(fileURLToPath(import.meta.url), "../../..");
const main = join(root, "test/sim/main.mjs");

/** Runs the program of the lives. Returns its exit code and what it printed. */
function run(program: string, args: readonly string[]): Promise<{ code: number | null; out: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env: { ...process.env, NODE_OPTIONS: "" } });
    let out = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        out += text;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out }));
  });
}

describe("lives of all APIs on networks with faults", () => {
  test("every invariant holds in lives of fresh seeds", async () => {
    const { code, out } = await run(process.execPath, [main, "--seconds", "5"]);
    /* What it prints of a failure has the command that repeats it. */
    if (code !== 0) throw new Error(out);
    expect(out).toMatch(/^\d+ lives from seed \d+, /m);
  });

  test("a violated invariant ends the run, with the command that repeats it and the options that are enough", async () => {
    const { code, out } = await run(process.execPath, [main, "--seed", "1", "--broken"]);
    expect(code).toBe(1);
    expect(out).toContain("Violation: this invariant never holds");
    expect(out).toContain("enough for it: {}");
    expect(out).toContain(`make sim ARGS="--seed 1"`);
  });

  const installed = (path: string): string => join(root, "scripts/runtimes/node_modules", path);
  const others: readonly (readonly [string, string, readonly string[]])[] = [
    ["Node 26", installed("node-26/bin/node"), []],
    ["Bun", join(root, "node_modules/.bin/bun"), []],
    ["Deno", installed("deno/deno"), ["run", "--allow-all"]],
  ];

  test("the same seeds give the same lives on every runtime that is installed", async () => {
    const args = [main, "--digest", "--from", "1", "--count", "4"];
    const here = await run(process.execPath, args);
    expect(here.code).toBe(0);
    expect(here.out.match(/^\d \w{16}$/gm)).toHaveLength(4);
    for (const [name, program, before] of others.filter(([, program]) => existsSync(program))) {
      expect({ name, ...(await run(program, [...before, ...args])) }).toEqual({ name, ...here });
    }
  });
});
