/** Address policies of clients: nothing connects to an address that the policy denies, however the client came to it. */
import dns from "node:dns";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { http, TcpConnection, TlsConnection, WebSocket } from "twinwire";
import { WebSocket as CompatWebSocket } from "twinwire/ws-compat";
import { WebSocketServer } from "ws";
import { atEnd, endPeers } from "../support/peers.ts";
import { within } from "../support/wait.ts";
import { failure } from "./support.ts";

afterEach(endPeers);

/** A server at an address of this machine, and the connections that it had. */
async function listen(server: Server, host: string, port = 0): Promise<{ port: number; count: () => number }> {
  let connections = 0;
  server.on("connection", (socket) => {
    connections += 1;
    socket.on("error", () => {});
    atEnd(() => socket.destroy());
  });
  server.listen(port, host);
  atEnd(() => server.close());
  await within(once(server, "listening"), "listening");
  return { port: (server.address() as AddressInfo).port, count: () => connections };
}

type LookupDone = (error: NodeJS.ErrnoException | null, found: dns.LookupAddress[]) => void;

/** Lets a name resolve to these addresses until the test ends. */
function resolves(name: string, ...addresses: string[]): void {
  const real = dns.lookup;
  const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  const lookup = (host: string, options: dns.LookupAllOptions, done: LookupDone): void => {
    if (host === name) queueMicrotask(() => done(null, found));
    else real(host, options, done);
  };
  dns.lookup = lookup as unknown as typeof dns.lookup;
  atEnd(() => {
    dns.lookup = real;
  });
}

const home = "127.0.0.1";
/** An address of loopback that is another one: it stands for the inner network. */
const inner = "127.0.0.2";
const denied = { deny: [inner] } as const;

test("a literal address and a name of this machine are private", async () => {
  const { port, count } = await listen(createServer(), home);
  const policy = { deny: "private" } as const;
  for (const host of [home, "localhost", "::ffff:127.0.0.1", "::1", "0.0.0.0", "10.1.2.3", "169.254.169.254"]) {
    const error = await failure(new TcpConnection(host, port, { policy }).opened, host);
    expect([host, error.code]).toEqual([host, "ERR_POLICY"]);
  }
  expect((await failure(new TlsConnection("localhost", port, { policy }).opened)).code).toBe("ERR_POLICY");
  expect((await failure(TcpConnection.unix("/nowhere", { policy }).opened)).code).toBe("ERR_POLICY");
  expect((await failure(http.request({ url: `http://localhost:${port}/` }, { policy }))).code).toBe("ERR_POLICY");
  expect(count()).toBe(0);
});

test("what is allowed is not denied, and without deny all else is", async () => {
  const { port, count } = await listen(createServer(), home);
  for (const policy of [{ deny: "private", allow: ["127.0.0.0/24", "::1"] }, { allow: [home] }] as const) {
    const conn = new TcpConnection(home, port, { policy });
    atEnd(() => conn.close());
    await within(conn.opened, "opened");
  }
  expect((await failure(new TcpConnection(inner, port, { policy: { allow: [home] } }).opened)).code).toBe("ERR_POLICY");
  expect(count()).toBe(2);
});

test("of a name's addresses only those are tried that are allowed", async () => {
  const allowed = await listen(createServer(), home);
  const other = await listen(createServer(), inner, allowed.port);
  resolves("both.test", inner, home);
  resolves("inner.test", inner, "::ffff:127.0.0.2");
  const conn = new TcpConnection("both.test", allowed.port, { policy: denied });
  atEnd(() => conn.close());
  await within(conn.opened, "opened");
  expect(conn.remoteAddr()).toBe(`${home}:${allowed.port}`);
  const error = await failure(new TcpConnection("inner.test", allowed.port, { policy: denied }).opened);
  expect([error.code, error.step]).toEqual(["ERR_POLICY", "connect"]);
  expect([allowed.count(), other.count()]).toEqual([1, 0]);
});

test("a redirect does not lead to what is denied", async () => {
  const secret = await listen(createServer(), inner);
  const targets = [`http://${inner}:${secret.port}/`, `http://inner.test:${secret.port}/`];
  resolves("inner.test", inner);
  const outside = createHttpServer((request, response) => {
    response.writeHead(302, { location: targets[Number(request.url?.slice(1))] }).end();
  });
  const { port } = await listen(outside, home);
  for (const index of [0, 1]) {
    const request = http.request({ url: `http://${home}:${port}/${index}` }, { policy: denied, maxRedirects: 3 });
    expect((await failure(request, "the redirect")).code).toBe("ERR_POLICY");
  }
  expect(secret.count()).toBe(0);
});

test("a kept connection is used only by requests with the same policy", async () => {
  const server = createHttpServer((_request, response) => response.end("hello"));
  const { port, count } = await listen(server, home);
  const url = `http://${home}:${port}/`;
  expect((await within(http.request({ url }), "a response")).status).toBe(200);
  expect((await failure(http.request({ url }, { policy: { deny: [home] } }))).code).toBe("ERR_POLICY");
  const policy = { deny: [inner] };
  expect((await within(http.request({ url }, { policy }), "a response")).status).toBe(200);
  expect((await within(http.request({ url }, { policy: { deny: [inner] } }), "a response")).status).toBe(200);
  expect(count()).toBe(2);
});

test("a WebSocket has a policy on each attempt", async () => {
  const { port, count } = await listen(createServer(), home);
  for (const url of [`ws://${home}:${port}/`, `ws://localhost:${port}/`, "ws+unix:/nowhere:/"]) {
    const socket = new WebSocket(url, { policy: { deny: "private" } });
    const event = await within(
      new Promise<{ error?: unknown }>((done) => socket.addEventListener("error", (it) => done(it as never))),
      url,
    );
    expect([url, event.error]).toEqual([url, expect.objectContaining({ code: "ERR_POLICY" })]);
  }
  expect(count()).toBe(0);
});

test("a policy that says nothing, or nothing that can be understood, is an error", async () => {
  const bad: unknown[] = ["public", { deny: "all" }, { deny: [] }, { deny: ["localhost"] }, { allow: "private" }];
  for (const policy of [...bad, { deny: [7] }, { denied: "private" }]) {
    const call = (): unknown => new TcpConnection(home, 1, { policy: policy as never });
    expect(call).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
  }
  for (const policy of [{}, { deny: ["10.0.0.0/33"] }, { allow: ["1.2.3"] }]) {
    expect((await failure(new TcpConnection("name.test", 1, { policy }).opened)).code).toBe("ERR_ARGUMENT");
  }
  const url = "http://name.test/";
  const proxy = "http://127.0.0.1:1";
  expect((await failure(http.request({ url }, { proxy, policy: denied }))).code).toBe("ERR_ARGUMENT");
});

test("twinwire/ws-compat has the option, too", async () => {
  const server = createHttpServer();
  const { port, count } = await listen(server, inner);
  new WebSocketServer({ server }).on("connection", (socket) => socket.send("hello"));
  const attempt = (policy: object, host = inner): Promise<unknown> =>
    within(
      new Promise((resolve) => {
        const ws = new CompatWebSocket(`ws://${host}:${port}/`, { policy });
        atEnd(() => ws.terminate());
        ws.on("error", (error) => resolve((error as { code?: string }).code));
        ws.on("message", (data) => resolve(String(data)));
      }),
      "the outcome",
    );
  resolves("inner.test", inner);
  expect(await attempt(denied)).toBe("ERR_POLICY");
  expect(await attempt({ deny: "private" }, "inner.test")).toBe("ERR_POLICY");
  expect(count()).toBe(0);
  expect(await attempt({ deny: "private", allow: [inner] }, "inner.test")).toBe("hello");
  expect(() => new CompatWebSocket("ws://127.0.0.1/", { policy: { denies: [] } as object })).toThrow(/denies/);
});
