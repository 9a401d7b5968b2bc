/** Chromium as Debian packages it, without a screen. */
import { findTool } from "./child.ts";

export const chromiumTool = findTool("chromium", ["/usr/bin/chromium"], ["--version"]);

/** It connects to this machine only, and does not check for updates. */
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
