/** A server: its constructor, its life, its handshake. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestOptions } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { duplexPair } from "node:stream";
import type { ServerOptions, WebSocket, WebSocketServer } from "ws";
import { atEnd } from "../../support/peers.ts";
import { until, within } from "../../support/wait.ts";
import {
  type Cases,
  called,
  certificate,
  closed,
  event,
  frame,
  HANDSHAKE,
  http,
  type Library,
  open,
  pair,
  rawClient,
  responseTo,
  serve,
  shown,
  socketPath,
  thrown,
  urlOf,
  watch,
} from "./kit.ts";

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

/** What a server responds to a request with these headers; no connection may follow. */
async function judged(
  lib: Library,
  headers: Record<string, unknown>,
  options: ServerOptions = {},
  request: RequestOptions = {},
): Promise<unknown> {
  const { server } = await serve(lib, options);
  const log: string[] = [];
  server.on("connection", () => log.push("connection"));
  const names = ["content-type", "sec-websocket-version", "retry-after"];
  return [await responseTo(portOf(server), { headers: headers as never, ...request }, ...names), log];
}

const version8 = { ...HANDSHAKE, "Sec-WebSocket-Version": 8 };

/** As `judged`, by a verifyClient that decides later. */
const later = (lib: Library, ...verdict: unknown[]): Promise<unknown> =>
  judged(lib, version8, {
    verifyClient: ((_info: unknown, done: (...all: unknown[]) => void) => process.nextTick(done, ...verdict)) as never,
  });

/** The answer of a server to an offer of compression. */
async function answered(lib: Library, offer: string, options: unknown): Promise<unknown> {
  const { server, url } = await serve(lib, { perMessageDeflate: options } as ServerOptions);
  const seen = new Promise<string>((resolve) => server.on("connection", (ws) => resolve(ws.extensions)));
  const lines: string[] = [];
  server.on("headers", (all) => lines.push(...all.filter((line) => line.startsWith("Sec-WebSocket-Ext"))));
  await rawClient(url, `Sec-WebSocket-Extensions: ${offer}\r\n`);
  return [await within(seen, "connection"), lines];
}

/** Whether a client is in `clients` before and after its end. */
async function tracked(lib: Library, end: (ws: WebSocket) => void): Promise<unknown> {
  const { server, client, peer } = await pair(lib);
  const before = server.clients.size;
  const over = new Promise((resolve) => peer.on("close", () => resolve(server.clients.size)));
  end(client);
  return [before, await over];
}

export const servers: Cases = {
  "new: no options": ({ WebSocketServer }) => thrown(() => new (WebSocketServer as unknown as new () => unknown)()),
  "new: none of port, server and noServer": ({ WebSocketServer }) => thrown(() => new WebSocketServer({})),
  "new: more than one of them": ({ WebSocketServer }) => {
    const server = createServer();
    return [
      { port: 0, noServer: true, server },
      { port: 0, noServer: true },
      { port: 0, server },
      { noServer: true, server },
    ].map((options) => thrown(() => new WebSocketServer(options)));
  },
  "new: options": async (lib) => (await serve(lib)).server.options.port,
  "new: limits on what is received": async (lib) => {
    const { client, peer } = await pair(lib, { perMessageDeflate: true, maxPayload: 20 });
    client.send("x".repeat(21));
    return await Promise.all([event(peer, "error"), closed(client)]);
  },
  "new: WebSocket": async (lib) => {
    class Own extends lib.WebSocket {
      get foo(): string {
        return "foo";
      }
    }
    const { peer } = await pair(lib, { WebSocket: Own } as ServerOptions);
    return [peer instanceof Own, (peer as Own).foo];
  },
  "new: autoPong": async (lib) => {
    const { client, peer } = await pair(lib, { autoPong: false });
    const log: string[] = [];
    client.on("pong", () => log.push("pong"));
    peer.on("ping", () => peer.close());
    client.ping();
    return [await closed(client), log];
  },
  "new: closeTimeout": async (lib) => {
    const { client, peer } = await pair(lib, { closeTimeout: 50 } as ServerOptions);
    client.pause();
    peer.close();
    return await closed(peer);
  },
  "error: a port that is taken": async (lib) => {
    const { server } = await serve(lib);
    const second = new lib.WebSocketServer({ port: portOf(server), host: "127.0.0.1" });
    const [error] = await within(once(second, "error"), "an error");
    return (error as { code: string }).code;
  },
  "listens at a port": async (lib) => {
    const { server, client } = await pair(lib);
    client.close();
    return server.clients.size;
  },
  "listens at any address": async (lib) => {
    const server = new lib.WebSocketServer({ port: 0 });
    atEnd(() => server.close());
    await once(server, "listening");
    return (server.address() as AddressInfo).address;
  },
  "a server of node:http": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ server });
    const accepted = event(chat, "connection");
    open(lib, urlOf(server)).on("open", function (this: WebSocket) {
      this.close();
    });
    return (await accepted).length;
  },
  "other requests": async (lib) => await judged(lib, {}),
  "a server at a Unix socket": async (lib) => {
    const path = socketPath();
    const server = await http(undefined, path);
    const chat = new lib.WebSocketServer({ server });
    const log: unknown[] = [];
    chat.on("connection", (ws, req) => {
      log.push(req.url, chat.clients.size);
      ws.send(String(req.url));
    });
    for (const url of [`ws+unix:${path}:/foo?bar=bar`, `ws+unix:${path}`]) {
      log.push(await event(open(lib, url), "message"));
    }
    return log;
  },
  address: async (lib) => {
    const { server, url } = await serve(lib);
    const { port, ...rest } = server.address() as AddressInfo;
    return [String(port) === new URL(url).port, rest];
  },
  "address: with noServer": ({ WebSocketServer }) => thrown(() => new WebSocketServer({ noServer: true }).address()),
  "address: once it is closed": async (lib) => {
    const { server } = await serve(lib);
    await called((done) => server.close(done));
    return server.address();
  },
  "close: several times": async (lib) => {
    const { server } = await serve(lib);
    const log = watch(server, "close");
    for (let times = 0; times < 3; times++) server.close();
    await event(server, "close");
    return log;
  },
  "close: leaves the server of node:http": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ server });
    await called((done) => chat.close(done));
    return server.listening;
  },
  "close: with noServer": async ({ WebSocketServer }) => {
    const server = new WebSocketServer({ noServer: true });
    return await called((done) => server.close(done));
  },
  "close: takes its listeners off": async (lib) => {
    const server = createServer();
    const before = ["listening", "upgrade", "error"].map((name) => server.listenerCount(name));
    const chat = new lib.WebSocketServer({ server });
    const during = ["upgrade", "error"].map((name) => server.listenerCount(name) > 0);
    await called((done) => chat.close(done));
    return [before, during, ["listening", "upgrade", "error"].map((name) => server.listenerCount(name))];
  },
  "close: the event comes when the server is closed": async (lib) => {
    const { server } = await serve(lib);
    const { _server: inner } = server as unknown as { _server: NodeJS.EventEmitter };
    const log: string[] = [];
    inner.on("close", () => log.push("inner"));
    server.on("close", () => log.push("outer"));
    const socket = connect(portOf(server), "127.0.0.1");
    await once(inner, "connection");
    server.close();
    server.close();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const before = [...log];
    socket.end();
    await until(() => log.length === 2, "both events");
    return [before, log];
  },
  "close: without clientTracking": async ({ WebSocketServer }) => {
    const server = new WebSocketServer({ noServer: true, clientTracking: false });
    const over = event(server, "close");
    server.close();
    return await over;
  },
  "close: the callback once it is closed": async (lib) => {
    const { server } = await serve(lib);
    await called((done) => server.close(done));
    return await called((done) => server.close(done));
  },
  "close: the event once it is closed": async (lib) => {
    const { server } = await serve(lib);
    await called((done) => server.close(done));
    const over = event(server, "close");
    server.close();
    return await over;
  },
  clients: async (lib) => {
    const { server, url } = await serve(lib);
    const before = server.clients.size;
    const seen = new Promise((resolve) =>
      server.on("connection", (ws) => resolve([server.clients.size, server.clients.has(ws)])),
    );
    open(lib, url);
    return [before, await seen];
  },
  "clients: without clientTracking": async (lib) => {
    const { server, peer, client } = await pair(lib, { clientTracking: false });
    const over = closed(peer);
    client.close();
    return [typeof server.clients, await over];
  },
  "clients: one that is terminated": async (lib) => await tracked(lib, (ws) => ws.terminate()),
  "clients: one that closes": async (lib) => await tracked(lib, (ws) => ws.close()),
  "shouldHandle: the path": ({ WebSocketServer }) => {
    const server = new WebSocketServer({ noServer: true, path: "/foo" });
    return ["/foo", "/foo?bar=baz"].map((url) => server.shouldHandle({ url } as IncomingMessage));
  },
  "shouldHandle: another path": ({ WebSocketServer }) =>
    new WebSocketServer({ noServer: true, path: "/foo" }).shouldHandle({ url: "/bar" } as IncomingMessage),
  "handleUpgrade: for a server of others": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ noServer: true });
    server.on("upgrade", (req, socket, head) => {
      chat.handleUpgrade(req, socket, head, (ws) => {
        ws.send("hello");
        ws.close();
      });
    });
    const client = open(lib, urlOf(server));
    const end = closed(client);
    return await Promise.all([event(client, "message"), end]);
  },
  "handleUpgrade: another path": async (lib) => await judged(lib, HANDSHAKE, { path: "/ws" }),
  "handleUpgrade: Hixie-76": async (lib) =>
    await judged(lib, {
      Connection: "Upgrade",
      Upgrade: "WebSocket",
      "Sec-WebSocket-Key1": "4 @1  46546xW%0l 1 5",
      "Sec-WebSocket-Protocol": "sample",
    }),
  "handleUpgrade: any Duplex": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ noServer: true });
    server.on("upgrade", (req, socket, head) => {
      const [near, far] = duplexPair();
      socket.pipe(near);
      near.pipe(socket);
      chat.handleUpgrade(req, far, head, (ws) => {
        ws.on("message", (data) => {
          ws.send(`${data}!`);
          ws.close(4000);
        });
      });
    });
    const client = open(lib, urlOf(server));
    client.on("open", () => client.send("hello"));
    const end = closed(client);
    return await Promise.all([event(client, "message"), end]);
  },
  "handleUpgrade: calls back before it returns": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ noServer: true });
    const log: unknown[] = [];
    server.on("upgrade", (req, socket, head) => {
      chat.handleUpgrade(req, socket, head, (ws) => log.push("called", ws.readyState));
      log.push("returned");
    });
    await event(open(lib, urlOf(server)), "open");
    return log;
  },
  "handleUpgrade: twice with one socket": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ noServer: true });
    const again = new Promise((resolve) => {
      server.on("upgrade", (req, socket, head) => {
        chat.handleUpgrade(req, socket, head, (ws) => ws.close());
        resolve(thrown(() => chat.handleUpgrade(req, socket, head, () => {})));
      });
    });
    const end = closed(open(lib, urlOf(server)));
    return [await again, await end];
  },
  "handshake: not GET": async (lib) =>
    await judged(lib, { Connection: "Upgrade", Upgrade: "websocket" }, {}, { method: "POST" }),
  "handshake: too many headers to see Upgrade": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ noServer: true });
    server.maxHeadersCount = 1;
    const log: unknown[] = [];
    server.on("upgrade", (req, socket, head) => {
      log.push(req.headers);
      chat.handleUpgrade(req, socket, head, () => log.push("called"));
    });
    const headers = { foo: "bar", bar: "baz", Connection: "Upgrade", Upgrade: "websocket" };
    return [await responseTo(portOf(server), { headers, setHost: false }), log];
  },
  "handshake: another Upgrade": async (lib) => await judged(lib, { Connection: "Upgrade", Upgrade: "foo" }),
  "handshake: no Sec-WebSocket-Key": async (lib) => await judged(lib, { Connection: "Upgrade", Upgrade: "websocket" }),
  "handshake: a Sec-WebSocket-Key that is none": async (lib) =>
    await judged(lib, { ...HANDSHAKE, "Sec-WebSocket-Key": "P5l8BJcZwRc=" }),
  "handshake: no Sec-WebSocket-Version": async (lib) => {
    const { "Sec-WebSocket-Version": _version, ...headers } = HANDSHAKE;
    return await judged(lib, headers);
  },
  "handshake: an unknown Sec-WebSocket-Version": async (lib) =>
    await judged(lib, { ...HANDSHAKE, "Sec-WebSocket-Version": 12 }),
  "handshake: a Sec-WebSocket-Protocol that is none": async (lib) =>
    await judged(lib, { ...HANDSHAKE, "Sec-WebSocket-Protocol": "foo;bar" }),
  "handshake: Sec-WebSocket-Extensions that are none": async (lib) =>
    await judged(
      lib,
      { ...HANDSHAKE, "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=foo" },
      { perMessageDeflate: true },
    ),
  wsClientError: async (lib) => {
    const { server } = await serve(lib);
    const log: unknown[] = [];
    server.on("wsClientError", (error, socket, request) => {
      log.push(error.message, request.method);
      (socket as NodeJS.WritableStream).end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    const headers = { Connection: "Upgrade", Upgrade: "websocket" };
    return [await responseTo(portOf(server), { method: "POST", headers }), log];
  },
  "handshake: of a server that is closing": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ noServer: true });
    const log: string[] = [];
    server.on("upgrade", (req, socket, head) => {
      chat.close();
      chat.handleUpgrade(req, socket, head, () => log.push("called"));
    });
    return [await responseTo(portOf(server), { headers: HANDSHAKE }), log];
  },
  "handshake: an unknown extension": async (lib) => await answered(lib, "foo; bar", true),
  "verifyClient: refuses": async (lib) => await judged(lib, version8, { verifyClient: () => false }),
  "verifyClient: accepts": async (lib) => {
    const server = await http(certificate);
    const seen: unknown[] = [];
    const verifyClient: ServerOptions["verifyClient"] = (info: {
      origin: string;
      secure: boolean;
      req: IncomingMessage;
    }) => {
      seen.push(info.origin, info.req.headers["x-own"], info.secure);
      return true;
    };
    const chat = new lib.WebSocketServer({ server, verifyClient });
    const accepted = event(chat, "connection");
    const headers = { Origin: "https://example.com", "X-Own": "bar" };
    open(lib, urlOf(server, "wss"), { headers, rejectUnauthorized: false });
    return [(await accepted).length, seen];
  },
  "verifyClient: accepts later": async (lib) => {
    const { client } = await pair(lib, { verifyClient: (_info, done) => process.nextTick(done, true) });
    return client.readyState;
  },
  "verifyClient: refuses later": async (lib) => await later(lib, false),
  "verifyClient: refuses with a status": async (lib) => await later(lib, false, 404),
  "verifyClient: refuses with headers": async (lib) => await later(lib, false, 503, "", { "Retry-After": 120 }),
  "verifyClient: a client that has gone meanwhile": async (lib) => {
    const log: unknown[] = [];
    const server = await http();
    const chat = new lib.WebSocketServer({
      server,
      verifyClient: ({ req: { socket } }, done) => {
        log.push(socket.readable, socket.writable);
        socket.on("end", () => {
          log.push(socket.readable, socket.writable);
          done(true);
        });
      },
    });
    chat.on("connection", () => log.push("connection"));
    const socket = connect({ port: portOf(server), host: "127.0.0.1", allowHalfOpen: true });
    const lines = Object.entries(HANDSHAKE).map(([name, value]) => `${name}: ${value}`);
    socket.end(`GET / HTTP/1.1\r\nHost: localhost\r\n${lines.join("\r\n")}\r\n\r\n`);
    socket.resume();
    await within(once(socket, "end"), "the end");
    return log;
  },
  "a message that comes with the handshake": async (lib) => {
    const { server } = await serve(lib);
    const got = new Promise((resolve) => server.on("connection", (ws) => resolve(event(ws, "message"))));
    const socket = connect(portOf(server), "127.0.0.1");
    atEnd(() => socket.destroy());
    const lines = Object.entries(HANDSHAKE).map(([name, value]) => `${name}: ${value}`);
    socket.write(
      Buffer.concat([
        Buffer.from(`GET / HTTP/1.1\r\nHost: localhost\r\n${lines.join("\r\n")}\r\n\r\n`),
        frame(0x81, "Hello", true),
      ]),
    );
    return await within(got, "a message");
  },
  handleProtocols: async (lib) => {
    const seen: unknown[] = [];
    const { url } = await serve(lib, {
      handleProtocols: (protocols, request) => {
        seen.push([...protocols], request.url);
        return [...protocols].at(-1) ?? false;
      },
    });
    const client = open(lib, url, {}, ["foo", "bar"]);
    await event(client, "open");
    return [seen, client.protocol];
  },
  headers: async (lib) => {
    const { server, url } = await serve(lib);
    const seen = new Promise((resolve) =>
      server.on("headers", (lines, request) => resolve([lines.slice(0, 3), lines.length, request.url])),
    );
    open(lib, `${url}?foo=bar`);
    return await seen;
  },
  "perMessageDeflate: off by default": async (lib) => await answered(lib, "permessage-deflate", undefined),
  "perMessageDeflate: options": async (lib) =>
    await answered(lib, "permessage-deflate; client_max_window_bits", {
      clientMaxWindowBits: 8,
      clientNoContextTakeover: true,
      serverNoContextTakeover: true,
      threshold: 0,
    }),
  "perMessageDeflate: offers": async (lib) => {
    const offers = [
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11",
      'permessage-deflate; server_max_window_bits="12"',
      "permessage-deflate; client_max_window_bits , permessage-deflate",
      "foo, permessage-deflate",
    ];
    const results: unknown[] = [];
    for (const offer of offers) results.push(await answered(lib, offer, true));
    return results;
  },
  "what of a server is not enumerable": ({ WebSocketServer }) => {
    const names = ["address", "close", "handleUpgrade", "shouldHandle"] as const satisfies (keyof WebSocketServer)[];
    return names.map((name) => [name, shown(typeof WebSocketServer.prototype[name])]);
  },
};
