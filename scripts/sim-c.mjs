// Lives of two cores on a simulated network (test/sim-c), native and optimized:
//
//   node scripts/sim-c.mjs [OPTION...]     --seconds N (60), --seed N, --from N --count N, --steps N, --digest
//   node scripts/sim-c.mjs --sanitized ... the same under AddressSanitizer and UBSan
//   node scripts/sim-c.mjs --api ...       the handle API in C over the same network
//
// "make sim-c" runs this.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root, warningFlags } from "../wasm/build/project.mjs";
import { apiSimSources, fuzzIncludes, simSources } from "./parts-proof.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

const compiler = findProgram(["gcc", ...suffixed("clang")]);
if (compiler === undefined) {
  console.error("the simulation needs a C compiler (Debian: gcc)");
  process.exit(2);
}
const kinds = ["--sanitized", "--api"];
const args = process.argv.slice(2).filter((it) => !kinds.includes(it));
const [sanitized, api] = kinds.map((it) => process.argv.includes(it));
const kind = sanitized
  ? ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
  : ["-g", "-O2", "-DTW_ASSERT"];
mkdirSync(join(root, "build/c"), { recursive: true });
const program = join(root, "build/c", `${api ? "sim-c-api" : "sim-c"}${sanitized ? "-sanitized" : ""}`);
const flags = ["-std=c11", ...warningFlags, ...fuzzIncludes];
const built = await run(compiler.path, [...kind, ...flags, ...(api ? apiSimSources() : simSources()), "-o", program]);
const { status } = built.status === 0 ? await run(program, args, { seconds: 100_000 }) : built;
process.exitCode = status;
