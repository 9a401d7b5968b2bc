/** Chromium's own WebSocket against the server: what a browser sends, and what it makes of what we send. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type HttpReply, type ServerSocket, WebSocketServer, type WebSocketServerOptions } from "twinwire";
import { describeWith, startChild } from "../support/child.ts";
import { chromiumFlags, chromiumTool } from "../support/chromium.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, within } from "../support/wait.ts";

const SCRIPT = readFileSync(new URL("peers/chromium.js", import.meta.url));

/** What the page came to, by the name of the case. */
let results: Record<string, unknown> = {};
const result = (name: string): unknown => results[name];
/** How connections ended as the server saw it, by the path of their request. */
const ends = new Map<string, { code: number; reason: string; wasClean: boolean }>();
const seen: { protocol: string; extensions: string; sent: number; received: number; trip: number }[] = [];

function page(report: Inbox<string>): WebSocketServerOptions["onRequest"] {
  const reply = (type: string, body: string | Uint8Array): HttpReply => ({ headers: { "content-type": type }, body });
  const script = (code: string): HttpReply =>
    reply("text/html", `<!doctype html><body><script type="module">${code}</script>`);
  return async (request) => {
    if (request.path === "/report") report.push(await request.body.text());
    if (request.path === "/script.js") return reply("text/javascript", SCRIPT);
    if (request.path === "/leaving.html") {
      const socket = `new WebSocket("ws://127.0.0.1:" + new URLSearchParams(location.search).get("port") + "/leaves")`;
      return script(`${socket}.onopen = () => parent.postMessage("there", "*")`);
    }
    return script(`import "./script.js"`);
  };
}

async function serve(options: WebSocketServerOptions): Promise<{ server: WebSocketServer; port: number }> {
  const server = new WebSocketServer("127.0.0.1", 0, options);
  atEnd(() => server.close({ graceMs: 1000 }));
  await within(server.opened, "a server");
  return { server, port: Number(server.addr().split(":").at(-1)) };
}

const echo: WebSocketServerOptions = {
  onMessage: (socket, message) => socket.send(message),
  onConnection: (socket) => {
    socket.closed.then(({ code, reason, wasClean }) => {
      ends.set(socket.request.path, { code, reason, wasClean });
    });
  },
};

/** An echo that notes what was agreed on and what it took on the wire. */
const noting: WebSocketServerOptions = {
  onMessage: (socket, message) => socket.send(message),
  onConnection: async (socket) => {
    const { protocol, extensions } = socket;
    const trip = await socket.ping().catch(() => Number.NaN); // The browser may not like what was agreed on.
    await socket.closed;
    const { sent, received } = socket.stats();
    seen.push({ protocol, extensions, sent, received, trip });
  },
};

function hangUp(socket: ServerSocket): void {
  const asked = new URLSearchParams(socket.request.query);
  if (asked.has("cut")) socket.terminate();
  else socket.close(Number(asked.get("code")), asked.get("reason") ?? "");
}

async function sendParts(socket: ServerSocket): Promise<void> {
  /* Fragments of every length from 0 to 255, then text in single characters of one to four bytes. */
  for (let size = 0; size < 256; size++) await socket.sendFragment(new Uint8Array(size).fill(1), size === 255);
  for (const character of "größer → 🌍") await socket.sendFragment(character, false);
  await socket.sendFragment("", true);
}

describeWith(chromiumTool, "Chromium", (program) => {
  beforeAll(async () => {
    const report = new Inbox<string>("the page's report");
    const [home, deflate, deflateEach, parts, protocols, closer, ending, small, origins, all] = await Promise.all([
      serve({ ...echo, onRequest: page(report) }),
      serve({ ...noting, deflate: true }),
      serve({ ...noting, deflate: { noContextTakeover: true, threshold: 0, maxWindowBits: 10 } }),
      serve({ onConnection: sendParts }),
      serve({ ...noting, protocols: ["a", "b"] }),
      serve({ onConnection: hangUp }),
      serve({ onConnection: () => ending.server.close({ reason: "the end" }) }),
      serve({ maxMessage: 1024, deflate: true }),
      serve({ origins: ["http://elsewhere.example"] }),
      serve({ onMessage: (_, message) => all.server.broadcast(message) }),
    ]);
    const named = { echo: home, deflate, deflateEach, parts, protocols, closer, ending, small, origins, all };
    const ports = Object.fromEntries(Object.entries(named).map(([name, { port }]) => [name, port]));
    const profile = mkdtempSync(join(tmpdir(), "twinwire-chromium-"));
    atEnd(() => rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
    const url = `http://127.0.0.1:${home.port}/?servers=${encodeURIComponent(JSON.stringify(ports))}`;
    startChild(program, [...chromiumFlags, `--user-data-dir=${profile}`, url]);
    results = JSON.parse(await report.next(60_000));
  });
  afterAll(endPeers, 30_000);

  const done = (code: number, reason = "", wasClean = true): object => ({ code, reason, wasClean });

  test("text and binary of every length come back as they went, up to 1 MiB", () => {
    expect(result("plain")).toEqual({ wrong: [], extensions: "", ended: done(1000) });
    expect(result("burst")).toBe(2000);
  });

  test("with permessage-deflate", () => {
    const agreed = { wrong: [], extensions: expect.stringMatching(/^permessage-deflate/), ended: done(1000) };
    expect(result("deflate")).toEqual(agreed);
    expect(result("deflateEach")).toEqual(agreed);
    const [first, each] = seen.filter(({ extensions }) => extensions !== "");
    expect(each?.extensions).toContain("server_no_context_takeover");
    /* 2.4 MB of noise and 1.8 MB of a text that repeats. */
    for (const it of [first, each]) {
      expect(it?.sent).toBeGreaterThan(2_400_000);
      expect(it?.sent).toBeLessThan(2_800_000);
      expect(it?.received).toBeLessThan(2_800_000);
    }
  });

  test("fragments are one message", () => {
    const length = (255 * 256) / 2;
    expect(result("fragments")).toEqual({ length, sum: length, text: "größer → 🌍" });
  });

  test("the first of its subprotocols that the server speaks", () => {
    expect(result("protocol")).toEqual({ protocol: "b", ended: done(1005) });
    expect(result("noProtocol")).toEqual({ protocol: "", ended: done(1005) });
    /* It wants one of those that it offered. */
    expect(result("strangeProtocol")).toEqual(done(1006, "", false));
    expect(seen.map(({ protocol }) => protocol)).toContain("b");
  });

  test("it answers pings", () => {
    expect(seen.length).toBeGreaterThanOrEqual(4);
    /* All but the one that wanted another subprotocol, and left. */
    expect(seen.filter(({ trip }) => !(trip > 0)).map(({ protocol }) => protocol)).toEqual([""]);
  });

  test.each([
    ["closes", "/closes", 1000, ""],
    ["closesWithout", "/closes-without", 1005, ""],
    ["closesWithReason", "/closes-with-reason", 3000, "größer"],
    ["closesHigh", "/closes-high", 4999, "x".repeat(123)],
  ])("it closes, and both sides know how: %s", (name, path, code, reason) => {
    /* RFC 6455 5.5.1: the answer echoes the code. The reason was the page's, and is not sent back. */
    expect(result(name)).toEqual(done(code));
    expect(ends.get(path)).toEqual(done(code, reason));
  });

  test("a page that is left closes with 1001 (going away)", () => {
    expect(ends.get("/leaves")?.code).toBe(1001);
  });

  test("the server closes, and it knows how", () => {
    expect(result("closed")).toEqual([1000, 3001, 4000].map((code) => done(code, "größer")));
    expect(result("cut")).toEqual(done(1006, "", false));
    expect(result("shutDown")).toEqual(done(1001, "the end"));
  });

  test("what is too large is refused with 1009, also if it is small on the wire", () => {
    expect(result("tooLarge")).toMatchObject({ code: 1009 });
    expect(result("bomb")).toMatchObject({
      extensions: expect.stringMatching(/^permessage-deflate/),
      ended: { code: 1009 },
    });
  });

  test("a page of another origin does not come in", () => {
    expect(result("otherOrigin")).toEqual(done(1006, "", false));
  });

  test("a broadcast reaches each of 50 clients", () => {
    expect(result("broadcast")).toBe(50);
  });
});
