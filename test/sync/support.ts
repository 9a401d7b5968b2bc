/** The runtimes on which programs of calls that wait are tested: such a program blocks, so it has a process of its own. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../../", import.meta.url));

/** A runtime, and how a program is started by it. */
export interface Runtime {
  readonly name: string;
  readonly command: readonly string[];
}

const deno = `${root}scripts/runtimes/node_modules/deno/deno`;
const all: readonly Runtime[] = [
  { name: "Node", command: [process.execPath] },
  /* By the project's own tsconfig.json it would take the package from its sources, with the adapter of Node. */
  { name: "Bun", command: [`${root}node_modules/.bin/bun`, `--tsconfig-override=${root}tsconfig.tools.json`] },
  { name: "Deno", command: [deno, "run", "--allow-all"] },
];

/* scripts/runtimes is for x64 Linux; make test installs it there. */
const { CI } = process.env;
export const runtimes: readonly Runtime[] = all.filter(
  ({ command: [program = ""] }) => CI === "true" || existsSync(program),
);
