// The sources of lwIP, as Debian has them, in build/lwip: fetched once, unpacked, checked.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../wasm/build/project.mjs";

const VERSION = "2.1.3";
const folder = join(root, "build/lwip");

export const lwip = join(folder, "lwip");

/** What is missing to have them; undefined: nothing. */
export function lwipMissing() {
  if (existsSync(join(lwip, "src"))) return undefined;
  return spawnSync("apt-get", ["--version"]).status === 0 ? undefined : "apt-get, for lwIP's sources";
}

/** apt-get with lists of its own: needs no root, and sources need not be enabled on the machine. */
function apt(...args) {
  const state = join(folder, "apt");
  for (const name of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(state, name), { recursive: true });
  writeFileSync(
    join(state, "sources.list"),
    "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n",
  );
  const options = [
    `Dir::Etc::sourcelist=${join(state, "sources.list")}`,
    "Dir::Etc::sourceparts=-",
    `Dir::State::lists=${join(state, "lists")}`,
    `Dir::Cache=${join(state, "cache")}`,
    "APT::Sandbox::User=root",
  ].flatMap((it) => ["-o", it]);
  const { status, stderr } = spawnSync("apt-get", ["-q", ...options, ...args], {
    cwd: folder,
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`apt-get ${args.join(" ")}: ${stderr}`);
}

/** Fetches what is not there yet. apt checks Debian's signature and the sums. */
export function fetchLwip() {
  if (existsSync(join(lwip, "src"))) return;
  mkdirSync(folder, { recursive: true });
  apt("update");
  apt("source", "--download-only", "lwip");
  const archive = readdirSync(folder).find((it) => it.endsWith(".orig.tar.xz"));
  if (!archive?.includes(VERSION)) throw new Error(`lwIP ${VERSION} is expected, and ${archive} came`);
  const { status, stderr } = spawnSync("tar", ["xf", archive], { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`tar: ${stderr}`);
  rmSync(lwip, { recursive: true, force: true });
  renameSync(join(folder, `lwip-${VERSION}`), lwip);
}

/** What a host with sockets, TCP, UDP, DNS, IPv4 and IPv6 needs of it. */
export function lwipSources() {
  const files = (path) => readdirSync(join(lwip, path)).map((name) => join(lwip, path, name));
  return [
    ...["src/api", "src/core", "src/core/ipv4", "src/core/ipv6"].flatMap(files),
    join(lwip, "src/netif/ethernet.c"),
  ]
    .filter((path) => path.endsWith(".c"))
    .sort();
}
