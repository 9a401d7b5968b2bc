// A chat that survives: four processes behind one port, a page, and clients that count while the processes are killed one after
// the other.
//
//   node build/tools/examples/chat-cluster/main.js [seconds] [ms]      seconds: 0, the default: until Ctrl-C
//                                                                      ms between two that are killed; 1000 by default
//
// It starts redis-server, or uses the Redis at REDIS_URL. After the seconds it prints what was counted, and fails if a
// message was lost or came twice, or if somebody is listed who is gone.

import { type ChildProcess, spawn } from "node:child_process";
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Counter } from "./counter.ts";
import { serve } from "./worker.ts";

const PROCESSES = 4;

const [seconds = "0", killMs = "1000"] = process.argv.slice(2);

if (cluster.isPrimary) await main(Number(seconds), Number(killMs));
else await serveAsWorker();

async function main(seconds: number, killMs: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "chat-cluster-"));
  const redis = await startRedis(folder);
  const port = await freePort();
  let ending = false;
  const serving = new Set<Worker>();
  const start = (): Promise<unknown> => {
    const worker = cluster.fork({ CHAT_PORT: `${port}`, CHAT_REDIS: redis.url });
    worker.once("exit", () => {
      serving.delete(worker);
      if (!ending) start();
    });
    return once(worker, "listening").then(() => serving.add(worker));
  };
  await Promise.all(Array.from({ length: PROCESSES }, start));
  console.log(`${PROCESSES} processes serve http://127.0.0.1:${port}/`);

  const counter = new Counter(`127.0.0.1:${port}`);
  let killed = 0;
  const killing = setInterval(() => {
    if (serving.size < PROCESSES) return; /* The last one has not been replaced yet. */
    [...serving][Math.floor(Math.random() * PROCESSES)]?.process.kill("SIGKILL");
    killed++;
    console.log(`killed ${killed}; ${counter.summary()}`);
  }, killMs);
  await Promise.race([
    once(process, "SIGINT"),
    once(process, "SIGTERM"),
    ...(seconds > 0 ? [pause(seconds * 1_000)] : []),
  ]);
  clearInterval(killing);
  const problems = await counter.finish();
  console.log(`killed ${killed} processes; ${counter.summary()}`);
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? "nothing lost, nothing twice, nobody there who is gone" : "failed");
  ending = true;
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
  redis.child?.kill();
  rmSync(folder, { recursive: true, force: true });
  process.exit(problems.length === 0 ? 0 : 1);
}

async function serveAsWorker(): Promise<void> {
  const { CHAT_PORT, CHAT_REDIS = "" } = process.env;
  process.on("SIGINT", () => {}); /* It is for main. */
  await serve(Number(CHAT_PORT), CHAT_REDIS);
}

async function startRedis(folder: string): Promise<{ url: string; child: ChildProcess | undefined }> {
  const { REDIS_URL } = process.env;
  if (REDIS_URL !== undefined) return { url: REDIS_URL, child: undefined };
  const port = await freePort();
  const options = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  /* In a group of its own, so that Ctrl-C does not end it before the last messages have arrived. */
  const child = spawn("redis-server", options, { stdio: ["ignore", "pipe", "ignore"], detached: true });
  child.on("error", () => {
    console.error("chat-cluster: redis-server can't be started; install it, or set REDIS_URL");
    process.exit(1);
  });
  for await (const text of child.stdout) if (String(text).includes("Ready to accept")) break;
  return { url: `redis://127.0.0.1:${port}`, child };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
