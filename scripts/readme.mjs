// The README of the packed package: links to files that are not in it lead to the repository.
//
//   node scripts/readme.mjs pack [FOLDER]      before npm packs: rewrites FOLDER/README.md, and keeps the original
//   node scripts/readme.mjs restore [FOLDER]   afterwards: puts the original back

import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../wasm/build/project.mjs";

const [what, folder = root] = process.argv.slice(2);
const readme = join(folder, "README.md");
const original = join(folder, ".readme-original.md");
const packed = ["LICENSE"];

/** The address of a file or folder of the project in its repository. */
function address(repository, path, isImage) {
  const [file, anchor] = path.split("#");
  const form = statSync(join(root, file)).isDirectory() ? "tree" : isImage ? "raw" : "blob";
  return `${repository}/${form}/main/${file}${anchor === undefined ? "" : `#${anchor}`}`;
}

if (what === "pack" && !existsSync(original)) {
  const { repository } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const url = repository.url.replace(/^git\+|\.git$/g, "");
  const text = readFileSync(readme, "utf8");
  const link = /(!?\[[^\]]*\]\()([^)\s:#][^)\s:]*)\)/g;
  const result = text.replace(link, (whole, before, path) =>
    packed.includes(path) ? whole : `${before}${address(url, path, before.startsWith("!"))})`,
  );
  renameSync(readme, original);
  writeFileSync(readme, result);
} else if (what === "restore" && existsSync(original)) {
  renameSync(original, readme);
}
