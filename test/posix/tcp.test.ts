/** The POSIX host and the C API: TCP, as the suites of test/adapters have it of the hosts in TypeScript. */
import type { Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { describeWith } from "../support/child.ts";
import { endPeers, freePort, reachable, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools } from "./build.ts";
import { Driver, endDrivers, hex } from "./driver.ts";

const HOST = "127.0.0.1";
const MIB = 1_048_576;

describeWith(buildTools(), "the POSIX host: TCP", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
  }, BUILD_PATIENCE);
  afterEach(async () => {
    await endDrivers();
    await endPeers();
  });

  /** A driver with a connection, and the peer's end of it. */
  async function pair(...limits: string[]): Promise<{ driver: Driver; sock: number; peer: Socket; port: number }> {
    const accepted = new Inbox<Socket>("a connection");
    const { port } = await tcpPeer(accepted.push, { allowHalfOpen: true });
    const driver = await Driver.start(folder, ...limits);
    const sock = await driver.open("tcp", HOST, port);
    const peer = await accepted.next();
    await driver.waitFor(`connected ${sock}`);
    return { driver, sock, peer, port };
  }

  function collect(peer: Socket): { size: () => number; bytes: () => Buffer; ended: Promise<void> } {
    const chunks: Buffer[] = [];
    peer.on("data", (data: Buffer) => chunks.push(data));
    const ended = new Promise<void>((resolve) => peer.on("end", resolve));
    return { size: () => chunks.reduce((sum, it) => sum + it.length, 0), bytes: () => Buffer.concat(chunks), ended };
  }

  describe("opening", () => {
    test("bytes go both ways; both ends have their addresses; what was done is counted", async () => {
      const { driver, sock, peer, port } = await pair();
      peer.pipe(peer);
      expect(await driver.call("state", sock)).toBe("open");
      expect(await driver.call("send", sock, "hello")).toBe("5");
      await driver.waitFor(`data ${sock} 5 ${hex("hello")}`);
      expect(await driver.call("remote", sock)).toBe(`${HOST}:${port}`);
      expect(await driver.call("local", sock)).toBe(`${HOST}:${peer.remotePort}`);
      expect(await driver.call("target", sock)).toBe(`${HOST}:${port}`);
      expect(await driver.call("stats", sock)).toBe("5 5 1 0");
      expect(await driver.call("buffered", sock)).toBe("0");
      expect(await driver.call("up")).toBe("1");
    });

    test.each(reachable)("a server at %s alone is found as %s", async (address, name) => {
      const { port } = await tcpPeer((socket) => socket.end("here"), { host: address });
      const driver = await Driver.start(folder);
      const sock = await driver.open("tcp", name.replace(/[[\]]/g, ""), port);
      await driver.waitFor(`data ${sock} 4 ${hex("here")}`);
    });

    test("nobody there, and no such name", async () => {
      const driver = await Driver.start(folder);
      const refused = await driver.open("tcp", HOST, await freePort());
      await driver.waitFor(`error ${refused} ERR_REFUSED 2 -1`);
      await driver.waitFor(`disconnected ${refused} ERR_REFUSED unclean 0 -1`);
      const unknown = await driver.open("tcp", "no-such-host.invalid", 80);
      await driver.waitFor(RegExp(`^error ${unknown} ERR_NAME_(NOT_FOUND|FAILED) 2 -1$`));
    });

    test("what can't be is refused at once, and says why", async () => {
      const driver = await Driver.start(folder, "sockets=2");
      expect(await driver.call("tcp", HOST, 0)).toBe("-1 ERR_PORT");
      expect(await driver.call("tcp", HOST, 65536)).toBe("-1 ERR_PORT");
      expect(await driver.call("tcp", "x".repeat(254), 80)).toBe("-1 ERR_ARGUMENT");
      expect(await driver.call("send", 77, "x")).toBe("-1 ERR_HANDLE");
      expect(await driver.call("close", 77)).toBe("-1 ERR_HANDLE");
      const { port } = await tcpPeer(() => {});
      const first = await driver.open(
        "tcps",
        HOST,
        port,
      ); /* the peer speaks no TLS, so it never gets beyond connecting */
      expect(await driver.call("send", first, "x")).toBe("-1 ERR_STATE");
      expect(await driver.call("wssend", first, "x")).toBe("-1 ERR_HANDLE");
      await driver.open("tcp", HOST, port);
      expect(await driver.call("tcp", HOST, port)).toBe("-1 ERR_LIMIT");
      expect(await driver.call("close", first)).toBe("0");
      expect(await driver.call("close", first)).toBe("-1 ERR_HANDLE");
      expect(await driver.call("state", first)).toBe("closed");
      await driver.open("tcp", HOST, port);
      expect(driver.events.filter((it) => it.startsWith("error"))).toEqual([]);
    });

    test("an attempt ends with its time, and one that is closed says nothing", async () => {
      const driver = await Driver.start(folder, "connectTimeoutMs=120");
      /* TEST-NET-1: nobody answers, or there is no route, or a firewall says no. */
      const silent = await driver.open("tcp", "192.0.2.1", 9);
      await driver.waitFor(RegExp(`^error ${silent} ERR_(TIMEOUT|UNREACHABLE|NETWORK_DOWN|ACCESS|REFUSED) 2 -1$`));
      const closed = await driver.open("tcp", "no-such-host.invalid", 9);
      expect(await driver.call("close", closed)).toBe("0");
      await pause(200);
      expect(driver.events.filter((it) => it.includes(` ${closed}`))).toEqual([]);
    });

    test("looking names up does not stop the loop", async () => {
      const { driver, sock, peer } = await pair();
      peer.pipe(peer);
      for (let n = 0; n < 20; n++) await driver.open("tcp", `no-such-host-${n}.invalid`, 80);
      const closed = await driver.open("tcp", "no-such-host.invalid", 80);
      await driver.call("close", closed);
      const reported = (): number => driver.events.filter((it) => it.includes(` ${closed} `)).length;
      const before = reported(); /* it may have failed by then */
      await driver.call("send", sock, "still");
      await driver.waitFor(`data ${sock} 5 ${hex("still")}`);
      await pause(50);
      expect(reported()).toBe(before);
    });
  });

  describe("the end", () => {
    test("a close writes what was queued, then FIN, and loses nothing of it", async () => {
      const { driver, sock, peer } = await pair();
      peer.pause();
      expect(await driver.call("fill", sock, 3 * MIB, "x")).toBe(`${3 * MIB}`);
      expect(await driver.call("close", sock)).toBe("0");
      const got = collect(peer);
      peer.write("you will not read this");
      peer.resume();
      await got.ended;
      expect(got.bytes().equals(Buffer.alloc(3 * MIB, "x"))).toBe(true);
      peer.end();
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
    });

    test("a peer that reads nothing can't hold a close up for ever", async () => {
      const { driver, sock, peer } = await pair("closeTimeoutMs=150");
      peer.pause();
      await driver.call("flood", sock, 65536);
      await driver.call("close", sock);
      const line = await driver.waitFor(RegExp(`^disconnected ${sock} `));
      expect(line).toMatch(/ unclean [1-9]\d* -1$/);
    });

    test("the peer's end closes; a reset is an error", async () => {
      const first = await pair();
      first.peer.end("bye");
      await first.driver.waitFor(`disconnected ${first.sock} 0 clean 0 -1`);
      expect(first.driver.events).toEqual([
        `connected ${first.sock}`,
        `data ${first.sock} 3 ${hex("bye")}`,
        `disconnected ${first.sock} 0 clean 0 -1`,
      ]);
      const second = await pair();
      second.peer.resetAndDestroy();
      await second.driver.waitFor(`error ${second.sock} ERR_RESET 4 -1`);
      await second.driver.waitFor(`disconnected ${second.sock} ERR_RESET unclean 0 -1`);
    });

    test("both halves end by themselves", async () => {
      const { driver, sock, peer } = await pair();
      await driver.call("half", sock, 1);
      peer.end("question");
      await driver.waitFor(`ended ${sock}`);
      const got = collect(peer);
      expect(await driver.call("send", sock, "answer")).toBe("6");
      expect(await driver.call("shutdown", sock)).toBe("0");
      expect(await driver.call("send", sock, "more")).toMatch(/^-1 /);
      await got.ended;
      expect(got.bytes().toString()).toBe("answer");
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
    });

    test("our half first", async () => {
      const { driver, sock, peer } = await pair();
      await driver.call("half", sock, 1);
      const got = collect(peer);
      await driver.call("send", sock, "question");
      await driver.call("shutdown", sock);
      await got.ended;
      expect(got.bytes().toString()).toBe("question");
      peer.end("answer");
      await driver.waitFor(`data ${sock} 6 ${hex("answer")}`);
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
    });

    test("exit closes all and ends in order", async () => {
      const { driver, sock, peer } = await pair();
      const got = collect(peer);
      await driver.call("send", sock, "last");
      expect(await driver.call("exit", 256)).toBe("-1 ERR_ARGUMENT");
      expect(await driver.call("exit", 0)).toBe("0");
      await got.ended;
      expect(got.bytes().toString()).toBe("last");
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
    });
  });

  describe("pressure", () => {
    test("what does not fit is refused whole, to the byte, and drain is emitted when it fits", async () => {
      const { driver, sock, peer } = await pair("sendBuffer=100000", "sendPool=1048576");
      peer.pause();
      expect(await driver.call("fill", sock, 100_001, "x")).toBe("-1 ERR_TOO_LARGE");
      let queued = 0;
      /* Pieces of a prime size, until neither the kernel nor the buffer takes another. */
      for (;;) {
        const count = Number(await driver.call("flood", sock, 9973));
        queued += count * 9973;
        if (count === 0) break;
        await pause(20);
      }
      const buffered = Number(await driver.call("buffered", sock));
      expect(buffered).toBeLessThanOrEqual(100_000);
      expect(buffered + 9973).toBeGreaterThan(100_000);
      const room = 100_000 - buffered;
      if (room > 0) expect(await driver.call("fill", sock, room, "y")).toBe(`${room}`);
      expect(await driver.call("fill", sock, 1, "z")).toBe("-1 ERR_BACKPRESSURE");
      expect(await driver.call("buffered", sock)).toBe("100000");
      await pause(50);
      const drains = (): number => driver.events.filter((it) => it === `drain ${sock}`).length;
      const before = drains();
      const got = collect(peer);
      peer.resume();
      await until(() => drains() === before + 1, "a drain");
      await until(() => got.size() === queued + room, "all bytes");
      const expected = Buffer.concat([Buffer.alloc(queued, "a"), Buffer.alloc(room, "y")]);
      expect(got.bytes().equals(expected)).toBe(true);
      expect(await driver.call("buffered", sock)).toBe("0");
    });

    test("2 MiB come in as they were sent, by small reads", async () => {
      const { driver, sock, peer } = await pair("recvBuffer=1460");
      const data = Buffer.alloc(2 * MIB);
      for (let at = 0; at < data.length; at += 4) data.writeUInt32LE((at * 2654435761) % 4294967296, at);
      await driver.call("quiet", sock);
      peer.write(data);
      await driver.received(sock, data);
    });

    test("1 MiB out and back by small blocks", async () => {
      const { driver, sock, peer } = await pair("blockSize=512", "recvBuffer=1000");
      await driver.call("quiet", sock);
      peer.pipe(peer);
      expect(await driver.call("fill", sock, MIB, "q")).toBe(`${MIB}`);
      await driver.received(sock, Buffer.alloc(MIB, "q"));
    });

    test("a pause is felt by the peer, and holds back the end", async () => {
      const { driver, sock, peer } = await pair();
      await driver.call("quiet", sock);
      expect(await driver.call("pause", sock)).toBe("0");
      const data = Buffer.alloc(16 * MIB, "p");
      peer.end(data);
      await pause(100);
      expect(await driver.call("total", sock)).toMatch(/^0 /);
      expect(peer.writableLength).toBeGreaterThan(0);
      expect(driver.events).toEqual([`connected ${sock}`]);
      expect(await driver.call("resume", sock)).toBe("0");
      await driver.receivedSize(sock, data.length);
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
    });

    test("a window is not overrun", async () => {
      const { driver, sock, peer } = await pair("recvBuffer=1000");
      await driver.call("quiet", sock);
      expect(await driver.call("window", sock, 5000)).toBe("0");
      const data = Buffer.alloc(50_000, "w");
      peer.write(data);
      await pause(100);
      const total = Number((await driver.call("total", sock)).split(" ")[0]);
      expect(total).toBeGreaterThanOrEqual(5000);
      expect(total).toBeLessThanOrEqual(6000);
      await driver.call("consumed", sock, 50_000);
      await driver.call("window", sock, 0);
      await driver.received(sock, data);
    });

    test("deadlines pass once, and can be cleared", async () => {
      const { driver, sock } = await pair();
      expect(await driver.call("deadline", sock, 0, 10)).toBe("-1 ERR_ARGUMENT");
      const started = performance.now();
      await driver.call("deadline", sock, 1, 1_000);
      await driver.call("deadline", sock, 2, 40);
      await driver.waitFor(`deadline ${sock} 2`);
      await driver.call("deadline", sock, 1, 0);
      expect(performance.now() - started).toBeGreaterThan(35);
      await pause(1_200);
      expect(driver.events.filter((it) => it.startsWith("deadline"))).toEqual([`deadline ${sock} 2`]);
    });
  });

  describe("reconnecting", () => {
    test("by its schedule, under the same number; a close ends it", async () => {
      const accepted = new Inbox<Socket>("a connection");
      const server = await tcpPeer(accepted.push);
      const driver = await Driver.start(folder);
      const sock = await driver.open("tcp", HOST, server.port);
      expect(await driver.call("delays", sock, 86_400_001)).toBe("-1 ERR_ARGUMENT");
      expect(await driver.call("delays", sock, ...new Array<number>(9).fill(1))).toBe("-1 ERR_ARGUMENT");
      expect(await driver.call("reconnect", sock, 1)).toBe("0");
      expect(await driver.call("delays", sock, 30, 60)).toBe("0");
      (await accepted.next()).end();
      await driver.waitFor(`disconnected ${sock} 0 clean 0 30`);
      const again = await accepted.next();
      expect(driver.events.filter((it) => it === `connected ${sock}`).length).toBeLessThanOrEqual(2);
      await server.close();
      again.destroy();
      await driver.waitFor(`error ${sock} ERR_REFUSED 2 60`);
      expect(await driver.call("state", sock)).toBe("connecting");
      const back = await tcpPeer((socket) => socket.pipe(socket), { port: server.port });
      await until(() => driver.events.filter((it) => it === `connected ${sock}`).length === 3, "a third connection");
      await driver.call("send", sock, "again");
      await driver.waitFor(`data ${sock} 5 ${hex("again")}`);
      expect(await driver.call("stats", sock)).toBe("5 5 3 0");
      await driver.call("close", sock);
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
      await until(() => back.sockets.size === 0, "the peer's end");
    });

    test("300 times", async () => {
      const first = new Inbox<Socket>("a connection");
      const server = await tcpPeer((socket) => (first.all.length === 0 ? first.push(socket) : socket.end()));
      const driver = await Driver.start(folder);
      const sock = await driver.open("tcp", HOST, server.port);
      await driver.call("delays", sock, 0);
      await driver.call("reconnect", sock, 1);
      (await first.next()).end();
      const connects = async (): Promise<number> => Number((await driver.call("stats", sock)).split(" ")[2]);
      while ((await connects()) < 300) await pause(5);
      await driver.call("close", sock);
    });
  });
});
