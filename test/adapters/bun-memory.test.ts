import { afterEach, expect, test } from "@jest/globals";
import { Collector } from "../../adapters/bun/garbage.ts";
import { createPort } from "../../adapters/bun/index.ts";
import { Close, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { endPeers, tcpPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { attach } from "./recorder.ts";

afterEach(endPeers);

const MiB = 1024 * 1024;

/** A collector whose collections take so many milliseconds, and what it asks for. */
function paced(costs: number[]): { collector: Collector; waiting: (() => void)[] } {
  const waiting: (() => void)[] = [];
  const collector = new Collector(
    () => costs.shift() ?? 0,
    (run) => void waiting.push(run),
  );
  return { collector, waiting };
}

/** Counts MiB by MiB until a collection is asked for, and has it done. */
function untilCollected({ collector, waiting }: ReturnType<typeof paced>): number {
  for (let count = 1; count < 1000; count++) {
    collector.count(MiB);
    const run = waiting.shift();
    if (run === undefined) continue;
    run();
    return count;
  }
  throw new Error("nothing was collected");
}

test("garbage is collected every few MiB, less often where that takes long", () => {
  const all = paced([9, 8, 0.3, 9, 3, 2.1, 2.1, 5, 0.1]);
  const counts = Array.from({ length: 10 }, () => untilCollected(all));
  /* The least of the last four counts: 2.1 ms, once 0.3 is forgotten. */
  expect(counts).toEqual([4, 4, 4, 4, 4, 4, 4, 9, 9, 4]);
});

test("one collection is asked for at a time", () => {
  const { collector, waiting } = paced([]);
  for (let count = 0; count < 100; count++) collector.count(MiB);
  expect(waiting).toHaveLength(1);
  waiting.shift()?.();
  collector.count(4 * MiB);
  expect(waiting).toHaveLength(1);
});

test("small deliveries count for what they leave besides their bytes", () => {
  const { collector, waiting } = paced([]);
  let count = 0;
  for (; waiting.length === 0; count++) collector.count(64);
  expect(count).toBe(Math.ceil((4 * MiB) / (2048 + 64)));
});

test("this Bun has what collects young garbage", () => {
  const process = globalThis.process as unknown as { getBuiltinModule(name: string): { edenGC(): number } };
  expect(typeof process.getBuiltinModule("bun:jsc").edenGC()).toBe("number");
});

test("large bytes that were copied are given back at once, those that were given away are kept", async () => {
  const { Bun } = globalThis as unknown as { Bun: { connect: (options: Options) => Promise<unknown> } };
  type Options = { socket: { data(socket: unknown, bytes: Buffer): void } };
  const { connect } = Bun;
  const chunks: Buffer[] = [];
  Bun.connect = (options) => {
    const { data } = options.socket;
    const socket = {
      ...options.socket,
      data: (socket: unknown, bytes: Buffer) => {
        chunks.push(bytes);
        data(socket, bytes);
      },
    };
    return connect({ ...options, socket });
  };
  const peer = await tcpPeer((socket) => void socket.end(Buffer.alloc(MiB, "x")));
  try {
    for (const takesBytes of [false, true]) {
      const { port, recorder } = attach(createPort);
      expect(port.open(1, SocketKind.TCP, "127.0.0.1", peer.port, { takesBytes })).toBe(0);
      await recorder.waitFor("ended 1");
      expect(recorder.text).toBe("x".repeat(MiB));
      const large = chunks.splice(0).filter(({ length }) => length === 0 || length >= 16_384);
      expect(large.length).toBeGreaterThan(0);
      expect(large.every(({ length }) => length === 0)).toBe(!takesBytes);
      port.close(1, Close.ABORT);
    }
  } finally {
    Bun.connect = connect;
  }
});

test("one piece is written from where it lies, pieces are joined, and what is not taken is owed", async () => {
  const received: Buffer[] = [];
  const peer = await tcpPeer((socket) => void socket.on("data", (bytes) => received.push(bytes)));
  const { port, recorder } = attach(createPort);
  expect(port.open(1, SocketKind.TCP, "127.0.0.1", peer.port, {})).toBe(0);
  expect(port.writePart?.(1, Buffer.from("early"), 0, 5)).toBe(0);
  await recorder.waitFor("connected 1");
  expect(port.writePart?.(1, Buffer.from("<one>"), 1, 3)).toBe(3);
  expect(port.write(1, [Buffer.from("two"), Buffer.from("three")])).toBe(8);
  await until(() => Buffer.concat(received).toString() === "onetwothree", "all pieces");
  for (const socket of peer.sockets) socket.pause();
  const many = Buffer.alloc(64 * MiB, "x");
  const taken = port.writePart?.(1, many, MiB, 63 * MiB) ?? 0;
  expect(taken).toBeLessThan(63 * MiB);
  for (const socket of peer.sockets) socket.resume();
  await recorder.waitFor("written 1 0");
  expect(port.writePart?.(2, many, 0, 1)).toBe(Errors.ERR_STATE.value);
  port.close(1, Close.ABORT);
});
