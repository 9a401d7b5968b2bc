// Builds the site of the documentation in build/site/: the pages of docs/, a reference of the TypeScript API from the
// declarations in dist/, one of C from the headers, llms.txt and llms-full.txt. A link that leads nowhere ends it.
//
//   node scripts/site/build.mjs           all of it
//   node scripts/site/build.mjs --short   without the TypeScript reference, which takes most of the time: for tests

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "vitepress";
import { root } from "../../wasm/build/project.mjs";
import { headerPage, headers, linksOf, pageName, parseHeader } from "./c-reference.mjs";
import { brokenLinks } from "./check.mjs";
import { llmsFull, llmsIndex } from "./llms.mjs";
import { pageText, sources } from "./pages.mjs";
import { apiReference } from "./ts-reference.mjs";

const short = process.argv.includes("--short");
const here = join(root, "scripts/site");
const staged = join(root, "build/site-pages");
const site = join(root, short ? "build/site-short" : "build/site");

function write(name, text) {
  const path = join(staged, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The first page: scripts/site/home.md, with the first program of README.md. */
function home() {
  const [, program] = /(^```ts\n[\s\S]*?^```\n\n```text\n[\s\S]*?^```)/m.exec(
    readFileSync(join(root, "README.md"), "utf8"),
  );
  return readFileSync(join(here, "home.md"), "utf8").replace("PROGRAM", () => program);
}

rmSync(staged, { recursive: true, force: true });
for (const [name, path] of sources()) write(name, pageText(path));
write("index.md", home());
cpSync(join(root, "docs/demo-web.webp"), join(staged, "demo-web.webp"));

const parsed = headers.map(parseHeader);
const links = linksOf(parsed);
for (const header of parsed) write(`${pageName(header.path)}.md`, headerPage(header, links));
if (short) write("api/index.md", "# TypeScript API\n");
else await apiReference(join(staged, "api"));

await build(here, { outDir: site });
writeFileSync(join(site, "llms.txt"), llmsIndex());
writeFileSync(join(site, "llms-full.txt"), llmsFull());
for (const name of sources().keys()) cpSync(join(staged, name), join(site, name));

const broken = brokenLinks(site);
for (const it of broken) console.error(it);
if (broken.length > 0) process.exitCode = 1;
