// Lives of two cores on a simulated network (test/sim-c), native and optimized:
//
//   node scripts/sim-c.mjs [OPTION...]     --seconds N (60), --seed N, --from N --count N, --steps N, --digest
//   node scripts/sim-c.mjs --sanitized ... the same under AddressSanitizer and UBSan
//
// "make sim-c" runs this.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root, warningFlags } from "../wasm/build/project.mjs";
import { fuzzIncludes, simSources } from "./parts-proof.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

const compiler = findProgram(["gcc", ...suffixed("clang")]);
if (compiler === undefined) {
  console.error("the simulation needs a C compiler (Debian: gcc)");
  process.exit(2);
}
const args = process.argv.slice(2).filter((it) => it !== "--sanitized");
const sanitized = process.argv.includes("--sanitized");
const kind = sanitized
  ? ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
  : ["-g", "-O2", "-DTW_ASSERT"];
mkdirSync(join(root, "build/c"), { recursive: true });
const program = join(root, "build/c", sanitized ? "sim-c-sanitized" : "sim-c");
const flags = ["-std=c11", ...warningFlags, ...fuzzIncludes];
const built = await run(compiler.path, [...kind, ...flags, ...simSources(), "-o", program]);
const { status } = built.status === 0 ? await run(program, args, { seconds: 100_000 }) : built;
process.exitCode = status;
