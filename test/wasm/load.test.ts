import { expect, test } from "@jest/globals";
import { ABI_HASH, Errors, exportNames, importNames } from "../../wasm/abi.gen.ts";
import { checkAbi } from "../../wasm/core.ts";
import { errorCode, errorValue, stepName, TwinwireError } from "../../wasm/errors.ts";
import { coreModule } from "../../wasm/module.ts";

test("the module is compiled once, and has the imports and exports of the definition", () => {
  expect(coreModule()).toBe(coreModule());
  const imports = WebAssembly.Module.imports(coreModule()).map(({ module, name }) => `${module}.${name}`);
  expect(imports.toSorted()).toEqual(importNames.map((name) => `env.${name}`).toSorted());
  const exports = WebAssembly.Module.exports(coreModule()).filter(({ kind }) => kind === "function");
  expect(exports.map(({ name }) => name).toSorted()).toEqual(exportNames.toSorted());
});

test("a core of another definition is refused with both hashes", () => {
  expect(() => checkAbi(ABI_HASH)).not.toThrow();
  expect(() => checkAbi(0x1234)).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED" }));
  expect(() => checkAbi(0x1234)).toThrow(/00001234.*[0-9a-f]{8}/);
});

test("codes and numbers of errors are one table", () => {
  for (const [code, { value }] of Object.entries(Errors)) {
    expect(errorCode(value)).toBe(code);
    expect(errorValue(errorCode(value))).toBe(value);
  }
  expect(errorCode(-9999)).toBe("ERR_HOST");
  expect(stepName(99)).toBe("call");
});

test("an error says what, where, why and what to do", () => {
  const cause = new Error("connect ECONNREFUSED ::1:9");
  const error = new TwinwireError("ERR_REFUSED", { step: "connect", address: "[::1]:9", cause });
  expect(error.message).toBe(
    "ERR_REFUSED: connecting to [::1]:9: the peer refused the connection (connect ECONNREFUSED ::1:9); " +
      "check that a server listens at this address and port",
  );
  expect(String(error)).toMatch(/^TwinwireError: ERR_REFUSED/);
  expect(error).toMatchObject({ code: "ERR_REFUSED", step: "connect", address: "[::1]:9", detail: 0, cause });
  const bare = new TwinwireError("ERR_MEMORY");
  expect(bare.message).toBe(`ERR_MEMORY: ${Errors.ERR_MEMORY.what}; ${Errors.ERR_MEMORY.todo}`);
  expect("cause" in bare).toBe(false);
});

test("what was refused is shown on one line of bounded length", () => {
  const { message, address } = new TwinwireError("ERR_URL", {
    step: "open",
    address: `ws://a\r\nb\0${"x".repeat(9999)}`,
  });
  expect(message).toContain("ws://a\\x0d\\x0ab\\x00xxx");
  expect(message.length).toBeLessThan(500);
  expect(address.length).toBe(10_009);
});
