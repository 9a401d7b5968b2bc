import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { defineEvent, type EventContext, lastError, type WsOpenOptions, ws } from "twinwire/handles";
import type { WebSocket } from "ws";
import { atEnd, endPeers, rawWsPeer, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";

afterEach(endPeers);

function open(url: string, options?: WsOpenOptions): number {
  const conn = ws.open(url, options);
  expect(conn).toBeGreaterThan(0);
  atEnd(() => ws.close(conn));
  return conn;
}

async function opened(url: string, options?: WsOpenOptions): Promise<number> {
  const conn = open(url, options);
  const connected = new Inbox<unknown>("connected");
  ws.on(conn, "connected", connected.push);
  await connected.next();
  return conn;
}

/** A connection that is open, and its other end. */
async function pair(): Promise<{ conn: number; peer: WebSocket }> {
  const accepted = new Inbox<WebSocket>("a connection");
  const { url } = await wsPeer(accepted.push);
  return { conn: await opened(url), peer: await accepted.next() };
}

test("listeners of declared types get exactly the declared shapes", async () => {
  const { url } = await wsPeer((socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
  const WsConnected = defineEvent("WsConnected", { conn: "i32" });
  const WsMessage = defineEvent("WsMessage", { message: "string" });
  const WsDisconnected = defineEvent("WsDisconnected", { conn: "i32" });
  const observed = new Inbox<unknown[]>("an event");
  WsConnected.on((e) => {
    observed.push([e]);
    ws.send(e.conn, "grüße");
    ws.send(e.conn, new Uint8Array([65, 255]));
  });
  WsMessage.on((e, { binary, bytes, handle }) => observed.push([e, binary, [...bytes], handle]));
  WsDisconnected.on((e) => observed.push([e]));
  const conn = open(url);
  expect(ws.on(conn, "connected", WsConnected)).toBe(0);
  expect(ws.on(conn, "message", WsMessage)).toBe(0);
  expect(ws.on(conn, "disconnected", WsDisconnected)).toBe(0);
  expect(ws.state(conn)).toBe("connecting");
  expect(await observed.next()).toEqual([{ conn }]);
  expect(ws.state(conn)).toBe("open");
  expect(await observed.next()).toEqual([{ message: "grüße" }, false, [...Buffer.from("grüße")], conn]);
  expect(await observed.next()).toEqual([{ message: "A\ufffd" }, true, [65, 255], conn]);
  ws.close(conn);
  expect(ws.state(conn)).toBe("closed");
  expect(await observed.next()).toEqual([{ conn }]);
});

test("plain functions get text as text and binary as bytes; with binary, all of it as bytes", async () => {
  const { conn, peer } = await pair();
  const messages = new Inbox<string | Uint8Array>("a message");
  const bytes = new Inbox<Uint8Array>("bytes");
  const contexts: EventContext[] = [];
  ws.on(conn, "message", (e, context) => {
    messages.push(e.message);
    contexts.push(context);
  });
  ws.on(conn, "message", (e) => bytes.push(e.message), { binary: true });
  peer.send("text");
  peer.send(Buffer.of(1, 2, 3));
  expect(await messages.next()).toBe("text");
  expect(await messages.next()).toEqual(Buffer.of(1, 2, 3));
  expect(bytes.all.map((it) => [...it])).toEqual([
    [116, 101, 120, 116],
    [1, 2, 3],
  ]);
  expect(contexts.map((it) => it.binary)).toEqual([false, true]);
});

test("messages of every size and kind come back whole", async () => {
  const { url } = await wsPeer((socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
  const conn = await opened(url);
  const messages = new Inbox<string | Uint8Array>("a message");
  ws.on(conn, "message", (e) => messages.push(e.message));
  for (const size of [0, 1, 47, 48, 49, 125, 126, 65_535, 65_536, 65_537, 200_000, 700_000]) {
    for (const unit of ["x", "é", "€"]) {
      const text = unit.repeat(size / Buffer.byteLength(unit));
      expect(ws.send(conn, text)).toBe(Buffer.byteLength(text));
      expect((await messages.next()) === text).toBe(true);
    }
    const bytes = Buffer.alloc(size, "0123456789abc");
    expect(ws.send(conn, bytes)).toBe(size);
    const back = (await messages.next()) as Uint8Array;
    expect(Buffer.compare(back, bytes)).toBe(0);
  }
});

test("a message in fragments is one message, also where a character is split; a ping may stand between", async () => {
  const { url } = await rawWsPeer((socket) => {
    const [first, second] = [Buffer.from("a€"), Buffer.from("😀b")];
    socket.write(Buffer.concat([frame(0x01, first.subarray(0, 2)), frame(0x89, Buffer.from("!"))]));
    socket.write(frame(0x00, Buffer.concat([first.subarray(2), second.subarray(0, 1)])));
    socket.write(frame(0x00, Buffer.alloc(0)));
    socket.write(
      Buffer.concat([frame(0x80, second.subarray(1)), frame(0x02, Buffer.of(1)), frame(0x80, Buffer.of(2))]),
    );
  }).then(({ port }) => ({ url: `ws://127.0.0.1:${port}` }));
  const conn = open(url);
  const messages = new Inbox<string | Uint8Array>("a message");
  const pings = new Inbox<{ data: Uint8Array }>("a ping");
  ws.on(conn, "message", (e, { bytes }) => {
    expect(Buffer.from(bytes).equals(Buffer.from(e.message))).toBe(true);
    messages.push(e.message);
  });
  ws.on(conn, "ping", pings.push);
  expect(await messages.next()).toBe("a€😀b");
  expect(await messages.next()).toEqual(Buffer.of(1, 2));
  expect(String((await pings.next()).data)).toBe("!");
});

test("sendFragment sends one message; the first part decides what it is", async () => {
  const { conn, peer } = await pair();
  const received = new Inbox<[string, boolean]>("a message");
  peer.on("message", (data, binary) => received.push([data.toString(), binary]));
  expect(ws.sendFragment(conn, "one ", false)).toBe(4);
  expect(ws.sendFragment(conn, "two ", false)).toBe(4);
  expect(ws.sendFragment(conn, "three", true)).toBe(5);
  expect(ws.sendFragment(conn, Buffer.from("AB"), false)).toBe(2);
  expect(ws.sendFragment(conn, Buffer.from("C"), true)).toBe(1);
  expect(await received.next()).toEqual(["one two three", false]);
  expect(await received.next()).toEqual(["ABC", true]);
});

test("a ping is answered with its data", async () => {
  const { conn, peer } = await pair();
  const pongs = new Inbox<unknown>("a pong");
  ws.on(conn, "pong", pongs.push);
  expect(ws.ping(conn)).toBe(0);
  expect(ws.ping(conn, "data")).toBe(0);
  expect(await pongs.next()).toEqual({ conn, data: Buffer.alloc(0) });
  expect(await pongs.next()).toEqual({ conn, data: Buffer.from("data") });
  expect(ws.ping(conn, "x".repeat(126))).toBe(-1);
  expect(lastError()?.code).toBe("ERR_ARGUMENT");
  const answered = new Inbox<Buffer>("a pong at the peer");
  peer.on("pong", answered.push);
  peer.ping("hello");
  expect(String(await answered.next())).toBe("hello");
});

describe("closing", () => {
  test("close sends its code and reason and ends the handle", async () => {
    const { conn, peer } = await pair();
    const codes = new Inbox<[number, string]>("close at the peer");
    peer.on("close", (code, reason) => codes.push([code, String(reason)]));
    const ended = new Inbox<unknown>("disconnected");
    ws.on(conn, "disconnected", ended.push);
    expect(ws.close(conn, 4001, "genug")).toBe(0);
    expect(ws.send(conn, "late")).toBe(-1);
    expect(lastError()?.code).toBe("ERR_HANDLE");
    expect(await codes.next()).toEqual([4001, "genug"]);
    expect(await ended.next()).toEqual({ conn, code: 4001, clean: true, unsent: 0, retryMs: -1 });
  });

  test("without a code it is 1000", async () => {
    const { conn, peer } = await pair();
    const codes = new Inbox<number>("close at the peer");
    peer.on("close", codes.push);
    ws.close(conn);
    expect(await codes.next()).toBe(1000);
  });

  test("closing is emitted before disconnected, and only close frees the handle", async () => {
    const { conn, peer } = await pair();
    const observed = new Inbox<unknown>("an event");
    ws.on(conn, "closing", observed.push);
    ws.on(conn, "disconnected", observed.push);
    peer.close(4002, "ende");
    expect(await observed.next()).toEqual({ conn, code: 4002, reason: "ende" });
    expect(await observed.next()).toMatchObject({ conn, code: 4002, clean: true });
    expect(ws.state(conn)).toBe("closed");
    expect(ws.send(conn, "x")).toBe(-1);
    expect(lastError()?.code).toBe("ERR_STATE");
    expect(ws.close(conn)).toBe(0);
    expect(ws.close(conn)).toBe(-1);
  });

  test("a connection that breaks off is not clean", async () => {
    const { conn, peer } = await pair();
    const observed = new Inbox<unknown>("an event");
    ws.on(conn, "error", observed.push);
    ws.on(conn, "disconnected", observed.push);
    peer.terminate();
    expect(await observed.next()).toMatchObject({ conn, code: expect.stringMatching(/^ERR_(ENDED|RESET)$/) });
    expect(await observed.next()).toMatchObject({ conn, code: 1006, clean: false });
  });
});

test("headers and subprotocols reach the server, and its choice comes back", async () => {
  const requests = new Inbox<IncomingMessage>("a request");
  const { url } = await wsPeer((_, request) => requests.push(request), {
    handleProtocols: (offered) => [...offered][1] ?? false,
  });
  const conn = await opened(`${url}path?query=1`, {
    headers: { Authorization: "Basic Zm9v", "X-Latin": "ä" },
    protocols: ["soap", "mqtt"],
  });
  const { headers, url: target } = await requests.next();
  expect(target).toBe("/path?query=1");
  expect(headers.authorization).toBe("Basic Zm9v");
  expect(Buffer.from(String(headers["x-latin"]), "latin1").toString()).toBe("ä");
  expect(headers["sec-websocket-protocol"]).toBe("soap, mqtt");
  expect(ws.protocol(conn)).toBe("mqtt");
  const plain = await opened(url, { headers: [["a", "1"]] });
  expect((await requests.next()).headers).toMatchObject({ a: "1" });
  expect(ws.protocol(plain)).toBe("");
});

test("a refused handshake is an error with its status, without the query in the message", async () => {
  const { port } = await tcpPeer((socket) => socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  const conn = open(`ws://127.0.0.1:${port}/chat?token=secret`);
  ws.setAutoReconnect(conn, true);
  const errors = new Inbox<{ message: string; code: string; error: object }>("error");
  ws.on(conn, "error", errors.push);
  const failure = await errors.next();
  expect(failure.code).toBe("ERR_WS_REFUSED");
  expect(failure.error).toMatchObject({ step: "handshake", detail: 403, address: `ws://127.0.0.1:${port}/chat` });
  expect(failure).not.toHaveProperty("retryMs");
  expect(failure.message).toContain("403");
  expect(failure.message).not.toContain("secret");
});

test("it reconnects with a full handshake", async () => {
  const requests = new Inbox<IncomingMessage>("a request");
  const sockets = new Inbox<WebSocket>("a connection");
  const { url } = await wsPeer((socket, request) => {
    requests.push(request);
    sockets.push(socket);
  });
  const conn = open(`${url}again`, { headers: { "X-Key": "k" } });
  ws.setAutoReconnect(conn, true);
  ws.setReconnectDelays(conn, [0.01]);
  const observed = new Inbox<string>("an event");
  ws.on(conn, "connected", () => observed.push("connected"));
  ws.on(conn, "disconnected", (e) => observed.push(`disconnected ${e.retryMs}`));
  expect(await observed.next()).toBe("connected");
  (await sockets.next()).terminate();
  expect(await observed.next()).toBe("disconnected 10");
  expect(await observed.next()).toBe("connected");
  const [first, second] = requests.all;
  expect(second?.url).toBe("/again");
  expect(second?.headers["x-key"]).toBe("k");
  expect(second?.headers["sec-websocket-key"]).not.toBe(first?.headers["sec-websocket-key"]);
});

test("a message half received when the connection breaks is dropped; the next one is whole", async () => {
  const sockets: Socket[] = [];
  const { port } = await rawWsPeer((socket) => {
    sockets.push(socket);
    if (sockets.length === 1) socket.end(frame(0x01, Buffer.from("half")));
    else socket.write(frame(0x81, Buffer.from("whole")));
  });
  const conn = open(`ws://127.0.0.1:${port}`);
  ws.setAutoReconnect(conn, true);
  ws.setReconnectDelays(conn, [0]);
  const messages = new Inbox<unknown>("a message");
  ws.on(conn, "message", (e) => messages.push(e.message));
  expect(await messages.next()).toBe("whole");
});

test("a paused connection emits nothing until it is resumed", async () => {
  const { conn, peer } = await pair();
  const observed = new Inbox<unknown>("a message");
  ws.on(conn, "message", (e) => observed.push(e.message));
  expect(ws.pause(conn)).toBe(0);
  peer.send("waits");
  await pause(50);
  expect(observed.all).toEqual([]);
  expect(ws.resume(conn)).toBe(0);
  expect(await observed.next()).toBe("waits");
});

test("a listener may close, open and add listeners from inside an event", async () => {
  const { url } = await wsPeer((socket) => {
    socket.send("one");
    socket.send("two");
  });
  const conn = open(url);
  const observed = new Inbox<string>("an event");
  ws.on(conn, "message", (e) => {
    observed.push(String(e.message));
    ws.close(conn);
    const next = open(url);
    ws.on(next, "message", (it) => observed.push(`next ${it.message}`));
  });
  expect(await observed.next()).toBe("one");
  expect(await observed.next()).toBe("next one");
  expect(await observed.next()).toBe("next two");
  await until(() => observed.all.length === 3, "no more events");
});

/** An unmasked frame of at most 125 bytes. */
function frame(first: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(first, payload.length), payload]);
}
