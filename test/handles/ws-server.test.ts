/** WebSocket servers of the handle API. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { defineEvent, lastError, net, TwinwireError, type WsListenOptions, ws } from "twinwire/handles";
import { WebSocket as WsClient } from "ws";
import { makeCertificates } from "../api/certificates.ts";
import { handshake, masked, RawClient, wsClient } from "../api/ws-server/support.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, until, within } from "../support/wait.ts";

afterEach(endPeers);

/** A server on loopback that listens, and its address. */
async function listening(options: WsListenOptions = {}): Promise<{ server: number; address: string }> {
  const server = ws.listen("127.0.0.1", 0, options);
  expect([server > 0, lastError()?.message]).toEqual([true, lastError()?.message]);
  atEnd(() => ws.close(server));
  await within(new Promise((resolve) => net.on(server, "connected", resolve)), "listening");
  return { server, address: ws.localAddr(server) };
}

/** A client of the handle API, open. */
async function opened(url: string): Promise<number> {
  const conn = ws.open(url);
  atEnd(() => ws.close(conn));
  await within(new Promise((resolve) => ws.on(conn, "connected", resolve)), "connected");
  return conn;
}

const refused = (result: number): string | undefined => (result === -1 ? lastError()?.code : `${result}`);

/** The status of the response to a handshake. */
async function statusOf(address: string, fields: Record<string, string | undefined>, start?: string): Promise<string> {
  const client = new RawClient({ addr: () => address });
  client.write(handshake(fields, start));
  const head = await client.readTo("\r\n\r\n");
  client.socket.destroy();
  return head.slice(9, 12);
}

describe("a server", () => {
  test("emits accepted, connected, message and disconnected, for all of its WebSockets and for one", async () => {
    const { server, address } = await listening();
    const seen = new Inbox<unknown>("an event");
    ws.on(server, "accepted", ({ conn, listener, request }, { handle }) => {
      expect([listener, handle, ws.state(conn)]).toEqual([server, server, "open"]);
      ws.on(conn, "message", ({ message }) => seen.push(`own ${message}`));
      seen.push(`accepted ${request.path}?${request.query} ${request.headers["x-name"]}`);
    });
    ws.on(server, "connected", ({ conn }) => seen.push(`connected ${ws.remoteAddr(conn).split(":")[0]}`));
    ws.on(server, "message", ({ message }, { handle }) => seen.push(`all ${message} ${ws.send(handle, message)}`));
    ws.on(server, "closing", ({ code, reason }) => seen.push(`closing ${code} ${reason}`));
    ws.on(server, "disconnected", ({ conn, code, clean, unsent }) => {
      seen.push(`disconnected ${code} ${clean} ${unsent} ${ws.stats(conn)?.received !== undefined}`);
      setTimeout(() => seen.push(`then ${ws.close(conn)} ${lastError()?.code}`));
    });
    const client = await wsClient(`ws://${address}/chat?room=1`, { headers: { "X-Name": "Ada" } });
    expect([await seen.next(), await seen.next()]).toEqual(["accepted /chat?room=1 Ada", "connected 127.0.0.1"]);
    const answer = once(client, "message");
    client.send("hi");
    expect([await seen.next(), await seen.next()]).toEqual(["own hi", "all hi 2"]);
    expect(String((await answer)[0])).toBe("hi");
    client.close(4001, "bye");
    expect(await seen.next()).toBe("closing 4001 bye");
    expect(await seen.next()).toBe("disconnected 4001 true 0 true");
    expect(await seen.next()).toBe("then -1 ERR_HANDLE");
  });

  test("a handle of a client of the same process talks to it, in text and bytes", async () => {
    const { server, address } = await listening();
    ws.on(server, "message", ({ message }, { handle }) => ws.send(handle, message));
    const conn = await opened(`ws://${address}/`);
    const got = new Inbox<unknown>("a message");
    ws.on(conn, "message", ({ message }) => got.push(message));
    ws.send(conn, "grüße");
    ws.send(conn, Uint8Array.of(1, 0, 255));
    ws.sendFragment(conn, "in ", false);
    ws.sendFragment(conn, "parts", true);
    expect(await got.next()).toBe("grüße");
    expect([...((await got.next()) as Uint8Array)]).toEqual([1, 0, 255]);
    expect(await got.next()).toBe("in parts");
  });

  test("declared types get the declared structs, and a wrong declaration is refused", async () => {
    const { server, address } = await listening();
    const WsMessage = defineEvent("WsMessage", { message: "string" });
    const got = new Inbox<unknown>("a struct");
    WsMessage.on((event, { handle, binary }) => got.push([event, handle, binary]));
    expect(ws.on(server, "message", WsMessage)).toBe(0);
    const conns = new Inbox<number>("a WebSocket");
    ws.on(server, "connected", ({ conn }) => conns.push(conn));
    (await wsClient(`ws://${address}/`)).send("declared");
    expect(await got.next()).toEqual([{ message: "declared" }, await conns.next(), false]);
    expect(ws.off(server, "message", WsMessage)).toBe(0);
    expect(refused(ws.on(server, "message", defineEvent("WsMessage", { message: "i32" }) as never))).toBe("ERR_EVENT");
    expect(refused(ws.on(server, "connected", WsMessage as never))).toBe("ERR_EVENT");
    expect(refused(ws.on(server, "data" as never, () => {}))).toBe("ERR_EVENT");
    expect(refused(net.on(server, "accepted", () => {}))).toBe("ERR_EVENT");
  });

  test("what comes in one segment with the handshake is delivered, and answered before the close", async () => {
    const { server, address } = await listening();
    const seen = new Inbox<string>("an event");
    ws.on(server, "connected", () => seen.push("connected"));
    ws.on(server, "message", ({ message }, { handle }) => seen.push(`${message} ${ws.send(handle, `re ${message}`)}`));
    ws.on(server, "disconnected", ({ code }) => seen.push(`disconnected ${code}`));
    const client = new RawClient({ addr: () => address });
    client.write(Buffer.concat([Buffer.from(handshake()), masked(0x81, "one"), masked(0x88, Buffer.of(3, 232))]));
    expect([await seen.next(), await seen.next(), await seen.next()]).toEqual([
      "connected",
      "one 6",
      "disconnected 1000",
    ]);
    const rest = (await client.rest()).toString("latin1");
    expect(rest).toContain("\x81\x06re one\x88\x02\x03\xe8");
  });

  test("listeners may close what they are called for, and no event follows but the end", async () => {
    const { server, address } = await listening();
    const seen = new Inbox<string>("an event");
    ws.on(server, "accepted", ({ conn }) => {
      ws.close(conn, 1013, "not now");
    });
    ws.on(server, "connected", () => seen.push("connected"));
    ws.on(server, "disconnected", ({ code }) => seen.push(`disconnected ${code}`));
    const client = new WsClient(`ws://${address}/`);
    atEnd(() => client.terminate());
    const [code, reason] = await within(once(client, "close"), "the close");
    expect([code, String(reason)]).toEqual([1013, "not now"]);
    expect(await seen.next()).toBe("disconnected 1013");
    expect(seen.all).toEqual(["disconnected 1013"]);
  });

  test("closes its WebSockets with 1001 or another code, and accepts no more", async () => {
    for (const close of [
      { with: (server: number) => net.close(server), code: 1001, reason: "" },
      { with: (server: number) => ws.close(server, 1012, "restart"), code: 1012, reason: "restart" },
    ]) {
      const { server, address } = await listening();
      const seen = new Inbox<string>("an event");
      ws.on(server, "disconnected", ({ code, clean }) => seen.push(`${code} ${clean}`));
      const clients = [await wsClient(`ws://${address}/`), await wsClient(`ws://${address}/`)];
      const idle = new RawClient({ addr: () => address });
      await within(once(idle.socket, "connect"), "a connection");
      const ends = clients.map((client) => once(client, "close"));
      expect(close.with(server)).toBe(0);
      expect([net.state(server), refused(ws.close(server))]).toEqual(["closed", "ERR_HANDLE"]);
      for (const end of ends) {
        const [code, reason] = await within(end, "the close");
        expect([code, String(reason)]).toEqual([close.code, close.reason]);
      }
      expect([await seen.next(), await seen.next()]).toEqual([`${close.code} true`, `${close.code} true`]);
      await idle.rest();
      const late = new WsClient(`ws://${address}/`);
      expect((await within(once(late, "error"), "an error"))[0].code).toBe("ECONNREFUSED");
    }
  });

  test("broadcast makes one frame, and returns the result for each", async () => {
    const { server, address } = await listening();
    const conns = new Set<number>();
    ws.on(server, "connected", ({ conn }) => conns.add(conn));
    const clients = await Promise.all([1, 2, 3].map(() => wsClient(`ws://${address}/`)));
    await until(() => conns.size === 3, "three WebSockets");
    const got = clients.map((client) => once(client, "message"));
    const results = [7];
    expect(ws.broadcast([...conns, 12_345_678], "news", results)).toBe(3);
    expect(results.slice(0, 3)).toEqual([4, 4, 4]);
    expect([results.length, (results[3] as number) < 0]).toEqual([4, true]);
    for (const it of got) expect(String((await within(it, "the news"))[0])).toBe("news");
    expect(refused(ws.broadcast(conns, 7 as never))).toBe("ERR_ARGUMENT");
    expect(refused(ws.broadcast(["x" as never], "news"))).toBe("ERR_ARGUMENT");
  });

  test("refuses options that can't be used, and calls that are not for servers", async () => {
    const code = (options: unknown): string | undefined => refused(ws.listen("127.0.0.1", 0, options as never));
    expect(code({ protocol: ["a"] })).toBe("ERR_ARGUMENT");
    expect(lastError()?.message).toContain('did you mean "protocols"?');
    for (const options of [{ maxMessage: 0 }, { heartbeat: { intervalMs: 1 } }, { origins: 7 }, { authorize: true }, 7])
      expect(code(options)).toBe("ERR_ARGUMENT");
    expect(refused(ws.listen(7 as never, 0))).toBe("ERR_ARGUMENT");
    expect(refused(ws.listen("", 65_536))).toBe("ERR_PORT");
    const { server } = await listening();
    expect(refused(ws.send(server, "x"))).toBe("ERR_HANDLE");
    expect(refused(ws.close(server, 1005))).toBe("ERR_ARGUMENT");
    expect(refused(ws.close(server, 1000, "x".repeat(124)))).toBe("ERR_ARGUMENT");
    expect(ws.state(server)).toBe("open");
    const events = new Inbox<string>("an event");
    const taken = ws.listen("127.0.0.1", Number(ws.localAddr(server).split(":")[1]));
    net.on(taken, "error", (event) => events.push(event.code));
    net.on(taken, "disconnected", () => events.push("disconnected"));
    expect([await events.next(), await events.next()]).toEqual(["ERR_IN_USE", "disconnected"]);
    ws.close(taken);
  });

  test("serves a Unix socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "twinwire-ws-"));
    atEnd(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "socket");
    const server = ws.listenUnix(path);
    atEnd(() => ws.close(server));
    ws.on(server, "message", ({ message }, { handle }) => ws.send(handle, `re ${message}`));
    await within(new Promise((resolve) => net.on(server, "connected", resolve)), "listening");
    const client = await wsClient(`ws+unix:${path}:/`);
    const answer = once(client, "message");
    client.send("x");
    expect(String((await within(answer, "an answer"))[0])).toBe("re x");
    expect(refused(ws.listenUnix(7 as never))).toBe("ERR_ARGUMENT");
  });
});

describe("handshakes", () => {
  test("a path, origins, a function that decides, and subprotocols", async () => {
    const { server, address } = await listening({
      path: "/chat",
      origins: ["https://good.example"],
      authorize: async ({ headers: { cookie } }) => (cookie === "no" ? { status: 401 } : cookie !== "never"),
      protocols: ["b", "a"],
      headers: { "X-Server": "yes" },
    });
    expect(await statusOf(address, {}, "GET /other HTTP/1.1")).toBe("404");
    expect(await statusOf(address, { Origin: "https://evil.example" })).toBe("403");
    expect(await statusOf(address, { Cookie: "no" })).toBe("401");
    expect(await statusOf(address, { Cookie: "never" })).toBe("403");
    expect(await statusOf(address, { Origin: "https://good.example" })).toBe("101");
    const protocols = new Inbox<string>("a subprotocol");
    ws.on(server, "connected", ({ conn }) => protocols.push(ws.protocol(conn)));
    const client = new WsClient(`ws://${address}/chat`, ["a", "b"]);
    atEnd(() => client.terminate());
    const [response] = await within(once(client, "upgrade"), "the response");
    expect(response.headers["x-server"]).toBe("yes");
    expect([await protocols.next(), client.protocol]).toEqual(["a", "a"]);
  });

  test("other requests get 426, or what onRequest responds with", async () => {
    const get = async (address: string): Promise<[number | undefined, string]> => {
      const [response] = await within(once(request(`http://${address}/page`).end(), "response"), "a response");
      let body = "";
      for await (const part of response) body += part;
      return [response.statusCode, body];
    };
    expect((await get((await listening()).address))[0]).toBe(426);
    const { address } = await listening({ onRequest: ({ path }) => ({ body: `page ${path}\n` }) });
    expect(await get(address)).toEqual([200, "page /page\n"]);
  });

  test("a client that breaks the rules is refused and reported, and others are not affected", async () => {
    const { server, address } = await listening();
    const errors = new Inbox<string>("an error");
    ws.on(server, "error", ({ conn, code, error }) => {
      expect([conn > 0, error]).toEqual([true, expect.any(TwinwireError)]);
      errors.push(code);
    });
    expect(await statusOf(address, { "Sec-WebSocket-Version": "12" })).toBe("426");
    expect(await errors.next()).toBe("ERR_WS_HANDSHAKE");
    const client = new RawClient({ addr: () => address });
    client.write("NONSENSE\r\n\r\n");
    expect((await client.readTo("\r\n")).slice(9, 12)).toBe("400");
    expect(await errors.next()).toBe("ERR_HTTP");
    await wsClient(`ws://${address}/`);
  });

  test("what a function of the application throws is an error, and its client gets 500", async () => {
    const { server, address } = await listening({
      authorize: () => {
        throw new Error("broken");
      },
    });
    const errors = new Inbox<TwinwireError>("an error");
    ws.on(server, "error", ({ error }) => errors.push(error));
    expect(await statusOf(address, {})).toBe("500");
    const error = await errors.next();
    expect([error.code, (error.cause as Error).message]).toEqual(["ERR_CALLBACK", "broken"]);
  });

  test("limits per address hold, for WebSockets and for TCP", async () => {
    const { server, address } = await listening({ perAddress: { connections: 1 } });
    await wsClient(`ws://${address}/`);
    const second = new WsClient(`ws://${address}/`);
    await within(once(second, "error"), "a refusal");
    expect(net.addressStats(server)).toMatchObject({ refusedConnections: 1 });

    const listener = net.tcpListen("127.0.0.1", 0, { perAddress: { connections: 1 } });
    atEnd(() => net.close(listener));
    await within(new Promise((resolve) => net.on(listener, "connected", resolve)), "listening");
    net.on(listener, "accepted", () => {});
    const tcp = { addr: () => net.localAddr(listener) };
    const first = new RawClient(tcp);
    await within(once(first.socket, "connect"), "a connection");
    expect((await new RawClient(tcp).rest()).length).toBe(0);
    await until(() => net.addressStats(listener)?.refusedConnections === 1, "the count");
    expect(first.socket.destroyed).toBe(false);
    expect(refused(net.tcpListen("127.0.0.1", 0, { perAddress: { connection: 1 } as never }))).toBe("ERR_ARGUMENT");
    expect([net.addressStats(12_345_678), lastError()?.code]).toEqual([undefined, "ERR_HANDLE"]);
  });
});

describe("TLS", () => {
  const certificates = makeCertificates();

  test("of a WebSocket server; a failed handshake is an error, and the server goes on", async () => {
    const { server, address } = await listening({ tls: certificates.good, perAddress: { connections: 100 } });
    ws.on(server, "message", ({ message }, { handle }) => ws.send(handle, message));
    const errors = new Inbox<string>("an error");
    ws.on(server, "error", ({ code }) => errors.push(code));
    new RawClient({ addr: () => address }).write("GET / HTTP/1.1\r\n\r\n");
    expect(await errors.next()).toMatch(/^ERR_TLS/);
    const client = await wsClient(`wss://${address}/`, { ca: certificates.ca });
    const answer = once(client, "message");
    client.send("secret");
    expect(String((await within(answer, "an answer"))[0])).toBe("secret");
  });

  test("of a TCP listener", async () => {
    const { connect } = await import("node:tls");
    const listener = net.tcpListen("127.0.0.1", 0, { tls: certificates.good });
    atEnd(() => net.close(listener));
    await within(new Promise((resolve) => net.on(listener, "connected", resolve)), "listening");
    net.on(listener, "accepted", ({ sock }) => net.on(sock, "data", ({ data }) => net.send(sock, data.toUpperCase())));
    const socket = connect({
      port: Number(net.localAddr(listener).split(":")[1]),
      host: "127.0.0.1",
      ca: certificates.ca,
    });
    atEnd(() => socket.destroy());
    socket.write("tls");
    expect(String((await within(once(socket, "data"), "an answer"))[0])).toBe("TLS");
  });
});

test("accepted connections leave no handles behind", async () => {
  const { server, address } = await listening();
  const listener = net.tcpListen("127.0.0.1", 0);
  atEnd(() => net.close(listener));
  await within(new Promise((resolve) => net.on(listener, "connected", resolve)), "listening");
  const ended = new Inbox<number>("an end");
  net.on(listener, "accepted", ({ sock }) => net.on(sock, "disconnected", () => ended.push(sock)));
  ws.on(server, "disconnected", ({ conn }) => ended.push(conn));
  (await wsClient(`ws://${address}/`)).terminate();
  const first = await ended.next();
  new RawClient({ addr: () => net.localAddr(listener) }).socket.end();
  const second = await ended.next();
  await until(() => ws.stats(first) === undefined && net.stats(second) === undefined, "stale numbers");
  expect([ws.close(first), net.close(second), lastError()?.code]).toEqual([-1, -1, "ERR_HANDLE"]);
});
