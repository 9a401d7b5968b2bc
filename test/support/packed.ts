/** The package as it is published: packed, and installed in a project that knows nothing of this one. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Runs a program to its end, 60 s at most, and returns what it printed. */
export function succeed(program: string, args: readonly string[], cwd: string): string {
  const env = { ...process.env, NODE_OPTIONS: "" };
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, env, encoding: "utf8", timeout: 170_000 });
  if (status !== 0) throw error ?? new Error(`${program} ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

/** An installed package. */
export interface Packed {
  /** The folder of the project. */
  readonly home: string;
  /** The packed file. */
  readonly archive: string;
  /** Its size in bytes. */
  readonly size: number;
  /** The paths in it. */
  readonly files: readonly string[];
  /** Removes the project. */
  remove(): void;
}

/** Packs what is built, and installs it offline: all that it needs has to be in the file. */
export function installPacked(): Packed {
  const home = mkdtempSync(join(tmpdir(), "twinwire-package-"));
  const source = join(home, "source");
  mkdirSync(source);
  for (const name of ["package.json", "README.md", "LICENSE", "dist"])
    cpSync(join(root, name), join(source, name), { recursive: true });
  /* As "npm pack" does by prepack, but not in the project itself, where other tests read at this moment. */
  succeed(process.execPath, ["scripts/readme.mjs", "pack", source], root);
  const report = succeed("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", home], source);
  const [result] = JSON.parse(report) as { filename: string; size: number; files: { path: string }[] }[];
  if (result === undefined) throw new Error("npm packed nothing");
  writeFileSync(join(home, "package.json"), '{ "name": "application", "private": true }');
  succeed("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${result.filename}`], home);
  return {
    home,
    archive: join(home, result.filename),
    size: result.size,
    files: result.files.map((it) => it.path),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
