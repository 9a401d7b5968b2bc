// The targets on which the vectors run: how the runner is built for each, and how it is started.
//
// A target is { name, missing, build(), program, args }. `missing` names what has to be installed; undefined: nothing.
// `build` writes the runner below build/targets; program and args run it, and it prints what test/c/main.c documents for -d.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { coreSources, includes, listFiles, root } from "../wasm/build/project.mjs";
import { capture } from "./capture.mjs";
import { findProgram } from "./programs.mjs";
import { deno } from "./runtimes.mjs";

const folder = "build/targets";
const include = [...includes, "c/include", "c/src", "test/c", "test/targets"].map((directory) => `-I${directory}`);
const runner = () => listFiles("test/c", ".c").filter((path) => !path.endsWith("_fuzz.c"));
const withFiles = () => [...coreSources(), ...runner()];

/** The core as a device has it: with what core-c/small does in less code. */
export function deviceSources() {
  const small = listFiles("core-c/small", ".c");
  const replaced = small.map((path) => path.replace("/small/", "/src/"));
  return [...coreSources().filter((path) => !replaced.includes(path)), ...small];
}

/** The C API on top of it. */
export const apiSources = () => listFiles("c/src", ".c");

/** A device has no files: the image holds the vectors. */
const withoutFiles = (...more) => [
  ...deviceSources(),
  ...runner().filter((path) => path !== "test/c/files.c"),
  "test/targets/files_embedded.c",
  embeddedVectors(),
  ...more,
];

/** Writes the C file that holds the vectors, and returns its path. */
function embeddedVectors() {
  const files = listFiles("test/vectors", ".json");
  const path = `${folder}/vectors.c`;
  const symbols = files.flatMap((_, index) => [`vectors_${index}`, `vectors_${index}_end`]);
  const assembly = files.flatMap((file, index) => [
    `.global vectors_${index}, vectors_${index}_end`,
    `vectors_${index}: .incbin \\"${file}\\"`,
    `vectors_${index}_end:`,
  ]);
  const lines = [
    '#include "files_embedded.h"',
    "#include <stddef.h>",
    `extern const char ${symbols.map((symbol) => `${symbol}[]`).join(", ")};`,
    `__asm__(${['.section .rodata.vectors, \\"a\\"', ...assembly, ".previous"].map((line) => `"${line}\\n"`).join("\n")});`,
    "const embedded_file embedded_files[] = {",
    ...files.map((file, index) => `  {"${file.split("/").pop()}", vectors_${index}, vectors_${index}_end},`),
    "  {NULL, NULL, NULL}};",
  ];
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, path), `${lines.join("\n")}\n`);
  return path;
}

/** The first of these programs or files that is not there, as the packages that bring it. */
function lacking(needs) {
  const missing = needs.filter(([what]) => !(what.startsWith("/") ? existsSync(what) : findProgram([what])));
  return missing.length > 0 ? missing.map(([, packages]) => packages).join(" ") : undefined;
}

/** A program in C, by a compiler of the target. */
function inC({ name, file = `${folder}/${name}`, compiler, flags, sources, needs, run }) {
  const [program, ...args] = run(file);
  return {
    name,
    missing: lacking(needs),
    async build() {
      const options = ["-std=gnu11", "-O2", "-Wall", "-Wextra", ...flags, ...include];
      mkdirSync(join(root, folder), { recursive: true });
      const { status, output } = await capture(compiler, [...options, ...sources(), "-o", file]);
      return status === 0 ? undefined : output;
    },
    program,
    args,
  };
}

/** Where the flash and the memory of QEMU's machine "virt" begin, in sizes that suffice. */
const riscvMemory = ["__flash=0x80000000", "__flash_size=0x400000", "__ram=0x80400000", "__ram_size=0x3000000"];
const xtensaSpecs = "/usr/lib/xtensa-lx106-elf/picolibc.specs";

const picolibcOfRiscv = "/usr/lib/picolibc/riscv64-unknown-elf/lib/picolibc.ld";

/** Processors of devices, in QEMU; `startUp` is what the C library does not bring. */
const devices = [
  {
    name: "rv32imc",
    compiler: "riscv64-unknown-elf-gcc",
    flags: [
      ...["-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs", "--crt0=hosted", "--oslib=semihost"],
      ...["-T", "picolibc.ld", ...riscvMemory.map((symbol) => `-Wl,--defsym=${symbol}`)],
    ],
    startUp: () => [],
    needs: [
      ["riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf"],
      [picolibcOfRiscv, "picolibc-riscv64-unknown-elf"],
      ["qemu-system-riscv32", "qemu-system-misc"],
    ],
    run: (file) => [
      ...["qemu-system-riscv32", "-M", "virt", "-m", "64", "-cpu", "rv32", "-bios", "none", "-nographic"],
      ...["-monitor", "none", "-semihosting-config", "enable=on,target=native", "-kernel", file],
    ],
  },
  {
    name: "xtensa",
    compiler: "xtensa-lx106-elf-gcc",
    flags: [
      ...["-mlongcalls", "-mtext-section-literals", `--specs=${xtensaSpecs}`, "-nostartfiles"],
      ...["-T", "test/targets/xtensa/image.ld"],
    ],
    startUp: () => listFiles("test/targets/xtensa", ".c", ".S"),
    needs: [
      ["xtensa-lx106-elf-gcc", "gcc-xtensa-lx106"],
      [xtensaSpecs, "picolibc-xtensa-lx106-elf"],
      ["qemu-system-xtensa", "qemu-system-misc"],
    ],
    run: (file) => [
      ...["qemu-system-xtensa", "-M", "sim", "-cpu", "lx106", "-m", "64M", "-nographic", "-monitor", "none"],
      ...["-semihosting", "-kernel", file],
    ],
  },
];

/** A program without an operating system, on one of the devices. It is linked with what it uses of the core. */
export function imageOf(name, program, sources) {
  const device = devices.find((one) => one.name === name);
  const all = () => [...sources, ...deviceSources(), ...apiSources(), ...device.startUp()];
  return inC({ ...device, file: `${folder}/${program}-${name}`, flags: [...device.flags, ...apart], sources: all });
}

/** What has to be installed before images for these devices can be built and run; undefined: nothing. */
export function missingFor(...names) {
  const chosen = devices.filter(({ name }) => names.includes(name));
  return lacking(chosen.flatMap(({ needs }) => needs));
}

/** A section for each function: what is not used is left out, with what it would need. */
const apart = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"];

const onDevices = devices.map((device) => inC({ ...device, sources: () => withoutFiles(...device.startUp()) }));

const bigEndian = inC({
  name: "s390x",
  compiler: "s390x-linux-gnu-gcc",
  flags: ["-static"],
  sources: withFiles,
  needs: [
    ["s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu"],
    ["/usr/s390x-linux-gnu/include/stdio.h", "libc6-dev-s390x-cross"],
    ["qemu-s390x", "qemu-user"],
  ],
  run: (file) => ["qemu-s390x", file],
});

const native = inC({
  name: "native",
  compiler: "gcc",
  flags: [],
  sources: withFiles,
  needs: [["gcc", "gcc libc6-dev"]],
  run: (file) => [join(root, file)],
});

/** The runner in TypeScript, compiled once; the same program in every runtime. */
const compileRunner = once(async () => {
  const compiler = join(root, "node_modules/.bin/tsc");
  const { status, output } = await capture(compiler, ["-p", "tsconfig.targets.json"]);
  return status === 0 ? undefined : output;
});

function once(call) {
  let result;
  return () => {
    result ??= call();
    return result;
  };
}

function inWasm(name, program, args = []) {
  return {
    name,
    missing: existsSync(program) ? undefined : `${name} (npm ci)`,
    build: compileRunner,
    program,
    args: [...args, `${folder}/js/test/targets/wasm.js`],
  };
}

const bin = (name) => join(root, "node_modules/.bin", name);

/** All of them; the first is what the others are compared with. */
export const targets = [
  native,
  inWasm("Node", process.execPath),
  inWasm("Bun", bin("bun")),
  inWasm("Deno", deno.program?.path ?? "deno", ["run", "--quiet", "--no-prompt", "--allow-read", "--allow-env"]),
  ...onDevices,
  bigEndian,
];
