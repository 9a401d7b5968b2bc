/** The programs of the POSIX host, built by its own CMake project, once for all the tests that want them. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { findTool, type Tool } from "../support/child.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** How long a build may take on a slow machine. */
export const BUILD_PATIENCE = 300_000;

const sanitizers = "-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all";

/** The environment of programs with LeakSanitizer: what the C library leaks is known. */
export const environment = {
  ...process.env,
  LSAN_OPTIONS: `suppressions=${root}test/posix/leaks.supp:print_suppressions=0`,
};

/** Runs a program to its end; rejects with what it printed if that is not in order. */
export async function runToEnd(program: string, args: readonly string[], cwd = root): Promise<string> {
  const child = spawn(program, args, { cwd, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const printed: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => printed.push(data));
  child.stderr.on("data", (data: Buffer) => printed.push(data));
  const [code] = await once(child, "close");
  const text = Buffer.concat(printed).toString();
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${code}\n${text}`);
  return text;
}

/**
 * Builds into a folder below build/, and returns it. Suites run side by side: the first one builds, the others wait at the
 * lock.
 */
export async function build(name: string, options: readonly string[]): Promise<string> {
  const folder = `${root}build/${name}`;
  mkdirSync(dirname(folder), { recursive: true });
  const locked = (...command: string[]): Promise<string> => runToEnd("flock", [`${folder}.lock`, ...command]);
  await locked("cmake", "-S", "adapters/posix", "-B", folder, ...options);
  const text = await locked("cmake", "--build", folder, "-j", "2");
  if (/\bwarning\b/i.test(text)) throw new Error(text);
  return folder;
}

/**
 * What "make coverage-c" sets: the clang to build with, so that it is counted which lines run; what "make mutants" sets:
 * the folder of the programs that it has built.
 */
const { TWINWIRE_COVERAGE: coverage, TWINWIRE_PROGRAMS: programs } = process.env;

/** The library, the driver and the examples, with AddressSanitizer and UBSan. */
export async function buildSanitized(): Promise<string> {
  if (programs !== undefined) return programs;
  const on = [
    "-DTWINWIRE_TESTS=ON",
    "-DTWINWIRE_EXAMPLES=ON",
    "-DTWINWIRE_TLS=ON",
    "-DTWINWIRE_ZLIB=ON",
    "-DTWINWIRE_SHARED=OFF",
  ];
  if (coverage !== undefined) {
    const counters = "-g -O0 -fprofile-instr-generate -fcoverage-mapping";
    return build("posix-coverage", [...on, `-DCMAKE_C_COMPILER=${coverage}`, `-DCMAKE_C_FLAGS=${counters}`]);
  }
  return build("posix-sanitized", [...on, `-DCMAKE_C_FLAGS=${sanitizers}`]);
}

/** CMake, and with it what it needs to build a library with TLS and compression. */
export function buildTools(): Tool {
  const pkgConfig = spawnSync("pkg-config", ["--exists", "openssl", "zlib"], { stdio: "ignore" });
  if (pkgConfig.status !== 0) return { program: undefined, from: "libssl-dev zlib1g-dev pkg-config" };
  return findTool("cmake", ["cmake"], ["--version"]);
}
