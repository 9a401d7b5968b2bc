// The reference of the TypeScript API, by TypeDoc, from the declarations that the package ships.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Application } from "typedoc";
import { root } from "../../wasm/build/project.mjs";

const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The entries of the package that are APIs, with their declarations. */
export const entries = Object.entries(exports)
  .filter(([path, it]) => typeof it === "object" && !path.startsWith("./host/"))
  .map(([path, it]) => ({ name: `twinwire${path.slice(1)}`, types: it.types }));

/** Writes the pages into a folder. A warning of TypeDoc is an error. */
export async function apiReference(folder) {
  const app = await Application.bootstrapWithPlugins({
    entryPoints: entries.map(({ types }) => join(root, types)),
    tsconfig: join(root, "scripts/site/tsconfig.json"),
    plugin: ["typedoc-plugin-markdown"],
    router: "member",
    readme: "none",
    name: "TypeScript API",
    entryFileName: "index",
    out: folder,
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    hidePageHeader: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    expandObjects: true,
    parametersFormat: "table",
    sanitizeComments: true,
    skipErrorChecking: true,
    logLevel: "Warn",
  });
  const project = await app.convert();
  if (project === undefined) throw new Error("TypeDoc could not read the declarations");
  for (const module of project.children ?? []) {
    const entry = entries.find(({ types }) => types === `./dist/${module.name}.d.ts`);
    if (entry !== undefined) module.name = entry.name;
  }
  await app.generateOutputs(project);
}
