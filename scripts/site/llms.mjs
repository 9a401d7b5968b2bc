// llms.txt and llms-full.txt: the documentation for language models, by the form of https://llmstxt.org.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../wasm/build/project.mjs";
import { navigation, pageText, sources, summaryOf, titleOf } from "./pages.mjs";

const { description } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The pages in the order of the navigation, by section. */
function sections() {
  const all = sources();
  return navigation().map(({ title, pages }) => ({
    title,
    pages: pages.map((name) => ({ name, text: pageText(all.get(name)) })),
  }));
}

/** An index: each page with what it is about. */
export function llmsIndex() {
  const lists = sections().map(({ title, pages }) => {
    const lines = pages.map(({ name, text }) => `- [${titleOf(text)}](/${name}): ${summaryOf(text)}`);
    return `## ${title}\n\n${lines.join("\n")}`;
  });
  return `# twinwire\n\n> ${description}\n\n${lists.join("\n\n")}\n`;
}

/** All pages in one text. */
export const llmsFull = () =>
  sections()
    .flatMap(({ pages }) => pages.map(({ text }) => text))
    .join("\n\n");
