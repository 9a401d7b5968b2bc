/** Compression of the handle API: messages are compressed within the call that sends them. */
import { once } from "node:events";
import { afterEach, describe, expect, test } from "@jest/globals";
import { lastError, net, ws } from "twinwire/handles";
import { type WebSocket as Peer, WebSocketServer } from "ws";
import { wsClient } from "../api/ws-server/support.ts";
import { differs } from "../support/host.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, until, within } from "../support/wait.ts";

afterEach(endPeers);

const text = "the quick brown fox jumps over the lazy dog, grüßt it, and again. ".repeat(40);

/** A server of `ws` that compresses, and what its clients send. */
async function peer(options: object = {}): Promise<{ url: string; sockets: Inbox<Peer>; messages: Inbox<string> }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: { threshold: 0, ...options } });
  atEnd(() => server.close());
  await once(server, "listening");
  const sockets = new Inbox<Peer>("a socket");
  const messages = new Inbox<string>("a message");
  server.on("connection", (socket) => {
    socket.on("message", (data, binary) => messages.push(`${binary ? "binary" : "text"} ${data}`));
    sockets.push(socket);
  });
  const { port } = server.address() as { port: number };
  return { url: `ws://127.0.0.1:${port}/`, sockets, messages };
}

async function opened(url: string, deflate: object | true): Promise<number> {
  const conn = ws.open(url, { deflate });
  atEnd(() => ws.close(conn));
  await within(new Promise((resolve) => ws.on(conn, "connected", resolve)), "connected");
  return conn;
}

const sentBy = (conn: number): number => ws.stats(conn)?.sent ?? 0;

describe.each([
  ["a window that is kept", {}],
  ["each message by itself", { noContextTakeover: true }],
  ["a small window", { maxWindowBits: 9 }],
])("a client, %s", (name, options) => {
  test("what it sends is compressed, in order, and returns the length of the payload", async () => {
    const { url, sockets, messages } = await peer();
    const conn = await opened(url, options);
    await sockets.next();
    const size = Buffer.byteLength(text);
    const before = sentBy(conn);
    expect(ws.send(conn, text)).toBe(size);
    await until(() => ws.bufferedAmount(conn) === 0, "the first message");
    const first = sentBy(conn) - before;
    expect(first).toBeLessThan(size / 4);
    expect(ws.send(conn, text)).toBe(size);
    expect(ws.send(conn, "short")).toBe(5);
    expect(ws.send(conn, Buffer.from(text))).toBe(size);
    await until(() => ws.bufferedAmount(conn) === 0, "all messages");
    const rest = sentBy(conn) - before - first;
    /* With a window that is kept, what was sent once is short. */
    if (name === "a window that is kept") expect(rest < first).toBe(!differs("deflate-window"));
    const all = [await messages.next(), await messages.next(), await messages.next(), await messages.next()];
    expect(all).toEqual([`text ${text}`, `text ${text}`, "text short", `binary ${text}`]);
  });
});

test("the threshold, what does not shrink, and fragments: sent as they are", async () => {
  const { url, messages } = await peer();
  const conn = await opened(url, { threshold: 100 });
  const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(300)));
  const before = sentBy(conn);
  ws.send(conn, "x".repeat(99));
  ws.send(conn, noise.toString("latin1").slice(0, 20));
  ws.send(conn, noise);
  ws.sendFragment(conn, "y".repeat(200), false);
  ws.sendFragment(conn, "y".repeat(200), true);
  await until(() => ws.bufferedAmount(conn) === 0, "all messages");
  expect(sentBy(conn) - before).toBeGreaterThan(99 + 300 + 400);
  expect(await messages.next()).toBe(`text ${"x".repeat(99)}`);
  await messages.next();
  expect(await messages.next()).toBe(`binary ${noise}`);
  expect(await messages.next()).toBe(`text ${"y".repeat(400)}`);
});

test("a message that is refused leaves no trace: those behind it arrive whole", async () => {
  const { url, sockets, messages } = await peer();
  const conn = await opened(url, { threshold: 1 });
  const socket = await sockets.next();
  socket.pause();
  const refusedWith = new Set<string | undefined>();
  const drained = new Promise((resolve) => ws.on(conn, "drain", resolve));
  let sent = 0;
  /* Each message half noise, so that the outbound buffer fills. */
  for (; refusedWith.size === 0; sent++) {
    const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("hex");
    if (ws.send(conn, `${sent} ${noise} ${text}`) < 0) refusedWith.add(lastError()?.code);
  }
  expect([...refusedWith]).toEqual(["ERR_BACKPRESSURE"]);
  socket.resume();
  await within(drained, "drain");
  expect(ws.send(conn, `last ${text}`)).toBeGreaterThan(0);
  for (let at = 0; at < sent - 1; at++) expect((await messages.next()).startsWith(`text ${at} `)).toBe(true);
  expect(await messages.next()).toBe(`text last ${text}`);
});

test("a server compresses for clients that offer it, and a broadcast keeps its place", async () => {
  const server = ws.listen("127.0.0.1", 0, { deflate: { threshold: 0 } });
  atEnd(() => ws.close(server));
  await within(new Promise((resolve) => net.on(server, "connected", resolve)), "listening");
  const got = new Inbox<string>("a message");
  ws.on(server, "message", ({ message }, { handle }) => {
    got.push(String(message));
    ws.send(handle, `one ${message}`);
    ws.broadcast([handle], "two");
    ws.send(handle, `three ${message}`);
  });
  for (const perMessageDeflate of [{ threshold: 0 }, false]) {
    const client = await wsClient(`ws://${ws.localAddr(server)}/`, { perMessageDeflate });
    expect(client.extensions).toBe(perMessageDeflate === false ? "" : "permessage-deflate");
    const messages = new Inbox<string>("a message");
    client.on("message", (data) => messages.push(String(data)));
    client.send(text);
    expect(await got.next()).toBe(text);
    expect([await messages.next(), await messages.next(), await messages.next()]).toEqual([
      `one ${text}`,
      "two",
      `three ${text}`,
    ]);
  }
});

test("after a reconnect, compression starts afresh", async () => {
  const { url, sockets, messages } = await peer();
  const conn = await opened(url, { threshold: 1 });
  ws.setAutoReconnect(conn, true);
  ws.setReconnectDelays(conn, [0]);
  for (let round = 0; round < 3; round++) {
    const socket = await sockets.next();
    await until(() => ws.state(conn) === "open", "open");
    ws.send(conn, text);
    ws.send(conn, text);
    expect([await messages.next(), await messages.next()]).toEqual([`text ${text}`, `text ${text}`]);
    socket.close(1012);
  }
});
