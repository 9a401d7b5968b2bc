/** The load generator in C: compiled when it is first needed, and used where the machine has a C compiler. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const COMPILERS = ["cc", "gcc", "clang", "clang-19"];

/** Returns the path of the load generator; `undefined` where it can't be compiled. */
export function findLoad(): string | undefined {
  const root = dirname(createRequire(import.meta.url).resolve("twinwire/package.json"));
  const source = join(root, "bench/native/load.c");
  const program = join(root, "build/bench/load");
  if (process.platform !== "linux") return undefined; /* it waits by epoll */
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(dirname(program), { recursive: true });
  const compiles = (compiler: string): boolean =>
    spawnSync(compiler, ["-std=c11", "-O2", source, "-o", program], { stdio: "ignore" }).status === 0;
  return COMPILERS.some(compiles) ? program : undefined;
}
