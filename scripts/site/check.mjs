// Whether every link of a built site leads to a page of it, and to a place in that page.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** Returns a line for each link that leads nowhere. */
export function brokenLinks(site) {
  const pages = readdirSync(site, { recursive: true, encoding: "utf8" }).filter((it) => it.endsWith(".html"));
  const texts = new Map(pages.map((page) => [page, readFileSync(join(site, page), "utf8")]));
  const ids = new Map();
  const idsOf = (page) => {
    if (!ids.has(page)) ids.set(page, new Set([...texts.get(page).matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)));
    return ids.get(page);
  };
  const broken = [];
  for (const [page, text] of texts) {
    for (const [, link] of text.matchAll(/<a [^>]*?href="([^"]*)"/g)) {
      if (/^(https?:|mailto:)/.test(link)) continue;
      const [path, anchor] = link.replaceAll("&amp;", "&").split("#");
      const to = path === "" ? page : path.startsWith("/") ? path.slice(1) : posix.join(posix.dirname(page), path);
      const file = to === "" || to.endsWith("/") ? `${to}index.html` : to;
      if (!texts.has(file)) {
        if (!existsSync(join(site, file))) broken.push(`${page}: ${link}`);
      } else if (anchor && page !== "404.html" && !idsOf(file).has(decodeURIComponent(anchor))) {
        broken.push(`${page}: ${link}`);
      }
    }
  }
  return [...new Set(broken)];
}
