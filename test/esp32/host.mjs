// Builds the component's tests for this machine, and runs them.
//
//   node test/esp32/host.mjs [loopback|tap|app|host_test ...]     ONLY=name runs those whose name contains it

import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { apiSources, deviceSources } from "../../scripts/targets.mjs";
import { listFiles, root, warningFlags } from "../../wasm/build/project.mjs";
import { fetchLwip, lwip, lwipSources } from "./lwip.mjs";

const folder = join(root, "build/esp32-host");
const exec = promisify(execFile);

const sanitizers = [
  "-g",
  "-O1",
  "-fno-omit-frame-pointer",
  "-fsanitize=address,undefined",
  "-fno-sanitize-recover=all",
];

/** Where the stub is searched for, then lwIP, then ours. */
const includes = [
  ["-Iesp32", "-Iesp32/include", "-Icore-c/include", "-Icore-c", "-Ic/include", "-Ic/src"],
  ["-Itest/esp32/stub/include", "-Itest/esp32/stub", "-Itest/esp32/lwip", `-I${folder}`],
].flat();
const lwipIncludes = ["-Itest/esp32/lwip", `-isystem${join(lwip, "src/include")}`];

/** The component as menuconfig's defaults build it; the files that other choices would take are built on their own. */
export const componentSources = [
  ["port_lwip", "socket_lwip", "serve_lwip", "loop_lwip", "wake", "network", "lookup", "task", "calls", "event"],
  ["address_v46", "clock_esp", "memory_internal"],
  ["tls_esp", "tls_hook", "tls_server_esp", "resume", "trust_bundle"],
]
  .flat()
  .map((name) => `esp32/${name}.c`);

/** sdkconfig.h, by the Kconfig itself. */
function configure() {
  const { status, stdout, stderr } = spawnSync(
    "/usr/bin/python3",
    ["test/esp32/kconfig.py", "esp32/Kconfig", "TWINWIRE_TLS_RESUME=y"],
    {
      cwd: root,
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(`esp32/Kconfig: ${stderr}`);
  writeFileSync(join(folder, "sdkconfig.h"), `#pragma once\n${stdout}`);
}

async function compile(compiler, source, object, flags) {
  await exec(compiler, ["-c", source, "-o", object, ...flags], { cwd: root }).catch((error) => {
    throw new Error(`${source}\n${error.stderr}`);
  });
  return object;
}

/** As many at once as there are processors. */
async function compileAll(jobs) {
  const objects = [];
  const waiting = [...jobs];
  const work = async () => {
    for (let job = waiting.pop(); job; job = waiting.pop()) objects.push(await compile(...job));
  };
  await Promise.all(cpus().map(work));
  return objects;
}

/** lwIP's sources and where their objects are, by what they are compiled with: they are not compiled again for others. */
function lwipObjects(compiler) {
  const options = listFiles("test/esp32/lwip", ".h").map((path) => readFileSync(join(root, path)));
  const hash = createHash("sha256")
    .update([compiler, sanitizers, ...options].join())
    .digest("hex")
    .slice(0, 12);
  return lwipSources().map((source) => [source, join(folder, `lwip-${hash}-${basename(source)}.o`)]);
}

/** Compiles the programs: the tests, and the component's own test_apps and host_test as ESP-IDF would run them. */
export async function build(compiler = "gcc") {
  mkdirSync(folder, { recursive: true });
  fetchLwip();
  configure();
  const strict = ["-std=c11", "-D_DEFAULT_SOURCE", ...warningFlags, "-Werror"];
  const objectOf = (source, extra) => join(folder, `${source.replaceAll("/", "-")}${extra.join("").length}.o`);
  const flags = [...sanitizers, ...strict, ...includes, ...lwipIncludes];
  const compileOurs = (sources, ...extra) =>
    compileAll(sources.map((source) => [compiler, source, objectOf(source, extra), [...flags, ...extra]]));
  const peer = "test/esp32/host/peer.c";
  const c = (directory) => listFiles(directory, ".c");
  const stack = lwipObjects(compiler);
  const missing = stack.filter(([, object]) => !existsSync(object));
  await compileAll(
    missing.map(([source, object]) => [compiler, source, object, [...sanitizers, ...lwipIncludes, "-w"]]),
  );
  const shared = [
    ...stack.map(([, object]) => object),
    ...(await compileOurs([...componentSources, ...deviceSources(), ...apiSources()])),
    ...(await compileOurs([...c("test/esp32/stub"), ...c("test/esp32/lwip")])),
  ];
  const programs = {
    host: [
      ...(await compileOurs(c("test/esp32/host").filter((path) => path !== peer))),
      ...(await compileOurs([peer], '-DPEER_SOCKETS="peer_linux.h"')),
      ...(await compileOurs([peer], '-DPEER_SOCKETS="peer_lwip.h"', "-Wno-conversion")),
    ],
    app: await compileOurs([...c("test/esp32/app"), "esp32/test_apps/main/main.c"]),
    host_test: await compileOurs([...c("test/esp32/app"), ...c("esp32/host_test/main")]),
  };
  const libraries = ["-lmbedtls", "-lmbedx509", "-lmbedcrypto", "-lpthread"];
  for (const [name, objects] of Object.entries(programs))
    await exec(compiler, [...sanitizers, ...objects, ...shared, "-o", join(folder, name), ...libraries], { cwd: root });
}

/** Programs of the component's own projects for ESP-IDF. */
const projects = ["app", "host_test"];

/** The program and its arguments for a mode. */
export function commandOf(mode) {
  return projects.includes(mode) ? [join(folder, mode), []] : [join(folder, "host"), [mode, process.execPath]];
}

if (process.argv[1] === import.meta.filename) {
  await build();
  const modes = process.argv.length > 2 ? process.argv.slice(2) : ["loopback", "tap", ...projects];
  for (const mode of modes) {
    const { status } = spawnSync(...commandOf(mode), { cwd: root, stdio: "inherit", timeout: 120_000 });
    if (status !== 0) process.exitCode = 1;
  }
}
