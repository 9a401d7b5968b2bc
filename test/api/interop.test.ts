/** One connection, several APIs: handles, streams of Node, and what a slow or idle connection costs. */

import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { afterEach, expect, test } from "@jest/globals";
import { Conn, TcpConnection, TcpServer } from "twinwire";
import { toDuplex } from "twinwire/duplex";
import { lastError, net } from "twinwire/handles";
import { endPeers } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { all, echoPeer, failure, pair, pattern, text, thrown } from "./support.ts";

afterEach(endPeers);

test("a connection's number works with the calls of the handle API", async () => {
  const { conn, peer } = await pair();
  const { handle } = conn;
  expect(Conn.from(handle)).toBe(conn);
  expect([net.remoteAddr(handle), net.localAddr(handle)]).toEqual([conn.remoteAddr(), conn.localAddr()]);
  expect(net.state(handle)).toBe("open");
  const got = all(peer);
  expect(net.send(handle, "from a number")).toBe(13);
  expect(net.on(handle, "data", () => {})).toBe(-1);
  expect(lastError()?.code).toBe("ERR_EVENT");
  expect(net.close(handle)).toBe(0);
  expect(text(await got)).toBe("from a number");
  expect(await conn.read(1)).toHaveLength(0);
  expect((await failure(conn.write("x"))).code).toMatch(/^ERR_(STATE|ENDED|HANDLE)$/);
  peer.end();
  await within(conn.closed, "closed");
  conn.close();
});

test("a handle becomes a connection, before it is open and after", async () => {
  const { port } = await echoPeer();
  const early = Conn.from(net.tcpConnect("127.0.0.1", port));
  await early.writeAll("early");
  expect(text(await early.readExact(5))).toBe("early");
  const handle = net.tcpConnect("127.0.0.1", port);
  await within(new Promise<void>((done) => void net.on(handle, "connected", () => done())), "connected");
  const conn = Conn.from(handle, { window: 5000 });
  await conn.opened;
  const writing = conn.writeAll(pattern(100_000));
  expect(Buffer.from(await conn.readExact(100_000)).equals(pattern(100_000))).toBe(true);
  await writing;
  expect(conn.handle).toBe(handle);
  expect(conn.remoteAddr()).toBe(`127.0.0.1:${port}`);
  early.close();
  conn.close();
  const udp = net.udpOpen(0);
  expect(thrown(() => Conn.from(udp)).code).toBe("ERR_HANDLE");
  net.close(udp);
  expect(thrown(() => Conn.from(handle)).code).toBe("ERR_HANDLE");
});

test("a server's number can be closed by the handle API", async () => {
  const server = new TcpServer("127.0.0.1", 0);
  await server.opened;
  expect(net.localAddr(server.handle)).toBe(server.addr());
  expect(net.close(server.handle)).toBe(0);
  expect((await failure(server.accept())).code).toBe("ERR_STATE");
});

test("a Duplex of Node, with back-pressure both ways", async () => {
  const { port } = await echoPeer();
  const conn = new TcpConnection("127.0.0.1", port);
  const sent = pattern(3_000_000);
  const got: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      got.push(chunk);
      setImmediate(done);
    },
  });
  await within(
    pipeline(
      Readable.from([sent.subarray(0, 1_000_000), sent.subarray(1_000_000)]),
      createGzip(),
      toDuplex(conn),
      createGunzip(),
      sink,
    ),
    "the pipeline",
  );
  expect(Buffer.concat(got).equals(sent)).toBe(true);
  await within(conn.closed, "closed");
});

test("a Duplex emits errors, and destroying it closes the connection", async () => {
  const { conn, peer } = await pair();
  const duplex = toDuplex(conn);
  const failed = new Promise<Error>((done) => duplex.once("error", done));
  duplex.resume();
  peer.resetAndDestroy();
  expect((await within(failed, "the error")) as Error & { code: string }).toMatchObject({ code: "ERR_RESET" });
  const other = await pair();
  const second = toDuplex(other.conn);
  second.write("last words");
  const got = all(other.peer);
  second.end();
  expect(text(await got)).toBe("last words");
  second.destroy();
  await until(() => second.destroyed, "destroyed");
  expect((await failure(other.conn.read(1))).code).toBe("ERR_STATE");
});
