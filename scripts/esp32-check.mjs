// Checks the component for ESP-IDF without an ESP-IDF: the staged one and a checkout, in the ways in which a project can
// include them.
//
//   node scripts/esp32-check.mjs

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join, relative } from "node:path";
import { fetchLwip, lwip } from "../test/esp32/lwip.mjs";
import { root } from "../wasm/build/project.mjs";
import { stage, staged } from "./esp32.mjs";
import { apiSources, deviceSources } from "./targets.mjs";

const at = (...path) => join(root, ...path);
const read = (path) => readFileSync(path, "utf8");

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    encoding: "utf8",
    timeout: 300_000,
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
    } else if (line.trim() !== "" && !line.startsWith("#")) {
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
  for (const key of ["url", "repository", "documentation", "issues", "targets"])
    must(manifest.get(key)?.length > 0, `${path}: ${key} is missing`);
  must(manifest.get("description")?.length > 20, `${path}: a description is missing`);
  must(/^\s*idf: ">=5\.1"$/m.test(manifest.get("dependencies") ?? ""), `${path}: idf >=5.1 is missing`);
  for (const tag of (manifest.get("tags") ?? "").split("\n").slice(1))
    must(/^ {2}- [a-z0-9_]{3,32}$/.test(tag), `${path}: ${tag} can't be a tag`);
}

function checkFiles() {
  for (const name of [
    "CMakeLists.txt",
    "Kconfig",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "idf_component.yml",
    "include/twinwire/tw_esp.h",
  ])
    must(existsSync(join(staged, name)), `${name} is missing`);
  const all = files(staged);
  const bytes = all.reduce((sum, path) => sum + statSync(path).size, 0);
  must(bytes < 1024 * 1024, `${bytes} bytes are too many for sources alone`);
  for (const path of all) {
    must(/\.(c|h|md|txt|yml|projbuild|cmake|defaults)$|Kconfig$|LICENSE$/.test(path), `${path} should not be there`);
    must(!/\/(build|node_modules|managed_components)\//.test(relative(staged, path)), `${path} was built`);
  }
  return { count: all.length, bytes };
}

/** The projects in it, each with a manifest that leads back to the component. */
function apps() {
  const examples = readdirSync(join(staged, "examples")).map((name) => `examples/${name}`);
  return [...examples, "test_apps", "host_test"];
}

/** What a project's manifest asks for, and which of it is part of ESP-IDF itself. */
function dependenciesOf(manifest) {
  const text = read(manifest);
  return { way: /override_path: "(.*)"/.exec(text)?.[1], common: text.includes("protocol_examples_common:") };
}

/** The projects lead back to the component, and their manifests have what they include. */
function checkApps(component, folder) {
  for (const app of apps()) {
    const main = join(folder, app, "main");
    const project = read(join(folder, app, "CMakeLists.txt"));
    must(/include\(\$ENV\{IDF_PATH\}\/tools\/cmake\/project\.cmake\)/.test(project), app);
    const { way, common } = dependenciesOf(join(main, "idf_component.yml"));
    must(way !== undefined && join(main, way, ".") === join(component, "."), `${app}: override_path leads to ${way}`);
    const includes = readdirSync(main).some(
      (name) => name.endsWith(".c") && read(join(main, name)).includes("protocol_examples_common.h"),
    );
    must(includes === common, `${app}: its manifest and its includes differ on protocol_examples_common`);
  }
}

function checkSyntax(commands) {
  for (const { command, directory } of commands) run("sh", ["-c", `${command} -fsyntax-only`], { cwd: directory });
}

/**
 * ESP-IDF names a component by its folder; what main requires is found by that name. Returns what would be compiled,
 * and how, the component's place aside.
 */
function checkWay(component) {
  must(basename(component) === "twinwire", `${component} would be a component of another name`);
  must(existsSync(join(component, "idf_component.yml")), `${component} has no manifest`);
  const early = ["-D", "ESP_PLATFORM=1", "-D", `COMPONENT=${component}`, "-P", at("test/esp32/early.cmake")];
  must(/^.*requires: .*esp_netif/m.test(run("cmake", early)), `${component}: the requirements are not found`);
  const { commands } = prepare({ name: "way" }, component, []);
  must(commands.length > 30, `${component}: only ${commands.length} files are compiled`);
  return commands;
}

/** The ways in which a project can include a checkout: each leads to a folder that has to be a component. */
function checkWays() {
  const scratch = at("build/esp32/project");
  rmSync(scratch, { recursive: true, force: true });
  const ways = ["components", "extra", "path"].map((name) => join(scratch, name, "twinwire"));
  for (const way of ways) {
    mkdirSync(join(way, ".."), { recursive: true });
    symlinkSync(root, way);
  }
  const cloned = join(scratch, "managed_components/twinwire");
  run("git", ["clone", "--quiet", "--depth=1", `file://${root}`, cloned]); // what `git:` in a manifest does
  const compiled = checkWay(cloned);
  checkSyntax(compiled.filter(({ file }) => !/\/(core-c|c)\//.test(file)));
  const textOf = (commands, way) => commands.map(({ command }) => command.replaceAll(way, "")).join("\n");
  for (const way of ways)
    must(textOf(checkWay(way), way) === textOf(compiled, cloned), `${way} is compiled otherwise than a clone`);
  return "components/, EXTRA_COMPONENT_DIRS, path:, git:";
}

/** What can be chosen, each of which chooses other files. */
const choices = [
  { name: "default" },
  { name: "no TLS", config: { TWINWIRE_TLS: "n" } },
  { name: "no bundle", config: { MBEDTLS_CERTIFICATE_BUNDLE: "n" } },
  { name: "IPv4 only", config: { LWIP_IPV6: "n" } },
  { name: "static memory", config: { TWINWIRE_MEMORY_STATIC: "y" } },
  { name: "sessions resumed", config: { TWINWIRE_TLS_RESUME: "y" } },
  { name: "ESP-IDF 5.1", config: { minor: 1 } },
  { name: "PSRAM", config: { SPIRAM: "y", TWINWIRE_MEMORY_PSRAM: "y" } },
  { name: "heap, inflating", config: { TWINWIRE_HEAP: "y", TWINWIRE_DEFLATE: "y" } },
];

/** sdkconfig.h as the Kconfigs make it. */
function configure(folder, config) {
  const settings = Object.entries(config)
    .filter(([name]) => name !== "minor")
    .map(([name, value]) => `${name}=${value}`);
  const kconfigs = apps()
    .map((app) => join(staged, app, "main/Kconfig.projbuild"))
    .filter(existsSync);
  const header = run("/usr/bin/python3", ["test/esp32/kconfig.py", join(staged, "Kconfig"), ...settings, ...kconfigs]);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "sdkconfig.h"), `#pragma once\n${header}`);
  return [...header.matchAll(/^#define (CONFIG_\w+) 1$/gm)].map((found) => `-D${found[1]}=y`);
}

/** CMake's view of a choice, and what it would run. */
function prepare({ name, config = {} }, component = staged, projects = name === "default" ? apps() : []) {
  const folder = at("build/esp32", name.replaceAll(" ", "-"));
  rmSync(folder, { recursive: true, force: true });
  const defines = configure(folder, config);
  const lists = {
    COMPONENT: [component],
    APPS: projects,
    STUB_INCLUDES: [at("test/esp32/stub/include"), at("test/esp32/lwip"), folder],
    LWIP_INCLUDES: [join(lwip, "src/include")],
  };
  const version = ["-DIDF_VERSION_MAJOR=5", `-DIDF_VERSION_MINOR=${config.minor ?? 5}`];
  const variables = Object.entries(lists).map(([key, values]) => `-D${key}=${values.join(";")}`);
  const flags = `-DCMAKE_C_FLAGS=-D_DEFAULT_SOURCE -DLWIP_IPV6=${config.LWIP_IPV6 === "n" ? 0 : 1}`;
  const commands = "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON";
  run("cmake", ["-S", at("test/esp32"), "-B", folder, flags, commands, ...defines, ...version, ...variables]);
  return { folder, commands: JSON.parse(read(join(folder, "compile_commands.json"))) };
}

/** The core is compiled as it is measured for docs/size.md: a library would hide that a function is there twice. */
function checkCore(commands) {
  const there = commands.map(({ file }) => relative(staged, file)).filter((path) => /^(core-c|c)\//.test(path));
  const wanted = [...deviceSources(), ...apiSources()];
  for (const path of wanted) must(there.includes(path), `${path} is not compiled`);
  for (const path of there) must(wanted.includes(path), `${path} is compiled, and a device has no use for it`);
}

/** What the defaults compile of this folder. */
let usual;

/** Whether a choice can change what a file is, or whether it is compiled; the version of IP changes lwIP's headers. */
const depends = (choice, file) =>
  choice.config.LWIP_IPV6 !== undefined || !usual.has(file) || read(file).includes("CONFIG_");

/** Builds all of it for the defaults; for other choices, looks at the files that they can change. */
function compile(choice) {
  const { folder, commands } = prepare(choice);
  checkCore(commands);
  if (choice.config === undefined) {
    usual = new Set(commands.map(({ file }) => file));
    run("cmake", ["--build", folder, "-j2"]);
    return;
  }
  const core = [join(staged, "core-c"), join(staged, "c/")];
  const ours = commands.filter(({ file }) => !core.some((folder) => file.startsWith(folder)));
  checkSyntax(ours.filter(({ file }) => depends(choice, file)));
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
    must(ours !== undefined && ours === theirs, `Kconfig: ${symbol} is ${ours}, but ${theirs} in abi.def`);
  }
}

/** Returns how many checks passed. */
export function checkComponent(print = console.log) {
  let passed = 0;
  const check = (what, it) => {
    const more = it();
    passed++;
    print(`ok      ${what}${more === undefined ? "" : `: ${more}`}`);
  };
  check("staged", () => {
    stage();
    const { count, bytes } = checkFiles();
    return `${count} files, ${Math.round(bytes / 1024)} KiB`;
  });
  check("manifest", checkManifest);
  check("projects, staged", () => checkApps(staged, staged));
  check("projects, in a checkout", () => checkApps(root, at("esp32")));
  fetchLwip();
  for (const choice of choices) check(`builds: ${choice.name}`, () => compile(choice));
  check("defaults", checkDefaults);
  check("ways to include a checkout", checkWays);
  return passed;
}

if (process.argv[1] === import.meta.filename) {
  const passed = checkComponent();
  console.log(`${passed} passed, 0 failed`);
}
