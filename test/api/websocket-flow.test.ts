import type { Socket } from "node:net";

import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { limits, WebSocket } from "twinwire";

import { endPeers, rawWsPeer, wsPeer } from "../support/peers.ts";
import { atRest, Inbox, pause, until, within } from "../support/wait.ts";
import { failure, thrown } from "./support.ts";
import { echo, open, record } from "./websocket-support.ts";

beforeAll(() => {
  limits({ sendBuffer: 65_536 });
});
afterEach(endPeers);

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

  test("bytes that waited are what came, whatever came after them", async () => {
    const { url } = await wsPeer(async (socket) => {
      for (let at = 0; at < 8; at++) {
        socket.send(Buffer.alloc(100, at));
        await pause(2);
      }
      socket.close(1000);
    });
    const messages = open(url)[Symbol.asyncIterator]();
    await pause(60);
    for (let at = 0; at < 8; at++) {
      const { value } = await within(messages.next(), "a message");
      expect([...(value as Uint8Array)]).toEqual(Array.from({ length: 100 }, () => at));
    }
  });

  test("a slow loop slows the peer down", async () => {
    const sockets = new Inbox<Socket>("a socket");
    const { port } = await rawWsPeer(sockets.push);
    const ws = open(`ws://127.0.0.1:${port}/`);
    const messages = ws[Symbol.asyncIterator]();
    const socket = await sockets.next();
    const frame = Buffer.concat([Buffer.from([0x82, 126, 0x10, 0x00]), Buffer.alloc(4096, 1)]);
    let taken = 0;
    /* Twice of what the buffers of two sockets hold on a generous system. */
    const total = 20_000;
    for (let index = 0; index < total; index++) socket.write(frame, () => (taken += 1));
    expect(await atRest(() => taken, "what is taken")).toBeLessThan(total);
    expect(ws.stats().received).toBeLessThan(400_000);
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
    let waits = false;
    const fill = async (): Promise<void> => {
      for (; !waits; sent++) await ws.sendAsync(new Uint8Array(60_000));
    };
    const filling = fill();
    /* However slow this machine is, and however much the system's buffers take. */
    await atRest(() => sent, "what is sent");
    waits = true;
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

  test("an iterable that keeps us waiting: the signal, or the end of the connection, ends it", async () => {
    const { url, sockets } = await echo();
    let left = 0;
    const slow = async function* (): AsyncGenerator<string> {
      try {
        yield "one";
        await new Promise(() => {});
      } finally {
        left += 1;
      }
    };
    const ws = open(url);
    const stop = new AbortController();
    const aborted = failure(ws.sendAsync(slow(), { signal: stop.signal }));
    const peer = await sockets.next();
    await pause(20); /* the first part is on its way */
    stop.abort();
    expect((await aborted).code).toBe("ERR_ABORTED");
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 1006, error: { code: "ERR_ABORTED" } });

    const other = open(url);
    const lost = failure(other.sendAsync(slow()));
    const dying = await sockets.next();
    dying.terminate();
    expect((await lost).code).toBe("ERR_ENDED");
    await until(() => peer.readyState === peer.CLOSED, "the end of the connection");
    expect(left).toBe(0); /* a generator that waits can't be made to leave */
  });

  test.each([1, 2, 3])("any mix of sends comes whole and in order (%i)", async (seed) => {
    let state = seed;
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
      return (state >> 8) % below;
    };
    const got: string[] = [];
    const { url } = await wsPeer(
      (socket) => {
        socket.on("message", (data: Buffer, binary) => {
          got.push(`${binary} ${data.length} ${data.subarray(0, 12).toString("latin1")}`);
          /* Now and then it stops reading, so that all buffers fill. */
          if (random(20) > 0) return;
          socket.pause();
          setTimeout(() => socket.resume(), 5);
        });
      },
      { perMessageDeflate: seed === 1 ? false : { threshold: 0 } },
    );
    const ws = open(url, { deflate: { threshold: 500, noContextTakeover: seed === 3 } });
    await within(ws.opened, "open");
    const expected: string[] = [];
    const waiting: Promise<void>[] = [];
    for (let index = 0; index < 200; index++) {
      const size = random(10) === 0 ? random(400_000) : random(3_000);
      const text = `${index} `.padEnd(size + 5, "äx");
      const bytes = new TextEncoder().encode(text);
      const kind = random(5);
      expected.push(`${kind % 2 === 1} ${bytes.length} ${Buffer.from(bytes.subarray(0, 12)).toString("latin1")}`);
      if (kind === 0) ws.send(text);
      else if (kind === 1) ws.send(new Blob([bytes]));
      else if (kind === 2) waiting.push(ws.sendAsync(text));
      else if (kind === 3)
        waiting.push(ws.sendFragment(bytes.subarray(0, 3), false), ws.sendFragment(bytes.slice(3), true));
      else waiting.push(ws.sendAsync(inParts(text)));
      bytes.fill(0);
      if (random(8) === 0) await pause(1);
    }
    await within(Promise.all(waiting), "all that was waited for");
    ws.close(1000);
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 1000, wasClean: true });
    expect(got).toEqual(expected);
    expect(ws.bufferedAmount).toBe(0);
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
    expect(two).toBeGreaterThanOrEqual(0);
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

async function* inParts(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += 50_000) yield text.slice(at, at + 50_000);
}
