/** The sample programs by calls that wait, on every runtime: Node and Deno run what "make build" emitted, Bun the sources. */
import { existsSync } from "node:fs";
import { describe } from "@jest/globals";
import { samplesSuite } from "../api/samples-suite.ts";
import { root, runtimes } from "./support.ts";

describe.each(runtimes)("$name", ({ command, runsSources }) => {
  samplesSuite((name) => {
    const file = runsSources ? `${root}examples/sync/${name}.ts` : `${root}build/tools/examples/sync/${name}.js`;
    if (!existsSync(file)) throw new Error(`${file} is missing: run "make build"`);
    return [...command, file];
  });
});
