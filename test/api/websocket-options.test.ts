/** What WebSocket takes beyond the standard: its options, what a server answers, proxies. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type HandshakeResponse, limits, WebSocket } from "twinwire";
import { WebSocketServer } from "ws";
import { atEnd, endPeers, rawWsPeer, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, pause, within } from "../support/wait.ts";
import { failure, thrown } from "./support.ts";
import { echo, httpServer, open, portOf, record } from "./websocket-support.ts";

beforeAll(() => {
  limits({ sendBuffer: 65_536 });
});
afterEach(endPeers);

describe("options", () => {
  test.each<[string, object]>([
    ["a name that is none", { header: {} }],
    ["headers", { headers: { a: 1 } }],
    ["tls in the clear", { tls: {} }],
    ["heartbeat", { heartbeat: { intervalMs: 0, timeoutMs: 1 } }],
    ["heartbeat without a time-out", { heartbeat: { intervalMs: 10 } }],
    ["reconnect", { reconnect: 5 }],
    ["reconnect with no delay", { reconnect: [] }],
    ["reconnect in the past", { reconnect: [-1] }],
    ["jitter", { reconnect: { jitter: 2 } }],
    ["a misspelt part of reconnect", { reconnect: { delay: 5 } }],
    ["queue", { queue: 5 }],
    ["maxMessage", { maxMessage: 0 }],
    ["maxRedirects", { maxRedirects: 21 }],
    ["onResponse", { onResponse: "log" }],
    ["openTimeoutMs", { openTimeoutMs: Number.NaN }],
  ])("%s", (_, options) => {
    expect(thrown(() => new WebSocket("ws://127.0.0.1:9/", options)).code).toBe("ERR_ARGUMENT");
  });

  test("headers, subprotocols and a user reach the server, by either argument", async () => {
    const { port } = await wsPeer(() => {}, { handleProtocols: (offered) => [...offered][1] ?? false });
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    atEnd(() => new Promise((resolve) => server.close(resolve)));
    const requests = new Inbox<IncomingMessage>("a request");
    sockets.on("connection", (socket, request) => {
      socket.on("error", () => {});
      requests.push(request);
    });
    const url = `ws://us%20er:p%C3%A4ss@127.0.0.1:${portOf(server)}/path?q=1`;
    const ws = new WebSocket(url, "chat", {
      headers: [
        ["X-One", "1"],
        ["X-One", "2"],
      ],
    });
    atEnd(() => ws.close());
    await within(ws.opened, "open");
    expect(ws.url).toBe(url);
    const { headers, url: target } = await requests.next();
    expect(target).toBe("/path?q=1");
    expect(headers).toMatchObject({ "x-one": "1, 2", "sec-websocket-protocol": "chat" });
    const basic = `Basic ${Buffer.from("us er:päss").toString("base64")}`;
    expect(headers.authorization).toBe(basic);
    const other = open(`ws://127.0.0.1:${port}/`, { protocols: ["a", "b"] });
    await within(other.opened, "open");
    expect(other.protocol).toBe("b");
  });

  test("a header that is none fails it, and nothing is sent", async () => {
    const peer = await tcpPeer(() => {});
    const ws = open(`ws://127.0.0.1:${peer.port}/`, { headers: { "X-Bad": "a\r\nb: c" } });
    expect((await failure(ws.opened)).code).toBe("ERR_HEADER");
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 1006, error: { code: "ERR_HEADER" } });
  });

  test("a function gives new headers for each attempt, and may be async", async () => {
    const { url, requests, sockets } = await echo();
    let count = 0;
    const headers = async (): Promise<Record<string, string>> => {
      await pause(1);
      count += 1;
      return { "X-Token": `token ${count}` };
    };
    const ws = open(url, { headers, reconnect: [0] });
    expect((await requests.next()).headers["x-token"]).toBe("token 1");
    (await sockets.next()).terminate();
    expect((await requests.next()).headers["x-token"]).toBe("token 2");
    await within(ws.opened, "open again");
  });

  test("maxMessage and maxFragments", async () => {
    for (const [options, frames] of [
      [{ maxMessage: 3 }, [0x81, 4, 97, 97, 97, 97]],
      [{ maxFragments: 2 }, [0x01, 1, 97, 0x00, 1, 97, 0x80, 1, 97]],
    ] as const) {
      const { port } = await rawWsPeer((socket) => socket.end(Buffer.from([0x81, 1, 97, ...frames])));
      const ws = open(`ws://127.0.0.1:${port}/`, options);
      const log = record(ws);
      const { error } = await within(ws.closed, "closed");
      expect(error?.code).toBe("ERR_WS_TOO_BIG");
      expect(log).toEqual(["open", "message a", "ERR_WS_TOO_BIG", "close 1006"]);
    }
  });

  test("ws+unix:", async () => {
    const path = join(tmpdir(), `twinwire-${process.pid}.sock`);
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket, { url }) => socket.send(`at ${url}`));
    server.listen(path);
    await once(server, "listening");
    atEnd(() => new Promise((resolve) => server.close(resolve)));
    const ws = open(`ws+unix:${path}:/there?a=b`);
    const { value } = await within(ws[Symbol.asyncIterator]().next(), "a message");
    expect(value).toBe("at /there?a=b");
  });
});

describe("answers and redirects", () => {
  test("onResponse receives what the server answered", async () => {
    const responses: HandshakeResponse[] = [];
    const onResponse = (response: HandshakeResponse): void => void responses.push(response);
    const { url } = await echo();
    const ws = open(url, { onResponse });
    await within(ws.opened, "open");
    expect(responses[0]).toMatchObject({ status: 101, reason: "Switching Protocols", url });
    expect(responses[0]?.headers.get("upgrade")).toBe("websocket");

    const server = await httpServer(() => [401, { "www-authenticate": 'Basic realm="x"' }]);
    const refused = open(`ws://127.0.0.1:${portOf(server)}/`, { onResponse });
    expect((await failure(refused.opened)).detail).toBe(401);
    expect(responses[1]?.headers.get("www-authenticate")).toBe('Basic realm="x"');
  });

  test("redirects are followed as far as is allowed", async () => {
    const { url, requests } = await echo();
    const target = url.replace("ws:", "http:");
    const server = await httpServer(({ url: path }) => {
      if (path === "/loop") return [302, { location: "/loop" }];
      if (path === "/relative") return [308, { location: "absolute" }];
      if (path === "/odd") return [301, { location: "ftp://127.0.0.1/" }];
      return [307, { location: target }];
    });
    const at = `ws://127.0.0.1:${portOf(server)}`;
    const statuses: number[] = [];
    const ws = open(`${at}/relative`, {
      maxRedirects: 2,
      headers: { Authorization: "secret", "X-Other": "kept" },
      onResponse: ({ status }) => statuses.push(status),
    });
    const log = record(ws);
    await within(ws.opened, "open");
    expect(statuses).toEqual([308, 307, 101]);
    expect(log).toEqual(["open"]);
    const { headers } = await requests.next();
    expect(headers["x-other"]).toBe("kept");
    expect(headers.authorization).toBeUndefined();

    const loop = open(`${at}/loop`, { maxRedirects: 3 });
    expect((await failure(loop.opened)).code).toBe("ERR_REDIRECT");
    const odd = open(`${at}/odd`, { maxRedirects: 3 });
    expect((await failure(odd.opened)).code).toBe("ERR_REDIRECT");
    const none = open(`${at}/relative`);
    expect(await failure(none.opened)).toMatchObject({ code: "ERR_WS_REFUSED", detail: 308 });
  });
});

describe("proxy", () => {
  test("through a proxy of node:http, with credentials, and NO_PROXY", async () => {
    const { url, sockets } = await echo();
    const asked = new Inbox<string>("a CONNECT");
    const proxy = createServer();
    proxy.on("connect", (request: IncomingMessage, client: Socket) => {
      client.on("error", () => {});
      asked.push(`${request.url} ${request.headers["proxy-authorization"]}`);
      const [host, port] = (request.url ?? "").split(":");
      if (request.headers["proxy-authorization"] === undefined) {
        client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        return;
      }
      const upstream = connect(Number(port), host, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on("error", () => {});
      atEnd(() => [upstream.destroy(), client.destroy()]);
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    atEnd(() => new Promise((resolve) => proxy.close(resolve)));
    const at = `127.0.0.1:${portOf(proxy)}`;
    const target = url.slice(5, -1);

    const ws = open(url, { proxy: `http://user:pass@${at}` });
    await within(ws.opened, "open");
    ws.send("through");
    expect((await within(ws[Symbol.asyncIterator]().next(), "a message")).value).toBe("through");
    expect(await asked.next()).toBe(`${target} Basic ${Buffer.from("user:pass").toString("base64")}`);
    await sockets.next();

    const refused = open(url, { proxy: at });
    expect(await failure(refused.opened)).toMatchObject({ code: "ERR_PROXY", detail: 407 });
    await asked.next();

    const env: { http_proxy?: string; no_proxy?: string } = process.env;
    env.http_proxy = `http://a:b@${at}`;
    try {
      await within(open(url).opened, "open by the environment");
      expect(await asked.next()).toMatch(target);
      await within(open(url, { proxy: null }).opened, "open without");
      env.no_proxy = "127.0.0.1";
      await within(open(url).opened, "open, spared");
    } finally {
      delete env.http_proxy;
      delete env.no_proxy;
    }
    expect(asked.all).toHaveLength(3);
  });
});
