import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { findBun } from "./bun.ts";
import { endProcess } from "./child.ts";
import type { Ports } from "./protocol.ts";

const PROGRAM = fileURLToPath(new URL("./echo-server.js", import.meta.url));
const START_MS = 30_000;

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
