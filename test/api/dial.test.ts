/** The dial API. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { type Conn, UdpSocket } from "twinwire";
import {
  accept,
  type Connection,
  close,
  dial,
  type Listener,
  listen,
  read,
  reader,
  set_read_timeout,
  set_write_timeout,
  write,
  writer,
} from "twinwire/dial";
import { findTool } from "../support/child.ts";
import { atEnd, endPeers, tcpPeer, udpPeer } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";
import { makeCertificates } from "./certificates.ts";
import { echoPeer, failure, pattern, text, thrown } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "twinwire-"));

afterEach(endPeers);
afterAll(() => rmSync(folder, { recursive: true }));

async function opened(...args: Parameters<typeof dial>): Promise<Connection> {
  const conn = await within(dial(...args), "dial");
  atEnd(() => close(conn));
  return conn;
}

async function listening(...args: Parameters<typeof listen>): Promise<Listener> {
  const listener = await within(listen(...args), "listen");
  atEnd(() => close(listener));
  return listener;
}

async function serveEcho(conn: Conn): Promise<void> {
  for await (const chunk of conn) await write(conn, chunk);
  close(conn);
}

describe("networks", () => {
  test("tcp, by address, by name and over IPv6", async () => {
    const { port } = await echoPeer();
    for (const address of [`127.0.0.1:${port}`, `localhost:${port}`]) {
      const conn = await opened("tcp", address);
      expect(await write(conn, "hello")).toBe(5);
      expect(text(await read(conn, 100))).toBe("hello");
    }
    const listener = await listening("tcp", "[::1]:0");
    accept(listener, serveEcho);
    const conn = await opened("tcp", listener.addr());
    await write(conn, [104, 105]);
    expect(text(await read(conn, 100))).toBe("hi");
  });

  test("unix", async () => {
    const path = join(folder, "echo");
    const listener = await listening("unix", path);
    accept(listener, serveEcho);
    const conn = await opened("unix", path);
    await write(conn, pattern(100_000));
    let got = Buffer.alloc(0);
    while (got.length < 100_000) got = Buffer.concat([got, await read(conn, 70_000)]);
    expect(got.equals(pattern(100_000))).toBe(true);
    close(listener);
    await until(() => !existsSync(path), "the path is gone");
  });

  test("udp: a socket with a peer", async () => {
    const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
    for (const address of [`127.0.0.1:${port}`, `localhost:${port}`]) {
      const conn = await opened("udp", address);
      expect(conn).toBeInstanceOf(UdpSocket);
      expect(await write(conn, "datagram")).toBe(8);
      expect(text(await read(conn, 4))).toBe("data");
      await write(conn, "");
      expect(await read(conn, 1_000_000)).toHaveLength(0);
    }
  });

  test("tls, both ends", async () => {
    expect(findTool("openssl", ["openssl"], ["version"]).program).toBeDefined();
    const { ca, good } = makeCertificates();
    const listener = await listening("tls", "127.0.0.1:0", { tls: good });
    accept(listener, serveEcho);
    const conn = (await opened("tls", `localhost:${listener.addr().split(":")[1]}`, { tls: { ca } })) as Conn;
    expect(conn.isTLS()).toBe(true);
    await write(conn, "private");
    expect(text(await read(conn, 100))).toBe("private");
    const peer = connectTls({ port: Number(listener.addr().split(":")[1]), host: "localhost", ca });
    atEnd(() => peer.destroy());
    peer.write("node");
    expect(String(await within(new Promise((done) => peer.once("data", done)), "an echo"))).toBe("node");
    const untrusted = await failure(dial("tls", `localhost:${listener.addr().split(":")[1]}`));
    expect(untrusted.code).toBe("ERR_TLS_UNTRUSTED");
  });

  test("bad input", async () => {
    const code = async (call: Promise<unknown>): Promise<string> => (await failure(call)).code;
    expect(await code(dial("carrier pigeon" as "tcp", "127.0.0.1:1"))).toBe("ERR_ARGUMENT");
    expect(await code(listen("udp" as "tcp", "127.0.0.1:1"))).toBe("ERR_ARGUMENT");
    for (const network of ["tcp", "tls", "udp"] as const) {
      expect(await code(dial(network, "127.0.0.1"))).toBe("ERR_ARGUMENT");
      expect(await code(dial(network, undefined as never))).toBe("ERR_ARGUMENT");
      expect(await code(dial(network, "127.0.0.1:65536"))).toBe("ERR_PORT");
      expect(await code(dial(network, "no-such-host.invalid:1"))).toMatch(/^ERR_NAME_/);
    }
    expect(await code(dial("tcp", "127.0.0.1:1"))).toBe("ERR_REFUSED");
    expect(await code(dial("unix", join(folder, "missing")))).toBe("ERR_NOT_FOUND");
    expect(await code(dial("unix", ""))).toBe("ERR_PATH");
    expect(await code(dial("tcp", "127.0.0.1:1", { signal: AbortSignal.abort() }))).toBe("ERR_ABORTED");
    expect(await code(listen("tls", "127.0.0.1:0"))).toMatch(/^ERR_/);
    const listener = await listening("tcp", "127.0.0.1:0");
    expect(await code(listen("tcp", listener.addr()))).toBe("ERR_IN_USE");
  });
});

describe("accept", () => {
  test("returns at once and goes on; a handler that throws loses its own connection only", async () => {
    const errors = new Inbox<[unknown, Conn | undefined]>("an error");
    const listener = await listening("tcp", "127.0.0.1:0");
    const result: unknown = accept(
      listener,
      async (conn) => {
        const command = text(await read(conn, 100));
        if (command === "throw") throw new Error("in the handler");
        await write(conn, `did ${command}`);
      },
      { onError: (error, conn) => errors.push([error, conn]) },
    );
    expect(result).toBe(undefined);
    const steady = await opened("tcp", listener.addr());
    const unlucky = await opened("tcp", listener.addr());
    await write(unlucky, "throw");
    const [error, conn] = await errors.next();
    expect(error).toEqual(new Error("in the handler"));
    expect(conn?.handle).toBeGreaterThan(0);
    expect(await within(read(unlucky, 10), "its end")).toHaveLength(0);
    await write(steady, "work");
    expect(text(await read(steady, 100))).toBe("did work");
    const later = await opened("tcp", listener.addr());
    await write(later, "more");
    expect(text(await read(later, 100))).toBe("did more");
  });

  test("a handler that throws at once, and nobody who wants to know", async () => {
    const listener = await listening("tcp", "127.0.0.1:0");
    let calls = 0;
    accept(listener, () => {
      calls += 1;
      throw new Error("at once");
    });
    for (let index = 1; index <= 3; index++) {
      const conn = await opened("tcp", listener.addr());
      expect(await within(read(conn, 1), "its end")).toHaveLength(0);
      expect(calls).toBe(index);
    }
  });

  test("handlers run side by side", async () => {
    const listener = await listening("tcp", "127.0.0.1:0");
    let now = 0;
    let most = 0;
    accept(listener, async (conn) => {
      now += 1;
      most = Math.max(most, now);
      await read(conn, 1);
      now -= 1;
      close(conn);
    });
    const conns = await Promise.all(Array.from({ length: 20 }, () => opened("tcp", listener.addr())));
    await until(() => most === 20, "all handlers");
    for (const conn of conns) await write(conn, "x");
    await until(() => now === 0, "their ends");
  });

  test("it ends with the listener, and refuses a handler that is none", async () => {
    const errors: unknown[] = [];
    const listener = await listening("tcp", "127.0.0.1:0");
    accept(listener, () => {}, { onError: (error) => errors.push(error) });
    await pause(5);
    close(listener);
    close(listener);
    await pause(20);
    expect(errors).toEqual([]);
    expect(thrown(() => accept(listener, undefined as never)).code).toBe("ERR_ARGUMENT");
  });
});

describe("reading and writing", () => {
  test("bytes, text, lists of bytes and characters", async () => {
    const conn = await opened("tcp", `127.0.0.1:${(await echoPeer()).port}`);
    const data = [Buffer.from("a"), "bü", [99, 255], ["d", "ö", "🌍"], [101, "f"], new Uint8Array([103]).buffer, []];
    let size = 0;
    for (const it of data) size += await write(conn, it);
    let got = Buffer.alloc(0);
    while (got.length < size) got = Buffer.concat([got, await read(conn, 100)]);
    expect(got.equals(Buffer.concat([Buffer.from("abüc"), Buffer.from([255]), Buffer.from("dö🌍efg")]))).toBe(true);
    for (const bad of [[256], [-1], [1.5], [null], 5, undefined, {}]) {
      expect((await failure(write(conn, bad as never))).code).toBe("ERR_ARGUMENT");
    }
  });

  test("time-outs are per operation", async () => {
    const accepted = new Inbox<Socket>("a connection");
    const { port } = await tcpPeer(accepted.push);
    const conn = await opened("tcp", `127.0.0.1:${port}`);
    const peer = await accepted.next();
    set_read_timeout(conn, 150);
    const timer = setInterval(() => peer.write("x"), 50);
    atEnd(() => clearInterval(timer));
    const since = performance.now();
    while (performance.now() - since < 400) await read(conn, 1);
    clearInterval(timer);
    const error = await failure(
      (async () => {
        for (;;) await read(conn, 100);
      })(),
    );
    expect(error.code).toBe("ERR_DEADLINE");
    expect((await failure(read(conn, 1))).code).toBe("ERR_DEADLINE");
    set_read_timeout(conn, 0);
    setTimeout(() => peer.write("late"), 200);
    expect(text(await read(conn, 10))).toBe("late");
    peer.pause();
    set_write_timeout(conn, 50);
    const late = await failure(write(conn, Buffer.alloc(100_000_000)));
    expect([late.code, late.step]).toEqual(["ERR_DEADLINE", "send"]);
    for (const bad of [-1, Number.NaN, 2 ** 31, "5"]) {
      expect(thrown(() => set_read_timeout(conn, bad as number)).code).toBe("ERR_ARGUMENT");
      expect(thrown(() => set_write_timeout(conn, bad as number)).code).toBe("ERR_ARGUMENT");
    }
    close(conn);
    expect(thrown(() => set_read_timeout(conn, 5)).code).toBe("ERR_STATE");
  });

  test("time-outs of UDP, too", async () => {
    const { port } = await udpPeer(() => {});
    const conn = await opened("udp", `127.0.0.1:${port}`);
    set_read_timeout(conn, 40);
    expect((await failure(read(conn, 10))).code).toBe("ERR_DEADLINE");
    await write(conn, "x");
  });

  test("reader and writer records", async () => {
    const conn = await opened("tcp", `127.0.0.1:${(await echoPeer()).port}`);
    const [from, to] = [reader(conn), writer(conn)];
    expect(Object.keys(from).sort()).toEqual(["close", "conn", "read"]);
    expect(Object.keys(to).sort()).toEqual(["close", "conn", "write"]);
    expect([from.conn, to.conn]).toEqual([conn, conn]);
    expect(await to.write("record")).toBe(6);
    expect(text(await from.read(100))).toBe("record");
    to.close();
    from.close();
    expect((await failure(from.read(1))).code).toBe("ERR_STATE");
  });
});
