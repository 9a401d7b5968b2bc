import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import { lastError, runtime } from "twinwire/handles";
import { type Child, startChild } from "../support/child.ts";
import { endPeers, freePort, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, pause, within } from "../support/wait.ts";

afterEach(endPeers);

const api = join(dirname(fileURLToPath(import.meta.url)), "../../dist/handles.js");

/** A process of its own that runs `program`, a module that has the api's exports. */
function run(program: string): Child {
  const head = `import { defineEvent, lastError, net, on, runtime, ws } from ${JSON.stringify(api)};\n`;
  return startChild(process.execPath, ["--input-type=module", "-e", head + program]);
}

test("a program ends by itself when nothing is open, and lives while a handle is", async () => {
  const { port } = await tcpPeer((socket) => socket.on("data", () => socket.end()));
  const child = run(`
    const sock = net.tcpConnect("127.0.0.1", ${port});
    net.on(sock, "connected", () => setTimeout(() => net.send(sock, "bye"), 100).unref());
    net.on(sock, "disconnected", () => console.log("ended"));
  `);
  expect(await within(child.ended, "the end")).toBe(0);
  expect(child.lines.all).toEqual(["ended"]);
});

test("an unref'ed handle keeps nothing alive, ref'ed again it does", async () => {
  const { port } = await tcpPeer(() => {});
  const program = (after: string): string => `
    const sock = net.tcpConnect("127.0.0.1", ${port});
    const udp = net.udpOpen(0);
    net.unref(udp);
    net.on(sock, "connected", () => { net.unref(sock); ${after} console.log("connected"); });
  `;
  const first = run(program(""));
  expect(await within(first.ended, "the end")).toBe(0);
  const second = run(program("net.ref(sock);"));
  await second.lines.next();
  await pause(150);
  expect(second.process.exitCode).toBe(null);
});

test("a handle that waits to reconnect keeps the process alive, unless it is unref'ed", async () => {
  const port = await freePort();
  const program = (after: string): string => `
    const conn = ws.open("ws://127.0.0.1:${port}/");
    ws.setAutoReconnect(conn, true);
    ws.setReconnectDelays(conn, [0.05, 60]);
    let attempts = 0;
    ws.on(conn, "error", () => { if (++attempts === 2) { ${after} console.log("waits"); } });
  `;
  const first = run(program("ws.unref(conn);"));
  expect(await within(first.ended, "the end")).toBe(0);
  const second = run(program(""));
  await second.lines.next();
  await pause(150);
  expect(second.process.exitCode).toBe(null);
});

test("keepAlive holds the process until exit, which sets its code", async () => {
  const child = run(`
    runtime.keepAlive();
    runtime.keepAlive();
    setTimeout(() => console.log("alive", runtime.exit(7)), 100).unref();
  `);
  expect(await within(child.ended, "the end")).toBe(7);
  expect(child.lines.all).toEqual(["alive 0"]);
});

test("exit lets what is queued go, closes in order, and ends reconnecting", async () => {
  const closes = new Inbox<number>("a close");
  const messages = new Inbox<number>("a message");
  const { url } = await wsPeer((socket) => {
    socket.on("message", (data) => messages.push((data as Buffer).length));
    socket.on("close", closes.push);
  });
  const child = run(`
    const conn = ws.open(${JSON.stringify(url)});
    ws.setAutoReconnect(conn, true);
    ws.unref(conn);
    runtime.keepAlive();
    ws.on(conn, "connected", () => {
      ws.send(conn, "x".repeat(1_000_000));
      runtime.exit();
    });
  `);
  expect(await within(child.ended, "the end")).toBe(0);
  expect(await messages.next()).toBe(1_000_000);
  expect(await closes.next()).toBe(1000);
  expect(closes.all).toHaveLength(1);
});

test("a listener that throws is an uncaught exception, and every other listener is still called", async () => {
  const { port } = await tcpPeer((socket) => socket.pipe(socket));
  const child = run(`
    process.on("uncaughtException", (error) => console.log("uncaught", error.message));
    const NetData = defineEvent("NetData", { data: "string" });
    NetData.on(() => { throw new Error("first"); });
    NetData.on((e) => console.log("typed", e.data));
    const sock = net.tcpConnect("127.0.0.1", ${port});
    net.on(sock, "data", NetData);
    net.on(sock, "connected", () => { net.send(sock, "ping"); throw new Error("second"); });
    net.on(sock, "data", (e) => { console.log("plain", e.data); net.close(sock); });
  `);
  expect(await within(child.ended, "the end")).toBe(0);
  expect(child.lines.all).toEqual(["uncaught second", "typed ping", "plain ping", "uncaught first"]);
});

test("an error event without a listener does not throw", async () => {
  const child = run(
    `net.tcpConnect("127.0.0.1", ${await freePort()}); ws.open("ws://127.0.0.1:${await freePort()}/");`,
  );
  expect(await within(child.ended, "the end")).toBe(0);
  expect(child.errors.all).toEqual([]);
});

test("a code that no process can have is refused", () => {
  for (const code of [-1, 256, 1.5, Number.NaN]) {
    expect(runtime.exit(code)).toBe(-1);
    expect(lastError()?.code).toBe("ERR_ARGUMENT");
  }
});
