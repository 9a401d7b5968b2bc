/**
 * A thousand connections at once, a thousand reconnects, and servers that send garbage. The limits leave no slack: a slot
 * or a block that is lost in one round is missed in the next.
 */
import type { Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { lastError, limits, net, ws } from "twinwire/handles";
import { noise, opened, TcpClient, WsClient } from "../interop/client.ts";
import { frame, Op } from "../interop/frames.ts";
import { collect } from "../support/collect.ts";
import { endPeers, rawWsPeer, tcpPeer, wsPeer } from "../support/peers.ts";
import { pause, until } from "../support/wait.ts";

const COUNT = 1000;
const ROUNDS = 3;
/** How long something with a thousand connections may take, in ms. */
const LONG = 120_000;
const MIB = 1 << 20;
const POOL = 8 * MIB;
const BLOCK = 4096;
/** What a round may leave behind, in MiB: 6 are 3 KiB of each connection. What was freed stays the process's for a while. */
const MOST_GROWTH: Use = { heap: 6, rss: 96 };

interface Use {
  readonly rss: number;
  readonly heap: number;
}

beforeAll(() => {
  limits({
    ...{ sockets: COUNT, webSockets: COUNT, sendPool: POOL, sendBuffer: POOL, blockSize: BLOCK },
    /* None of a thousand is to be given up because the machine has other work. */
    ...{ connectTimeoutMs: LONG, handshakeTimeoutMs: LONG, closeTimeoutMs: 20_000 },
  });
});
afterEach(endPeers);

/**
 * How many blocks the pool of outbound bytes has now, found by filling it against a server that does not read. The system may
 * have taken a part of the first one, which stays in use until all of it is sent.
 */
async function room(): Promise<number> {
  const sink = await tcpPeer((socket) => socket.pause());
  const { handle } = await TcpClient.open("127.0.0.1", sink.port);
  for (let refused = 0; refused < 3; ) {
    if (net.send(handle, Buffer.alloc(BLOCK)) < 0) {
      refused += 1;
      await pause(5);
    }
  }
  /* By single bytes, so that the last block is full too. */
  while (net.send(handle, "x") === 1);
  expect(lastError()?.code).toBe("ERR_BACKPRESSURE");
  const blocks = Math.ceil(net.bufferedAmount(handle) / BLOCK);
  net.close(handle);
  await sink.close();
  await pause(20);
  return blocks;
}

/** Waits until slots of closed handles are free again. */
async function allGone(open: () => number, close: (handle: number) => void): Promise<void> {
  const handles: number[] = [];
  await until(() => {
    while (handles.length < COUNT) {
      const handle = open();
      if (handle < 0) return false;
      handles.push(handle);
    }
    return true;
  }, `${COUNT} free slots`);
  for (const handle of handles) close(handle);
}

/** What is in use now, in MiB, but for garbage: when that goes is a question of the host. */
async function inUse(): Promise<Use> {
  await collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss: Math.round(rss / MIB), heap: Math.round((heapUsed + external) / MIB) };
}

/** The same at rest: on Deno up to 60 MiB of a round's sockets, of both ends, go some 300 ms after their end is reported. */
async function memory(): Promise<Use> {
  let last = await inUse();
  for (let count = 0; count < 10; count++) {
    await pause(300);
    const now = await inUse();
    if (Math.abs(now.heap - last.heap) <= 1) return now;
    last = now;
  }
  return last;
}

/** Prints what was in use after the first round and after the last, and refuses growth. */
function expectNoGrowth(what: string, used: readonly Use[]): void {
  expect(used.length).toBe(2);
  for (const kind of ["heap", "rss"] as const) {
    const [first = 0, last = 0] = used.map((it) => it[kind]);
    print(`${kind} after ${COUNT} ${what}, and after ${ROUNDS * COUNT} (both ends here): ${first}, ${last} MiB`);
    expect(last - first).toBeLessThan(MOST_GROWTH[kind]);
  }
}

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}

describe("a thousand at once", () => {
  test(
    "WebSockets: open, exchange, close, three times over",
    async () => {
      const { url } = await wsPeer((socket) => socket.on("message", (data) => socket.send(data, { binary: false })));
      const before = await room();
      const used: Use[] = [];
      const seen = new Set<number>();
      for (let round = 0; round < ROUNDS; round++) {
        let [connected, answered, ended] = [0, 0, 0];
        const conns = Array.from({ length: COUNT }, (_, index) => {
          const conn = opened(ws.open(url));
          const text = `${round}/${index} ${"x".repeat(index)}`;
          ws.on(conn, "connected", () => {
            connected += 1;
            ws.send(conn, text);
          });
          ws.on(conn, "message", ({ message }) => {
            if (message === text) answered += 1;
          });
          ws.on(conn, "disconnected", ({ code, clean }) => {
            if (code === 1000 && clean) ended += 1;
          });
          seen.add(conn);
          return conn;
        });
        expect(ws.open(url)).toBe(-1);
        expect(lastError()?.code).toBe("ERR_LIMIT");
        await until(() => answered === COUNT, `the answers of round ${round}`, LONG);
        for (const conn of conns) ws.close(conn);
        await until(() => ended === COUNT, `the ends of round ${round}`, LONG);
        expect(connected).toBe(COUNT);
        if (round === 0 || round === ROUNDS - 1) used.push(await memory());
      }
      /* Each handle was a number of its own: a stale one names nothing. */
      expect(seen.size).toBe(COUNT * ROUNDS);
      expect([...seen].every((conn) => ws.send(conn, "x") === -1)).toBe(true);
      expect(await room()).toBe(before);
      expectNoGrowth("WebSockets", used);
    },
    4 * LONG,
  );

  test(
    "TCP: open, exchange, close, three times over",
    async () => {
      const { port } = await tcpPeer((socket) => socket.pipe(socket));
      const before = await room();
      const used: Use[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        let [answered, ended] = [0, 0];
        const socks = Array.from({ length: COUNT }, (_, index) => {
          const sock = opened(net.tcpConnect("127.0.0.1", port));
          const text = `${round}/${index} ${"x".repeat(index)}`;
          let back = "";
          net.on(sock, "connected", () => net.send(sock, text));
          net.on(sock, "data", ({ data }) => {
            back += data;
            if (back === text) answered += 1;
          });
          net.on(sock, "disconnected", () => {
            ended += 1;
          });
          return sock;
        });
        expect(net.tcpConnect("127.0.0.1", port)).toBe(-1);
        expect(lastError()?.code).toBe("ERR_LIMIT");
        await until(() => answered === COUNT, `the answers of round ${round}`, LONG);
        for (const sock of socks) net.close(sock);
        await until(() => ended === COUNT, `the ends of round ${round}`, LONG);
        if (round === 0 || round === ROUNDS - 1) used.push(await memory());
      }
      expect(await room()).toBe(before);
      expectNoGrowth("TCP connections", used);
    },
    4 * LONG,
  );

  test(
    "closed before they are open, and dropped with bytes queued: nothing is lost either",
    async () => {
      const sink = await tcpPeer((socket) => socket.pause());
      const before = await room();
      for (let round = 0; round < ROUNDS; round++) {
        const conns = Array.from({ length: COUNT }, () => opened(ws.open(`ws://127.0.0.1:${sink.port}/${round}`)));
        const socks = Array.from({ length: 200 }, () => opened(net.tcpConnect("127.0.0.1", sink.port)));
        await until(() => socks.every((sock) => net.state(sock) === "open"), "200 connections");
        for (const sock of socks) for (let count = 0; count < 40; count++) net.send(sock, Buffer.alloc(70_000));
        for (const conn of conns) ws.close(conn);
        for (const peer of sink.sockets) peer.resetAndDestroy();
        for (const sock of socks) net.close(sock);
        await until(() => {
          /* Some are accepted only now, and a paused one does not notice its end. */
          for (const peer of sink.sockets) peer.resetAndDestroy();
          return sink.sockets.size === 0;
        }, "the end of all sockets");
      }
      await allGone(() => ws.open(`ws://127.0.0.1:${sink.port}/`), ws.close);
      await allGone(() => net.tcpConnect("127.0.0.1", sink.port), net.close);
      expect(await room()).toBe(before);
    },
    4 * LONG,
  );
});

describe("reconnecting", () => {
  test(
    "a WebSocket that is dropped a thousand times comes back a thousand times",
    async () => {
      let served = 0;
      const { url } = await wsPeer((socket) => {
        served += 1;
        if (served <= COUNT) socket.terminate();
        else socket.send("stay");
      });
      const client = new WsClient(url);
      ws.setAutoReconnect(client.handle, true);
      ws.setReconnectDelays(client.handle, [0]);
      expect(await client.messages.next(LONG)).toBe("stay");
      expect(served).toBe(COUNT + 1);
      expect(client.connected.all.length).toBe(client.disconnected.all.length + 1);
      expect(ws.state(client.handle)).toBe("open");
    },
    4 * LONG,
  );

  test(
    "a TCP connection that is dropped a thousand times comes back a thousand times",
    async () => {
      let served = 0;
      const { port } = await tcpPeer((socket) => {
        served += 1;
        if (served <= COUNT) socket.end("go");
        else socket.write("stay");
      });
      const client = new TcpClient("127.0.0.1", port);
      net.setAutoReconnect(client.handle, true);
      net.setReconnectDelays(client.handle, [0]);
      await until(() => client.text.endsWith("stay"), "the last connection", LONG);
      expect(client.text).toBe(`${"go".repeat(COUNT)}stay`);
      expect(client.connected.all.length).toBe(COUNT + 1);
      expect(client.disconnected.all.length).toBe(COUNT);
    },
    4 * LONG,
  );
});

describe("garbage", () => {
  const CLIENTS = 500;

  /** Numbers that are the same in every run. */
  function dice(seed: number): (below: number) => number {
    const bytes = noise(65_536, seed);
    let at = 0;
    return (below) => {
      at = (at + 4) % 65_532;
      return bytes.readUInt32LE(at) % below;
    };
  }

  /** Frames that are almost right: each stream has a byte or two that are not. */
  function almostFrames(seed: number): Buffer {
    const roll = dice(seed);
    const opcodes = [Op.TEXT, Op.BINARY, Op.MORE, Op.PING, Op.PONG, Op.CLOSE];
    const frames = Array.from({ length: 20 }, () => {
      const data = roll(2) === 0 ? noise(roll(300), roll(1000)) : Buffer.from("Grüße ".repeat(roll(30)));
      return frame(opcodes[roll(opcodes.length)] ?? Op.TEXT, data, { fin: roll(4) > 0 });
    });
    const stream = Buffer.concat(frames);
    for (let count = roll(3); count > 0; count--) stream[roll(stream.length)] = roll(256);
    return stream;
  }

  /** Writes in pieces, some of them single bytes, then ends in one way or another. */
  async function spit(socket: Socket, bytes: Buffer, seed: number): Promise<void> {
    const roll = dice(seed);
    for (let at = 0; at < bytes.length && !socket.destroyed; ) {
      const size = roll(3) === 0 ? 1 : roll(2000);
      socket.write(bytes.subarray(at, at + size));
      at += size;
      if (roll(4) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    if (roll(2) === 0) socket.end();
    else socket.resetAndDestroy();
  }

  test.each([
    ["instead of an answer", "tcp", (seed: number) => noise(200 + (seed % 3000), seed)],
    ["after HTTP/1.1 101", "tcp", (seed: number) => Buffer.concat([Buffer.from("HTTP/1.1 101 "), noise(500, seed)])],
    ["instead of frames", "ws", (seed: number) => noise(5000, seed)],
    ["in frames that are almost right", "ws", almostFrames],
  ])(
    "%s, to %s clients",
    async (_, kind, make) => {
      let seed = 0;
      const accept = (socket: Socket): void => {
        seed += 1;
        spit(socket, make(seed), seed);
      };
      const { port } = await (kind === "ws" ? rawWsPeer(accept) : tcpPeer(accept));
      const clients = Array.from({ length: CLIENTS }, () => new WsClient(`ws://127.0.0.1:${port}/`));
      await until(() => clients.every(({ disconnected }) => disconnected.all.length === 1), "the end of all", LONG);
      if (kind === "tcp") expect(clients.every(({ connected }) => connected.all.length === 0)).toBe(true);
      /* The module is well: the next connection works as if nothing had been. */
      const { url } = await wsPeer((socket) =>
        socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })),
      );
      const client = await WsClient.open(url);
      const bytes = noise(300_000);
      await client.send(bytes);
      expect(bytes.equals((await client.messages.next()) as Uint8Array)).toBe(true);
    },
    4 * LONG,
  );
});
