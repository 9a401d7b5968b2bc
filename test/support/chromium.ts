/** Chromium as Debian packages it, without a screen. */
import { findTool } from "./child.ts";

export const chromiumTool = findTool("chromium", ["/usr/bin/chromium"], ["--version"]);

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
