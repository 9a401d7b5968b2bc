// How the site looks: the navigation is the order of docs/README.md.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitepress";
import { root } from "../../../wasm/build/project.mjs";
import { fileName, headers, pageName } from "../c-reference.mjs";
import { navigation, pageText, repositoryUrl, sources, titleOf } from "../pages.mjs";
import { entries } from "../ts-reference.mjs";

const { version, description } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const staged = join(root, "build/site-pages");

const all = sources();
const item = (name) => ({ text: titleOf(pageText(all.get(name))), link: `/${name.replace(/\.md$/, "")}` });
const pages = navigation().map(({ title, pages: names }) => ({ text: title, items: names.map(item) }));

/* A short build is without most of them. */
const described = entries.filter(({ name }) => existsSync(join(staged, "api", name)));

/** The kinds of things that an entry of the package exports, each a folder of pages. */
function exportsOf(name) {
  const folder = join(staged, "api", name);
  const kinds = ["classes", "functions", "variables", "interfaces", "type-aliases"];
  return kinds.flatMap((kind) => {
    let names = [];
    try {
      names = readdirSync(join(folder, kind)).filter((it) => it.endsWith(".md"));
    } catch {}
    const items = names
      .map((it) => it.replace(/\.md$/, ""))
      .map((it) => ({ text: it, link: `/api/${name}/${kind}/${it}` }));
    return items.length === 0 ? [] : [{ text: kind.replace("-", " "), collapsed: kind !== "classes", items }];
  });
}

/** The navigation beside the pages of an entry: what it exports, and the other entries. */
const apiSidebar = (current) =>
  described.map(({ name }) =>
    name === current ? { text: name, items: exportsOf(name) } : { text: name, link: `/api/${name}/` },
  );
const api = Object.fromEntries(
  described.toReversed().map(({ name }) => [`/api/${name}/`, apiSidebar(name)]), // the longest path comes first
);

const c = [{ text: "C headers", items: headers.map((path) => ({ text: fileName(path), link: `/${pageName(path)}` })) }];

/** As GitHub makes them of headings: links work in both. */
const slugify = (text) =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

// biome-ignore lint/style/noDefaultExport: VitePress asks for it
export default defineConfig({
  title: "twinwire",
  description,
  lang: "en",
  base: process.env.SITE_BASE ?? "/",
  srcDir: "../../build/site-pages",
  cacheDir: "../../build/site-cache",
  lastUpdated: false,
  vite: { build: { minify: described.length > 0 } },
  head: [["link", { rel: "icon", href: "data:," }]],
  /* HTML in the pages is text: none of them needs any. */
  markdown: { html: false, anchor: { slugify }, lineNumbers: false },
  themeConfig: {
    search: { provider: "local" },
    nav: [
      { text: "Start", link: "/start" },
      { text: "All pages", link: "/pages" },
      { text: "TypeScript", link: "/api/" },
      { text: "C", link: "/headers/net-h" },
      { text: version, link: "/changes" },
    ],
    sidebar: { ...api, "/api/": apiSidebar(undefined), "/headers/": c, "/": pages },
    outline: { level: [2, 3] },
    socialLinks: [{ icon: "github", link: repositoryUrl }],
  },
});
