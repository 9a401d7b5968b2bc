/** Chromium as Debian packages it, without a screen. */
import { type Browser, chromium } from "playwright-core";
import { findTool } from "./child.ts";
import { atEnd } from "./peers.ts";

export const chromiumTool = findTool("chromium", ["chromium", "/usr/bin/chromium"], ["--version"]);

/** It talks to this machine only, and asks nobody for updates. */
export const chromiumFlags: readonly string[] = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts it with a profile of its own. It is ended by `endPeers`. */
export async function startChromium(program: string): Promise<Browser> {
  const executablePath = program.startsWith("/") ? program : `/usr/bin/${program}`;
  const browser = await chromium.launch({ executablePath, args: [...chromiumFlags], timeout: 15_000 });
  atEnd(() => browser.close());
  return browser;
}
