// Stages in build/esp32/twinwire what the component registry would take, and checks it.
//
//   node scripts/esp32.mjs

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fetchLwip, lwip } from "../test/esp32/lwip.mjs";
import { root } from "../wasm/build/project.mjs";
import { deviceSources, doorSources } from "./targets.mjs";

export const staged = join(root, "build/esp32/twinwire");

const at = (...path) => join(root, ...path);
const read = (path) => readFileSync(path, "utf8");

export function stage() {
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(staged, { recursive: true });
  cpSync(at("esp32"), staged, { recursive: true });
  for (const folder of ["include", "src", "small", "proto"])
    cpSync(at("core-c", folder), join(staged, "core-c", folder), { recursive: true });
  cpSync(at("c"), join(staged, "c"), { recursive: true });
  for (const file of ["LICENSE", "CHANGELOG.md"]) cpSync(at(file), join(staged, file));
}

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    encoding: "utf8",
    timeout: 100_000,
    ...options,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}\n${error?.message ?? ""}${stdout}${stderr}`);
  return stdout;
}

function files(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

/** What a manifest may have at its top, by the component manager's reference. */
const manifestKeys = new Set(
  [
    ["version", "maintainers", "description", "license", "tags", "targets", "url", "repository", "repository_info"],
    ["documentation", "issues", "discussion", "dependencies", "files", "examples"],
  ].flat(),
);

const must = (right, what) => {
  if (!right) throw new Error(what);
};

/** The top of a YAML file that is as simple as ours: a value, or the lines that are indented below a key. */
function topOf(path) {
  const top = new Map();
  let key;
  for (const line of read(path).split("\n")) {
    const found = /^([a-z_]+):\s*(.*)$/.exec(line);
    if (found) {
      key = found[1];
      must(!top.has(key), `${path}: ${key} stands twice`);
      top.set(key, found[2].replace(/^"(.*)"$/, "$1"));
    } else if (line.trim() !== "") {
      must(key !== undefined && line.startsWith("  "), `${path}: what is this? ${line}`);
      top.set(key, `${top.get(key)}\n${line}`);
    }
  }
  return top;
}

function checkManifest() {
  const path = join(staged, "idf_component.yml");
  const manifest = topOf(path);
  for (const key of manifest.keys()) must(manifestKeys.has(key), `${path}: a manifest has no ${key}`);
  const { version, license } = JSON.parse(read(at("package.json")));
  must(manifest.get("version") === version, `${path}: the version is not package.json's, ${version}`);
  must(/^\d+\.\d+\.\d+$/.test(version), `${path}: ${version} is no version`);
  must(manifest.get("license") === license, `${path}: the license is not package.json's, ${license}`);
  must(manifest.get("description")?.length > 20, `${path}: a description is missing`);
  must(/^\s*idf: ">=5\.1"$/m.test(manifest.get("dependencies") ?? ""), `${path}: idf >=5.1 is missing`);
  for (const tag of (manifest.get("tags") ?? "").split("\n").slice(1))
    must(/^ {2}- [a-z0-9_]{3,32}$/.test(tag), `${path}: ${tag} can't be a tag`);
}

function checkFiles() {
  for (const name of ["CMakeLists.txt", "Kconfig", "README.md", "LICENSE", "CHANGELOG.md", "include/twinwire/tw_esp.h"])
    must(existsSync(join(staged, name)), `${name} is missing`);
  const all = files(staged);
  const bytes = all.reduce((sum, path) => sum + statSync(path).size, 0);
  must(bytes < 1024 * 1024, `${bytes} bytes are too many for sources alone`);
  for (const path of all) {
    must(/\.(c|h|md|txt|yml|projbuild)$|Kconfig$|LICENSE$/.test(path), `${path} should not be there`);
    must(!/\/(build|node_modules|managed_components)\//.test(relative(staged, path)), `${path} was built`);
  }
  return { count: all.length, bytes };
}

/** The projects in it, each with a manifest that leads back to the component. */
function apps() {
  const examples = readdirSync(join(staged, "examples")).map((name) => `examples/${name}`);
  return [...examples, "test_apps"];
}

function checkApps() {
  for (const app of apps()) {
    const folder = join(staged, app);
    must(/include\(\$ENV\{IDF_PATH\}\/tools\/cmake\/project\.cmake\)/.test(read(join(folder, "CMakeLists.txt"))), app);
    const way = /override_path: "(.*)"/.exec(read(join(folder, "main/idf_component.yml")))?.[1];
    must(
      way !== undefined && join(folder, "main", way, ".") === join(staged, "."),
      `${app}: override_path leads astray`,
    );
  }
}

/** What can be chosen, each of which chooses other files. */
const choices = [
  { name: "default" },
  { name: "no TLS", config: { TWINWIRE_TLS: "n" } },
  { name: "no bundle", config: { MBEDTLS_CERTIFICATE_BUNDLE: "n" } },
  { name: "IPv4 only", config: { LWIP_IPV6: "n" } },
  { name: "static memory", config: { TWINWIRE_MEMORY_STATIC: "y" } },
  { name: "PSRAM", config: { SPIRAM: "y", TWINWIRE_MEMORY_PSRAM: "y" } },
];

/** sdkconfig.h as the Kconfigs make it. */
function configure(folder, config) {
  const settings = Object.entries(config).map(([name, value]) => `${name}=${value}`);
  const kconfigs = apps()
    .map((app) => join(staged, app, "main/Kconfig.projbuild"))
    .filter(existsSync);
  const header = run("/usr/bin/python3", ["test/esp32/kconfig.py", join(staged, "Kconfig"), ...settings, ...kconfigs]);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "sdkconfig.h"), `#pragma once\n${header}`);
  return [...header.matchAll(/^#define (CONFIG_\w+) 1$/gm)].map((found) => `-D${found[1]}=y`);
}

/** CMake's view of a choice, and what it would run. */
function prepare({ name, config = {} }) {
  const folder = at("build/esp32", name.replaceAll(" ", "-"));
  rmSync(folder, { recursive: true, force: true });
  const defines = configure(folder, config);
  const lists = {
    COMPONENT: [staged],
    APPS: name === "default" ? apps() : [],
    STUB_INCLUDES: [at("test/esp32/stub/include"), at("test/esp32/lwip"), folder],
    LWIP_INCLUDES: [join(lwip, "src/include")],
  };
  const variables = Object.entries(lists).map(([key, values]) => `-D${key}=${values.join(";")}`);
  const flags = `-DCMAKE_C_FLAGS=-D_DEFAULT_SOURCE -DLWIP_IPV6=${config.LWIP_IPV6 === "n" ? 0 : 1}`;
  const commands = "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON";
  run("cmake", ["-S", at("test/esp32"), "-B", folder, flags, commands, ...defines, ...variables]);
  return { folder, commands: JSON.parse(read(join(folder, "compile_commands.json"))) };
}

/** The core is compiled as it is measured for docs/size.md: a library would hide that a function is there twice. */
function checkCore(commands) {
  const there = commands.map(({ file }) => relative(staged, file)).filter((path) => /^(core-c|c)\//.test(path));
  const wanted = [...deviceSources(), ...doorSources()];
  for (const path of wanted) must(there.includes(path), `${path} is not compiled`);
  for (const path of there) must(wanted.includes(path), `${path} is compiled, and a device has no use for it`);
}

/** Builds all of it for the defaults; for other choices, looks at the files of which there is a choice. */
function compile(choice) {
  const { folder, commands } = prepare(choice);
  checkCore(commands);
  if (choice.config === undefined) {
    run("cmake", ["--build", folder, "-j2"]);
    return;
  }
  const core = [join(staged, "core-c"), join(staged, "c/")];
  for (const { command, directory, file } of commands)
    if (!core.some((folder) => file.startsWith(folder)))
      run("sh", ["-c", `${command} -fsyntax-only`], { cwd: directory });
}

/** The defaults of Kconfig are those of abi.def for an ESP32. */
function checkDefaults() {
  const header = read(at("build/esp32/default/sdkconfig.h"));
  const limits = /#define TW_LIMITS_ESP32[\s\S]*?\n\n/.exec(read(at("core-c/include/twinwire/abi.gen.h")))?.[0] ?? "";
  const pairs = {
    SOCKETS: "sockets",
    WEBSOCKETS: "webSockets",
    RECV_BUFFER: "recvBuffer",
    SEND_BUFFER: "sendBuffer",
    SEND_POOL: "sendPool",
    BLOCK_SIZE: "blockSize",
    TEXT_POOL: "textPool",
    MAX_MESSAGE: "maxMessage",
    CONNECT_TIMEOUT_MS: "connectTimeoutMs",
    CLOSE_TIMEOUT_MS: "closeTimeoutMs",
  };
  for (const [symbol, field] of Object.entries(pairs)) {
    const ours = RegExp(`#define CONFIG_TWINWIRE_${symbol} (\\d+)`).exec(header)?.[1];
    const theirs = RegExp(`\\.${field} = (\\d+)`).exec(limits)?.[1];
    must(ours !== undefined && ours === theirs, `Kconfig says ${symbol} is ${ours}, abi.def says ${theirs}`);
  }
}

/** Stages and checks; returns how many checks passed. */
export function checkComponent(say = console.log) {
  let passed = 0;
  const check = (what, it) => {
    const more = it();
    passed++;
    say(`ok      ${what}${more === undefined ? "" : `: ${more}`}`);
  };
  check("staged", () => {
    stage();
    const { count, bytes } = checkFiles();
    return `${count} files, ${Math.round(bytes / 1024)} KiB`;
  });
  check("manifest", checkManifest);
  check("projects", checkApps);
  fetchLwip();
  for (const choice of choices) check(`builds: ${choice.name}`, () => compile(choice));
  check("defaults", checkDefaults);
  return passed;
}

if (process.argv[1] === import.meta.filename) {
  const passed = checkComponent();
  console.log(`build/esp32/twinwire is ready\n${passed} passed, 0 failed`);
}
