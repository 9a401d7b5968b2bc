/** The flight recorder: what it holds is what a trace has, in memory of a fixed size, without credentials, and can be replayed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import {
  http,
  type Recorder,
  recorder,
  TcpConnection,
  TcpServer,
  type TraceLine,
  type TwinwireError,
  trace,
  UdpSocket,
  WebSocket,
  WebSocketServer,
} from "../api/index.ts";
import { CoreMachine } from "../cli/conformance/machine.ts";
import { runCase } from "../cli/conformance/run.ts";
import { replayableOf } from "../cli/conformance/trace.ts";
import { bytesOf, PcapNg } from "../cli/pcapng.ts";
import { Event, EventRecord } from "../wasm/abi.gen.ts";
import { completeLimits } from "../wasm/limits.ts";
import { Memory } from "../wasm/memory.ts";
import { Recorder as Recording } from "../wasm/trace/recorder.ts";
import { Ring } from "../wasm/trace/ring.ts";
import { thrown } from "./api/support.ts";
import { atEnd, endPeers, freePort, tcpPeer } from "./support/peers.ts";
import { pause, until, within } from "./support/wait.ts";

/** What a test leaves behind ends before the next one records. */
afterEach(async () => {
  await endPeers();
  await settled();
});

const machine = new CoreMachine();

function record(options: Parameters<typeof recorder>[0] = {}): Recorder {
  const flight = recorder({ bytes: 8_388_608, ...options });
  atEnd(() => flight.stop());
  return flight;
}

const linesOf = (dump: string): string[] => dump.trimEnd().split("\n");
const parsed = (dump: string): TraceLine[] => linesOf(dump).map((line) => JSON.parse(line) as TraceLine);

/** Replays a dump against the core. Returns what differs, and the connections that can't be replayed. */
function replay(dump: string): { failure: string | undefined; left: readonly string[]; steps: number } {
  const { one, left } = replayableOf("dump", linesOf(dump));
  return { failure: runCase(machine, one).failure, left, steps: one.steps.length };
}

/** All that a dump has as text, also what its lines have as hexadecimal digits. */
function everything(dump: string): string {
  const texts = dump.replaceAll(/"(x:[0-9a-f]*)"/g, (_, hex: string) => `"${bytesOf(hex).toString("latin1")}"`);
  return `${dump}\n${texts}`;
}

/** The last events of what is closed arrive in a later iteration of the event loop. */
const settled = (): Promise<void> => pause(30);

async function echoServer(): Promise<WebSocketServer> {
  const server = new WebSocketServer("127.0.0.1", 0, { onMessage: (socket, message) => socket.send(message) });
  await within(server.opened, "the server listens");
  atEnd(() => server.close());
  return server;
}

async function talk(socket: WebSocket, ...messages: (string | Uint8Array<ArrayBuffer>)[]): Promise<void> {
  await within(socket.opened, "opened");
  for (const message of messages) {
    socket.send(message);
    for await (const _ of socket) break;
  }
}

async function end(socket: WebSocket): Promise<void> {
  socket.close(1000, "done");
  await within(socket.closed, "closed");
}

/** Some of everything: WebSockets on both sides, a broadcast, HTTP, a stream, datagrams, a refused connection. */
async function live(size: number): Promise<void> {
  const server = await echoServer();
  const socket = new WebSocket(`ws://${server.addr()}/`);
  await talk(socket, "hello", "grüße", new Uint8Array([0, 255, 13]), "x".repeat(size), "");
  server.broadcast("to all");
  for await (const _ of socket) break;
  await socket.ping();
  await end(socket);
  await server.close();

  const served = http.serve(new TcpServer("127.0.0.1", 0), async (request) => ({
    json: { path: request.path, body: await request.body.text() },
  }));
  await within(served.server.opened, "HTTP listens");
  for (const body of ["first", { second: true }]) {
    const response = await http.request({ method: "POST", url: `http://${served.server.addr()}/things?x=1`, body });
    expect(response.status).toBe(200);
  }
  await served.close();

  const peer = await tcpPeer((other) => other.pipe(other));
  const conn = new TcpConnection("127.0.0.1", peer.port);
  await conn.writeAll("ping\n");
  await conn.readExact(5);
  conn.close();
  await conn.closed;

  const [one, other] = [new UdpSocket("127.0.0.1", 0), new UdpSocket("127.0.0.1", 0)];
  await one.opened;
  await one.sendTo("datagram", "127.0.0.1", Number(other.localAddr().split(":")[1]));
  expect(`${(await within(other.recvFrom(), "a datagram")).data}`).toBe("datagram");
  one.close();
  other.close();
  await expect(new TcpConnection("127.0.0.1", await freePort()).opened).rejects.toThrow("ERR_REFUSED");
  await settled();
}

describe("what it holds", () => {
  test("is what a trace of the same session has", async () => {
    const flight = record();
    const lines: string[] = [];
    const stop = trace((line) => lines.push(line));
    atEnd(stop);
    await live(70_000);
    stop();
    const [header, ...recorded] = parsed(flight.dump());
    flight.stop();
    expect(header).toMatchObject({ lost: 0, limits: { sockets: expect.any(Number) } });
    expect(Date.parse(`${header?.began}`)).not.toBeNaN();
    const untimed = (line: TraceLine): TraceLine => ({ ...line, ms: 0 });
    expect(recorded.map(untimed)).toEqual(lines.map((line) => untimed(JSON.parse(line) as TraceLine)));
    const times = recorded.map(({ ms }) => ms ?? -1);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test("is what a trace has of messages of any size, also of many that come together", async () => {
    const flight = record();
    const lines: string[] = [];
    const stop = trace((line) => lines.push(line));
    atEnd(stop);
    const server = await echoServer();
    const socket = new WebSocket(`ws://${server.addr()}/`);
    await within(socket.opened, "opened");
    const sizes = [...Array.from({ length: 70 }, (_, at) => 4 * at), 511, 512, 513, 1023, 1025, 1151, 1152, 1153, 9000];
    for (const [at, size] of sizes.entries()) socket.send(String.fromCharCode(65 + (at % 26)).repeat(size));
    let got = 0;
    for await (const message of socket) {
      expect(message).toHaveLength(sizes[got] as number);
      if (++got === sizes.length) break;
    }
    stop();
    const untimed = (line: TraceLine): TraceLine => ({ ...line, ms: 0 });
    const recorded = parsed(flight.dump()).slice(1);
    flight.stop();
    expect(recorded.map(untimed)).toEqual(lines.map((line) => untimed(JSON.parse(line) as TraceLine)));
  });

  test("does the same against the core again", async () => {
    const flight = record();
    await live(1500);
    expect(replay(flight.dump())).toMatchObject({ failure: undefined, left: [] });
    const changed = flight.dump().replace(/"x:8105/, '"x:8185');
    expect(changed).not.toBe(flight.dump());
    expect(replay(changed).failure).toContain("step");
  });

  test("of one connection is its own, and can be replayed with its server", async () => {
    const server = await echoServer();
    const flight = record();
    const other = await echoServer();
    const [one, two] = [server, other].map((it) => new WebSocket(`ws://${it.addr()}/`));
    if (one === undefined || two === undefined) throw new Error("no sockets");
    await talk(one, "first");
    await talk(two, "second");
    const all = flight.dump(two);
    expect(all).toContain("second");
    expect(all).not.toContain("first");
    await Promise.all([end(one), end(two)]);
    await settled();
    expect(replay(flight.dump(two))).toMatchObject({ failure: undefined, left: [] });
    expect(() => flight.dump(-1)).not.toThrow();
  });
});

describe("a ring that has lost records", () => {
  test("holds the newest in memory of a fixed size", () => {
    const ring = new Ring(4096);
    let seed = 7;
    const held: { at: number; size: number; mark: number }[] = [];
    for (let mark = 1; mark <= 100_000; mark++) {
      seed = (seed * 48_271) % 2_147_483_647;
      const size = 8 + 4 * (seed % (mark % 100 === 0 ? 1022 : 20));
      const at = ring.append(size);
      ring.words.fill(mark, (at >>> 2) + 1, (at + size) >>> 2);
      held.push({ at, size, mark });
      while (held.length > ring.records) held.shift();
      if (mark % 97 !== 0) continue;
      expect([...ring.places()]).toEqual(held.map((it) => it.at));
      for (const it of held)
        expect(ring.words.subarray((it.at >>> 2) + 1, (it.at + it.size) >>> 2).every((word) => word === it.mark)).toBe(
          true,
        );
    }
    expect(ring.records + ring.lost).toBe(100_000);
    expect(ring.bytes.length).toBe(4096);
  });

  test("a million events take no more memory than the first thousand", () => {
    const memory = new Memory({ buffer: new ArrayBuffer(65_536) });
    const core = { memory, arena: 0, received: 1024, sender: 512, events: 64 };
    const limits = { ...completeLimits(undefined), recvBuffer: 4096 };
    const isLeaving = (): boolean => false;
    const settings = { bytes: 65_536, everyMs: 0, onError: undefined, secrets: [] };
    const recording = new Recording({ core: core as never, isLeaving, limits, nowMs: 0 }, settings);
    const record = 64;
    memory.writeU32(record + EventRecord.type, [Event.MESSAGE, 5, 2048, 40]);
    const some = (count: number): void => {
      for (let index = 0; index < count; index++) {
        recording.batch(1);
        recording.event(record);
      }
    };
    some(1000);
    const before = process.memoryUsage();
    some(1_000_000);
    const after = process.memoryUsage();
    expect(recording.records + recording.lost).toBe(1_001_000);
    expect(recording.records).toBeLessThan(1200);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(65_536);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(8_388_608);
    expect(recording.dump(undefined).length).toBeLessThan(8 * 65_536);
  });

  test("replays whole connections of servers whose beginning is gone, and names those that are cut", async () => {
    const flight = record({ bytes: 65_536 });
    const server = await echoServer();
    const url = `ws://${server.addr()}/`;
    const long = new WebSocket(url);
    await talk(long, ...Array.from({ length: 60 }, (_, index) => `${index}`.repeat(600)));
    expect(flight.lost).toBeGreaterThan(0);
    const short = new WebSocket(url);
    await talk(short, "is held whole");
    await end(short);
    await settled();
    const dump = flight.dump();
    expect(dump.length).toBeLessThan(10 * 65_536);
    const { failure, left, steps } = replay(dump);
    expect(failure).toBeUndefined();
    expect(left).toHaveLength(2); /* both ends of `long` */
    expect(steps).toBeGreaterThan(20);
    const seen = parsed(dump).filter(({ call }) => call?.[0] === "ws-send" && call[3] === "is held whole");
    expect(seen.every(({ call }) => !left.includes(`${call?.[1]}`))).toBe(true);
    expect(seen.length).toBe(2);
    await end(long);
  });

  test("what is larger than a quarter of it is shortened, and says so", async () => {
    const flight = record({ bytes: 65_536 });
    const server = await echoServer();
    const socket = new WebSocket(`ws://${server.addr()}/`);
    await talk(socket, "x".repeat(30_000));
    await end(socket);
    await settled();
    const cut = parsed(flight.dump()).filter(({ left }) => left !== undefined);
    expect(cut.length).toBeGreaterThan(0);
    for (const { call, left } of cut) if (call?.[0] === "ws-send") expect(left).toBe(30_000 - 16_384);
    expect(replay(flight.dump()).left.length).toBeGreaterThan(0);
  });
});

describe("credentials", () => {
  const secret = ["S3cr3tUser", "S3cr3tPass"] as const;
  const basic = (text: string): string => Buffer.from(text).toString("base64");

  /** Fails if any of it can be read in the dump. */
  function expectHidden(dump: string, ...more: string[]): void {
    const all = everything(dump);
    const tokens = [...secret, basic(secret.join(":")), ...more];
    for (const token of tokens) expect(all.includes(token) ? token : undefined).toBeUndefined();
    for (const part of [4, 5, 6]) expect(all).not.toContain(basic(`${"x".repeat(part)}${secret[1]}`).slice(12, 20));
  }

  test("of WebSockets, in URLs, options and headers, are redacted; and a replay does the same", async () => {
    const flight = record();
    const server = await echoServer();
    const address = server.addr();
    const sockets = [
      new WebSocket(`ws://${secret[0]}:${secret[1].replace("S", "%53")}@${address}/?token=${secret[1]}&a=b`),
      new WebSocket(`ws://${address}/`, {
        headers: { Authorization: `Bearer ${secret[1]}`, Cookie: `id=${secret[0]}` },
      }),
      new WebSocket(`ws://${address}/`, { headers: { "X-Api-Key": secret[1] } }),
    ];
    for (const socket of sockets) {
      await talk(socket, "hello");
      await end(socket);
    }
    await settled();
    const dump = flight.dump();
    expectHidden(dump, secret[1].replace("S", "%53"));
    expect(dump).toContain("a=b");
    expect(dump).toContain("Bearer **********");
    expect(replay(dump)).toMatchObject({ failure: undefined, left: [] });
  });

  test("of HTTP, in both directions and whatever the splits, are redacted; and a replay does the same", async () => {
    const flight = record();
    const served = http.serve(new TcpServer("127.0.0.1", 0), () => ({
      headers: { "Set-Cookie": `id=${secret[0]}; Path=/`, "X-Own": `${secret[1]}` },
      text: "body",
    }));
    await within(served.server.opened, "HTTP listens");
    const address = served.server.addr();
    const headers = { Authorization: `Basic ${basic(secret.join(":"))}`, Cookie: `a=b; id=${secret[0]}` };
    await http.request({ url: `http://${address}/?access_token=${secret[1]}&page=2`, headers }, { keepAlive: false });
    const peer = await tcpPeer((socket) => {
      const parts = [
        "HTTP/1.1 200 OK\r\nset-coo",
        `kie: ${secret[0].slice(0, 4)}`,
        `${secret[0].slice(4)}; x\r\nContent-`,
        "Length: 0\r\n\r\n",
      ];
      const next = (): void => {
        const part = parts.shift();
        if (part !== undefined) socket.write(part, () => setTimeout(next, 15));
      };
      socket.once("data", next);
    });
    await http.request({ url: `http://127.0.0.1:${peer.port}/`, headers }, { keepAlive: false });
    await served.close();
    await settled();
    const own = flight.dump();
    expect(own).toContain("page=2");
    expect(everything(own)).toContain(secret[1]); /* X-Own is no secret of all */
    flight.stop();
    expect(replay(own)).toMatchObject({ failure: undefined, left: [] });
  });

  test("of fields that `secrets` names, and of a proxy, are redacted", async () => {
    const flight = record({ secrets: ["x-own"] });
    const asked: string[] = [];
    const peer = await tcpPeer((socket) => {
      socket.on("data", (data) => {
        asked.push(`${data}`);
        socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nX-Own: S3cr3tPass\r\nContent-Length: 0\r\n\r\n");
      });
    });
    const proxy = `http://${secret[0]}:${secret[1]}@127.0.0.1:${peer.port}`;
    const socket = new WebSocket("ws://a.test/", { proxy, headers: { "X-Own": secret[1] }, reconnect: false });
    await expect(socket.opened).rejects.toThrow("ERR_PROXY");
    await settled();
    expect(asked.join("")).toContain(`Basic ${basic(secret.join(":"))}`);
    expectHidden(flight.dump());
    expect(replay(flight.dump())).toMatchObject({ failure: undefined, left: [] });
  });

  test("in the middle of which a dump begins are redacted", async () => {
    const flight = record({ bytes: 65_536 });
    const sockets: Socket[] = [];
    const peer = await tcpPeer((socket) => sockets.push(socket));
    const conn = new TcpConnection("127.0.0.1", peer.port);
    await conn.opened;
    await until(() => sockets.length > 0, "accepted");
    const start = "GET / HTTP/1.1\r\nAuthorization: Bearer ";
    sockets[0]?.write(start);
    await within(conn.readExact(start.length), "the start");
    /* So long a line that its name is lost; what remains of it is not readable for that. */
    for (const line of [...Array(40).fill("S3cr3tPass".repeat(400)), "S3cr3tPass\r\nNext: visible\r\n\r\n"]) {
      sockets[0]?.write(line);
      await within(conn.readExact(line.length), "a part");
    }
    await until(() => flight.lost > 0, "records are lost");
    await settled();
    const dump = everything(flight.dump());
    expect(dump).not.toContain("Authorization");
    expect(dump).not.toContain("S3cr3tPass");
    conn.close();
  });
});

describe("failures", () => {
  test("call onError with the error, when everything about them is recorded", async () => {
    const dumps: string[] = [];
    const errors: TwinwireError[] = [];
    const flight = record({
      everyMs: 0,
      onError: (error) => {
        errors.push(error);
        dumps.push(flight.dump());
      },
    });
    const port = await freePort();
    await expect(new TcpConnection("127.0.0.1", port).opened).rejects.toThrow("ERR_REFUSED");
    await until(() => dumps.length > 0, "a dump");
    expect(errors.map(({ code }) => code)).toEqual(["ERR_REFUSED"]);
    const events = parsed(dumps[0] ?? "").flatMap(({ event }) => (event === undefined ? [] : [event]));
    expect(events.slice(-2)).toEqual(["ERROR", "DISCONNECTED"]);
    expect(replay(dumps[0] ?? "")).toMatchObject({ failure: undefined, left: [] });
  });

  test("of many connections within everyMs call it once", async () => {
    let count = 0;
    const flight = record({
      everyMs: 60_000,
      onError: () => {
        count++;
      },
    });
    const port = await freePort();
    const all = Array.from({ length: 10 }, () => new TcpConnection("127.0.0.1", port).opened);
    expect((await Promise.allSettled(all)).every(({ status }) => status === "rejected")).toBe(true);
    await settled();
    expect(count).toBe(1);
    expect(parsed(flight.dump()).filter(({ event }) => event === "ERROR")).toHaveLength(10);
  });

  test("after stop call no one, and there is nothing to dump", async () => {
    let count = 0;
    const flight = record({
      onError: () => {
        count++;
      },
    });
    flight.stop();
    await expect(new TcpConnection("127.0.0.1", await freePort()).opened).rejects.toThrow("ERR_REFUSED");
    await settled();
    expect(count).toBe(0);
    expect(flight.records).toBe(0);
    expect(thrown(() => flight.dump()).code).toBe("ERR_STATE");
  });

  test("of its options are found when it is made", () => {
    for (const options of [{ bytes: 1000 }, { bites: 1 }, { secrets: ["a b"] }, { onError: 1 }, { everyMs: -1 }])
      expect(thrown(() => recorder(options as never)).code).toBe("ERR_ARGUMENT");
  });
});

describe("as pcapng", () => {
  /** The bodies of the packets: block type 6, data behind 20 bytes (draft-ietf-opsawg-pcapng 4.3). */
  function packetsOf(bytes: Buffer): { ms: number; data: Buffer }[] {
    const packets: { ms: number; data: Buffer }[] = [];
    for (let at = 0; at < bytes.length; ) {
      const [type, length] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
      expect(length % 4).toBe(0);
      expect(bytes.readUInt32LE(at + length - 4)).toBe(length);
      if (type === 6) {
        const micros = (BigInt(bytes.readUInt32LE(at + 12)) << 32n) | BigInt(bytes.readUInt32LE(at + 16));
        const size = bytes.readUInt32LE(at + 20);
        packets.push({ ms: Number(micros / 1000n), data: bytes.subarray(at + 28, at + 28 + size) });
      }
      at += length;
    }
    return packets;
  }

  test("a dump has its packets at their time, which tshark can read", async () => {
    const flight = record();
    const server = await echoServer();
    const began = Date.now();
    const socket = new WebSocket(`ws://${server.addr()}/`);
    await talk(socket, "hello");
    await end(socket);
    await settled();
    const capture = new PcapNg();
    for (const line of parsed(flight.dump())) capture.add(line);
    const packets = packetsOf(Buffer.from(capture.bytes));
    expect(packets).toHaveLength(capture.packets);
    /* Of IPv4 (RFC 791 3.1): the length is that of the packet. */
    for (const { data } of packets) expect([data[0], data.readUInt16BE(2)]).toEqual([0x45, data.length]);
    expect(packets.every(({ ms }) => Math.abs(ms - began) < 60_000)).toBe(true);
    expect(packets.some(({ data }) => data.includes("Sec-WebSocket-Accept: "))).toBe(true);
    const folder = mkdtempSync(join(tmpdir(), "recorder-"));
    atEnd(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "flight.pcapng");
    writeFileSync(file, capture.bytes);
    const { error, stdout } = spawnSync("tshark", ["-r", file, "-T", "fields", "-e", "tcp.flags.str"], {
      encoding: "utf8",
    });
    /* Without tshark the parser above has checked the same. */
    if (error === undefined) expect(stdout.trim().split("\n")).toHaveLength(capture.packets);
  });
});
