import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ABI_HASH, type CoreExports, exportNames, importNames } from "../wasm/abi.gen.ts";
import { moduleBase64 } from "../wasm/module.gen.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bytes = readFileSync(join(root, "build/core.wasm"));
const module = new WebAssembly.Module(bytes);

describe("the module", () => {
  test("is the one that is inlined", () => {
    expect(bytes.equals(Buffer.from(moduleBase64, "base64"))).toBe(true);
  });

  test("imports what abi.def lists, from env", () => {
    const expected = importNames.map((name) => ({ module: "env", name, kind: "function" }));
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(WebAssembly.Module.imports(module).sort(byName)).toEqual(expected.sort(byName));
  });

  test("exports what abi.def lists, its memory and where its heap begins", () => {
    const names = WebAssembly.Module.exports(module).map((it) => it.name);
    expect(names.sort()).toEqual([...exportNames, "__heap_base", "memory"].sort());
  });

  test("is smaller than 64 KiB", () => {
    expect(bytes.length).toBeLessThan(64 * 1024);
  });

  test("was built from the same definition as the TypeScript, and runs nothing when it is instantiated", () => {
    const calls: string[] = [];
    const env = Object.fromEntries(importNames.map((name) => [name, () => calls.push(name)]));
    const core = new WebAssembly.Instance(module, { env }).exports as unknown as CoreExports;
    expect(core.tw_abi_hash() >>> 0).toBe(ABI_HASH);
    expect(calls).toEqual([]);
  });
});

describe("the checks of the build", () => {
  /** What wasm/build/module.mjs reads from a module; it is a program of the build and has no types. */
  function inspect(wasm: Buffer): unknown {
    const program = `
      import { inspectModule } from "./wasm/build/module.mjs";
      import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
      console.log(JSON.stringify(inspectModule(readFileSync(0))));`;
    const args = ["--input-type=module", "--eval", program];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, input: wasm, encoding: "utf8" });
    if (stderr !== "") throw new Error(stderr);
    return JSON.parse(stdout);
  }

  test("see a memory.grow", () => {
    // (module (memory 0) (func (export "grow") (drop (memory.grow (i32.const 0)))))
    const hex = "0061736d010000000104016000000302010005030100000708010467726f7700000a09010700410040001a0b";
    expect(inspect(Buffer.from(hex, "hex"))).toEqual({
      imports: [],
      exports: [{ name: "grow", kind: "function" }],
      hasStart: false,
      growsMemory: true,
    });
  });

  test("see a start function", () => {
    // (module (func) (start 0))
    const hex = "0061736d01000000010401600000030201000801000a040102000b";
    expect(inspect(Buffer.from(hex, "hex"))).toMatchObject({ hasStart: true, growsMemory: false });
  });

  test("see neither in the core", () => {
    expect(inspect(bytes)).toMatchObject({ hasStart: false, growsMemory: false });
  });
});

describe("the package", () => {
  let home = "";
  let packed: string[] = [];

  function succeed(program: string, args: string[], cwd = home): string {
    const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 60_000 });
    if (status !== 0) throw error ?? new Error(`${program} ${args.join(" ")}\n${stdout}${stderr}`);
    return stdout;
  }

  // An application's folder in which the package is installed as a registry would hand it out.
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), "twinwire-package-"));
    const report = succeed("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", home], root);
    const [result] = JSON.parse(report) as { filename: string; files: { path: string }[] }[];
    if (result === undefined) throw new Error("npm packed nothing");
    packed = result.files.map((it) => it.path);
    mkdirSync(join(home, "node_modules"));
    succeed("tar", ["xf", result.filename]);
    renameSync(join(home, "package"), join(home, "node_modules/twinwire"));
  }, 60_000);

  afterAll(() => rmSync(home, { recursive: true, force: true }));

  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, string | Record<string, string>>;
    imports: Record<string, Record<string, string>>;
    dependencies?: object;
  };

  test("holds every file that its exports and imports name", () => {
    const targets = [...Object.values(manifest.exports), ...Object.values(manifest.imports)]
      .flatMap((it) => (typeof it === "string" ? [it] : Object.values(it)))
      .map((it) => it.replace("./", ""));
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.filter((it) => !packed.includes(it))).toEqual([]);
  });

  test("holds its licence and its readme, and nothing that only its makers need", () => {
    expect(packed).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
    const rest = packed.filter((it) => !it.startsWith("dist/"));
    expect(rest.filter((it) => !/^(LICENSE|README\.md|CHANGELOG\.md|package\.json)$/.test(it))).toEqual([]);
    expect(packed.filter((it) => /test|bench|\.tsbuildinfo$|(?<!\.d)\.ts$/.test(it))).toEqual([]);
  });

  test.each([
    ["NodeNext", "NodeNext"],
    ["Bundler", "ESNext"],
  ])("has types for an application that resolves as %s does", (resolution, format) => {
    const source = `
      import { net } from "twinwire/handles";
      import { TwinwireError } from "twinwire";
      const handle: number = net.tcpConnect("127.0.0.1", 80);
      const isTyped: 0 extends 1 & typeof net ? false : true = true; // an unresolved module would be "any"
      export { handle, isTyped, TwinwireError };`;
    writeFileSync(join(home, `${resolution}.mts`), source);
    const options = `--noEmit --strict --skipLibCheck false --target ES2022 --lib ES2022,DOM,ESNext.Disposable --types node`;
    const args = [...options.split(" "), "--module", format, "--moduleResolution", resolution];
    const types = ["--typeRoots", join(root, "node_modules/@types")];
    succeed(join(root, "node_modules/.bin/tsc"), [...args, ...types, `${resolution}.mts`]);
  });

  test("runs where it is installed", () => {
    const program = `
      import { net } from "twinwire/handles";
      import * as door from "twinwire";
      console.log(typeof net.tcpConnect, Object.keys(door).length > 0);`;
    expect(succeed(process.execPath, ["--input-type=module", "--eval", program])).toBe("function true\n");
  });

  test("depends on nothing", () => {
    expect(manifest.dependencies).toBeUndefined();
  });
});
