/** Servers of the connection API. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import { type ServerOptions, TcpConnection, TcpServer, type TwinwireError } from "twinwire";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";
import { all, failure, pattern, text, thrown } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "twinwire-"));

afterEach(endPeers);
afterAll(() => rmSync(folder, { recursive: true }));

/** A server that listens, and its port. */
async function listening(
  options: ServerOptions = {},
  host = "127.0.0.1",
): Promise<{ server: TcpServer; port: number }> {
  const server = new TcpServer(host, 0, options);
  atEnd(() => server.close());
  await within(server.opened, "listening");
  return { server, port: Number(/\d+$/.exec(server.addr())?.[0]) };
}

/** A client of node:net that is connected. */
async function client(port: number, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true });
  socket.on("error", () => {});
  atEnd(() => socket.destroy());
  await within(new Promise<void>((done) => socket.once("connect", () => done())), "a client");
  return socket;
}

test("accepts in order, whether connections or calls come first", async () => {
  const { server, port } = await listening();
  expect(server.addr()).toBe(`127.0.0.1:${port}`);
  expect(server.handle).toBeGreaterThan(0);
  const early = server.accept();
  const one = await client(port);
  const first = await within(early, "the first");
  expect(first.remoteAddr()).toBe(`127.0.0.1:${one.localPort}`);
  expect(first.localAddr()).toBe(`127.0.0.1:${port}`);
  await first.opened;
  expect(server.canAccept).toBe(false);
  const two = await client(port);
  const three = await client(port);
  await until(() => server.canAccept, "a connection");
  const ports = [(await server.accept()).remoteAddr(), (await server.accept()).remoteAddr()];
  expect(ports).toEqual([`127.0.0.1:${two.localPort}`, `127.0.0.1:${three.localPort}`]);
});

test("an echo of many bytes, both ends written here, over IPv6", async () => {
  const { server, port } = await listening({}, "::1");
  const serving = (async () => {
    for await (const conn of server) {
      void (async () => {
        for await (const chunk of conn) await conn.writeAll(chunk);
        conn.close();
      })();
    }
  })();
  const sent = pattern(4_000_000);
  const clients = Array.from({ length: 5 }, () => new TcpConnection("::1", port));
  await within(
    Promise.all(
      clients.map(async (conn) => {
        const writing = conn.writeAll(sent).then(() => conn.closeWrite());
        expect(Buffer.from(await conn.readExact(sent.length)).equals(sent)).toBe(true);
        await writing;
        expect(await conn.read(1)).toHaveLength(0);
        conn.close();
        await conn.closed;
      }),
    ),
    "the echoes",
  );
  server.close();
  await within(serving, "the end of the loop");
});

test("what a client sent before it was accepted is there, and its end too", async () => {
  const { server, port } = await listening({ window: 1000 });
  const socket = await client(port);
  socket.end(pattern(200_000));
  await pause(50);
  const conn = await server.accept();
  expect(Buffer.from(await conn.readExact(200_000)).equals(pattern(200_000))).toBe(true);
  expect(await conn.read(1)).toHaveLength(0);
  const got = all(socket);
  await conn.writeAll("bye");
  conn.close();
  expect(text(await got)).toBe("bye");
});

test("close: calls that wait are rejected, connections that were accepted live on, the others are closed", async () => {
  const { server, port } = await listening();
  const address = server.addr();
  const socket = await client(port);
  const accepted = await server.accept();
  const left = await client(port);
  const leftEnded = new Promise<void>((done) => left.once("close", () => done()));
  left.resume();
  left.on("end", () => left.end());
  await until(() => server.canAccept, "a connection");
  server.close();
  server.close();
  await within(leftEnded, "the end of the one that nobody accepted");
  const error = await failure(server.accept());
  expect([error.code, error.step]).toEqual(["ERR_STATE", "accept"]);
  expect(thrown(() => server.addr()).code).toBe("ERR_STATE");
  await accepted.writeAll("alive");
  await within(new Promise<void>((done) => socket.once("data", () => done())), "its bytes");
  const again = new TcpServer("127.0.0.1", port);
  atEnd(() => again.close());
  await again.opened;
  expect(again.addr()).toBe(address);
  const { server: other } = await listening();
  const waiting = [other.accept(), other.accept()];
  other.close();
  for (const call of waiting) expect((await failure(call)).code).toBe("ERR_STATE");
  const early = new TcpServer("127.0.0.1", 0);
  early.close();
  expect((await failure(early.opened)).code).toBe("ERR_STATE");
  for await (const conn of early) expect(conn).toBe("nothing");
});

test("more than the backlog are turned away, and the server says so", async () => {
  const errors = new Inbox<TwinwireError>("an error");
  const { server, port } = await listening({ backlog: 2, onError: errors.push });
  await client(port);
  await client(port);
  await until(() => server.canAccept, "a connection");
  const third = connect(port, "127.0.0.1");
  third.on("error", () => {});
  third.resume();
  const ended = new Promise<void>((done) => third.once("close", () => done()));
  const error = await errors.next();
  expect([error.code, error.step]).toEqual(["ERR_LIMIT", "accept"]);
  expect(error.address).toMatch(/^127\.0\.0\.1:\d+$/);
  await within(ended, "the end of the third");
  (await server.accept()).close();
  (await server.accept()).close();
  await client(port);
  (await within(server.accept(), "the fourth")).close();
});

test("a loop that is left early leaves the server open", async () => {
  const { server, port } = await listening();
  await client(port);
  for await (const conn of server) {
    conn.close();
    break;
  }
  await client(port);
  (await within(server.accept(), "the next")).close();
  server[Symbol.dispose]();
  expect((await failure(server.accept())).code).toBe("ERR_STATE");
});

test("a connection that is reset before it is accepted reports it to its reader", async () => {
  const { server, port } = await listening();
  const socket = await client(port);
  await until(() => server.canAccept, "a connection");
  socket.resetAndDestroy();
  await pause(30);
  const conn = await server.accept();
  const error = await failure(conn.read(1));
  expect(error.code).toBe("ERR_RESET");
  expect(error.address).toMatch(/^127\.0\.0\.1:\d+$/);
});

test("Unix sockets: both ends, and the path goes with the server", async () => {
  const path = join(folder, "echo");
  const server = TcpServer.unix(path);
  await server.opened;
  expect(server.addr()).toBe(path);
  const conn = TcpConnection.unix(path);
  const accepted = await within(server.accept(), "a connection");
  await conn.writeAll("over a path");
  expect(text(await accepted.read(100))).toBe("over a path");
  await accepted.writeAll("and back");
  accepted.close();
  expect(text(await conn.readExact(8))).toBe("and back");
  expect(await conn.read(1)).toHaveLength(0);
  expect(conn.remoteAddr()).toBe(path);
  conn.close();
  server.close();
  await until(() => !existsSync(path), "the path is gone");
});
