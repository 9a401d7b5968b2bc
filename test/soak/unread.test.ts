/**
 * Clients that send and never read, in a process of their own: what they do costs the others nothing. `UNREAD=1000` (or any
 * other number of clients) runs each kind with so many.
 */
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type HttpServer, http, limits, TcpServer, type TwinwireError, WebSocket, WebSocketServer } from "twinwire";
import { type Child, startChild } from "../support/child.ts";
import { endPeers } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";

const MIB = 1 << 20;
const { UNREAD = "24" } = process.env;
const CLIENTS = Number(UNREAD);
/** What each sends at most: more than the system's buffers take of the answers. */
const BYTES = { pings: 4 * MIB, messages: MIB / 4, requests: MIB, answers: 1024 };
const STALL_MS = 6_000;
const EXCHANGES = 100;
const ROUNDS = 10;
const MOST_MS = 50;
/** What the process may grow by: the pool, and what a runtime keeps for its sockets. */
const MOST_GROWTH = 64 * MIB + CLIENTS * 256 * 1024 + 160 * MIB;
/** What the server lets wait for one client: more than the system takes, and for all of them no more than the pool has. */
const MOST_WAITING = Math.min(2.5 * MIB, (256 * MIB) / CLIENTS);
const SLOW = 90_000;

const large = new Uint8Array(8 * MIB);
const part = new Uint8Array(64 * 1024);
const program = fileURLToPath(new URL("../support/unread.mjs", import.meta.url));

let sockets: WebSocketServer;
let requests: HttpServer;
let stalled = 0;

beforeAll(async () => {
  limits({ stallTimeoutMs: STALL_MS });
  sockets = new WebSocketServer("127.0.0.1", 0, {
    listen: { backlog: 1024 },
    onMessage: (socket, data) => {
      if (data !== "more") socket.send(data);
      else if (socket.bufferedAmount < MOST_WAITING) socket.send(part);
    },
    onError: () => {},
  });
  await sockets.opened;
  const listener = new TcpServer("127.0.0.1", 0, { backlog: 1024 });
  await listener.opened;
  requests = http.serve(listener, ({ path }) => ({ body: path === "/large" ? large : "ok" }), {
    onError: (error) => {
      if ((error as TwinwireError).code === "ERR_STALLED") stalled += 1;
    },
  });
});
afterEach(endPeers);
afterAll(async () => {
  await sockets.close({ graceMs: 100 });
  await requests.close({ graceMs: 100 });
});

async function unread(kind: keyof typeof BYTES): Promise<Child> {
  const address = kind === "pings" || kind === "messages" ? sockets.addr() : requests.server.addr();
  const [, port = ""] = address.split(":");
  const child = startChild(process.execPath, [program, port, kind, String(CLIENTS), String(BYTES[kind])]);
  expect(await child.lines.next(SLOW)).toBe(`open ${CLIENTS}`);
  expect(await child.lines.next(SLOW)).toBe("blocked");
  return child;
}

/** The 99th percentile of some exchanges, in ms; the best of a few rounds, until it is below `goal`. */
async function percentile(exchange: () => Promise<unknown>, goal: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS && best >= goal; round++) {
    const times: number[] = [];
    for (let count = 0; count < EXCHANGES; count++) {
      const start = performance.now();
      await within(exchange(), "an answer");
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    best = Math.min(best, times[Math.floor(EXCHANGES * 0.99) - 1] ?? best);
  }
  return best;
}

async function echo(socket: WebSocket): Promise<void> {
  const answered = new Promise((resolve) => {
    socket.onmessage = resolve;
  });
  socket.send("a word");
  await answered;
}

async function fetched(): Promise<void> {
  const url = `http://${requests.server.addr()}/`;
  const { status } = await http.request({ method: "GET", url }, { keepAlive: false, timeoutMs: 8_000 });
  expect(status).toBe(200);
}

/** What a client that reads gets while those of `kind` do not. */
async function expectServed(kind: keyof typeof BYTES): Promise<void> {
  const before = process.memoryUsage().rss;
  const socket = new WebSocket(`ws://${sockets.addr()}/`);
  await within(socket.opened, "open");
  /* The machine may have other work, too. */
  const calm = Math.max(await percentile(() => echo(socket), 0), await percentile(fetched, 0));
  const most = Math.max(MOST_MS, 4 * calm);
  const child = await unread(kind);
  /* What they have asked for first is work; what follows waits for them to read. */
  const settled = performance.now() + SLOW;
  while ((await fetched().catch(() => "late")) === "late") expect(performance.now()).toBeLessThan(settled);
  const times = [await percentile(() => echo(socket), most), await percentile(fetched, most)];
  const started = performance.now();
  const another = new WebSocket(`ws://${sockets.addr()}/`);
  await within(another.opened, "another one");
  const opening = performance.now() - started;
  await echo(another);
  const growth = process.memoryUsage().rss - before;
  const shown = [...times, opening].map((ms) => ms.toFixed(1)).join(", ");
  process.stderr.write(`${CLIENTS} of ${kind}: ${shown} ms; ${Math.round(growth / MIB)} MiB\n`);
  expect(Math.max(...times)).toBeLessThan(most);
  expect(growth).toBeLessThan(MOST_GROWTH);
  socket.close();
  another.close();
  child.process.kill("SIGKILL");
}

describe(`${CLIENTS} clients that never read`, () => {
  test("and send pings", () => expectServed("pings"), SLOW);
  test("and send messages that are answered", () => expectServed("messages"), SLOW);
  test("and pipeline requests", () => expectServed("requests"), SLOW);
  test("and ask for large answers", () => expectServed("answers"), SLOW);

  test(
    "are closed once they have taken nothing for stallTimeoutMs",
    async () => {
      stalled = 0;
      await unread("answers");
      await until(() => stalled >= CLIENTS, "their ends", 10 * STALL_MS);
    },
    SLOW,
  );
});
