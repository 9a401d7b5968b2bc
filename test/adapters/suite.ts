/** What every adapter over real sockets has to pass: the promises of adapters/port.ts, one by one. */
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Port } from "../../adapters/port.ts";
import { AddressOf, Close, Errors, FOREVER, SocketKind } from "../../wasm/abi.gen.ts";
import { atEnd, endPeers, freePort, tcpPeer, udpPeer } from "../support/peers.ts";
import { atRest, Inbox, pause, until } from "../support/wait.ts";
import { attach, type PortRecorder } from "./recorder.ts";

const HOST = "127.0.0.1";

/** What remains of pieces when so many bytes are taken. */
function after(pieces: readonly Buffer[], taken: number): Buffer[] {
  let left = taken;
  return pieces.flatMap((piece) => {
    const part = piece.subarray(Math.min(left, piece.length));
    left -= piece.length - part.length;
    return part.length > 0 ? [part] : [];
  });
}

export function portSuite(name: string, createPort: () => Port): void {
  afterEach(endPeers);

  async function pair(): Promise<{ port: Port; recorder: PortRecorder; peer: Socket; listening: number }> {
    const accepted = new Inbox<Socket>("a connection");
    const server = await tcpPeer(accepted.push, { allowHalfOpen: true });
    const { port, recorder } = attach(createPort);
    expect(port.open(1, SocketKind.TCP, HOST, server.port, {})).toBe(0);
    expect(recorder.observed.all).toEqual([]);
    expect(await recorder.observed.next()).toBe("connected 1");
    atEnd(() => port.close(1, Close.ABORT));
    return { port, recorder, peer: await accepted.next(), listening: server.port };
  }

  /** Writes few bytes, and waits until the port has taken them: at once, or with one `written`. */
  async function writes(port: Port, recorder: PortRecorder, pieces: readonly Buffer[]): Promise<void> {
    const all = pieces.reduce((sum, { length }) => sum + length, 0);
    const taken = port.write(1, pieces);
    if (taken !== all) await recorder.waitFor(`written 1 ${all - taken}`);
  }

  describe(`${name}: TCP`, () => {
    test("bytes go out in order, as one piece or several, and come in where they should", async () => {
      const { port, recorder, peer } = await pair();
      peer.pipe(peer);
      const pieces = ["one ", "two ", "three"].map((it) => Buffer.from(it));
      await writes(port, recorder, pieces.slice(0, 1));
      await writes(port, recorder, pieces.slice(1));
      await until(() => Buffer.concat(recorder.data).length === 13, "the echo");
      expect(Buffer.concat(recorder.data).toString()).toBe("one two three");
    });

    test("bytes that the kernel does not take are borrowed until written says so", async () => {
      const { port, recorder, peer } = await pair();
      peer.pause();
      const piece = Buffer.alloc(50_331_648, "a");
      const done = port.write(1, [piece]);
      expect(done).toBeLessThan(piece.length);
      let received = 0;
      peer.on("data", (data: Buffer) => {
        expect(data.equals(Buffer.alloc(data.length, "a"))).toBe(true);
        received += data.length;
      });
      peer.resume();
      let offered = done;
      while (offered < piece.length) {
        const [, , size] = (await recorder.observed.next()).split(" ");
        offered += Number(size);
        if (size === "0") offered += port.write(1, [piece.subarray(offered)]);
      }
      piece.fill("b");
      await until(() => received === piece.length, "all bytes");
    });

    test("pieces of any size arrive to the byte, from a sender that never waits to a reader that does", async () => {
      const { port, recorder, peer } = await pair();
      const sizes = [1, 65_535, 3, 16_384, 1, 1_000_003, 7, 3_000_000, 2];
      const pieces = sizes.map((size, index) => Buffer.alloc(size, index + 1));
      const got: Buffer[] = [];
      const ended = new Inbox<void>("the end");
      peer.on("end", () => ended.push());
      peer.on("data", (data: Buffer) => {
        got.push(data);
        peer.pause();
        setTimeout(() => peer.resume(), 1);
      });
      let rest: Buffer[] = pieces;
      let done = 0;
      while (rest.length > 0) {
        const all = rest.reduce((sum, { length }) => sum + length, 0);
        const seen = recorder.observed.all.length;
        let taken = port.write(1, rest);
        if (taken < all) {
          await until(() => recorder.observed.all.length > seen, "written");
          taken += Number(recorder.observed.all.at(-1)?.split(" ")[2]);
        }
        expect(taken).toBeLessThanOrEqual(all);
        done += taken;
        rest = after(rest, taken);
      }
      expect(done).toBe(sizes.reduce((sum, size) => sum + size, 0));
      port.shutdown(1);
      await ended.next();
      expect(Buffer.concat(got).equals(Buffer.concat(pieces))).toBe(true);
      expect(recorder.observed.all.filter((line) => !line.startsWith("written"))).toEqual(["connected 1"]);
    });

    test("while reading is off the peer is held back", async () => {
      const { port, recorder, peer } = await pair();
      port.read(1, false);
      /* However much the buffers of the system hold. */
      const piece = Buffer.alloc(1_048_576);
      let written = 0;
      do {
        for (let index = 0; index < 24; index++, written++) peer.write(piece);
      } while ((await atRest(() => peer.writableLength, "what waits")) === 0 && written < 400);
      expect(peer.writableLength).toBeGreaterThan(0);
      port.read(1, true);
      const size = written * piece.length;
      await until(() => recorder.data.reduce((sum, { length }) => sum + length, 0) === size, "all of it");
    });

    test("reading stops and goes on, also from inside a delivery, and holds back the end", async () => {
      const { port, recorder, peer } = await pair();
      recorder.onReceived = () => port.read(1, false);
      peer.write("a");
      expect(await recorder.observed.next()).toBe("received 1");
      peer.write("b");
      peer.end();
      await pause(50);
      expect(recorder.observed.all).toHaveLength(2);
      port.read(1, true);
      expect(await recorder.observed.next()).toBe("received 1");
      await pause(20);
      expect(recorder.observed.all).toHaveLength(3);
      recorder.onReceived = undefined;
      port.read(1, true);
      expect(await recorder.observed.next()).toBe("ended 1");
      expect(Buffer.concat(recorder.data).toString()).toBe("ab");
    });

    test("reading may be off before there is a connection", async () => {
      const server = await tcpPeer((socket) => socket.write("early"));
      const { port, recorder } = attach(createPort);
      port.open(1, SocketKind.TCP, HOST, server.port, {});
      port.read(1, false);
      atEnd(() => port.close(1, Close.ABORT));
      expect(await recorder.observed.next()).toBe("connected 1");
      await pause(30);
      expect(recorder.observed.all).toHaveLength(1);
      port.read(1, true);
      expect(await recorder.observed.next()).toBe("received 1");
    });

    test("after the peer's end bytes can still be sent", async () => {
      const { port, recorder, peer } = await pair();
      const got: Buffer[] = [];
      peer.on("data", (data: Buffer) => got.push(data));
      peer.end("bye");
      expect(await recorder.observed.next()).toBe("received 1");
      expect(await recorder.observed.next()).toBe("ended 1");
      await writes(port, recorder, [Buffer.from("still here")]);
      await until(() => Buffer.concat(got).toString() === "still here", "what was sent");
    });

    test("an orderly close sends what was written, then FIN; nothing is delivered afterwards", async () => {
      const { port, recorder, peer } = await pair();
      const got: Buffer[] = [];
      const ended = new Inbox<void>("the end");
      peer.on("data", (data: Buffer) => got.push(data));
      peer.on("end", () => ended.push());
      port.write(1, [Buffer.from("last words")]);
      port.close(1, Close.ORDERLY);
      await ended.next();
      expect(Buffer.concat(got).toString()).toBe("last words");
      peer.end("too late");
      await pause(30);
      expect(recorder.observed.all).toEqual(["connected 1"]);
      expect(port.write(1, [Buffer.from("x")])).toBeLessThan(1);
      expect(port.address(1, AddressOf.LOCAL)).toBe(Errors.ERR_STATE.value);
    });

    test("an orderly close reads no byte any more that is still borrowed", async () => {
      const { port, peer } = await pair();
      peer.pause();
      const piece = Buffer.alloc(50_331_648, "a");
      expect(port.write(1, [piece])).toBeLessThan(piece.length);
      port.close(1, Close.ORDERLY);
      piece.fill("b");
      const got: Buffer[] = [];
      const ended = new Inbox<void>("the end");
      peer.on("data", (data: Buffer) => got.push(data));
      peer.on("close", () => ended.push());
      peer.resume();
      peer.on("end", () => peer.end());
      await ended.next();
      expect(Buffer.concat(got).includes("b")).toBe(false);
    });

    test("an abort is a reset", async () => {
      const { port, recorder, peer } = await pair();
      const errors = new Inbox<{ code?: string }>("an error");
      peer.on("error", errors.push);
      port.close(1, Close.ABORT);
      expect((await errors.next()).code).toBe("ECONNRESET");
      expect(recorder.observed.all).toEqual(["connected 1"]);
    });

    test("a close before the connection is there ends the attempt without a word", async () => {
      const server = await tcpPeer(() => {});
      for (const how of [Close.ORDERLY, Close.ABORT]) {
        const { port, recorder } = attach(createPort);
        port.open(1, SocketKind.TCP, HOST, server.port, {});
        port.close(1, how);
        await pause(30);
        expect(recorder.observed.all).toEqual([]);
      }
    });

    test("failures are delivered with an error of the table and its cause", async () => {
      const { port, recorder, peer } = await pair();
      peer.resetAndDestroy();
      expect(await recorder.observed.next()).toBe(`closed 1 ${Errors.ERR_RESET.value}`);
      port.open(2, SocketKind.TCP, HOST, await freePort(), {});
      expect(await recorder.observed.next()).toBe(`closed 2 ${Errors.ERR_REFUSED.value}`);
      port.open(3, SocketKind.TCP, "no-such-host.invalid", 80, {});
      const names = [Errors.ERR_NAME_NOT_FOUND, Errors.ERR_NAME_FAILED].map(({ value }) => `closed 3 ${value}`);
      expect(names).toContain(await recorder.observed.next());
      for (const cause of recorder.causes) expect(cause).toHaveProperty("message");
    });

    test("both ends have their addresses", async () => {
      const { port, peer, listening } = await pair();
      expect(port.address(1, AddressOf.REMOTE)).toBe(`${HOST}:${listening}`);
      expect(port.address(1, AddressOf.LOCAL)).toBe(`${HOST}:${peer.remotePort}`);
    });
  });

  /** Some runtimes bind a turn later. */
  function bound(port: Port): Promise<void> {
    return until(() => typeof port.address(1, AddressOf.LOCAL) === "string", "a local address");
  }

  describe(`${name}: UDP`, () => {
    test("datagrams go out and come in with their sender", async () => {
      const echo = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
      const { port, recorder } = attach(createPort);
      expect(port.open(1, SocketKind.UDP, "", 0, {})).toBe(0);
      await bound(port);
      expect(port.address(1, AddressOf.LOCAL)).toMatch(/:[1-9]\d*$/);
      const bytes = Buffer.from("hello");
      expect(port.sendTo(1, HOST, echo.port, bytes)).toBe(5);
      bytes.fill(0);
      expect(await recorder.observed.next()).toBe(`datagram 1 hello ${HOST} ${echo.port}`);
      port.close(1, Close.ORDERLY);
      expect(port.sendTo(1, HOST, echo.port, bytes)).toBeLessThan(0);
    });

    test("a port that is taken is an error, at once or delivered", async () => {
      const { port, recorder } = attach(createPort);
      port.open(1, SocketKind.UDP, "", 0, {});
      await bound(port);
      atEnd(() => port.close(1, Close.ABORT));
      const taken = Number(String(port.address(1, AddressOf.LOCAL)).split(":")[1]);
      const result = port.open(2, SocketKind.UDP, "", taken, {});
      if (result === 0) expect(await recorder.observed.next()).toBe(`closed 2 ${Errors.ERR_IN_USE.value}`);
      else expect(result).toBe(Errors.ERR_IN_USE.value);
    });
  });

  describe(`${name}: time and chance`, () => {
    test("wake comes once, when its time has come; a later one replaces it, and FOREVER stops it", async () => {
      const { port, recorder } = attach(createPort);
      const start = port.clock.now();
      port.clock.wake(10_000);
      port.clock.wake(20);
      expect(await recorder.observed.next()).toBe("wake");
      expect(port.clock.now() - start).toBeGreaterThan(15);
      port.clock.wake(5);
      port.clock.wake(FOREVER);
      await pause(30);
      expect(recorder.observed.all).toEqual(["wake"]);
    });

    test("later is delivered in a later loop iteration", async () => {
      const { port, recorder } = attach(createPort);
      port.clock.later();
      await Promise.resolve();
      expect(recorder.observed.all).toEqual([]);
      expect(await recorder.observed.next()).toBe("later");
    });

    test("random bytes differ, each time and each place", () => {
      const { port } = attach(createPort);
      const seen = new Set<string>();
      const counts = new Array<number>(256).fill(0);
      for (let round = 0; round < 1000; round++) {
        const bytes = Buffer.alloc(round % 2 === 0 ? 256 : 16);
        port.random(bytes);
        seen.add(bytes.toString("hex"));
        for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
      }
      expect(seen.size).toBe(1000);
      /* 136,000 bytes: each value comes 531 times, give or take 23; 8 times that is beyond chance. */
      for (const count of counts) expect(Math.abs(count - 531)).toBeLessThan(184);
    });
  });

  test(`${name}: a handle that it does not know changes nothing`, () => {
    const { port } = attach(createPort);
    expect(port.write(9, [Buffer.from("x")])).toBeLessThan(0);
    expect(port.sendTo(9, HOST, 9, Buffer.from("x"))).toBeLessThan(0);
    expect(port.address(9, AddressOf.LOCAL)).toBe(Errors.ERR_STATE.value);
    port.read(9, false);
    port.keep(9, false);
    port.close(9, Close.ABORT);
  });
}
