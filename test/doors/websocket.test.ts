/** What WebSocket offers beyond the standard. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type HandshakeResponse, limits, type ReconnectEvent, WebSocket, type WebSocketOptions } from "twinwire";
import { type WebSocket as Peer, WebSocketServer } from "ws";
import { atEnd, endPeers, freePort, rawWsPeer, readHead, switching, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";
import { failure, thrown } from "./support.ts";

const CLOSE_MS = 400;

beforeAll(() => {
  limits({ closeTimeoutMs: CLOSE_MS, connectTimeoutMs: 3_000, handshakeTimeoutMs: 1_000, sendBuffer: 65_536 });
});
afterEach(endPeers);

function open(url: string, options: WebSocketOptions = {}): WebSocket {
  const ws = new WebSocket(url, options);
  atEnd(async () => {
    ws.close();
    await ws.closed;
  });
  return ws;
}

/** What happened, in order. */
function record(ws: WebSocket): string[] {
  const log: string[] = [];
  ws.addEventListener("open", () => log.push("open"));
  ws.addEventListener("message", ({ data }) => log.push(`message ${data}`));
  ws.addEventListener("error", ({ error }) => log.push(error.code));
  ws.addEventListener("close", ({ code }) => log.push(`close ${code}`));
  return log;
}

async function echo(): Promise<{ url: string; sockets: Inbox<Peer>; requests: Inbox<IncomingMessage> }> {
  const sockets = new Inbox<Peer>("a connection");
  const requests = new Inbox<IncomingMessage>("a request");
  const { url } = await wsPeer((socket, request) => {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
    sockets.push(socket);
    requests.push(request);
  });
  return { url, sockets, requests };
}

/** A server of node:http. */
async function httpServer(answer: (request: IncomingMessage) => [number, Record<string, string>]): Promise<Server> {
  const server = createServer((request, response) => {
    const [status, headers] = answer(request);
    response.writeHead(status, headers).end("no");
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    socket.on("error", () => {}); /* whoever is refused goes without a word */
    const [status, headers] = answer(request);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} Because\r\n${lines.join("")}content-length: 0\r\n\r\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe("options", () => {
  test.each<[string, object]>([
    ["a name that is none", { header: {} }],
    ["headers", { headers: { a: 1 } }],
    ["tls in the clear", { tls: {} }],
    ["heartbeat", { heartbeat: { intervalMs: 0, timeoutMs: 1 } }],
    ["heartbeat without a time-out", { heartbeat: { intervalMs: 10 } }],
    ["reconnect", { reconnect: 5 }],
    ["reconnect with no delay", { reconnect: [] }],
    ["reconnect in the past", { reconnect: [-1] }],
    ["jitter", { reconnect: { jitter: 2 } }],
    ["a misspelt part of reconnect", { reconnect: { delay: 5 } }],
    ["queue", { queue: 5 }],
    ["maxMessage", { maxMessage: 0 }],
    ["maxRedirects", { maxRedirects: 21 }],
    ["onResponse", { onResponse: "log" }],
    ["openTimeoutMs", { openTimeoutMs: Number.NaN }],
  ])("%s", (_, options) => {
    expect(thrown(() => new WebSocket("ws://127.0.0.1:9/", options)).code).toBe("ERR_ARGUMENT");
  });

  test("headers, subprotocols and a user reach the server, by either argument", async () => {
    const { port } = await wsPeer(() => {}, { handleProtocols: (offered) => [...offered][1] ?? false });
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    atEnd(() => new Promise((resolve) => server.close(resolve)));
    const requests = new Inbox<IncomingMessage>("a request");
    sockets.on("connection", (socket, request) => {
      socket.on("error", () => {});
      requests.push(request);
    });
    const url = `ws://us%20er:p%C3%A4ss@127.0.0.1:${portOf(server)}/path?q=1`;
    const ws = new WebSocket(url, "chat", {
      headers: [
        ["X-One", "1"],
        ["X-One", "2"],
      ],
    });
    atEnd(() => ws.close());
    await within(ws.opened, "open");
    expect(ws.url).toBe(url);
    const { headers, url: target } = await requests.next();
    expect(target).toBe("/path?q=1");
    expect(headers).toMatchObject({ "x-one": "1, 2", "sec-websocket-protocol": "chat" });
    const basic = `Basic ${Buffer.from("us er:päss").toString("base64")}`;
    expect(headers.authorization).toBe(basic);
    const other = open(`ws://127.0.0.1:${port}/`, { protocols: ["a", "b"] });
    await within(other.opened, "open");
    expect(other.protocol).toBe("b");
  });

  test("a header that is none fails it, and nothing is sent", async () => {
    const peer = await tcpPeer(() => {});
    const ws = open(`ws://127.0.0.1:${peer.port}/`, { headers: { "X-Bad": "a\r\nb: c" } });
    expect((await failure(ws.opened)).code).toBe("ERR_HEADER");
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 1006, error: { code: "ERR_HEADER" } });
  });

  test("a function gives headers anew for each attempt, and may be async", async () => {
    const { url, requests, sockets } = await echo();
    let count = 0;
    const headers = async (): Promise<Record<string, string>> => {
      await pause(1);
      count += 1;
      return { "X-Token": `token ${count}` };
    };
    const ws = open(url, { headers, reconnect: [0] });
    expect((await requests.next()).headers["x-token"]).toBe("token 1");
    (await sockets.next()).terminate();
    expect((await requests.next()).headers["x-token"]).toBe("token 2");
    await within(ws.opened, "open again");
  });

  test("maxMessage and maxFragments", async () => {
    for (const [options, frames] of [
      [{ maxMessage: 3 }, [0x81, 4, 97, 97, 97, 97]],
      [{ maxFragments: 2 }, [0x01, 1, 97, 0x00, 1, 97, 0x80, 1, 97]],
    ] as const) {
      const { port } = await rawWsPeer((socket) => socket.end(Buffer.from([0x81, 1, 97, ...frames])));
      const ws = open(`ws://127.0.0.1:${port}/`, options);
      const log = record(ws);
      const { error } = await within(ws.closed, "closed");
      expect(error?.code).toBe("ERR_WS_TOO_BIG");
      expect(log).toEqual(["open", "message a", "ERR_WS_TOO_BIG", "close 1006"]);
    }
  });

  test("ws+unix:", async () => {
    const path = join(tmpdir(), `twinwire-${process.pid}.sock`);
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket, { url }) => socket.send(`at ${url}`));
    server.listen(path);
    await once(server, "listening");
    atEnd(() => new Promise((resolve) => server.close(resolve)));
    const ws = open(`ws+unix:${path}:/there?a=b`);
    const { value } = await within(ws[Symbol.asyncIterator]().next(), "a message");
    expect(value).toBe("at /there?a=b");
  });
});

describe("time-outs and the signal", () => {
  test("openTimeoutMs", async () => {
    const silent = await tcpPeer(() => {});
    const start = performance.now();
    const ws = open(`ws://127.0.0.1:${silent.port}/`, { openTimeoutMs: 60 });
    const log = record(ws);
    expect((await within(ws.closed, "closed")).error?.code).toBe("ERR_TIMEOUT");
    expect(performance.now() - start).toBeLessThan(600);
    expect(log).toEqual(["ERR_TIMEOUT", "close 1006"]);
    await until(() => silent.sockets.size === 0, "the socket's end");
  });

  test("the engine's own: the handshake", async () => {
    const silent = await tcpPeer(() => {});
    const ws = open(`ws://127.0.0.1:${silent.port}/`);
    expect((await within(ws.closed, "closed")).error).toMatchObject({ code: "ERR_TIMEOUT", step: "handshake" });
  });

  test("a server that never closes: closed is settled in time", async () => {
    for (const closeTimeoutMs of [80, undefined]) {
      const { port } = await rawWsPeer((socket) => socket.resume());
      const ws = open(`ws://127.0.0.1:${port}/`, { closeTimeoutMs });
      await within(ws.opened, "open");
      const start = performance.now();
      ws.close(4000, "please");
      const info = await within(ws.closed, "closed");
      expect(info).toMatchObject({ code: 1006, wasClean: false });
      expect(performance.now() - start).toBeLessThan((closeTimeoutMs ?? CLOSE_MS) + 300);
    }
  });

  test("a server that never reads: closed is settled in time, whatever waits to be sent", async () => {
    const { port } = await rawWsPeer((socket) => socket.pause());
    const ws = open(`ws://127.0.0.1:${port}/`, { closeTimeoutMs: 100 });
    await within(ws.opened, "open");
    ws.send(new Uint8Array(20_000_000));
    const waiting = failure(ws.sendAsync("behind it"));
    const start = performance.now();
    ws.close();
    expect(ws.readyState).toBe(WebSocket.CLOSING);
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 1006, wasClean: false });
    expect(performance.now() - start).toBeLessThan(600);
    expect((await waiting).code).toBe("ERR_STATE");
    expect(ws.bufferedAmount).toBeGreaterThan(1_000_000);
  });

  test("disposing of it closes it and waits", async () => {
    const { url, sockets } = await echo();
    const ended = new Inbox<number>("the end");
    const ws = open(url);
    await within(ws.opened, "open");
    (await sockets.next()).on("close", (code) => ended.push(code));
    await within(ws[Symbol.asyncDispose](), "the end");
    expect(ws.readyState).toBe(WebSocket.CLOSED);
    expect(await ended.next()).toBe(1005);
  });

  test("a signal gives up connecting, or closes", async () => {
    const silent = await tcpPeer(() => {});
    const giveUp = new AbortController();
    const ws = open(`ws://127.0.0.1:${silent.port}/`, { signal: giveUp.signal });
    const log = record(ws);
    giveUp.abort(new Error("enough"));
    const { error } = await within(ws.closed, "closed");
    expect(error).toMatchObject({ code: "ERR_ABORTED", cause: { message: "enough" } });
    expect(log).toEqual(["ERR_ABORTED", "close 1006"]);

    const { url } = await echo();
    const stop = new AbortController();
    const opened = open(url, { signal: stop.signal, reconnect: true });
    await within(opened.opened, "open");
    stop.abort();
    expect(await within(opened.closed, "closed")).toMatchObject({ wasClean: true });

    const before = open(url, { signal: AbortSignal.abort() });
    expect((await failure(before.opened)).code).toBe("ERR_ABORTED");
  });
});

describe("heartbeat", () => {
  test("a peer that answers lives, one that is silent is noticed", async () => {
    const { url, sockets } = await echo();
    const living = open(url, { heartbeat: { intervalMs: 20, timeoutMs: 1_000 } });
    let pings = 0;
    (await sockets.next()).on("ping", () => {
      pings += 1;
    });
    const { port } = await rawWsPeer((socket) => socket.resume());
    const dead = open(`ws://127.0.0.1:${port}/`, { heartbeat: { intervalMs: 20, timeoutMs: 40 } });
    const log = record(dead);
    const info = await within(dead.closed, "closed");
    expect(info).toMatchObject({ code: 1006, wasClean: false, error: { code: "ERR_HEARTBEAT" } });
    expect(log).toEqual(["open", "ERR_HEARTBEAT", "close 1006"]);
    await until(() => pings >= 3, "pings");
    expect(living.readyState).toBe(WebSocket.OPEN);
  });

  test("with reconnect, it comes back from a peer that died", async () => {
    let count = 0;
    const { port } = await tcpPeer((socket) =>
      readHead(socket, (head) => {
        count += 1;
        socket.write(switching(head));
        if (count > 1) socket.write(Buffer.from([0x81, 2, 0x68, 0x69]));
        socket.resume();
      }),
    );
    const ws = open(`ws://127.0.0.1:${port}/`, { heartbeat: { intervalMs: 15, timeoutMs: 25 }, reconnect: [0.01] });
    const { value } = await within(ws[Symbol.asyncIterator]().next(), "a message");
    expect(value).toBe("hi");
  });
});

describe("reconnect", () => {
  test("events of each connection, and the exact schedule", async () => {
    const { url, sockets } = await echo();
    const ws = open(url, { reconnect: [0.05, 0.1] });
    const log = record(ws);
    const first = await sockets.next();
    await within(ws.opened, "open");
    const start = performance.now();
    first.terminate();
    const second = await sockets.next();
    expect(performance.now() - start).toBeGreaterThan(45);
    await within(ws.opened, "open again");
    second.close(1001);
    await sockets.next();
    await within(ws.opened, "open a third time");
    expect(log).toEqual(["open", "ERR_ENDED", "close 1006", "open", "close 1001", "open"]);
    ws.close(4000);
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 4000, wasClean: true });
    expect(ws.readyState).toBe(WebSocket.CLOSED);
  });

  test("a server that comes later", async () => {
    const port = await freePort();
    const ws = open(`ws://127.0.0.1:${port}/`, { reconnect: { minDelayMs: 10, maxDelayMs: 20 } });
    const log = record(ws);
    await until(() => log.length >= 3, "attempts");
    expect(new Set(log)).toEqual(new Set(["ERR_REFUSED"]));
    expect(ws.readyState).toBe(WebSocket.CONNECTING);
    const server = new WebSocketServer({ port, host: "127.0.0.1" });
    server.on("connection", (socket) => socket.on("error", () => {}));
    atEnd(() => {
      for (const client of server.clients) client.terminate();
      server.close();
    });
    await within(ws.opened, "open");
    ws.close();
  });

  test("not after 1008, and not after a handshake refused with 4xx; unless it is asked for", async () => {
    const policy = await wsPeer((socket) => socket.close(1008, "no"));
    const ws = open(policy.url, { reconnect: [0] });
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 1008, reason: "no", wasClean: true });

    let status = 403;
    const refusing = await httpServer(() => [status, {}]);
    const url = `ws://127.0.0.1:${portOf(refusing)}/`;
    const refused = open(url, { reconnect: [0] });
    expect((await within(refused.closed, "closed")).error).toMatchObject({ code: "ERR_WS_REFUSED", detail: 403 });

    status = 503;
    const patient = open(url, { reconnect: [0] });
    const log = record(patient);
    await until(() => log.length > 3, "attempts");
    patient.close();

    status = 404;
    const asked: Partial<ReconnectEvent>[] = [];
    const stubborn = open(url, {
      reconnect: {
        delays: [0],
        shouldReconnect: ({ opened, status, attempts, code }) => {
          asked.push({ opened, status, attempts, code });
          return attempts < 2;
        },
      },
    });
    await within(stubborn.closed, "closed");
    expect(asked).toEqual([0, 1, 2].map((attempts) => ({ opened: false, status: 404, attempts, code: 1006 })));
  });

  test("the delays of its own grow, and part of each is left to chance", async () => {
    const port = await freePort();
    const times: number[] = [];
    const ws = open(`ws://127.0.0.1:${port}/`, { reconnect: { minDelayMs: 40, maxDelayMs: 160, jitter: 0 } });
    ws.addEventListener("error", () => times.push(performance.now()));
    await until(() => times.length === 5, "attempts");
    const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
    for (const [index, least] of [40, 80, 160, 160].entries()) {
      expect(gaps[index]).toBeGreaterThan(least - 5);
      expect(gaps[index]).toBeLessThan(least + 60);
    }
  });

  test("close while it waits", async () => {
    const port = await freePort();
    const ws = open(`ws://127.0.0.1:${port}/`, { reconnect: [30] });
    const log = record(ws);
    await until(() => log.length === 1, "an attempt");
    ws.close();
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 1006, error: { code: "ERR_ABORTED" } });
    expect(log).toEqual(["ERR_REFUSED", "ERR_ABORTED", "close 1006"]);
  });

  test("the offline queue: sent in order once it is open, and again after a drop", async () => {
    const { url, sockets } = await echo();
    const ws = open(url, { reconnect: [0.05], queue: { maxBytes: 10 } });
    const messages = ws[Symbol.asyncIterator]();
    const next = async (): Promise<unknown> => (await within(messages.next(), "a message")).value;
    ws.send("one");
    ws.send("two");
    expect(ws.bufferedAmount).toBe(6);
    expect(thrown(() => ws.send("three")).code).toBe("ERR_BACKPRESSURE");
    expect([await next(), await next()]).toEqual(["one", "two"]);
    (await sockets.next()).terminate();
    await until(() => ws.readyState === WebSocket.CONNECTING, "the drop");
    ws.send("four");
    await within(ws.opened, "open again");
    ws.send("five");
    expect([await next(), await next()]).toEqual(["four", "five"]);
  });
});

describe("answers and redirects", () => {
  test("onResponse is told what the server answered", async () => {
    const responses: HandshakeResponse[] = [];
    const onResponse = (response: HandshakeResponse): void => void responses.push(response);
    const { url } = await echo();
    const ws = open(url, { onResponse });
    await within(ws.opened, "open");
    expect(responses[0]).toMatchObject({ status: 101, reason: "Switching Protocols", url });
    expect(responses[0]?.headers.get("upgrade")).toBe("websocket");

    const server = await httpServer(() => [401, { "www-authenticate": 'Basic realm="x"' }]);
    const refused = open(`ws://127.0.0.1:${portOf(server)}/`, { onResponse });
    expect((await failure(refused.opened)).detail).toBe(401);
    expect(responses[1]?.headers.get("www-authenticate")).toBe('Basic realm="x"');
  });

  test("redirects are followed as far as is allowed", async () => {
    const { url, requests } = await echo();
    const target = url.replace("ws:", "http:");
    const server = await httpServer(({ url: path }) => {
      if (path === "/loop") return [302, { location: "/loop" }];
      if (path === "/relative") return [308, { location: "absolute" }];
      if (path === "/odd") return [301, { location: "ftp://127.0.0.1/" }];
      return [307, { location: target }];
    });
    const at = `ws://127.0.0.1:${portOf(server)}`;
    const statuses: number[] = [];
    const ws = open(`${at}/relative`, {
      maxRedirects: 2,
      headers: { Authorization: "secret", "X-Other": "kept" },
      onResponse: ({ status }) => statuses.push(status),
    });
    const log = record(ws);
    await within(ws.opened, "open");
    expect(statuses).toEqual([308, 307, 101]);
    expect(log).toEqual(["open"]);
    const { headers } = await requests.next();
    expect(headers["x-other"]).toBe("kept");
    expect(headers.authorization).toBeUndefined();

    const loop = open(`${at}/loop`, { maxRedirects: 3 });
    expect((await failure(loop.opened)).code).toBe("ERR_REDIRECT");
    const odd = open(`${at}/odd`, { maxRedirects: 3 });
    expect((await failure(odd.opened)).code).toBe("ERR_REDIRECT");
    const none = open(`${at}/relative`);
    expect(await failure(none.opened)).toMatchObject({ code: "ERR_WS_REFUSED", detail: 308 });
  });
});

describe("for await", () => {
  test("text as text, bytes as bytes, until it is closed", async () => {
    const { url } = await wsPeer((socket) => {
      socket.send("a");
      socket.send(Buffer.from([1, 2]));
      socket.close(1000);
    });
    const got: unknown[] = [];
    for await (const message of open(url)) got.push(message);
    expect(got).toEqual(["a", Buffer.from([1, 2])]);
  });

  test("it throws what ended the connection, once", async () => {
    const { port } = await rawWsPeer((socket) => socket.end(Buffer.from([0x81, 1, 97, 0x83, 0])));
    const ws = open(`ws://127.0.0.1:${port}/`);
    const got: unknown[] = [];
    const read = async (): Promise<void> => {
      for await (const message of ws) got.push(message);
    };
    expect((await failure(read())).code).toBe("ERR_WS_PROTOCOL");
    expect(got).toEqual(["a"]);
    await read();
  });

  test("close ends it; one loop at a time; a loop that is left can be taken up", async () => {
    const { url, sockets } = await echo();
    const ws = open(url);
    await within(ws.opened, "open");
    const peer = await sockets.next();
    for (const text of ["1", "2", "3"]) peer.send(text);
    for await (const message of ws) {
      expect(message).toBe("1");
      expect(thrown(() => ws[Symbol.asyncIterator]()).code).toBe("ERR_STATE");
      break;
    }
    await pause(30);
    const got: unknown[] = [];
    for await (const message of ws) {
      got.push(message);
      if (got.length === 2) ws.close();
    }
    expect(got).toEqual(["2", "3"]);
  });

  test("a slow loop slows the peer down", async () => {
    const sockets = new Inbox<Socket>("a socket");
    const { port } = await rawWsPeer(sockets.push);
    const ws = open(`ws://127.0.0.1:${port}/`);
    const messages = ws[Symbol.asyncIterator]();
    const socket = await sockets.next();
    const frame = Buffer.concat([Buffer.from([0x82, 126, 0x10, 0x00]), Buffer.alloc(4096, 1)]);
    let taken = 0;
    const total = 10_000;
    for (let index = 0; index < total; index++) socket.write(frame, () => (taken += 1));
    await pause(300);
    const stalled = taken;
    expect(stalled).toBeLessThan(total);
    expect(ws.stats().received).toBeLessThan(400_000);
    await pause(100);
    expect(taken).toBe(stalled);
    for (let index = 0; index < total; index++) {
      expect((await messages.next()).value?.length).toBe(4096);
    }
    expect(taken).toBe(total);
    socket.destroy();
  });

  test("a message that is larger than the window comes whole", async () => {
    const { url, sockets } = await echo();
    const messages = open(url)[Symbol.asyncIterator]();
    const text = "x".repeat(3_000_000);
    (await sockets.next()).send(text);
    expect((await within(messages.next(), "a message")).value === text).toBe(true);
  });
});

describe("sending", () => {
  test("sendAsync waits for room, in order with send", async () => {
    const sockets = new Inbox<Socket>("a socket");
    const { port } = await rawWsPeer((socket) => sockets.push(socket.pause()));
    const ws = open(`ws://127.0.0.1:${port}/`);
    const socket = await sockets.next();
    await within(ws.opened, "open");
    let sent = 0;
    const fill = async (): Promise<void> => {
      for (; sent < 400; sent++) await ws.sendAsync(new Uint8Array(60_000));
    };
    const filling = fill();
    await pause(200);
    const stalled = sent;
    expect(stalled).toBeLessThan(400);
    await pause(50);
    expect(sent).toBe(stalled);
    socket.resume();
    await within(filling, "all");
    await within(ws.drained, "drained");
    socket.destroy();
  });

  test("sendAsync: what it refuses", async () => {
    const { port } = await rawWsPeer((socket) => socket.pause());
    const ws = open(`ws://127.0.0.1:${port}/`);
    await within(ws.opened, "open");
    ws.send(new Uint8Array(30_000_000));
    const stop = new AbortController();
    const aborted = failure(ws.sendAsync("x", { signal: stop.signal }));
    stop.abort();
    expect((await aborted).code).toBe("ERR_ABORTED");
    expect((await failure(ws.sendAsync("x", { signal: stop.signal }))).code).toBe("ERR_ABORTED");
    ws.close();
    expect((await failure(ws.sendAsync("x"))).code).toBe("ERR_STATE");
  });

  test("more than maxBuffered ends it, as the standard says of a full buffer", async () => {
    const { port } = await rawWsPeer((socket) => socket.pause());
    const ws = open(`ws://127.0.0.1:${port}/`, { maxBuffered: 30_000_000 });
    await within(ws.opened, "open");
    const log = record(ws);
    for (let index = 0; index < 40; index++) ws.send(new Uint8Array(1_000_000));
    expect(ws.readyState).toBe(WebSocket.CLOSING);
    const info = await within(ws.closed, "closed");
    expect(info).toMatchObject({ code: 1006, wasClean: false, error: { code: "ERR_BACKPRESSURE" } });
    expect(log).toEqual(["ERR_BACKPRESSURE", "close 1006"]);
  });

  test("fragments: one message, and what is sent meanwhile comes behind it", async () => {
    const { url } = await echo();
    const ws = open(url);
    const messages = ws[Symbol.asyncIterator]();
    const next = async (): Promise<unknown> => (await within(messages.next(), "a message")).value;
    await within(ws.sendFragment("ein ", false), "a fragment");
    ws.send("behind");
    await within(ws.sendFragment("größer", false), "a fragment");
    await within(ws.sendFragment("er", true), "the last");
    expect([await next(), await next()]).toEqual(["ein größerer", "behind"]);

    async function* parts(): AsyncGenerator<string | Uint8Array> {
      yield new Uint8Array(150_000).fill(1);
      await pause(5);
      yield new Uint8Array([2]);
    }
    const sending = ws.sendAsync(parts());
    ws.send("last");
    await within(sending, "all parts");
    const joined = (await next()) as Uint8Array;
    expect([joined.length, joined[0], joined[150_000]]).toEqual([150_001, 1, 2]);
    expect(await next()).toBe("last");
    await ws.sendAsync((async function* () {})());
    expect(await next()).toBe("");
  });

  test("an iterable that fails in the middle ends the connection: no half a message is taken for a whole one", async () => {
    const { url, sockets } = await echo();
    const ws = open(url);
    const peer = await sockets.next();
    const got = new Inbox<unknown>("a message");
    peer.on("message", got.push);
    const broken = (async function* () {
      yield "half";
      throw new Error("no more");
    })();
    await expect(ws.sendAsync(broken)).rejects.toThrow("no more");
    expect((await within(ws.closed, "closed")).error?.code).toBe("ERR_ABORTED");
    expect(got.all).toEqual([]);
  });

  test("ping: the round trip", async () => {
    const { url, sockets } = await echo();
    const ws = open(url);
    expect((await failure(ws.ping())).code).toBe("ERR_STATE");
    await within(ws.opened, "open");
    const peer = await sockets.next();
    const pings = new Inbox<string>("a ping");
    peer.on("ping", (data: Buffer) => pings.push(String(data)));
    const [one, two] = await within(Promise.all([ws.ping(), ws.ping("mine")]), "pongs");
    expect(one).toBeGreaterThanOrEqual(0);
    expect(two).toBeLessThan(1_000);
    expect(await pings.next()).not.toBe("mine");
    expect(await pings.next()).toBe("mine");
    expect((await failure(ws.ping("x".repeat(126)))).code).toBe("ERR_ARGUMENT");
  });

  test("ping: the latest pong answers all, and an end rejects", async () => {
    const sockets = new Inbox<Socket>("a socket");
    const { port } = await rawWsPeer(sockets.push);
    const ws = open(`ws://127.0.0.1:${port}/`);
    await within(ws.opened, "open");
    const socket = await sockets.next();
    socket.resume();
    const both = Promise.all([ws.ping("a"), ws.ping("b")]);
    socket.write(Buffer.from([0x8a, 1, 0x63, 0x8a, 1, 0x62]));
    expect(await within(both, "pongs")).toHaveLength(2);
    const stop = new AbortController();
    const aborted = failure(ws.ping("c", { signal: stop.signal }));
    stop.abort();
    expect((await aborted).code).toBe("ERR_ABORTED");
    const lost = failure(ws.ping("d"));
    socket.destroy();
    expect((await lost).code).toMatch(/ERR_(ENDED|RESET)/);
  });
});

describe("proxy", () => {
  test("through a proxy of node:http, with credentials, and NO_PROXY", async () => {
    const { url, sockets } = await echo();
    const asked = new Inbox<string>("a CONNECT");
    const proxy = createServer();
    proxy.on("connect", (request: IncomingMessage, client: Socket) => {
      client.on("error", () => {});
      asked.push(`${request.url} ${request.headers["proxy-authorization"]}`);
      const [host, port] = (request.url ?? "").split(":");
      if (request.headers["proxy-authorization"] === undefined) {
        client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        return;
      }
      const upstream = connect(Number(port), host, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on("error", () => {});
      atEnd(() => [upstream.destroy(), client.destroy()]);
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    atEnd(() => new Promise((resolve) => proxy.close(resolve)));
    const at = `127.0.0.1:${portOf(proxy)}`;
    const target = url.slice(5, -1);

    const ws = open(url, { proxy: `http://user:pass@${at}` });
    await within(ws.opened, "open");
    ws.send("through");
    expect((await within(ws[Symbol.asyncIterator]().next(), "a message")).value).toBe("through");
    expect(await asked.next()).toBe(`${target} Basic ${Buffer.from("user:pass").toString("base64")}`);
    await sockets.next();

    const refused = open(url, { proxy: at });
    expect(await failure(refused.opened)).toMatchObject({ code: "ERR_PROXY", detail: 407 });
    await asked.next();

    const env: { http_proxy?: string; no_proxy?: string } = process.env;
    env.http_proxy = `http://a:b@${at}`;
    try {
      await within(open(url).opened, "open by the environment");
      expect(await asked.next()).toMatch(target);
      await within(open(url, { proxy: null }).opened, "open without");
      env.no_proxy = "127.0.0.1";
      await within(open(url).opened, "open, spared");
    } finally {
      delete env.http_proxy;
      delete env.no_proxy;
    }
    expect(asked.all).toHaveLength(3);
  });
});
