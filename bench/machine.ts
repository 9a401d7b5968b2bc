import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release, totalmem, type } from "node:os";

/** What the figures depend on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly twinwire: string;
  readonly ws: string;
  /** Optional native helpers of `ws`, of which it uses what is installed. */
  readonly wsHelpers: Readonly<Record<"bufferutil" | "utf-8-validate", boolean>>;
  readonly server: string;
  /** The commit of this repository; `undefined` outside one. */
  readonly commit: string | undefined;
}

const require = createRequire(import.meta.url);

/** The facts of this run; `bun`: the version of the server's runtime. */
export function describeMachine(bun: string): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release().split("-")[0]}`,
    node: process.version,
    twinwire: packageVersion("twinwire"),
    ws: packageVersion("ws"),
    wsHelpers: { bufferutil: isInstalled("bufferutil"), "utf-8-validate": isInstalled("utf-8-validate") },
    server: `Bun ${bun}`,
    commit: commit(),
  };
}

/** With a mark if files other than results differ from it. */
function commit(): string | undefined {
  const git = (...args: string[]) => spawnSync("git", args, { encoding: "utf8" });
  const { status, stdout } = git("rev-parse", "HEAD");
  if (status !== 0) return undefined;
  const differs = git("diff", "--quiet", "HEAD", "--", ":/", ":(top,exclude)bench/results").status !== 0;
  return differs ? `${stdout.trim()}-dirty` : stdout.trim();
}

function packageVersion(name: string): string {
  const manifest = JSON.parse(readFileSync(require.resolve(`${name}/package.json`), "utf8")) as { version: string };
  return manifest.version;
}

function isInstalled(name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}
