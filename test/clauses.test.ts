/** Each section of the standards that has a MUST is cited by the code and by a test, or has a reason why not. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const clauses = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, "scripts/clauses.mjs"), ...args], { encoding: "utf8" });

test("no section with a MUST is open", () => {
  const { status, stdout } = clauses("--open");
  expect(stdout.replaceAll(/^(RFC .*|\d+ sections .*|)\n/gm, "")).toBe("");
  expect(status).toBe(0);
});

test("what docs/reliability.md says of them is so", () => {
  const { stdout } = clauses();
  const [row = ""] = readFileSync(join(root, "docs/reliability.md"), "utf8").match(/^\| `make clauses` .*$/m) ?? [];
  const counts = [...stdout.matchAll(/^(\d+) sections with (\d+) MUSTs, (\d+) of them elsewhere/gm)].map((it) =>
    it.slice(1, 4).join(" "),
  );
  const said = [...row.matchAll(/(\d+) sections with (\d+) MUSTs \((\d+) elsewhere\)/g)].map((it) =>
    it.slice(1, 4).join(" "),
  );
  expect(said).toEqual(counts);
});
