/** A new process serves before the old one ends: no connection is refused, and nobody comes back at the same time. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import { limits, WebSocket } from "twinwire";
import { describeWith, findTool, startChild } from "../../support/child.ts";
import { atEnd, endPeers } from "../../support/peers.ts";
import { Inbox, until, within } from "../../support/wait.ts";

/* CONNECTIONS=10000 is the long form; each takes a descriptor here and one in the other process. */
const { CONNECTIONS = "1000" } = process.env;
const COUNT = Number(CONNECTIONS);
/** How long a step with all of them may take, in ms: a process that gets a tenth of a processor refuses nobody, it is late. */
const LONG_MS = 60_000 + 10 * COUNT;
limits({ connectTimeoutMs: LONG_MS, ...(COUNT > 8000 ? { sockets: 16_384, webSockets: 16_384 } : {}) });
/** Attempts under way at once: what is tested is the server, not how many SYNs the system keeps. */
const AT_ONCE = 200;
/* For the ways that differ from the first one in how the socket is passed only. */
const FEW = Math.min(COUNT, 300);
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const program = path("handover-process.mjs");
const environment = { NODE_OPTIONS: "" };

afterEach(endPeers);

/** Starts the program that has the listening socket; returns the lines of it and of its processes. */
function startSupervisor(python: string): { lines: Inbox<string>; send(command: string): void } {
  const args = [path("handover.py"), process.execPath, program, "inherit"];
  const child = spawn(python, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = new Inbox<string>("a line of the supervisor");
  createInterface({ input: child.stdout }).on("line", lines.push);
  atEnd(async () => {
    child.stdin.end();
    await within(once(child, "close"), "the end of the supervisor");
  });
  return { lines, send: (command) => child.stdin.write(`${command}\n`) };
}

/** Clients that connect again at once when they are closed, while some of them send. */
class Load {
  /** Why attempts failed, each reason once with its count. */
  readonly refused = new Map<string, number>();
  /** Clients that were closed. */
  closed = 0;
  answers = 0;
  readonly codes = new Set<number>();
  readonly open = new Set<WebSocket>();
  /** The processes that have answered. */
  readonly pids = new Set<number>();
  readonly #url: string;
  readonly #waiting: (() => void)[] = [];
  #attempts = 0;
  #ended = false;

  constructor(address: string) {
    this.#url = `ws://${address}/`;
    const timer = setInterval(() => {
      let count = 0;
      for (const socket of this.open) {
        if (count++ === 20) break;
        socket.send("x");
      }
    }, 10);
    atEnd(() => {
      clearInterval(timer);
      this.end();
    });
  }

  async connect(count: number): Promise<void> {
    for (let at = 0; at < count; at++) this.#connect();
    await until(() => this.open.size === count, "the connections", LONG_MS);
  }

  /** Asks every client's server who it is. */
  async ask(): Promise<ReadonlySet<number>> {
    this.pids.clear();
    const before = this.answers;
    const asked = [...this.open];
    for (const socket of asked) socket.send("pid");
    await until(() => this.answers - before >= asked.length, "the answers", LONG_MS);
    return this.pids;
  }

  end(): void {
    this.#ended = true;
    for (const socket of this.open) socket.close();
  }

  /** Begins an attempt, now or when another one has ended. */
  #connect(): void {
    this.#waiting.push(() => this.#attempt());
    this.#next();
  }

  #next(): void {
    while (this.#attempts < AT_ONCE && !this.#ended) {
      const attempt = this.#waiting.shift();
      if (attempt === undefined) return;
      this.#attempts++;
      attempt();
    }
  }

  #attempt(): void {
    const socket = new WebSocket(this.#url);
    let reason = "";
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      this.#attempts--;
      this.#next();
    };
    socket.onopen = () => {
      this.open.add(socket);
      over();
    };
    socket.onerror = ({ message }) => {
      reason = message;
    };
    socket.onmessage = ({ data }) => {
      const [, pid] = /^pid (\d+)$/.exec(String(data)) ?? [];
      if (pid !== undefined) this.pids.add(Number(pid));
      this.answers++;
    };
    socket.onclose = ({ code }) => {
      over();
      if (this.#ended) return;
      if (this.open.delete(socket)) {
        this.closed++;
        this.codes.add(code);
      } else this.refused.set(`${code} ${reason}`, (this.refused.get(`${code} ${reason}`) ?? 0) + 1);
      this.#connect();
    };
  }
}

/** Waits until each of the clients was closed once and is connected again; none was refused, and none is what it was. */
async function moves(load: Load, count: number, old: readonly WebSocket[]): Promise<void> {
  await until(() => load.open.size === count && load.closed >= count, "all connections", LONG_MS);
  const before = load.answers;
  await until(() => load.answers > before, "answers of the new process");
  load.end();
  expect([...load.refused]).toEqual([]);
  expect([...load.codes]).toEqual([1012]);
  expect(old.every((socket) => !load.open.has(socket))).toBe(true);
}

const LINE = /^serving (\S+) (\d+)$/;

/** The address and the process of the next line. */
async function serving(lines: Inbox<string>): Promise<{ address: string; pid: number }> {
  const [, address = "", pid = ""] = LINE.exec(await lines.next()) ?? [];
  expect(address).not.toBe("");
  return { address, pid: Number(pid) };
}

describeWith(findTool("python3", ["python3"], ["--version"]), "a listening socket that is passed on", (python) => {
  test(`${COUNT} connections under load move to the new process, and none is refused`, async () => {
    const { lines, send } = startSupervisor(python);
    expect(await lines.next()).toMatch(/^port \d+$/);
    send("start");
    const load = new Load((await serving(lines)).address);
    await load.connect(COUNT);
    send("start");
    await serving(lines);
    const old = [...load.open];
    send("end");
    expect(await lines.next(LONG_MS)).toBe("ended 0");
    await moves(load, COUNT, old);
  }, 300_000);

  test("the queue of the socket stays as long as the program that opened it has chosen", async () => {
    const { lines, send } = startSupervisor(python);
    expect(await lines.next()).toMatch(/^port \d+$/);
    send("start");
    const { address, pid } = await serving(lines);
    process.kill(pid, "SIGSTOP");
    /* More than the 511 to which Node would shorten it; the system does not answer those that have no place. */
    const waiting = Array.from({ length: 700 }, () => connect(Number(address.split(":").at(-1)), "127.0.0.1"));
    atEnd(() => {
      for (const socket of waiting) socket.destroy();
    });
    await within(Promise.all(waiting.map((socket) => once(socket, "connect"))), "the connections");
    process.kill(pid, "SIGCONT");
  });
});

test("a process passes its socket to its successor by process.send, under load, and no connection is refused", async () => {
  const child = startChild(process.execPath, [program, "open"], environment);
  const { address, pid } = await serving(child.lines);
  const load = new Load(address);
  await load.connect(FEW);
  expect([...(await load.ask())]).toEqual([pid]);
  const old = [...load.open];
  child.process.kill("SIGUSR2");
  const next = await serving(child.lines);
  atEnd(() => process.kill(next.pid, "SIGKILL"));
  expect(next.address).toBe(address);
  expect(await child.lines.next()).toBe(`ended ${pid}`);
  await until(() => load.open.size === FEW && load.closed >= FEW, "all connections", LONG_MS);
  expect([...(await load.ask())]).toEqual([next.pid]);
  await moves(load, FEW, old);
}, 120_000);

/* Its own version of Node may be too old for `reusePort`. */
const newer = fileURLToPath(new URL("../../../scripts/runtimes/node_modules/node-26/bin/node", import.meta.url));
const node26 = {
  program: existsSync(newer) ? newer : undefined,
  from: "in scripts/runtimes: npm ci --prefix scripts/runtimes",
};

describeWith(node26, "a port that processes of Node 26 share", (node) => {
  test("both serve, and when one ends, its clients move to the other", async () => {
    const first = startChild(node, [program, "port", "0"], environment);
    const { address, pid } = await serving(first.lines);
    const second = startChild(node, [program, "port", address.split(":").at(-1) ?? ""], environment);
    const other = await serving(second.lines);
    expect(other.address).toBe(address);
    const load = new Load(address);
    await load.connect(FEW);
    expect([...(await load.ask())].sort()).toEqual([pid, other.pid].sort());
    first.process.kill("SIGTERM");
    expect(await within(first.ended, "the end of the first")).toBe(0);
    await until(() => load.open.size === FEW, "all connections", LONG_MS);
    expect([...(await load.ask())]).toEqual([other.pid]);
    expect([...load.codes]).toEqual([1012]);
  }, 60_000);
});
