// Builds the component's tests for this machine, and runs them.
//
//   node test/esp32/host.mjs [loopback|tap|compressed|app|host_test|faults|inflate ...]     ONLY=name runs those whose name contains it

import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { basename, join, resolve } from "node:path";
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
  ["-Itest/esp32/stub/include", "-Itest/esp32/stub", "-Itest/esp32/lwip"],
].flat();
const lwipIncludes = ["-Itest/esp32/lwip", `-isystem${join(lwip, "src/include")}`];

/** The component as menuconfig's defaults build it; the files that other choices would take are built on their own. */
const componentSources = [
  ["port_lwip", "socket_lwip", "serve_lwip", "loop_lwip", "wake", "network", "lookup", "event"],
  ["address_v46", "clock_esp", "memory_internal"],
  ["tls_esp", "tls_hook", "tls_server_esp", "trust_bundle"],
]
  .flat()
  .map((name) => `esp32/${name}.c`);

/** Its files that depend on a configuration. */
const configuredSources = ["task", "calls", "resume", "authorities_parsed"].map((name) => `esp32/${name}.c`);

/** Calls that a program looks at or lets fail. */
const wrapped = {
  host: ["mbedtls_x509_crt_parse", "mbedtls_x509_crt_free"],
  compressed: ["mbedtls_x509_crt_parse", "mbedtls_x509_crt_free"],
  faults: [
    ["socket", "close", "accept", "connect", "recv", "recvmsg", "sendmsg", "send", "sendto", "shutdown"],
    ["getsockopt", "setsockopt", "getsockname", "getpeername", "select"],
  ]
    .flat()
    .map((name) => `lwip_${name}`)
    .concat("esp_netif_tcpip_exec", "tcpip_callbackmsg_trycallback", "heap_caps_realloc"),
};

/** What menuconfig says: for most programs, and for `faults`. */
const configurations = [
  { name: "defaults", settings: ["TWINWIRE_TLS_RESUME=y"] },
  {
    name: "many",
    settings: ["TWINWIRE_TLS_RESUME=y", "TWINWIRE_SOCKETS=20", "TWINWIRE_WEBSOCKETS=8", "TWINWIRE_HEAP=y"],
  },
];

const sdkconfigOf = ({ name }) => join(folder, name, "sdkconfig.h");

/** sdkconfig.h, by the Kconfig itself. */
function configure(configuration) {
  const { status, stdout, stderr } = spawnSync(
    "/usr/bin/python3",
    ["test/esp32/kconfig.py", "esp32/Kconfig", ...configuration.settings],
    { cwd: root, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`esp32/Kconfig: ${stderr}`);
  const path = sdkconfigOf(configuration);
  const text = `#pragma once\n${stdout}`;
  mkdirSync(join(folder, configuration.name), { recursive: true });
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}

const changedAt = (path) => statSync(resolve(root, path)).mtimeMs;

/** When the newest header was written. */
function newestHeader() {
  const ours = ["esp32", "core-c", "c", "test/esp32", "test/faults"].flatMap((path) => listFiles(path, ".h"));
  return Math.max(...[...ours, ...configurations.map(sdkconfigOf)].map(changedAt));
}

async function compile(compiler, source, object, flags) {
  if (existsSync(object) && changedAt(object) > Math.max(newestHeader(), changedAt(source))) return object;
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

const hashOf = (...parts) => createHash("sha256").update(parts.flat().join()).digest("hex").slice(0, 12);

/** lwIP's sources and where their objects are, by what they are compiled with: they are not compiled again for others. */
function lwipObjects(compiler) {
  const options = listFiles("test/esp32/lwip", ".h").map((path) => readFileSync(join(root, path)));
  const hash = hashOf(compiler, sanitizers, options);
  return lwipSources().map((source) => [source, join(folder, `lwip-${hash}-${basename(source)}.o`)]);
}

/** Compiles the programs: the tests, and the component's own test_apps and host_test as ESP-IDF would run them. */
export async function build(compiler = "gcc") {
  mkdirSync(folder, { recursive: true });
  fetchLwip();
  for (const it of configurations) configure(it);
  const strict = ["-std=c11", "-D_DEFAULT_SOURCE", ...warningFlags, "-Werror"];
  const flags = [...sanitizers, ...strict, ...includes, ...lwipIncludes];
  const compileOurs = (sources, ...more) => {
    const extra = more.length > 0 ? more : [`-I${join(folder, "defaults")}`];
    const hash = hashOf(compiler, flags, extra);
    const objectOf = (source) => join(folder, `${source.replaceAll("/", "-")}-${hash}.o`);
    return compileAll(sources.map((source) => [compiler, source, objectOf(source), [...flags, ...extra]]));
  };
  const defaults = `-I${join(folder, "defaults")}`;
  const many = `-I${join(folder, "many")}`;
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
  const configured = await compileOurs([...configuredSources, "esp32/heap_none.c", "esp32/deflate_none.c"]);
  const tests = [
    ...(await compileOurs(c("test/esp32/host").filter((path) => path !== peer))),
    ...(await compileOurs([peer], defaults, '-DPEER_SOCKETS="peer_linux.h"')),
    ...(await compileOurs([peer], defaults, '-DPEER_SOCKETS="peer_lwip.h"', "-Wno-conversion")),
  ];
  const inflating = ["esp32/heap.c", "esp32/deflate_miniz.c", "test/esp32/inflate/miniz.c"];
  const programs = {
    host: [...tests, ...configured],
    compressed: [...tests, ...(await compileOurs([...configuredSources, ...inflating], many))],
    app: [...(await compileOurs([...c("test/esp32/app"), "esp32/test_apps/main/main.c"])), ...configured],
    host_test: [...(await compileOurs([...c("test/esp32/app"), ...c("esp32/host_test/main")])), ...configured],
    inflate: await compileOurs([...c("test/esp32/inflate"), "esp32/deflate_miniz.c"]),
    faults: await compileOurs(
      [...c("test/esp32/faults"), ...configuredSources, "esp32/heap.c", "esp32/deflate_none.c"],
      many,
    ),
  };
  const libraries = ["-lmbedtls", "-lmbedx509", "-lmbedcrypto", "-lz", "-lpthread"];
  for (const [name, objects] of Object.entries(programs)) {
    const wraps = (wrapped[name] ?? []).map((call) => `-Wl,--wrap=${call}`);
    /* inflate has a core of its own: nothing of it. */
    const rest = name === "inflate" ? shared.filter((object) => object.includes("-stub-esp.c")) : shared;
    const parts = [...sanitizers, ...objects, ...rest, ...wraps, "-o", join(folder, name), ...libraries];
    await exec(compiler, parts, { cwd: root });
  }
}

/** The component's own projects for ESP-IDF, and programs that take no mode. */
const alone = ["app", "host_test", "faults", "inflate"];

/** The program and its arguments for a mode. */
export function commandOf(mode) {
  if (mode === "compressed") return ["env", ["ONLY=inflates", join(folder, mode), "tap", process.execPath]];
  return alone.includes(mode) ? [join(folder, mode), []] : [join(folder, "host"), [mode, process.execPath]];
}

if (process.argv[1] === import.meta.filename) {
  await build();
  const modes = process.argv.length > 2 ? process.argv.slice(2) : ["loopback", "tap", "compressed", ...alone];
  for (const mode of modes) {
    const { status } = spawnSync(...commandOf(mode), { cwd: root, stdio: "inherit", timeout: 120_000 });
    if (status !== 0) process.exitCode = 1;
  }
}
