import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { HttpReply, IncomingRequest } from "twinwire";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Nothing from elsewhere; and a worker of the page may sleep, which needs a page that is isolated from others. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'self'; frame-ancestors 'none'",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-opener-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

/* The page is served as it lies in the sources: demo/page/, as seen from here or from what is built of this. */
const page = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../page" : "../../../../demo/page", import.meta.url),
);
const uPlot = dirname(createRequire(import.meta.url).resolve("uplot"));

/** Every path that there is, and its file. No path of a request is ever one of the file system. */
const files = new Map([
  ["/", join(page, "index.html")],
  ["/page.css", join(page, "page.css")],
  ["/page.js", join(page, "page.js")],
  ["/plot.js", join(page, "plot.js")],
  ["/feed.js", join(page, "feed.js")],
  ["/icon.svg", join(page, "icon.svg")],
  ["/uplot.js", join(uPlot, "uPlot.esm.js")],
  ["/uplot.css", join(uPlot, "uPlot.min.css")],
]);

/** Answers what is not a WebSocket: the page and its parts. */
export function site({ method, path }: IncomingRequest): HttpReply {
  if (method !== "GET" && method !== "HEAD")
    return { status: 405, headers: { allow: "GET, HEAD" }, body: "read only\n" };
  const file = files.get(path);
  if (file === undefined) return { status: 404, headers: { "content-type": "text/plain" }, body: "not found\n" };
  return { headers: { "content-type": TYPES[extname(file)], ...HEADERS }, body: readFileSync(file) };
}
