import type { Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { defineEvent, type EventContext, lastError, limits, net, TwinwireError } from "twinwire/handles";
import { atEnd, endPeers, freePort, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";

afterEach(endPeers);

const HOST = "127.0.0.1";

/** A connection that is closed at the end of the test. */
function connect(port: number, host = HOST): number {
  const sock = net.tcpConnect(host, port);
  expect(sock).toBeGreaterThan(0);
  atEnd(() => net.close(sock));
  return sock;
}

/** A connection that is open, and its other end. */
async function pair(): Promise<{ sock: number; peer: Socket }> {
  const accepted = new Inbox<Socket>("a connection");
  const { port } = await tcpPeer(accepted.push, { allowHalfOpen: true });
  const sock = connect(port);
  const connected = new Inbox<unknown>("connected");
  net.on(sock, "connected", connected.push);
  await connected.next();
  return { sock, peer: await accepted.next() };
}

test("listeners of declared types get exactly the declared shapes", async () => {
  const { port } = await tcpPeer((socket) => socket.pipe(socket));
  const NetConnected = defineEvent("NetConnected", { sock: "i32" });
  const NetData = defineEvent("NetData", { data: "string" });
  const NetDisconnected = defineEvent("NetDisconnected", { sock: "i32" });
  const observed = new Inbox<[string, object, number]>("an event");
  NetConnected.on((e, { handle }) => {
    observed.push(["connected", e, handle]);
    expect(net.send(e.sock, "ping")).toBe(4);
  });
  NetData.on((e, { handle }) => observed.push(["data", e, handle]));
  NetDisconnected.on((e, { handle }) => observed.push(["disconnected", e, handle]));
  const sock = net.tcpConnect(HOST, port);
  expect(net.on(sock, "connected", NetConnected)).toBe(0);
  expect(net.on(sock, "data", NetData)).toBe(0);
  expect(net.on(sock, "disconnected", NetDisconnected)).toBe(0);
  expect(await observed.next()).toEqual(["connected", { sock }, sock]);
  expect(await observed.next()).toEqual(["data", { data: "ping" }, sock]);
  expect(net.close(sock)).toBe(0);
  expect(await observed.next()).toEqual(["disconnected", { sock }, sock]);
});

test("nothing is emitted inside a call, and a listener added in the next microtask gets every event", async () => {
  const { port } = await tcpPeer((socket) => socket.write("hello"));
  const sock = connect(port);
  await Promise.resolve();
  const observed = new Inbox<string>("an event");
  net.on(sock, "connected", () => observed.push("connected"));
  net.on(sock, "data", (e) => observed.push(e.data));
  expect(observed.all).toEqual([]);
  expect(await observed.next()).toBe("connected");
  expect(await observed.next()).toBe("hello");
  net.on(sock, "disconnected", () => observed.push("disconnected"));
  net.close(sock);
  expect(observed.all).toHaveLength(2);
  expect(await observed.next()).toBe("disconnected");
});

test("a character that is split between chunks comes whole with the later one; bytes come as they are", async () => {
  const { sock, peer } = await pair();
  const texts = new Inbox<string>("text");
  const bytes = new Inbox<Uint8Array>("bytes");
  net.on(sock, "data", (e) => texts.push(e.data));
  net.on(sock, "data", (e) => bytes.push(e.data), { binary: true });
  const whole = Buffer.from("aé€😀z");
  for (const byte of whole) {
    peer.write(Buffer.of(byte));
    await bytes.next();
  }
  expect(Buffer.concat(bytes.all)).toEqual(whole);
  expect(texts.all).toEqual(["a", "", "é", "", "", "€", "", "", "", "😀", "z"]);
});

test("what is not UTF-8 becomes U+FFFD, also where the stream ends inside a character", async () => {
  const { sock, peer } = await pair();
  const texts = new Inbox<string>("text");
  const ended = new Inbox<unknown>("disconnected");
  net.on(sock, "data", (e) => texts.push(e.data));
  net.on(sock, "disconnected", ended.push);
  peer.write(Buffer.of(0xff, 0x41, 0xe2, 0x82));
  expect(await texts.next()).toBe("\ufffdA");
  peer.end();
  expect(await texts.next()).toBe("\ufffd");
  await ended.next();
});

test("the bytes of an event are a copy, made inside its listener or not at all", async () => {
  const { sock, peer } = await pair();
  const contexts = new Inbox<EventContext>("data");
  const kept: Uint8Array[] = [];
  net.on(sock, "data", (e, context) => {
    if (e.data === "one") kept.push(context.bytes);
    contexts.push(context);
  });
  peer.write("one");
  const first = await contexts.next();
  peer.write("two");
  const second = await contexts.next();
  expect(Buffer.isBuffer(kept[0])).toBe(true);
  expect(String(first.bytes)).toBe("one");
  expect(first.bytes).toBe(kept[0]);
  expect(first).toMatchObject({ handle: sock, binary: false });
  expect(() => second.bytes).toThrow(expect.objectContaining({ code: "ERR_STATE" }));
});

test("text and anything that holds bytes is sent, and copied", async () => {
  const { sock, peer } = await pair();
  const chunks: Buffer[] = [];
  peer.on("data", (chunk) => chunks.push(chunk));
  const own = new Uint8Array([65, 66, 67, 68]);
  expect(net.send(sock, "ä\ud800")).toBe(5);
  expect(net.send(sock, own)).toBe(4);
  own.fill(90);
  expect(net.send(sock, new Uint8Array([69, 70]).buffer)).toBe(2);
  expect(net.send(sock, new DataView(new Uint8Array([0, 71, 0]).buffer, 1, 1))).toBe(1);
  expect(net.send(sock, new Uint16Array([0x4948]))).toBe(2);
  expect(net.send(sock, "")).toBe(0);
  await until(() => Buffer.concat(chunks).length === 14, "all bytes");
  expect(Buffer.concat(chunks).toString()).toBe("ä\ufffdABCDEFGHI");
});

test("a send that does not fit queues nothing; drain says when it does", async () => {
  const { sock, peer } = await pair();
  peer.pause();
  const drained = new Inbox<{ sock: number }>("drain");
  net.on(sock, "drain", drained.push);
  const chunk = Buffer.alloc(200_000, "x");
  let queued = 0;
  await until(() => {
    if (net.send(sock, chunk) < 0) return true;
    queued += chunk.length;
    return false;
  }, "a refusal");
  expect(lastError()).toMatchObject({ code: "ERR_BACKPRESSURE", step: "send" });
  const buffered = net.bufferedAmount(sock);
  expect(buffered).toBeGreaterThan(limits().sendBuffer - chunk.length);
  expect(net.send(sock, chunk)).toBe(-1);
  expect(net.bufferedAmount(sock)).toBe(buffered);
  let received = 0;
  peer.on("data", (data) => {
    received += data.length;
  });
  peer.resume();
  expect(await drained.next()).toEqual({ sock });
  expect(net.send(sock, chunk)).toBe(chunk.length);
  await until(() => received === queued + chunk.length, "all that was queued");
  expect(net.send(sock, Buffer.alloc(limits().sendBuffer + 1))).toBe(-1);
  expect(lastError()?.code).toBe("ERR_TOO_LARGE");
});

test("a paused socket emits nothing until it is resumed", async () => {
  const { sock, peer } = await pair();
  const observed = new Inbox<string>("an event");
  net.on(sock, "data", (e) => {
    observed.push(e.data);
    if (e.data === "one") expect(net.pause(sock)).toBe(0);
  });
  net.on(sock, "disconnected", () => observed.push("disconnected"));
  peer.write("one");
  await observed.next();
  peer.write("two");
  peer.end();
  await pause(50);
  expect(observed.all).toEqual(["one"]);
  expect(net.resume(sock)).toBe(0);
  expect(await observed.next()).toBe("two");
  expect(await observed.next()).toBe("disconnected");
});

test("what was sent before close arrives, then the end", async () => {
  const { sock, peer } = await pair();
  const size = 900_000;
  let received = 0;
  peer.on("data", (data) => {
    received += data.length;
  });
  const ended = new Inbox<void>("the end");
  peer.on("end", () => ended.push());
  const reported = new Inbox<unknown>("disconnected");
  net.on(sock, "disconnected", reported.push);
  expect(net.send(sock, Buffer.alloc(size))).toBe(size);
  expect(net.close(sock)).toBe(0);
  expect(net.send(sock, "more")).toBe(-1);
  expect(lastError()?.code).toBe("ERR_HANDLE");
  await ended.next();
  expect(received).toBe(size);
  expect(await reported.next()).toEqual({ sock, code: 0, clean: true, unsent: 0, retryMs: -1 });
});

test("addresses are there while there is a socket", async () => {
  const { sock, peer } = await pair();
  expect(net.remoteAddr(sock)).toBe(`127.0.0.1:${peer.localPort}`);
  expect(net.localAddr(sock)).toBe(`127.0.0.1:${peer.remotePort}`);
  net.close(sock);
  expect(net.remoteAddr(sock)).toBe("");
  expect(lastError()?.code).toBe("ERR_HANDLE");
});

test("an IPv6 address is bracketed", async () => {
  const { port } = await tcpPeer(() => {}, { host: "::1" });
  const sock = connect(port, "::1");
  const connected = new Inbox<unknown>("connected");
  net.on(sock, "connected", connected.push);
  await connected.next();
  expect(net.remoteAddr(sock)).toBe(`[::1]:${port}`);
});

test("a name is looked up, and all its addresses are tried", async () => {
  const { port } = await tcpPeer(() => {});
  const connected = new Inbox<unknown>("connected");
  net.on(connect(port, "localhost"), "connected", connected.push);
  await connected.next();
});

test("a refused connection is an error with code, step, address and cause, then the end", async () => {
  const port = await freePort();
  const sock = connect(port);
  const observed = new Inbox<unknown>("an event");
  net.on(sock, "error", observed.push);
  net.on(sock, "disconnected", observed.push);
  const failure = await observed.next();
  expect(failure).toMatchObject({ sock, code: "ERR_REFUSED" });
  const { error, message } = failure as { error: TwinwireError; message: string };
  expect(error).toBeInstanceOf(TwinwireError);
  expect(error).toMatchObject({ code: "ERR_REFUSED", step: "connect", address: `127.0.0.1:${port}` });
  expect(error.cause).toMatchObject({ code: "ECONNREFUSED" });
  expect(message).toContain(`connecting to 127.0.0.1:${port}`);
  expect(await observed.next()).toMatchObject({ sock, clean: false, retryMs: -1 });
  expect(net.state(sock)).toBe("closed");
});

test("a failed attempt says when the next one comes, and the last one that none does", async () => {
  const sock = connect(await freePort());
  net.setAutoReconnect(sock, true);
  net.setReconnectDelays(sock, [0.02, 0.03]);
  const errors = new Inbox<{ code: string; retryMs?: number }>("error");
  net.on(sock, "error", errors.push);
  const started = performance.now();
  expect(await errors.next()).toMatchObject({ code: "ERR_REFUSED", retryMs: 20 });
  expect(await errors.next()).toMatchObject({ code: "ERR_REFUSED", retryMs: 30 });
  expect(await errors.next()).toMatchObject({ code: "ERR_REFUSED", retryMs: 30 });
  expect(performance.now() - started).toBeGreaterThan(48);
  const once = new Inbox<object>("error");
  net.on(connect(await freePort()), "error", once.push);
  expect(Object.keys(await once.next())).toEqual(["sock", "code", "message", "error"]);
});

test("a name that does not exist is ERR_NAME_NOT_FOUND or ERR_NAME_FAILED", async () => {
  const sock = connect(80, "no-such-host.invalid");
  const errors = new Inbox<{ code: string }>("error");
  net.on(sock, "error", errors.push);
  expect(["ERR_NAME_NOT_FOUND", "ERR_NAME_FAILED"]).toContain((await errors.next()).code);
});

test("a reset is an error, and an orderly end is none", async () => {
  const first = await pair();
  const observed = new Inbox<unknown>("an event");
  net.on(first.sock, "error", observed.push);
  first.peer.resetAndDestroy();
  expect(await observed.next()).toMatchObject({ code: "ERR_RESET" });
  const second = await pair();
  net.on(second.sock, "error", observed.push);
  net.on(second.sock, "disconnected", observed.push);
  second.peer.end();
  expect(await observed.next()).toMatchObject({ sock: second.sock, clean: true });
});

test("it reconnects by its delays until it is closed", async () => {
  const accepted = new Inbox<Socket>("a connection");
  const { port } = await tcpPeer(accepted.push);
  const sock = connect(port);
  const observed = new Inbox<string>("an event");
  net.on(sock, "connected", () => observed.push("connected"));
  net.on(sock, "disconnected", (e) => observed.push(`disconnected ${e.retryMs}`));
  expect(net.setAutoReconnect(sock, true)).toBe(0);
  expect(net.setReconnectDelays(sock, [0.02, 0.01])).toBe(0);
  for (let round = 0; round < 2; round++) {
    expect(await observed.next()).toBe("connected");
    (await accepted.next()).destroy();
    expect(await observed.next()).toBe("disconnected 20");
    expect(net.state(sock)).toBe("connecting");
  }
  expect(await observed.next()).toBe("connected");
  const last = await accepted.next();
  net.close(sock);
  expect(await observed.next()).toBe("disconnected -1");
  await until(() => last.destroyed || last.readableEnded, "the end");
  await pause(60);
  expect(accepted.all).toHaveLength(3);
});

test("a handle that was closed while it connected says nothing any more", async () => {
  const { port } = await tcpPeer(() => {});
  const sock = connect(port);
  const observed = new Inbox<string>("an event");
  for (const event of ["connected", "disconnected", "error"] as const) net.on(sock, event, () => observed.push(event));
  expect(net.state(sock)).toBe("connecting");
  net.close(sock);
  expect(net.state(sock)).toBe("closed");
  await pause(50);
  expect(observed.all).toEqual([]);
});
