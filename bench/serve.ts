import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ServeCase } from "./cases.ts";
import { endProcess } from "./child.ts";
import type { Job, LoadAnswer, LoadOrder, Measured } from "./protocol.ts";

const LOAD = fileURLToPath(new URL("./load.js", import.meta.url));

/** Bytes that a client sends as a body, where it sends one. */
const BODY = JSON.stringify({ text: "The quick brown fox jumps over the lazy dog", n: 64 });

const HANDSHAKE = [
  "GET / HTTP/1.1",
  "Host: 127.0.0.1",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "",
  "",
].join("\r\n");

/** A client's frame with 64 bytes of text, and a server's: two bytes of header. */
const TEXT = "0123456789abcdef".repeat(4);
const KEY = [0x37, 0xfa, 0x21, 0x3d];
const FRAME = String.fromCharCode(
  0x81,
  0x80 | TEXT.length,
  ...KEY,
  ...Array.from(TEXT, (it, at) => it.charCodeAt(0) ^ (KEY[at & 3] as number)),
);

function requestOf({ task }: ServeCase): string {
  if (task === "echo" || task === "broadcast") return FRAME;
  const fields = "Host: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: application/json\r\n";
  if (task === "GET") return `GET /items/1?a=b HTTP/1.1\r\n${fields}\r\n`;
  const body = `Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
  return `POST /items HTTP/1.1\r\n${fields}${body}`;
}

/** How many requests the server at `port`, which is in this process, answers in a second to clients of another one. */
export async function measureServe(one: ServeCase, job: Job, port: number): Promise<Measured> {
  const child = fork(LOAD, [], { execArgv: [], stdio: ["ignore", 2, 2, "ipc"] });
  try {
    const { connections, inFlight } = one;
    const { settleMs, measureMs } = job;
    const ws = one.protocol === "ws";
    const order: LoadOrder = {
      port,
      connections,
      inFlight,
      opening: ws ? HANDSHAKE : "",
      request: requestOf(one),
      answerSize: ws ? 2 + TEXT.length : 0,
      oneAsks: one.task === "broadcast",
      settleMs,
      measureMs,
    };
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

/** Returns the next message of the process, which must be this. */
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
