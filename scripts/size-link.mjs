// Compiles the core for a processor as a device would have it, links a feature set of it, and measures that.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fetchLwip, lwip } from "../test/esp32/lwip.mjs";
import { includes, root } from "../wasm/build/project.mjs";
import { capture } from "./capture.mjs";
import { apiSources, deviceSources } from "./targets.mjs";

const flags = ["-std=c11", "-Os", "-ffunction-sections", "-fdata-sections", "-fstack-usage", "-fcallgraph-info=su"];

/** The processors: the ESP32-C3's instruction set, and Xtensa as far as there is a compiler for it. */
export const processors = [
  {
    name: "rv32imc",
    prefix: "riscv64-unknown-elf-",
    /* Small constants are constants: the default link would put them where variables are. The component's own build asks
     * for -msave-restore, too. */
    flags: ["-march=rv32imc", "-mabi=ilp32", "-msmall-data-limit=0", "-msave-restore"],
    specs: "picolibc.specs",
    needs: "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
  },
  {
    name: "xtensa",
    prefix: "xtensa-lx106-elf-",
    flags: ["-mlongcalls", "-mtext-section-literals"],
    specs: "/usr/lib/xtensa-lx106-elf/picolibc.specs",
    needs: "gcc-xtensa-lx106 picolibc-xtensa-lx106-elf",
  },
];

const folder = (processor) => `build/size/${processor.name}`;

/** Runs a program; its output, or an error with it. */
async function must(program, args) {
  const { status, output } = await capture(program, args);
  if (status !== 0) throw new Error(`${program} failed:\n${output}`);
  return output;
}

/** "gcc 12.2.0": sizes are a compiler's, not the source's alone. */
export async function compilerOf({ prefix }) {
  return `gcc ${(await must(`${prefix}gcc`, ["-dumpversion"])).trim()}`;
}

/** Compiles each source to an object with a section a function; also writes its stack use and calls (.ci). */
export async function compile(processor, sources = [...deviceSources(), ...apiSources()], more = []) {
  mkdirSync(join(root, folder(processor)), { recursive: true });
  const headers = [...includes, "c/include", "c/src"].map((directory) => `-I${directory}`);
  const objects = sources.map((source) => `${folder(processor)}/${source.replace(/\.c$/, "").replaceAll("/", "-")}.o`);
  const jobs = sources.map((source, index) => () => {
    const args = [
      ...processor.flags,
      `--specs=${processor.specs}`,
      ...flags,
      ...headers,
      ...more,
      "-c",
      source,
      "-o",
      objects[index],
    ];
    return must(`${processor.prefix}gcc`, args);
  });
  for (const job of jobs) await job();
  return objects.map((object, index) => ({ source: sources[index], object, graph: object.replace(/\.o$/, ".ci") }));
}

/**
 * Links what the roots need and nothing else: { code, data, functions }. What the host supplies (twc_port_...) and the
 * compiler's library (memcpy, division) stay out: every firmware has its own.
 */
export async function link(processor, objects, { name, roots }) {
  const file = `${folder(processor)}/${name.replace(/\W+/g, "-")}.elf`;
  const args = [
    ...processor.flags,
    ...["-nostdlib", "-nostartfiles", "-static"],
    ...["-Wl,--gc-sections", "-Wl,--unresolved-symbols=ignore-all", `-Wl,-e,${roots[0]}`, "-Wl,--no-warn-rwx-segments"],
    ...roots.map((symbol) => `-Wl,-u,${symbol}`),
    ...objects.map(({ object }) => object),
    ...["-o", file],
  ];
  await must(`${processor.prefix}gcc`, args);
  const sections = readSections(await must(`${processor.prefix}size`, ["-A", file]));
  const functions = readSymbols(await must(`${processor.prefix}nm`, ["-S", "--defined-only", file]));
  const lacking = roots.filter((symbol) => !functions.some((one) => one.name === symbol));
  if (lacking.length > 0) throw new Error(`${name}: the core has no ${lacking.join(", ")}`);
  return { ...sections, functions };
}

/**
 * The files of the component for ESP-IDF that reach lwIP, whole: { name, code, data }. The others need headers of
 * FreeRTOS and mbedTLS for the processor, which are not available here.
 */
export async function measurePort(processor) {
  fetchLwip();
  const names = ["port_lwip", "socket_lwip", "serve_lwip", "loop_lwip", "lookup", "address_v46"];
  const sources = names.map((name) => `esp32/${name}.c`);
  const folders = ["esp32", "esp32/include", "test/esp32/stub/include", "test/esp32/lwip", "test/esp32/threadless"];
  const headers = [...folders.map((folder) => `-I${folder}`), `-isystem${join(lwip, "src/include")}`];
  const objects = await compile(processor, sources, ["-D_DEFAULT_SOURCE", ...headers]);
  const sizes = objects.map(async ({ source, object }) => ({
    name: source,
    ...readSections(await must(`${processor.prefix}size`, ["-A", object])),
  }));
  return Promise.all(sizes);
}

/** `size -A`: what lies in flash, and what in memory from the start. */
function readSections(text) {
  const total = { code: 0, data: 0 };
  for (const line of text.split("\n")) {
    const [, name, size] = /^(\.\S+)\s+(\d+)\s+\d+$/.exec(line) ?? [];
    if (/^\.(text|rodata|srodata|literal)/.test(name)) total.code += Number(size);
    if (/^\.(data|sdata|bss|sbss)/.test(name)) total.data += Number(size);
  }
  return total;
}

function readSymbols(text) {
  return text
    .split("\n")
    .map((line) => /^[0-9a-f]+ ([0-9a-f]+) (\w) (\S+)$/.exec(line))
    .filter((match) => match)
    .map(([, size, kind, name]) => ({ name, kind, size: Number.parseInt(size, 16) }))
    .sort((a, b) => b.size - a.size);
}
