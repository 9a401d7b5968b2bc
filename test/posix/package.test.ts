/** The library as others use it: installed into a folder, found by CMake and by pkg-config, with TLS and zlib and without. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { describeWith } from "../support/child.ts";
import { BUILD_PATIENCE, build, buildTools, root, runToEnd } from "./build.ts";

const consumer = `${root}test/posix/consumer`;

describeWith(buildTools(), "the library, installed", (cmake) => {
  describe.each(["ON", "OFF"])("TLS and zlib: %s", (tls) => {
    let prefix = "";
    beforeAll(async () => {
      const folder = await build(`posix-tls-${tls.toLowerCase()}`, [
        `-DTWINWIRE_TLS=${tls}`,
        `-DTWINWIRE_ZLIB=${tls}`,
        /* Optimizing takes most of the time of a build, and one that does is enough. */
        `-DCMAKE_BUILD_TYPE=${tls === "ON" ? "Release" : "Debug"}`,
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
        "conn.h",
        "core.h",
        "field.h",
        "host.h",
        "http.h",
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

    test("every header can be included alone, in C and in C++", async () => {
      const headers = readdirSync(join(prefix, "include/twinwire"));
      const check = (header: string, compiler: string, ...flags: string[]): Promise<string> => {
        const command = `echo '#include <twinwire/${header}>' | "$0" "$@" -fsyntax-only -`;
        const strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", `-I${prefix}/include`];
        return runToEnd("sh", ["-c", command, compiler, ...strict, ...flags]);
      };
      for (const header of headers) {
        await check(header, "cc", "-std=c11", "-xc");
        await check(header, "c++", "-std=c++17", "-xc++");
      }
    }, 60_000);

    test("the shared library exports what the headers declare, and nothing else", async () => {
      const library = join(prefix, find("libtwinwire.so"));
      const lines = (await runToEnd("nm", ["-D", "--defined-only", library])).trim().split("\n");
      const names = lines.map((line) => line.split(" ").pop() ?? "");
      expect(names.filter((name) => !/^twc?_/.test(name))).toEqual([]);
      expect(names).toEqual(expect.arrayContaining(["tw_net_send", "tw_ws_open", "tw_http_listen", "twc_pump"]));
      expect(names.filter((name) => /^tw_(posix_adopt|peer_|exchange_|timers?_)/.test(name))).toEqual([]);
    });

    test("pkg-config finds it; without zlib, an option that asks for compression is a coded error", async () => {
      const folder = mkdtempSync(join(tmpdir(), "twinwire-consumer-"));
      const file = join(prefix, find("twinwire.pc"));
      try {
        const command = `cc -std=c11 -Wall -Wextra -Wpedantic -Werror "$1" $(pkg-config --cflags --libs "$2") -Wl,-rpath,"$(dirname "$2")/.." -o "$3"`;
        const compile = (name: string): Promise<string> =>
          runToEnd("sh", ["-c", command, "sh", `${consumer}/${name}.c`, file, `${folder}/${name}`]);
        await compile("main");
        expect(await runToEnd(`${folder}/main`, [])).toBe("installed\n");
        await compile("deflate");
        const can = tls === "ON" ? "yes" : "ERR_UNSUPPORTED";
        expect(await runToEnd(`${folder}/deflate`, [])).toBe(`server: ${can}\nclient: ${can}\n`);
        const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
        expect((await runToEnd("pkg-config", ["--modversion", file])).trim()).toBe(version);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });

  test.each([
    ["add_subdirectory", `add_subdirectory(${root} twinwire)`],
    [
      "FetchContent",
      `include(FetchContent)\nFetchContent_Declare(twinwire SOURCE_DIR ${root})\nFetchContent_MakeAvailable(twinwire)`,
    ],
  ])(
    "a project takes the sources by %s",
    async (_, how) => {
      const folder = mkdtempSync(join(tmpdir(), "twinwire-scratch-"));
      const lines = [
        "cmake_minimum_required(VERSION 3.16)",
        "project(scratch C)",
        'set(TWINWIRE_TLS OFF CACHE STRING "")',
        how,
        `add_executable(main ${consumer}/main.c)`,
        "target_link_libraries(main PRIVATE twinwire::twinwire)",
      ];
      try {
        writeFileSync(join(folder, "CMakeLists.txt"), lines.join("\n"));
        await runToEnd(cmake, ["-S", folder, "-B", `${folder}/build`, "-DCMAKE_BUILD_TYPE=Debug"]);
        const text = await runToEnd(cmake, ["--build", `${folder}/build`, "--target", "main", "-j", "2"]);
        expect(text).not.toMatch(/warning/i);
        expect(await runToEnd(`${folder}/build/main`, [])).toBe("installed\n");
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    BUILD_PATIENCE,
  );
});
