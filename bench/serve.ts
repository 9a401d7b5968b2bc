import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ServeCase } from "./cases.ts";
import { endProcess } from "./child.ts";
import type { Job, LoadAnswer, LoadOrder, Measured } from "./protocol.ts";

const LOAD = fileURLToPath(new URL("./load.js", import.meta.url));

/** Bytes that a client sends as a body, where it sends one. */
const BODY = JSON.stringify({ text: "The quick brown fox jumps over the lazy dog", n: 64 });

function requestOf({ method }: ServeCase): string {
  const fields = "Host: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: application/json\r\n";
  if (method === "GET") return `GET /items/1?a=b HTTP/1.1\r\n${fields}\r\n`;
  const body = `Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
  return `POST /items HTTP/1.1\r\n${fields}${body}`;
}

/** How many requests the server at `port`, which is in this process, answers in a second to clients of another one. */
export async function measureServe(one: ServeCase, job: Job, port: number): Promise<Measured> {
  const child = fork(LOAD, [], { execArgv: [], stdio: ["ignore", 2, 2, "ipc"] });
  try {
    const { connections, inFlight } = one;
    const { settleMs, measureMs } = job;
    const order: LoadOrder = { port, connections, inFlight, request: requestOf(one), settleMs, measureMs };
    child.send(order);
    await answerOf(child, "begun");
    const before = process.cpuUsage();
    const { count, ms } = await answerOf(child, "count");
    const { user, system } = process.cpuUsage(before);
    return { value: (count * 1000) / ms, cpuMicros: (user + system) / Math.max(1, count), count };
  } finally {
    await endProcess(child, () => child.connected && child.disconnect());
  }
}

type Told<K> = Extract<LoadAnswer, Record<K & string, unknown>>;

/** The next thing that the process tells, which must be this. */
function answerOf<K extends "begun" | "count">(child: ChildProcess, what: K): Promise<Told<K>> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error("the process that asks has ended"));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      const answer = message as LoadAnswer;
      if (what in answer) resolve(answer as Told<K>);
      else reject(new Error("failed" in answer ? answer.failed : `something else than ${what}`));
    });
  });
}
