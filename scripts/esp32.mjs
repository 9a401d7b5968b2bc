// Stages in build/esp32/twinwire the component that a registry would take: what is in esp32/, with the core in it.
//
//   node scripts/esp32.mjs

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { root } from "../wasm/build/project.mjs";

export const staged = join(root, "build/esp32/twinwire");

/** In a checkout the component is the root, in the staged folder it is one step nearer to its projects. */
function point(manifest) {
  const text = readFileSync(manifest, "utf8");
  writeFileSync(manifest, text.replace(/(override_path: ")\.\.\//, "$1"));
}

export function stage() {
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(staged, { recursive: true });
  cpSync(join(root, "esp32"), staged, { recursive: true });
  for (const folder of ["include", "src", "small", "proto"])
    cpSync(join(root, "core-c", folder), join(staged, "core-c", folder), { recursive: true });
  cpSync(join(root, "c"), join(staged, "c"), { recursive: true });
  for (const file of ["LICENSE", "CHANGELOG.md", "idf_component.yml"]) cpSync(join(root, file), join(staged, file));
  for (const name of readdirSync(staged, { recursive: true }))
    if (name.endsWith(`main${sep}idf_component.yml`)) point(join(staged, name));
}

if (process.argv[1] === import.meta.filename) {
  stage();
  console.log("build/esp32/twinwire is ready");
}
