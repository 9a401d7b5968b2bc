// The parts of "make test" that are about the component for ESP-IDF: parts.mjs takes them in.

import { spawnSync } from "node:child_process";
import { build, commandOf } from "../test/esp32/host.mjs";
import { lwipMissing } from "../test/esp32/lwip.mjs";
import { print } from "./output.mjs";
import { findProgram } from "./programs.mjs";
import { run } from "./run.mjs";

const LEFT_OUT = 77;

const works = (program, args, input = "") => spawnSync(program, args, { input }).status === 0;

const needs = [
  [findProgram(["gcc"]) !== undefined, "gcc"],
  [works("/usr/bin/python3", ["-c", "import kconfiglib"]), "python3-kconfiglib"],
  [works("gcc", ["-E", "-"], "#include <mbedtls/ssl.h>\n"), "libmbedtls-dev"],
  [works("gcc", ["-E", "-"], "#include <zlib.h>\n"), "zlib1g-dev"],
  [lwipMissing() === undefined, lwipMissing()],
];
const missingOf = (...more) =>
  [...needs, ...more]
    .filter(([there]) => !there)
    .map(([, name]) => name)
    .join(" ") || undefined;

/** Runs it; what ends badly without having counted has failed once. */
async function count(program, args, options) {
  const { status, counts } = await run(program, args, options);
  if (status === LEFT_OUT) return { passed: 0, failed: process.env.CI === "true" ? 1 : 0, skipped: 1 };
  if (!counts) return { passed: 0, failed: 1 };
  return status === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

let built;

function onHost(name, mode) {
  return {
    name: `ESP32 component on a PC, ${name}`,
    group: "esp32",
    /* lwIP sends what it has lost again after seconds, and its threads are many: beside other work, connections stall. */
    alone: true,
    again: true,
    missing: missingOf(),
    async run() {
      built ??= build().then(
        () => true,
        (error) => print(error.message),
      );
      return (await built) ? await count(...commandOf(mode), { seconds: 300 }) : { passed: 0, failed: 1 };
    },
  };
}

export const esp32Parts = [
  {
    name: "ESP32 component, ways to include it",
    group: "esp32",
    lane: "devices",
    seconds: 45,
    missing: missingOf([findProgram(["cmake"]) !== undefined, "cmake"]),
    run: () => count(process.execPath, ["scripts/esp32-check.mjs"]),
  },
  onHost("lwIP alone", "loopback"),
  onHost("lwIP and Linux", "tap"),
  onHost("its test_apps", "app"),
  onHost("its host_test", "host_test"),
  onHost("lwIP whose calls fail", "faults"),
  onHost("inflating", "inflate"),
  onHost("lwIP and Linux, compressed", "compressed"),
];
