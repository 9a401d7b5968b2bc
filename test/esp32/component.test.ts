/** The ESP-IDF component, built on this machine with a stand-in for ESP-IDF's one command. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "@jest/globals";
import { describeWith, findTool } from "../support/child.ts";

const cmake = findTool("cmake", ["cmake"], ["--version"]);
const project = fileURLToPath(new URL(".", import.meta.url));

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 100_000 });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${status}\n${stdout}${stderr}`);
  return stdout + stderr;
}

describeWith(cmake, "the ESP-IDF component", (program) => {
  const folder = mkdtempSync(join(tmpdir(), "twinwire-esp32-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("builds without a warning, and its first steps run", () => {
    run(program, "-S", project, "-B", folder);
    expect(run(program, "--build", folder)).not.toMatch(/warning/i);
    const bytes = Number(/(\d+) bytes/.exec(run(join(folder, "boot")))?.[1]);
    expect(bytes).toBeLessThanOrEqual(12 * 1024);
  }, 120_000);
});
