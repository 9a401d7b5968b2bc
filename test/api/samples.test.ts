/** The sample programs of the APIs that return promises. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { samplesSuite } from "./samples-suite.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

samplesSuite((name) => {
  const file = `${root}build/tools/examples/${name}.js`;
  if (!existsSync(file)) throw new Error(`${file} is missing: run "make build"`);
  return [process.execPath, file];
});
