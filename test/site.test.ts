/** The site of the documentation builds without a link that leads nowhere, and fits a phone. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { chromium } from "playwright-core";
import { describeWith } from "./support/child.ts";
import { chromiumFlags, chromiumTool } from "./support/chromium.ts";
import { root } from "./support/packed.ts";

/** What the scripts export, which have no declarations. */
const { brokenLinks } = (await import(join(root, "scripts/site/check.mjs"))) as {
  brokenLinks(site: string): string[];
};
const { headers, linksOf, parseHeader } = (await import(join(root, "scripts/site/c-reference.mjs"))) as {
  readonly headers: readonly string[];
  parseHeader(path: string): unknown;
  linksOf(parsed: readonly unknown[]): ReadonlyMap<string, string>;
};

const site = join(root, "build/site-short");
const { CI } = process.env;
const isInstalled = existsSync(join(root, "scripts/site/node_modules")) || CI === "true";
const describeSite = isInstalled ? describe : describe.skip; /* make test installs it */
const read = (path: string): string => readFileSync(join(site, path), "utf8");
const BUILD_PATIENCE = 300_000;

test("the C reference has every function that the headers declare", () => {
  const parsed = headers.map(parseHeader);
  const described = linksOf(parsed);
  const declared = headers.flatMap((path) => {
    const code = readFileSync(join(root, path), "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");
    return [...code.matchAll(/^[a-z][^;#{}]*?\b(twc?_\w+)\s*\([^;{]*\);/gm)].map(([, name = ""]) => name);
  });
  expect(declared.length).toBeGreaterThan(200);
  expect(declared.filter((name) => !described.has(name))).toEqual([]);
});

describeSite("the site", () => {
  beforeAll(() => {
    const args = ["scripts/site/build.mjs", "--short"];
    const { status, stderr } = spawnSync(process.execPath, args, {
      cwd: root,
      encoding: "utf8",
      timeout: BUILD_PATIENCE,
    });
    if (status !== 0) throw new Error(stderr);
  }, BUILD_PATIENCE);

  test("has every page, and no link that leads nowhere", () => {
    expect(brokenLinks(site)).toEqual([]);
    for (const page of ["index.html", "start.html", "limits.html", "architecture.html", "headers/net-h.html"])
      expect(read(page)).toContain("<h1");
    expect(brokenLinks(join(root, "test/docs/broken-site"))).toEqual([
      "index.html: #nowhere",
      "index.html: missing.html",
      "index.html: other.html#nowhere",
    ]);
  });

  test("llms.txt names the pages, llms-full.txt contains them", () => {
    const links = [...read("llms.txt").matchAll(/^- \[[^\]]+\]\(\/([^)]+)\): \S/gm)].map(([, name = ""]) => name);
    expect(links).toEqual(expect.arrayContaining(["start.md", "which-api.md", "tls.md", "migrate-ws.md"]));
    expect(links.filter((name) => !existsSync(join(site, name)))).toEqual([]);
    expect(read("llms-full.txt")).toContain("# Limits and fairness");
  });

  describeWith(chromiumTool, "in a browser", (program) => {
    test("a page is found by the search, and none is wider than a phone", async () => {
      const server = createServer((request, response) => {
        const path = join(site, new URL(request.url ?? "/", "http://localhost").pathname.replace(/\/$/, "/index.html"));
        if (!existsSync(path)) {
          response.writeHead(404).end();
          return;
        }
        const types: Record<string, string> = { html: "text/html", js: "text/javascript", css: "text/css" };
        response.setHeader("content-type", types[path.split(".").at(-1) ?? ""] ?? "application/octet-stream");
        response.end(readFileSync(path));
      });
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      const browser = await chromium.launch({ executablePath: program, args: [...chromiumFlags] });
      try {
        const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
        const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        for (const path of ["/", "/limits.html", "/errors.html", "/headers/ws-h.html"]) {
          await page.goto(address + path);
          expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
        }
        await page.locator(".VPNavBarSearch button").first().click();
        await page.locator(".search-input").fill("ERR_STALLED");
        await page.locator(".results .result").first().waitFor();
        expect(await page.locator(".results .result").count()).toBeGreaterThan(0);
      } finally {
        await browser.close();
        server.close();
      }
    });
  });
});
