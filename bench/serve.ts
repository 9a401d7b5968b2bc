import { type ChildProcess, fork, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ServeCase } from "./cases.ts";
import { endProcess } from "./child.ts";
import type { Job, LoadAnswer, LoadOrder, Measured } from "./protocol.ts";

const LOAD = fileURLToPath(new URL("./load.js", import.meta.url));

/** Bytes that a client sends as a body, where it sends one. */
const BODY = JSON.stringify({ text: "The quick brown fox jumps over the lazy dog", n: 64 });

/** What a WebSocket client sends first. */
export const HANDSHAKE = [
  "GET / HTTP/1.1",
  "Host: 127.0.0.1",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "",
  "",
].join("\r\n");

const KEY = [0x37, 0xfa, 0x21, 0x3d];

/** A text message of this size as a client sends it (RFC 6455 5.2), its bytes as characters. */
function frameOf(size: number): string {
  const extended = size < 126 ? 0 : size < 65_536 ? 2 : 8;
  const length = Array.from({ length: extended }, (_, at) => Math.floor(size / 256 ** (extended - 1 - at)) & 255);
  const head = [0x81, 0x80 | (extended === 0 ? size : extended === 2 ? 126 : 127), ...length, ...KEY];
  const payload = Buffer.alloc(size, "0123456789abcdef");
  for (let at = 0; at < size; at++) payload[at] = (payload[at] as number) ^ (KEY[at & 3] as number);
  return Buffer.concat([Buffer.from(head), payload]).toString("latin1");
}

/** The same message as a server sends it is shorter by the key. */
const answerSizeOf = ({ protocol, size }: ServeCase): number => {
  if (protocol === "http") return 0;
  return protocol === "tcp" ? size : frameOf(size).length - KEY.length;
};

function requestOf({ task, protocol, size }: ServeCase): string {
  if (task === "connect") return "";
  if (protocol === "tcp") return "x".repeat(size);
  if (protocol === "ws") return frameOf(size);
  const fields = "Host: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: application/json\r\n";
  if (task === "GET" || task === "text") return `GET /items/1?a=b HTTP/1.1\r\n${fields}\r\n`;
  const body = `Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
  return `POST /items HTTP/1.1\r\n${fields}${body}`;
}

/** What a server has used. */
export interface Meter {
  /** Processor time so far, in microseconds. */
  cpuMicros(): number;
  /** The resident set, in bytes. */
  rss(): number;
}

/** Of this process. */
export const ownMeter: Meter = {
  cpuMicros: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  rss: () => process.memoryUsage.rss(),
};

/**
 * How many requests the server at `port` answers in a second to clients of another process. The server is in this process,
 * or in the one of `meter`.
 */
export async function measureServe(one: ServeCase, job: Job, port: number, meter: Meter = ownMeter): Promise<Measured> {
  const { connections, inFlight } = one;
  const { settleMs, measureMs } = job;
  const order: LoadOrder = {
    port,
    connections,
    inFlight,
    opening: one.protocol === "ws" ? HANDSHAKE : "",
    request: requestOf(one),
    answerSize: answerSizeOf(one),
    oneAsks: one.task === "broadcast" || one.task === "alone",
    reopens: one.task === "connect",
    rate: one.rate ?? 0,
    settleMs,
    measureMs,
  };
  const load = job.load === undefined ? new ScriptLoad(order) : new NativeLoad(job.load, order);
  try {
    await load.begun;
    const before = meter.cpuMicros();
    const { count, ms, cpu, latency } = await load.counted;
    const cpuMicros = (meter.cpuMicros() - before) / count;
    if (count === 0) throw new Error("the server answered nothing");
    const value = one.task === "alone" ? cpuMicros * 1000 : (latency?.[1] ?? (count * 1000) / ms);
    return { value, cpuMicros, count, load: cpu, rss: meter.rss(), latency };
  } finally {
    await load.end();
  }
}

type Counted = Extract<LoadAnswer, { readonly count: number }>;

/** The load generator in C: reads its order from stdin, and prints two lines. */
class NativeLoad {
  readonly begun: Promise<unknown>;
  readonly counted: Promise<Counted>;
  readonly #child: ChildProcess;

  constructor(program: string, order: LoadOrder) {
    const { port, connections, inFlight, settleMs, measureMs, answerSize, oneAsks, reopens } = order;
    const { rate, opening, request } = order;
    const child = spawn(program, [], { stdio: ["pipe", "pipe", 2] });
    const numbers = [
      port,
      connections,
      inFlight,
      settleMs,
      measureMs,
      answerSize,
      Number(oneAsks),
      Number(reopens),
      rate,
    ];
    child.stdin?.on("error", () => {});
    child.stdin?.end(
      Buffer.from(`${[...numbers, opening.length, request.length].join(" ")}\n${opening}${request}`, "latin1"),
    );
    const lines = linesOf(child);
    this.begun = lines.next();
    this.counted = this.begun.then(async () => JSON.parse(await lines.next()) as Counted);
    this.counted.catch(() => {});
    this.#child = child;
  }

  end(): Promise<void> {
    return endProcess(this.#child, () => this.#child.kill());
  }
}

/** The lines that a process prints; a wait for one is rejected if the process ends before. */
function linesOf(child: ChildProcess): { next(): Promise<string> } {
  const lines: string[] = [];
  const waiting: { resolve(line: string): void; reject(error: Error): void }[] = [];
  let rest = "";
  let ended = false;
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      const next = waiting.shift();
      if (next === undefined) lines.push(line);
      else next.resolve(line);
    }
  });
  const end = (): void => {
    ended = true;
    for (const { reject } of waiting.splice(0)) reject(new Error("the load generator has ended"));
  };
  child.on("error", end);
  child.on("close", end);
  return {
    next: () =>
      new Promise((resolve, reject) => {
        const line = lines.shift();
        if (line !== undefined) resolve(line);
        else if (ended) reject(new Error("the load generator has ended"));
        else waiting.push({ resolve, reject });
      }),
  };
}

/** load.ts, for machines without a C compiler. */
class ScriptLoad {
  readonly begun: Promise<unknown>;
  readonly counted: Promise<Counted>;
  readonly #child: ChildProcess;

  constructor(order: LoadOrder) {
    if (order.reopens || order.rate > 0)
      throw new Error("opening connections over and over, and a fixed rate, need a C compiler");
    this.#child = fork(LOAD, [], { execArgv: [], stdio: ["ignore", 2, 2, "ipc"] });
    this.#child.send(order);
    this.begun = answerOf(this.#child, "begun");
    this.counted = this.begun.then(() => answerOf(this.#child, "count"));
    this.counted.catch(() => {});
  }

  end(): Promise<void> {
    return endProcess(this.#child, () => this.#child.connected && this.#child.disconnect());
  }
}

type Answered<K> = Extract<LoadAnswer, Record<K & string, unknown>>;

/** Returns the next message of the process, which must be this. */
function answerOf<K extends "begun" | "count">(child: ChildProcess, what: K): Promise<Answered<K>> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error("the process that asks has ended"));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      const answer = message as LoadAnswer;
      if (what in answer) resolve(answer as Answered<K>);
      else reject(new Error("failed" in answer ? answer.failed : `something else than ${what}`));
    });
  });
}
