/** Clients that mean harm, as sockets: the server serves the others meanwhile, and what they cost has a bound. */
import { once } from "node:events";
import { afterEach, describe, expect, test } from "@jest/globals";
import { endPeers } from "../../support/peers.ts";
import { pause, until, within } from "../../support/wait.ts";
import { echo, handshake, masked, nextOf, RawClient, serve, urlOf, wsClient } from "./support.ts";

afterEach(endPeers);

const MIB = 1 << 20;
const FEW_MIB = 48 * MIB;

/**
 * How much memory the process has taken since. Garbage counts, as what is held can't be more; but Bun collects so late that
 * it is asked to collect first.
 */
function growth(): () => number {
  const before = process.memoryUsage().rss;
  return () => {
    if ("Bun" in globalThis) bunCollects();
    return process.memoryUsage().rss - before;
  };
}

function bunCollects(): void {
  const { Bun } = globalThis as unknown as { Bun: { gc(synchronous: boolean): void } };
  Bun.gc(true);
}

/** A client that behaves gets its answers, and not late. */
async function expectServed(client: Awaited<ReturnType<typeof wsClient>>): Promise<void> {
  for (let count = 0; count < 10; count++) {
    client.send(`are you there? ${count}`);
    const [data] = (await within(once(client, "message"), "an echo")) as [Buffer];
    expect(String(data)).toBe(`are you there? ${count}`);
  }
}

describe("before it is a WebSocket", () => {
  test("a hundred heads that trickle in: the others are served, and each slow one gets 408", async () => {
    const server = await echo({ headTimeoutMs: 600 });
    const good = await wsClient(urlOf(server));
    const slow = Array.from({ length: 100 }, () => new RawClient(server));
    for (const client of slow) client.write("GET / HTTP/1.1\r\nHost: a\r\n");
    const drip = setInterval(() => {
      for (const client of slow) client.write("X");
    }, 25);
    try {
      await expectServed(good);
      await wsClient(urlOf(server));
      const answers = await Promise.all(slow.map((client) => client.rest()));
      expect(answers.every((answer) => answer.toString().startsWith("HTTP/1.1 408 "))).toBe(true);
    } finally {
      clearInterval(drip);
    }
    await expectServed(good);
  });

  test("a head without end is cut off at the limit, however fast it comes", async () => {
    const server = await echo();
    const grown = growth();
    const client = new RawClient(server);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n");
    for (let count = 0; count < 2_000 && client.socket.writable; count++) {
      client.write(`X-${count}: ${"x".repeat(1_000)}\r\n`);
      if (count % 50 === 0) await pause(1);
    }
    expect((await client.rest()).toString()).toMatch(/^HTTP\/1\.1 431 /);
    expect(grown()).toBeLessThan(FEW_MIB);
  });

  test("a target without end", async () => {
    const client = new RawClient(await echo());
    client.write(`GET /${"a".repeat(100_000)}`);
    expect((await client.rest()).toString()).toMatch(/^HTTP\/1\.1 414 /);
  });

  test.each([
    ["noise", Buffer.from("c3ff00d87719ac23b5", "hex")],
    ["a TLS hello", Buffer.from("16030100a5010000a10303", "hex")],
    ["a second request", Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")],
  ])("a handshake with %s behind it: 101, then the close frame of a protocol error", async (_, garbage) => {
    const server = await serve();
    const client = new RawClient(server);
    client.write(Buffer.concat([Buffer.from(handshake()), garbage]));
    expect(await client.readTo("\r\n\r\n")).toMatch(/^HTTP\/1\.1 101 /);
    expect([...(await client.rest())]).toEqual([0x88, 2, 1002 >> 8, 1002 & 255]);
    client.socket.end();
    await until(() => server.clients.size === 0, "no client");
  });

  test("a close while a client is being judged: it is not let in any more", async () => {
    let decide: (verdict: boolean) => void = () => {};
    const server = await serve({ authorize: () => new Promise<boolean>((resolve) => (decide = resolve)) });
    const client = new RawClient(server);
    client.write(handshake());
    await pause(50);
    const closed = server.close({ graceMs: 1_000 });
    decide(true);
    expect((await client.rest()).toString()).toMatch(/^HTTP\/1\.1 503 /);
    await within(closed, "the end");
    expect(server.clients.size).toBe(0);
  });
});

describe("once it is one", () => {
  test("tiny fragments: a message has maxFragments of them, and no more memory than its bytes", async () => {
    const server = await serve({ maxFragments: 5_000 });
    const client = new RawClient(server);
    await client.open();
    const socket = await nextOf(server);
    const observed = once(socket, "message");
    const grown = growth();
    const part = masked(0x00, "x");
    const begin = masked(0x01, "x");
    client.write(Buffer.concat([begin, ...Array.from({ length: 4_998 }, () => part), masked(0x80, "x")]));
    const [{ data }] = (await within(observed, "the message")) as [MessageEvent];
    expect(data).toBe("x".repeat(5_000));
    client.write(Buffer.concat([begin, ...Array.from({ length: 20_000 }, () => part)]));
    expect([...(await client.rest()).subarray(0, 4)]).toEqual([0x88, 2, 1009 >> 8, 1009 & 255]);
    expect((await within(socket.closed, "the end")).error?.code).toBe("ERR_WS_TOO_BIG");
    expect(grown()).toBeLessThan(FEW_MIB);
  });

  test("empty fragments without end are bounded too", async () => {
    const server = await serve({ maxFragments: 100 });
    const client = new RawClient(server);
    await client.open();
    client.write(Buffer.concat([masked(0x01, ""), ...Array.from({ length: 1_000 }, () => masked(0x00, ""))]));
    expect([...(await client.rest()).subarray(0, 4)]).toEqual([0x88, 2, 1009 >> 8, 1009 & 255]);
  });

  test("a flood of pings by a client that reads nothing: pongs wait in one buffer, and the others are served", async () => {
    const server = await echo();
    const good = await wsClient(urlOf(server));
    const client = new RawClient(server);
    await client.open();
    client.socket.pause();
    await until(() => server.clients.size === 2, "2 clients");
    const socket = [...server.clients][1];
    const grown = growth();
    const flood = Buffer.concat(Array.from({ length: 8_000 }, () => masked(0x89, "p".repeat(125))));
    for (let count = 0; count < 32; count++) {
      client.write(flood);
      await pause(2);
    }
    await expectServed(good);
    await until(() => Number(socket?.stats().received) > 16 * MIB, "the flood");
    /* What waits in this process is the flood itself, on the client's side. */
    expect(grown()).toBeLessThan(FEW_MIB + client.socket.writableLength);
    expect(Number(socket?.bufferedAmount)).toBe(0);
    expect(socket?.readyState).toBe(1);
    socket?.terminate();
    await expectServed(good);
  });

  test("clients that never read during a broadcast are given up at maxBuffered; the others hear all of it", async () => {
    const server = await serve({ maxBuffered: 2 * MIB });
    const good = await wsClient(urlOf(server));
    const deaf = Array.from({ length: 5 }, () => new RawClient(server));
    for (const client of deaf) {
      await client.open();
      client.socket.pause();
    }
    await until(() => server.clients.size === 6, "6 clients");
    const sockets = [...server.clients].slice(1);
    const errors = sockets.map(async (it) => (await it.closed).error?.code);
    let observed = 0;
    good.on("message", () => observed++);
    const message = Buffer.alloc(MIB / 2);
    let sent = 0;
    while (sockets.some((it) => it.readyState === 1) && sent < 1_000) {
      server.broadcast(message);
      sent++;
      await until(() => observed === sent, "the message");
    }
    /* The system's buffers take what they like, the engine's follow, and then what was allowed. */
    expect(await within(Promise.all(errors), "the ends")).toEqual(deaf.map(() => "ERR_BACKPRESSURE"));
    expect(server.clients.size).toBe(1);
  });

  test("one that sends a frame of a length that it never fills holds nothing but its place", async () => {
    const server = await echo();
    const good = await wsClient(urlOf(server));
    const grown = growth();
    for (let count = 0; count < 50; count++) {
      const client = new RawClient(server);
      await client.open();
      client.write(Buffer.from("82ff0000000000f0000000000000", "hex"));
    }
    await expectServed(good);
    expect(grown()).toBeLessThan(FEW_MIB);
    expect(server.clients.size).toBe(51);
  });
});
