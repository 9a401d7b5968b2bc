// Fuzzes with clang's libFuzzer, under AddressSanitizer and UBSan, starting from the bytes of the vectors:
//
//   node scripts/fuzz.mjs [SECONDS] [TARGET...]      default: 60 seconds for each target
//
//   leaf   pure functions: URLs, addresses, UTF-8, base64, masks, HTTP heads, bodies and chunks. Each input is also split
//   core   the core interface: calls and deliveries in any order, both sides of WebSocket, HTTP, proxies
//
// What is found is kept in build/fuzz/TARGET, from which the next run goes on. "make fuzz T=SECONDS" runs this.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { coreSources, includes, listFiles, root } from "../wasm/build/project.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

const targets = {
  leaf: () => listFiles("test/c", ".c").filter((path) => !path.endsWith("/main.c")),
  core: () => listFiles("test/fuzz", ".c").filter((path) => !path.endsWith("/fuzz_main.c")),
};

const flags = [
  ...["-std=c11", "-g", "-O1", "-fno-omit-frame-pointer", "-DTW_ASSERT", "-fno-sanitize-recover=all"],
  "-fsanitize=address,undefined,fuzzer",
  ...[...includes, "test/c", "test/fuzz", "test/targets"].map((folder) => `-I${folder}`),
];

/** Every text of a vector, whatever it is for. */
function* texts(value) {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null) for (const part of Object.values(value)) yield* texts(part);
}

function writeCorpus(folder) {
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(join(root, "test/vectors")).filter((name) => name.endsWith(".json"));
  for (const file of files) {
    for (const text of texts(JSON.parse(readFileSync(join(root, "test/vectors", file), "utf8")))) {
      const bytes = Buffer.from(text).subarray(0, 4096);
      writeFileSync(join(folder, createHash("sha1").update(bytes).digest("hex")), bytes);
    }
  }
}

const [seconds = "60", ...names] = process.argv.slice(2);
const clang = findProgram(suffixed("clang"));
if (clang === undefined || !(Number(seconds) > 0)) {
  console.error(clang === undefined ? "fuzzing needs clang-19 and libclang-rt-19-dev" : "the seconds must be a number");
  process.exit(2);
}
let failed = 0;
const chosen = names.length > 0 ? names : Object.keys(targets);
for (const name of chosen) {
  const sources = targets[name];
  if (sources === undefined) {
    console.error(`no such target: ${name}; there are ${Object.keys(targets).join(" and ")}`);
    process.exit(2);
  }
  const folder = `build/fuzz/${name}`;
  writeCorpus(join(root, folder));
  const program = join(root, "build/c", `fuzz-${name}-libfuzzer`);
  mkdirSync(join(root, "build/c"), { recursive: true });
  const built = await run(clang.path, [...flags, ...coreSources(), ...sources(), "-o", program]);
  const args = [
    folder,
    `-max_total_time=${seconds}`,
    "-max_len=4096",
    "-print_final_stats=1",
    `-artifact_prefix=${folder}-`,
  ];
  const { status } =
    built.status === 0 ? await run(program, args, { quiet: true, seconds: Number(seconds) + 120 }) : built;
  console.log(`${name}: ${status === 0 ? "nothing found" : `failed; repeat it with ${program} FILE`}`);
  if (status !== 0) failed++;
}
process.exitCode = failed > 0 ? 1 : 0;
