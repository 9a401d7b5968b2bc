// Formats the sources in place: TypeScript with biome, C with clang-format where that is installed.

import { join } from "node:path";
import { root } from "../wasm/build/project.mjs";
import { formatted, formatter } from "./parts.mjs";
import { run } from "./run.mjs";

const biome = await run(join(root, "node_modules/.bin/biome"), ["check", "--write", "."]);
const style = formatter.program ? await run(formatter.program, ["-i", ...formatted()]) : { status: 0 };
if (!formatter.program) console.log(`C left as it is: needs ${formatter.missing}`);
process.exitCode = biome.status || style.status;
