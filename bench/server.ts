import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { endProcess } from "./child.ts";
import type { Ports } from "./protocol.ts";

const PROGRAM = fileURLToPath(new URL("./echo-server.js", import.meta.url));
const START_MS = 10_000;

/** The echo server, in a process of its own. */
export interface EchoServer {
  readonly ports: Ports;
  /** Of Bun. */
  readonly version: string;
  end(): Promise<void>;
}

/** Starts the echo server. */
export async function startServer(): Promise<EchoServer> {
  const child = spawn(findBun(), [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  const end = (): Promise<void> => endProcess(child, () => child.stdin?.end());
  try {
    const { version, ...ports } = JSON.parse(await firstLine(child)) as Ports & { version: string };
    return { ports, version, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/**
 * The bun that npm installed. Where npm held back its install script, bin/ holds a text that says so; the program itself
 * lies in the package for this processor all the same.
 */
export function findBun(): string {
  const require = createRequire(import.meta.url);
  const home = dirname(require.resolve("bun/package.json"));
  const scope = join(home, "../@oven");
  const candidates = [join(home, "bin/bun.exe"), ...folders(scope).map((name) => join(scope, name, "bin/bun"))];
  const found = candidates.find((path) => spawnSync(path, ["--version"], { timeout: START_MS }).status === 0);
  if (found !== undefined) return found;
  throw new Error("bun, which runs the echo server, does not start: run npm ci, then node node_modules/bun/install.js");
}

function folders(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error("the echo server did not start in time")), START_MS);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the echo server ended (${code}) before it was ready`)));
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes("\n")) return;
      clearTimeout(timer);
      resolve(text.slice(0, text.indexOf("\n")));
    });
  });
}
