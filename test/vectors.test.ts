/**
 * The shared vectors, through WebAssembly: the files that test/c runs natively, run in the same ways, with the same
 * lines. What the module does not export is left to the native run. test/targets/wasm.ts runs the same without jest.
 */
import { describe, expect, test } from "@jest/globals";
import { readVectors } from "../cli/conformance/file.ts";
import { CoreMachine } from "../cli/conformance/machine.ts";
import { runCase } from "../cli/conformance/run.ts";

const FOLDER = new URL("./vectors/", import.meta.url);
const PATIENCE = 120_000;

const machine = new CoreMachine();

describe.each(readVectors(FOLDER))("$suite", ({ cases }) => {
  test(
    `${cases.length} cases`,
    () => {
      const failures = cases.map((one) => runCase(machine, one).failure).filter((failure) => failure !== undefined);
      expect(failures.join("\n")).toBe("");
      expect(cases.length).toBeGreaterThan(0);
    },
    PATIENCE,
  );
});
