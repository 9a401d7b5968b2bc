// The pages of the site: those of docs/ and of the project's root, with links that fit, and the navigation, which is the
// order of docs/README.md.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { root } from "../../wasm/build/project.mjs";

const { repository } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
export const repositoryUrl = repository.url.replace(/^git\+|\.git$/g, "");

/** Pages that do not lie in docs/, by the name that they have in the site. */
const others = {
  "ARCHITECTURE.md": "architecture.md",
  "CONTRIBUTING.md": "contributing.md",
  "CHANGELOG.md": "changes.md",
  "SECURITY.md": "security-policy.md",
};

/** The sources of all pages by the name that they have in the site. */
export function sources() {
  const docs = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  const named = docs.map((name) => [name === "README.md" ? "pages.md" : name, `docs/${name}`]);
  const rest = Object.entries(others).map(([path, name]) => [name, path]);
  return new Map([...named, ...rest]);
}

/** Where a link leads: to a page of the site, a picture in it, or a file in the repository. */
function target(link, page, isImage) {
  if (/^(https?:|mailto:|#)/.test(link)) return link;
  const [file, fragment] = link.split("#");
  const path = posix.join(posix.dirname(page), file);
  const anchor = fragment === undefined ? "" : `#${fragment}`;
  if (others[path]) return `./${others[path]}${anchor}`;
  if (path === "docs/README.md") return `./pages.md${anchor}`;
  if (path === "README.md") return `./index.md${anchor}`;
  if (/^docs\/[^/]+$/.test(path)) return `./${path.slice("docs/".length)}${anchor}`;
  if (!existsSync(join(root, path))) throw new Error(`${page}: ${link} leads nowhere`);
  const form = statSync(join(root, path)).isDirectory() ? "tree" : isImage ? "raw" : "blob";
  return `${repositoryUrl}/${form}/main/${path}${anchor}`;
}

/** The text of a page for the site. */
export function pageText(path) {
  const text = readFileSync(join(root, path), "utf8").replaceAll(/^<!-- .* -->\n/gm, "");
  /* Not in blocks of code. */
  return text
    .split(/(^```[\s\S]*?^```$)/m)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replaceAll(/(!?\[(?:[^\]`]|`[^`]*`)*\]\()([^)\s]+)\)/g, (_, before, link) => {
            return `${before}${target(link, path, before.startsWith("!"))})`;
          }),
    )
    .join("");
}

export const titleOf = (text) => /^# (.+)$/m.exec(text)?.[1].replaceAll("`", "") ?? "";

/** The first paragraph, as plain text. */
export function summaryOf(text) {
  const [paragraph = ""] = text.replace(/^[\s\S]*?^# .+\n+/m, "").split(/\n\n/);
  return paragraph
    .replaceAll("\n", " ")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[*`]/g, "");
}

/** The sections of docs/README.md, each with the pages that it names first: the navigation of the site. */
export function navigation() {
  const seen = new Set();
  const sections = readFileSync(join(root, "docs/README.md"), "utf8").split(/^## /m).slice(1);
  return sections.map((section) => {
    const links = [...section.matchAll(/\]\((\.\.\/)?([\w-]+\.md)\)/g)]
      .map(([, above, file]) => (above ? others[file] : file))
      .filter((name) => name !== undefined && !seen.has(name) && seen.add(name));
    return { title: section.slice(0, section.indexOf("\n")), pages: links };
  });
}
