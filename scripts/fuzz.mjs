// Fuzzes with clang's libFuzzer, under AddressSanitizer and UBSan, starting from the bytes of the vectors:
//
//   node scripts/fuzz.mjs [SECONDS] [TARGET...]      default: 60 seconds for each target
//
//   leaf       pure functions: URLs, addresses, UTF-8, base64, masks, HTTP heads, bodies and chunks. Each input is also split
//   core       the core interface: calls and deliveries in any order, both sides of WebSocket, HTTP, proxies
//   frames     what follows the opening handshake, on both sides, whole and in pieces
//   handshake  what a client is answered, whole and in pieces; what a server is asked
//   c-api      the handle API in C: calls and deliveries in any order, also from listeners
//
// Prints how many inputs were executed, and how many edges of the program they reach. What is found is kept in
// build/fuzz/TARGET, from which the next run goes on. "make fuzz T=SECONDS" runs this.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { coreSources, listFiles, root } from "../wasm/build/project.mjs";
import { coreFuzzer, fuzzIncludes, fuzzTargets } from "./parts-proof.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

const targets = {
  leaf: () => listFiles("test/c", ".c").filter((path) => !path.endsWith("/main.c")),
  core: () => coreFuzzer().filter((path) => !path.endsWith("/fuzz_main.c")),
  ...fuzzTargets,
};

const flags = [
  ...["-std=c11", "-g", "-O1", "-fno-omit-frame-pointer", "-DTW_ASSERT", "-fno-sanitize-recover=all"],
  "-fsanitize=address,undefined,fuzzer",
  ...["test/c", "test/targets"].map((folder) => `-I${folder}`),
  ...fuzzIncludes,
];

/** Every text of a vector, whatever it is for. */
function* texts(value) {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null) for (const part of Object.values(value)) yield* texts(part);
}

/** The first bytes of an input that choose what is done with the rest: a seed for each choice. */
const choices = { frames: [0, 1, 2, 3], handshake: [0, 1, 4, 24, 25] };

function writeCorpus(folder, name) {
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(join(root, "test/vectors")).filter((name) => name.endsWith(".json"));
  for (const file of files) {
    for (const text of texts(JSON.parse(readFileSync(join(root, "test/vectors", file), "utf8")))) {
      for (const choice of choices[name] ?? [undefined]) {
        const first = choice === undefined ? [] : [choice];
        const bytes = Buffer.concat([Buffer.from(first), Buffer.from(text)]).subarray(0, 4096);
        writeFileSync(join(folder, createHash("sha1").update(bytes).digest("hex")), bytes);
      }
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
    console.error(`no such target: ${name}; there are ${Object.keys(targets).join(", ")}`);
    process.exit(2);
  }
  const folder = `build/fuzz/${name}`;
  writeCorpus(join(root, folder), name);
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
  const { status, lines = [] } =
    built.status === 0 ? await run(program, args, { quiet: true, seconds: Number(seconds) + 120 }) : built;
  const text = lines.join("\n");
  const executions = /number_of_executed_units: (\d+)/.exec(text)?.[1] ?? "0";
  const edges =
    text
      .match(/cov: \d+/g)
      ?.at(-1)
      ?.slice(5) ?? "0";
  const finding = status === 0 ? "nothing found" : `failed; repeat it with ${program} FILE`;
  console.log(`${name}: ${executions} executions, ${edges} edges reached; ${finding}`);
  if (status !== 0) failed++;
}
process.exitCode = failed > 0 ? 1 : 0;
