/** The library as others use it: installed into a folder, found by CMake and by pkg-config, with TLS and without. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { describeWith } from "../support/child.ts";
import { BUILD_PATIENCE, build, buildTools, root, runToEnd } from "./build.ts";

const consumer = `${root}test/posix/consumer`;

describeWith(buildTools(), "the library, installed", (cmake) => {
  describe.each(["ON", "OFF"])("TLS: %s", (tls) => {
    let prefix = "";
    beforeAll(async () => {
      const folder = await build(`posix-tls-${tls.toLowerCase()}`, [
        `-DTWINWIRE_TLS=${tls}`,
        "-DCMAKE_BUILD_TYPE=Release",
      ]);
      prefix = mkdtempSync(join(tmpdir(), "twinwire-prefix-"));
      await runToEnd(cmake, ["--install", folder, "--prefix", prefix]);
    }, BUILD_PATIENCE);
    afterAll(() => rmSync(prefix, { recursive: true, force: true }));

    const find = (name: string): string =>
      readdirSync(prefix, { recursive: true, encoding: "utf8" }).find((it) => it.endsWith(name)) ?? name;

    test("holds the library, its headers and nothing of the build", async () => {
      expect(existsSync(join(prefix, find("libtwinwire.a")))).toBe(true);
      const headers = readdirSync(join(prefix, "include/twinwire")).sort();
      expect(headers).toEqual([
        "abi.gen.h",
        "core.h",
        "host.h",
        "http_server.h",
        "net.h",
        "port.h",
        "runtime.h",
        "tw_posix.h",
        "ws.h",
      ]);
      const targets = readFileSync(join(prefix, find("twinwire-targets.cmake")), "utf8");
      expect(targets).not.toContain(root);
    });

    test("a CMake project finds it, in C and in C++", async () => {
      const folder = mkdtempSync(join(tmpdir(), "twinwire-consumer-"));
      try {
        await runToEnd(cmake, ["-S", consumer, "-B", folder, `-DCMAKE_PREFIX_PATH=${prefix}`]);
        const text = await runToEnd(cmake, ["--build", folder]);
        expect(text).not.toMatch(/warning/i);
        expect(await runToEnd(`${folder}/main_c`, [])).toBe("installed\n");
        expect(await runToEnd(`${folder}/main_cpp`, [])).toBe("installed\n");
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    test("pkg-config finds it", async () => {
      const folder = mkdtempSync(join(tmpdir(), "twinwire-consumer-"));
      const file = join(prefix, find("twinwire.pc"));
      try {
        const command = `cc -std=c11 -Wall -Wextra -Wpedantic -Werror "$1" $(pkg-config --cflags --libs "$2") -o "$3"`;
        await runToEnd("sh", ["-c", command, "sh", `${consumer}/main.c`, file, `${folder}/main`]);
        expect(await runToEnd(`${folder}/main`, [])).toBe("installed\n");
        const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
        expect((await runToEnd("pkg-config", ["--modversion", file])).trim()).toBe(version);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
});
