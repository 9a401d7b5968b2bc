import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { limits, type ReconnectEvent, WebSocket } from "twinwire";
import { WebSocketServer } from "ws";
import { Schedule } from "../../api/websocket/options.ts";
import { atEnd, endPeers, freePort, rawWsPeer, readHead, switching, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, until, within } from "../support/wait.ts";
import { failure, thrown } from "./support.ts";
import { echo, httpServer, open, portOf, record } from "./websocket-support.ts";

/** The engine's time-outs: long enough that no busy machine meets them. */
const ENGINE_MS = 3_000;
/** What a WebSocket's own short time-out takes at most. */
const SOON_MS = 2_500;

beforeAll(() => {
  limits({
    closeTimeoutMs: ENGINE_MS,
    connectTimeoutMs: ENGINE_MS,
    handshakeTimeoutMs: ENGINE_MS,
    sendBuffer: 65_536,
  });
});
afterEach(endPeers);

describe("time-outs and the signal", () => {
  test("openTimeoutMs", async () => {
    /* It reads, so that it sees the end of a connection that had just been opened. */
    const silent = await tcpPeer((socket) => void socket.resume());
    const start = performance.now();
    const ws = open(`ws://127.0.0.1:${silent.port}/`, { openTimeoutMs: 60 });
    const log = record(ws);
    expect((await within(ws.closed, "closed")).error?.code).toBe("ERR_TIMEOUT");
    expect(performance.now() - start).toBeLessThan(SOON_MS);
    expect(log).toEqual(["ERR_TIMEOUT", "close 1006"]);
    await until(() => silent.sockets.size === 0, "the socket's end");
  });

  test("the engine's own: the handshake, and the end", async () => {
    const silent = await tcpPeer(() => {});
    const ws = open(`ws://127.0.0.1:${silent.port}/`);
    const { port } = await rawWsPeer((socket) => socket.resume());
    const other = open(`ws://127.0.0.1:${port}/`);
    await within(other.opened, "open");
    const start = performance.now();
    other.close(4000, "please");
    expect((await within(ws.closed, "closed")).error).toMatchObject({ code: "ERR_TIMEOUT", step: "handshake" });
    expect(await within(other.closed, "closed")).toMatchObject({ code: 1006, wasClean: false });
    expect(performance.now() - start).toBeGreaterThan(ENGINE_MS - 50);
  });

  test("a server that never closes: closed is settled within closeTimeoutMs", async () => {
    const { port } = await rawWsPeer((socket) => socket.resume());
    const ws = open(`ws://127.0.0.1:${port}/`, { closeTimeoutMs: 80 });
    await within(ws.opened, "open");
    const start = performance.now();
    ws.close(4000, "please");
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 1006, wasClean: false });
    expect(performance.now() - start).toBeLessThan(SOON_MS);
  });

  test("a server that never reads: closed is settled in time, whatever waits to be sent", async () => {
    const { port } = await rawWsPeer((socket) => socket.pause());
    const ws = open(`ws://127.0.0.1:${port}/`, { closeTimeoutMs: 100 });
    await within(ws.opened, "open");
    ws.send(new Uint8Array(60_000_000));
    const waiting = failure(ws.sendAsync("behind it"));
    const start = performance.now();
    ws.close();
    expect(ws.readyState).toBe(WebSocket.CLOSING);
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 1006, wasClean: false });
    expect(performance.now() - start).toBeLessThan(SOON_MS);
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
    const living = open(url, { heartbeat: { intervalMs: 20, timeoutMs: 20_000 } });
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
    const options = { minDelayMs: 40, maxDelayMs: 160, jitter: 0 };
    const ws = open(`ws://127.0.0.1:${port}/`, { reconnect: options });
    ws.addEventListener("error", () => times.push(performance.now()));
    await until(() => times.length === 5, "attempts");
    const expected = [40, 80, 160, 160];
    const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
    for (const [index, least] of expected.entries()) expect(gaps[index]).toBeGreaterThan(least - 5);

    /* A busy machine makes every wait longer: what is waited for is seen here. */
    const exact = new Schedule(options);
    expect(expected.map(() => exact.nextDelay())).toEqual(expected);
    const loose = new Schedule({ minDelayMs: 40, maxDelayMs: 160 });
    for (const most of expected) {
      const delay = loose.nextDelay();
      expect([delay > most / 2, delay <= most]).toEqual([true, true]);
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
    const four = next();
    (await sockets.next()).terminate();
    await until(() => ws.readyState === WebSocket.CONNECTING, "the drop");
    ws.send("four");
    await within(ws.opened, "open again");
    ws.send("five");
    expect([await four, await next()]).toEqual(["four", "five"]);
  });
});
