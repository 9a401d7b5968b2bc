/** The sample programs by calls that wait, on every runtime. */
import { existsSync } from "node:fs";
import { describe } from "@jest/globals";
import { samplesSuite } from "../api/samples-suite.ts";
import { root, runtimes } from "./support.ts";

describe.each(runtimes)("$name", ({ command }) => {
  samplesSuite((name) => {
    const file = `${root}build/tools/examples/sync/${name}.js`;
    if (!existsSync(file)) throw new Error(`${file} is missing: run "make build"`);
    return [...command, file];
  });
});
