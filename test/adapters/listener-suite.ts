/** What every adapter that listens has to pass: accepting, halves, Unix sockets. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Port } from "../../adapters/port.ts";
import { AddressOf, Close, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { atEnd, endPeers, freePort, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { attach, FIRST_ACCEPTED, listen, writeAll } from "./recorder.ts";

const HOST = "127.0.0.1";
const MIB = 1_048_576;

/** A client of node:net that keeps what it gets. */
class Client {
  readonly socket: Socket;
  readonly events = new Inbox<string>("an event of the client");
  got = Buffer.alloc(0);

  constructor(where: number | string) {
    const options = { allowHalfOpen: true };
    this.socket = connect(
      typeof where === "number" ? { ...options, port: where, host: HOST } : { ...options, path: where },
    );
    this.socket.on("data", (data: Buffer) => {
      this.got = Buffer.concat([this.got, data]);
    });
    this.socket.on("end", () => this.events.push("end"));
    this.socket.on("error", (error: NodeJS.ErrnoException) => this.events.push(String(error.code)));
    atEnd(() => this.socket.destroy());
  }
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "twinwire-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function listenerSuite(name: string, createPort: () => Port): void {
  afterEach(endPeers);

  describe(`${name}: listeners`, () => {
    test("a connection is registered, then it talks; both ends have their addresses", async () => {
      const { port, recorder } = attach(createPort);
      const listening = await listen(port, recorder, 1);
      expect(port.address(1, AddressOf.LOCAL)).toBe(`${HOST}:${listening}`);
      expect(port.address(1, AddressOf.REMOTE)).toBe(Errors.ERR_STATE.value);
      recorder.onReceived = (handle, data) => expect(port.write(handle, [data])).toBe(data.length);
      const client = new Client(listening);
      client.socket.write("hello");
      await until(() => client.got.toString() === "hello", "the echo");
      expect(recorder.observed.all).toEqual([
        "connected 1",
        `accepted ${FIRST_ACCEPTED} by 1`,
        `received ${FIRST_ACCEPTED}`,
      ]);
      expect(port.address(FIRST_ACCEPTED, AddressOf.LOCAL)).toBe(`${HOST}:${listening}`);
      expect(port.address(FIRST_ACCEPTED, AddressOf.REMOTE)).toBe(`${HOST}:${client.socket.localPort}`);
    });

    test("an address that is taken or not of this machine is an error", async () => {
      const { port, recorder } = attach(createPort);
      const taken = await tcpPeer(() => {});
      const opened = (handle: number, host: string, at: number): Promise<number> => {
        const result = port.open(handle, SocketKind.TCP_LISTENER, host, at, {});
        return result === 0 ? recorder.endOf(handle) : Promise.resolve(result);
      };
      expect(await opened(1, HOST, taken.port)).toBe(Errors.ERR_IN_USE.value);
      expect(await opened(2, "192.0.2.1", 0)).toBe(Errors.ERR_HOST.value);
      const names = [Errors.ERR_NAME_NOT_FOUND.value, Errors.ERR_NAME_FAILED.value];
      expect(names).toContain(await opened(3, "no-such-host.invalid", 0));
      for (const cause of recorder.causes) expect(cause).toHaveProperty("message");
    });

    test("a connection for which there is no room is dropped", async () => {
      const { port, recorder } = attach(createPort);
      const listening = await listen(port, recorder, 1);
      recorder.hasRoom = false;
      const client = new Client(listening);
      expect(["end", "ECONNRESET"]).toContain(await client.events.next());
      recorder.hasRoom = true;
      new Client(listening);
      await recorder.waitFor(`accepted ${FIRST_ACCEPTED} by 1`);
    });

    test("a connection may be closed while it is accepted", async () => {
      for (const how of [Close.ORDERLY, Close.ABORT]) {
        const { port, recorder } = attach(createPort);
        const listening = await listen(port, recorder, 1);
        recorder.onAccepted = (handle) => port.close(handle, how);
        const client = new Client(listening);
        client.socket.write("not received");
        await client.events.next();
        await pause(20);
        expect(recorder.observed.all).toEqual(["connected 1", `accepted ${FIRST_ACCEPTED} by 1`]);
      }
    });

    test("a closed listener accepts nothing more; what it accepted lives on", async () => {
      const { port, recorder } = attach(createPort);
      const listening = await listen(port, recorder, 1);
      const client = new Client(listening);
      await recorder.waitFor(`accepted ${FIRST_ACCEPTED} by 1`);
      port.close(1, Close.ORDERLY);
      expect(port.address(1, AddressOf.LOCAL)).toBe(Errors.ERR_STATE.value);
      expect(await new Client(listening).events.next()).toBe("ECONNREFUSED");
      client.socket.write("still here");
      await recorder.waitFor(`received ${FIRST_ACCEPTED}`);
      expect(recorder.text).toBe("still here");
    });

    test("a listener that is closed before it listens says nothing", async () => {
      const { port, recorder } = attach(createPort);
      const at = await freePort();
      expect(port.open(1, SocketKind.TCP_LISTENER, HOST, at, {})).toBe(0);
      port.close(1, Close.ORDERLY);
      await pause(30);
      expect(recorder.observed.all).toEqual([]);
      const again = createServer().listen(at, HOST);
      await new Promise((resolve, reject) => again.on("listening", resolve).on("error", reject));
      again.close();
    });

    test.each([{}, { takesBytes: true }])(
      "nothing is lost of what comes early, in pieces, or while reading is off, %j",
      async (options) => {
        const { port, recorder } = attach(createPort, 1000);
        const listening = await listen(port, recorder, 1, { options });
        recorder.onAccepted = (handle) => port.read(handle, false);
        const sent = Buffer.alloc(MIB);
        for (let at = 0; at < MIB; at += 4) sent.writeUInt32LE(at, at);
        const client = new Client(listening);
        client.socket.end(sent);
        await recorder.waitFor(`accepted ${FIRST_ACCEPTED} by 1`);
        await pause(30);
        expect(recorder.data).toEqual([]);
        /* Now and then it stops, from inside a delivery. */
        recorder.onReceived = (handle) => {
          if (recorder.data.length % 50 !== 0) return;
          port.read(handle, false);
          setImmediate(() => port.read(handle, true));
        };
        port.read(FIRST_ACCEPTED, true);
        await recorder.waitFor(`ended ${FIRST_ACCEPTED}`);
        expect(Buffer.concat(recorder.data).equals(sent)).toBe(true);
        expect(recorder.observed.all.filter((line) => line.startsWith("a wrong"))).toEqual([]);
        if (options.takesBytes !== true) expect(recorder.bytesGiven).toBe(0);
      },
    );

    test("bytes that the kernel does not take are borrowed until they are reported", async () => {
      const { port, recorder } = attach(createPort);
      const client = new Client(await listen(port, recorder, 1));
      await recorder.waitFor(`accepted ${FIRST_ACCEPTED} by 1`);
      client.socket.pause();
      const data = Buffer.alloc(8 * MIB, "a");
      const written = writeAll(port, recorder, FIRST_ACCEPTED, data);
      await pause(30);
      client.socket.resume();
      await written;
      data.fill("b");
      await until(() => client.got.length === data.length, "all bytes");
      expect(client.got.equals(Buffer.alloc(data.length, "a"))).toBe(true);
    });

    test("2,000 sockets of its own: a thousand connections, both ends", async () => {
      const { port, recorder } = attach(createPort);
      const at = await listen(port, recorder, 1, { options: { backlog: 1024 } });
      const echoed = new Set<number>();
      recorder.onReceived = (handle, data) => {
        if (handle < 10_000) port.write(handle, [data]);
        else if (data.toString() === `${handle}`) echoed.add(handle);
      };
      recorder.onConnected = (handle) => port.write(handle, [Buffer.from(`${handle}`)]);
      const mine = Array.from({ length: 1000 }, (_, index) => 10_000 + index);
      for (const handle of mine) expect(port.open(handle, SocketKind.TCP, HOST, at, {})).toBe(0);
      await until(() => echoed.size === 1000, "1,000 echoes");
      for (const handle of mine) port.close(handle, Close.ORDERLY);
      const ends = (): number => recorder.observed.all.filter((line) => line.startsWith("ended ")).length;
      await until(() => ends() === 1000, "1,000 ends");
      for (let index = 0; index < 1000; index++) port.close(FIRST_ACCEPTED + index, Close.ABORT);
    });

    test("1,000 connections", async () => {
      const { port, recorder } = attach(createPort);
      const listening = await listen(port, recorder, 1, { options: { backlog: 1024 } });
      recorder.onReceived = (handle, data) => port.write(handle, [data]);
      const clients = Array.from({ length: 1000 }, (_, index) => {
        const client = new Client(listening);
        client.socket.write(`${index}`);
        return client;
      });
      await until(() => clients.every(({ got }, index) => got.toString() === `${index}`), "1,000 echoes");
      for (let index = 0; index < 1000; index++) port.close(FIRST_ACCEPTED + index, Close.ORDERLY);
      await Promise.all(clients.map(async ({ events }) => expect(await events.next()).toBe("end")));
    });
  });

  describe(`${name}: halves`, () => {
    test("our half ends alone, theirs afterwards", async () => {
      const { port, recorder } = attach(createPort);
      const client = new Client(await listen(port, recorder, 1));
      await recorder.waitFor(`accepted ${FIRST_ACCEPTED} by 1`);
      await writeAll(port, recorder, FIRST_ACCEPTED, Buffer.from("all I have"));
      port.shutdown(FIRST_ACCEPTED);
      expect(await client.events.next()).toBe("end");
      expect(client.got.toString()).toBe("all I have");
      client.socket.end("thanks");
      await recorder.waitFor(`ended ${FIRST_ACCEPTED}`);
      expect(recorder.text).toBe("thanks");
    });

    test("their half ends alone, ours afterwards", async () => {
      const { port, recorder } = attach(createPort);
      const client = new Client(await listen(port, recorder, 1));
      client.socket.end("question");
      await recorder.waitFor(`ended ${FIRST_ACCEPTED}`);
      await pause(20);
      await writeAll(port, recorder, FIRST_ACCEPTED, Buffer.from("answer"));
      port.shutdown(FIRST_ACCEPTED);
      expect(await client.events.next()).toBe("end");
      expect(client.got.toString()).toBe("answer");
    });
  });

  describe(`${name}: Unix sockets`, () => {
    test("they connect, accept, talk, and are named by their path", async () => {
      const path = join(newFolder(), "s");
      const { port, recorder } = attach(createPort);
      await listen(port, recorder, 1, { path });
      recorder.onReceived = (handle, data) => {
        if (handle === FIRST_ACCEPTED) port.write(handle, [data]);
      };
      expect(port.open(2, SocketKind.UNIX, path, 0, {})).toBe(0);
      await recorder.waitFor("connected 2");
      port.write(2, [Buffer.from("hello")]);
      await recorder.waitFor("received 2");
      expect(recorder.text).toBe("hellohello");
      expect(port.address(1, AddressOf.LOCAL)).toBe(path);
      expect(port.address(2, AddressOf.REMOTE)).toBe(path);
      expect(port.address(2, AddressOf.LOCAL)).toBe("");
      expect(port.address(FIRST_ACCEPTED, AddressOf.LOCAL)).toBe(path);
      port.close(2, Close.ABORT);
      await recorder.waitFor(`ended ${FIRST_ACCEPTED}`);
    });

    test("an existing path stays as it is, also if nothing listens there", async () => {
      const path = join(newFolder(), "s");
      writeFileSync(path, "precious");
      const { port, recorder } = attach(createPort);
      expect(port.open(1, SocketKind.UNIX_LISTENER, path, 0, {})).toBe(0);
      expect(await recorder.endOf(1)).toBe(Errors.ERR_IN_USE.value);
      expect(existsSync(path)).toBe(true);
      const live = join(newFolder(), "t");
      await listen(port, recorder, 2, { path: live });
      expect(port.open(3, SocketKind.UNIX_LISTENER, live, 0, {})).toBe(0);
      expect(await recorder.endOf(3)).toBe(Errors.ERR_IN_USE.value);
      port.close(2, Close.ORDERLY);
      await until(() => !existsSync(live), "the path's end");
    });

    test("a path without a file, and a file without a listener", async () => {
      const path = join(newFolder(), "s");
      const { port, recorder } = attach(createPort);
      expect(port.open(1, SocketKind.UNIX, path, 0, {})).toBe(0);
      expect(await recorder.endOf(1)).toBe(Errors.ERR_NOT_FOUND.value);
      writeFileSync(path, "");
      expect(port.open(2, SocketKind.UNIX, path, 0, {})).toBe(0);
      expect(await recorder.endOf(2)).toBe(Errors.ERR_REFUSED.value);
      expect(port.open(3, SocketKind.UNIX_LISTENER, join(path, "no", "folder"), 0, {})).toBe(0);
      expect(await recorder.endOf(3)).toBeLessThan(0);
    });
  });
}
