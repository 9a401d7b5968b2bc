/** Servers of the handle API: TCP and Unix listeners, and the connections that they accept. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { lastError, net } from "twinwire/handles";
import { atEnd, endPeers, tcpPeer } from "../support/peers.ts";
import { Inbox, until, within } from "../support/wait.ts";

afterEach(endPeers);

/** A listener on loopback that listens, and its port. */
async function listening(): Promise<[listener: number, port: number]> {
  const listener = net.tcpListen("127.0.0.1", 0);
  atEnd(() => net.close(listener));
  await within(new Promise((resolve) => net.on(listener, "connected", resolve)), "listening");
  return [listener, Number(net.localAddr(listener).split(":")[1])];
}

function client(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  atEnd(() => socket.destroy());
  return socket;
}

describe("a TCP listener", () => {
  test("emits accepted, and the connection is a handle like any other", async () => {
    const [listener, port] = await listening();
    const seen = new Inbox<string>("an event");
    net.on(listener, "accepted", (event, { handle }) => {
      expect([event.listener, handle]).toEqual([listener, listener]);
      const { sock } = event;
      net.on(sock, "connected", () => seen.push(`connected ${net.state(sock)}`));
      net.on(sock, "data", ({ data }) => seen.push(`data ${data} ${net.send(sock, data.toUpperCase())}`));
      net.on(sock, "disconnected", ({ clean }) => seen.push(`disconnected ${clean}`));
    });
    const socket = client(port);
    const answers = new Inbox<string>("an answer");
    socket.on("data", (data) => answers.push(String(data)));
    socket.write("hello");
    expect([await seen.next(), await seen.next()]).toEqual(["connected open", "data hello 5"]);
    expect(await answers.next()).toBe("HELLO");
    socket.end();
    expect(await seen.next()).toBe("disconnected true");
    expect(net.stats(listener)).toMatchObject({ connects: 1 });
  });

  test("what a connection sends together with its end is answered before the close", async () => {
    const [listener, port] = await listening();
    net.on(listener, "accepted", ({ sock }) => {
      net.on(sock, "data", ({ data }) => net.send(sock, `got ${data}`));
    });
    const socket = client(port);
    const answers = new Inbox<string>("an answer");
    socket.on("data", (data) => answers.push(String(data)));
    socket.end("bye");
    expect(await answers.next()).toBe("got bye");
  });

  test("closes a connection that no listener would get, and one that its listener closes", async () => {
    const [listener, port] = await listening();
    const ended = new Inbox<string>("an end");
    client(port).on("close", () => ended.push("dropped"));
    expect(await ended.next()).toBe("dropped");
    net.on(listener, "accepted", ({ sock }) => net.close(sock));
    client(port).on("close", () => ended.push("closed"));
    expect(await ended.next()).toBe("closed");
  });

  test("stops with close, and its connections go on", async () => {
    const [listener, port] = await listening();
    const socks = new Inbox<number>("a connection");
    net.on(listener, "accepted", ({ sock }) => socks.push(sock));
    const socket = client(port);
    const sock = await socks.next();
    expect(net.close(listener)).toBe(0);
    expect(net.state(listener)).toBe("closed");
    await until(() => net.state(sock) === "open", "the connection");
    const answers = new Inbox<string>("bytes");
    socket.on("data", (data) => answers.push(String(data)));
    expect(net.send(sock, "still here")).toBe(10);
    expect(await answers.next()).toBe("still here");
    net.close(sock);
  });

  test("reports a port that is taken", async () => {
    const taken = await tcpPeer(() => {});
    const listener = net.tcpListen("127.0.0.1", taken.port);
    const events = new Inbox<string>("an event");
    net.on(listener, "error", ({ code }) => events.push(code));
    net.on(listener, "disconnected", () => events.push("disconnected"));
    expect([await events.next(), await events.next()]).toEqual(["ERR_IN_USE", "disconnected"]);
  });

  test("refuses arguments that can't be used, and events that it has not", async () => {
    const refused = (result: number): string | undefined => (result === -1 ? lastError()?.code : `${result}`);
    for (const host of [7, null, undefined]) expect(refused(net.tcpListen(host as never, 0))).toBe("ERR_ARGUMENT");
    expect(refused(net.tcpListen("a b", 0))).toBe("ERR_ARGUMENT");
    for (const port of ["80", null]) expect(refused(net.tcpListen("", port as never))).toBe("ERR_ARGUMENT");
    for (const port of [-1, 65_536, 1.5, Number.NaN]) expect(refused(net.tcpListen("", port))).toBe("ERR_PORT");
    const [listener] = await listening();
    for (const event of ["data", "drain", "datagram"]) {
      expect(refused(net.on(listener, event as never, () => {}))).toBe("ERR_EVENT");
    }
    expect(refused(net.send(listener, "x"))).toBe("ERR_HANDLE");
  });
});

describe("Unix sockets", () => {
  test("a listener and a client of the handle API talk", async () => {
    const folder = mkdtempSync(join(tmpdir(), "twinwire-handles-"));
    atEnd(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "socket");
    const listener = net.unixListen(path);
    atEnd(() => net.close(listener));
    net.on(listener, "accepted", ({ sock }) => {
      net.on(sock, "data", ({ data }) => net.send(sock, data.toUpperCase()));
    });
    await within(new Promise((resolve) => net.on(listener, "connected", resolve)), "listening");
    expect(net.localAddr(listener)).toBe(path);
    const sock = net.unixConnect(path);
    atEnd(() => net.close(sock));
    const answers = new Inbox<string>("an answer");
    net.on(sock, "connected", () => net.send(sock, "hello"));
    net.on(sock, "data", ({ data }) => answers.push(data));
    expect(await answers.next()).toBe("HELLO");
  });

  test("paths that can't be used are refused", () => {
    for (const path of ["", "a".repeat(108), "a\0b"]) {
      expect([net.unixConnect(path), lastError()?.code]).toEqual([-1, "ERR_PATH"]);
      expect([net.unixListen(path), lastError()?.code]).toEqual([-1, "ERR_PATH"]);
    }
    expect([net.unixConnect(7 as never), lastError()?.code]).toEqual([-1, "ERR_ARGUMENT"]);
  });
});
