import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { ABI_HASH, type CoreExports, exportNames, importNames } from "../wasm/abi.gen.ts";
import { packedModule } from "../wasm/module.gen.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bytes = readFileSync(join(root, "build/core.wasm"));
const module = new WebAssembly.Module(bytes);

describe("the module", () => {
  test("is the one that is inlined", () => {
    expect(bytes.equals(brotliDecompressSync(Buffer.from(packedModule, "base64")))).toBe(true);
  });

  test("imports what abi.def lists, from env", () => {
    const expected = importNames.map((name) => ({ module: "env", name, kind: "function" }));
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(WebAssembly.Module.imports(module).sort(byName)).toEqual(expected.sort(byName));
  });

  test("exports what abi.def lists, its memory, its stack pointer and where its heap begins", () => {
    const names = WebAssembly.Module.exports(module).map((it) => it.name);
    expect(names.sort()).toEqual([...exportNames, "__heap_base", "__stack_pointer", "memory"].sort());
  });

  test("is smaller than 72 KiB", () => {
    expect(bytes.length).toBeLessThan(72 * 1024);
  });

  test("was built from the same definition as the TypeScript, and runs nothing when it is instantiated", () => {
    const calls: string[] = [];
    const env = Object.fromEntries(importNames.map((name) => [name, () => calls.push(name)]));
    const core = new WebAssembly.Instance(module, { env }).exports as unknown as CoreExports;
    expect(core.twc_abi_hash() >>> 0).toBe(ABI_HASH);
    expect(calls).toEqual([]);
  });
});

describe("the checks of the build", () => {
  /** What wasm/build/module.mjs reads from a module; it is a program of the build and has no types. */
  function inspect(wasm: Buffer): unknown {
    const program = `
      import { inspectModule } from "./wasm/build/module.mjs";
      import { readFileSync } from "node:fs";
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
