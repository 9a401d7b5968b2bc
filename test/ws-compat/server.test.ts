/** The same programs with the servers of npm's `ws` and with ours: what a server's listeners see, and its clients get. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { WebSocket as Client, type ServerOptions, type WebSocketServer } from "ws";
import { makeCertificates } from "../api/certificates.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { count, ended, type Library, life, next, original, shown, standIn, thrown, watch } from "./libraries.ts";

afterEach(endPeers);

type Program = (library: Library) => Promise<unknown>;

/** A server that listens; ends with the test. */
async function serve(library: Library, options: ServerOptions = {}): Promise<{ server: WebSocketServer; url: string }> {
  const server = new library.WebSocketServer({ port: 0, host: "127.0.0.1", ...options });
  atEnd(() => {
    for (const ws of server.clients) ws.terminate();
    server.close();
  });
  await next(server, "listening");
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A server of node:http that listens; ends with the test. */
async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** What a server of bytes answers to a request. */
async function answerTo(port: number, request: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  atEnd(() => socket.destroy());
  socket.end(request.replaceAll("\n", "\r\n"));
  let answer = "";
  socket.on("data", (part) => {
    answer += part;
  });
  await within(once(socket, "close"), "the end of an answer");
  return answer.replace(/Date: .*\r\n/, "");
}

const handshake = `GET /chat?x=1 HTTP/1.1
Host: localhost
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
`;

const { good } = makeCertificates();

const programs: Record<string, Program> = {
  async "a client, from its request to its end"(library) {
    const { server, url } = await serve(library);
    const client = new Client(`${url}/chat?x=1`, ["a", "b"], { headers: { "X-Own": "1" } });
    const [ws, request] = (await next(server, "connection")) as [Client, IncomingMessage];
    const log = watch(ws, "open", "message", "ping", "pong", "error", "close");
    const facts = [
      ws instanceof library.WebSocket,
      server.clients.has(ws),
      ws.readyState,
      ws.protocol,
      ws.url ?? "",
      (ws as unknown as { _socket: Socket })._socket.remoteAddress,
      request.url,
      request.headers["x-own"],
      request.socket.remoteAddress,
    ];
    await until(() => client.readyState === client.OPEN, "an open client");
    client.send("text");
    client.send(Buffer.from("bytes"));
    client.ping("p");
    await count(log, 3);
    ws.ping("q");
    await count(log, 4);
    client.close(4000, "done");
    await ended(ws);
    return [facts, log, server.clients.size];
  },
  async "the server closes"(library) {
    const { server, url } = await serve(library);
    server.on("connection", (ws) => {
      ws.send("last words");
      ws.close(1013, "try later");
    });
    return await life(new Client(url));
  },
  async "the server terminates"(library) {
    const { server, url } = await serve(library);
    server.on("connection", (ws) => ws.terminate());
    return await life(new Client(url));
  },
  async "clients that may not in"(library) {
    const reported: unknown[] = [];
    const now = await serve(library, {
      verifyClient: ({ origin, secure, req }: { origin: string; secure: boolean; req: IncomingMessage }) => {
        reported.push([origin, secure, req.url]);
        return false;
      },
    });
    const later = await serve(library, {
      verifyClient: (_info, done) => setTimeout(() => done(false, 418, "short and stout", { "X-Why": "tea" }), 1),
    });
    const client = new Client(later.url);
    const [, response] = (await next(client, "unexpected-response")) as [unknown, IncomingMessage];
    response.resume();
    return [
      await life(new Client(now.url, { origin: "http://o" })),
      reported,
      response.statusCode,
      response.headers["x-why"],
    ];
  },
  async "clients that may"(library) {
    const { url } = await serve(library, { verifyClient: (_info, done) => setTimeout(() => done(true), 1) });
    const client = new Client(url);
    await next(client, "open");
    return client.protocol;
  },
  async subprotocols(library) {
    const seen: unknown[] = [];
    const { url } = await serve(library, {
      handleProtocols: (protocols, request) => {
        seen.push([...protocols], request.url);
        return "b";
      },
    });
    const plain = await serve(library);
    const [chosen, first] = [new Client(url, ["a", "b"]), new Client(plain.url, ["a", "b"])];
    await Promise.all([next(chosen, "open"), next(first, "open")]);
    return [seen, chosen.protocol, first.protocol];
  },
  async "headers of the answer"(library) {
    const { server, url } = await serve(library);
    let lines: string[] = [];
    server.on("headers", (headers) => {
      headers.push("X-Own: 1", "Set-Cookie: a=b");
      lines = headers.map((it) => it.replace(/Accept: .*/, "Accept"));
    });
    const client = new Client(url);
    const [response] = (await next(client, "upgrade")) as [IncomingMessage];
    return [lines, response.headers["x-own"], response.headers["set-cookie"]];
  },
  async "another path"(library) {
    const { server, url } = await serve(library, { path: "/chat" });
    const client = new Client(`${url}/chat?x`);
    await next(client, "open");
    return [server.shouldHandle({ url: "/chat" } as IncomingMessage), await life(new Client(`${url}/other`))];
  },
  async "requests that are none"(library) {
    const { server } = await serve(library);
    const { port } = server.address() as AddressInfo;
    const reported: unknown[] = [];
    const broken = [
      "GET / HTTP/1.1\nHost: x\nConnection: close\n\n",
      `${handshake.replace("GET", "POST")}\n`,
      `${handshake.replace("websocket", "other")}\n`,
      `${handshake.replace("==", "")}\n`,
      `${handshake}Sec-WebSocket-Protocol: a,,b\n\n`,
    ];
    const answers = [];
    for (const request of broken) answers.push(await answerTo(port, request));
    server.on("wsClientError", (error, socket, request) => {
      reported.push([error.message, request.method]);
      (socket as Socket).end("HTTP/1.1 400 Own\r\n\r\n");
    });
    return [answers, await answerTo(port, broken[3] as string), reported];
  },
  async "what comes with the handshake, at once"(library) {
    const { server } = await serve(library);
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, "127.0.0.1");
    atEnd(() => socket.destroy());
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
    socket.write(Buffer.concat([Buffer.from(`${handshake}\n`.replaceAll("\n", "\r\n")), frame]));
    const message = new Promise<unknown[]>((resolve) => {
      server.on("connection", (ws) => ws.on("message", (...values) => resolve(values)));
    });
    return (await within(message, "a message")).map(shown);
  },
  async "a message that is too large"(library) {
    const { server, url } = await serve(library, { maxPayload: 10 });
    const client = new Client(url);
    const end = life(client);
    client.on("open", () => client.send("0123456789+"));
    const [ws] = (await next(server, "connection")) as [Client];
    return [await life(ws), await end];
  },
  async compression(library) {
    const { server, url } = await serve(library, { perMessageDeflate: { threshold: 100 } });
    server.on("connection", (ws) => ws.on("message", (data, binary) => ws.send(data, { binary })));
    const client = new Client(url);
    await next(client, "open");
    client.send("again and again ".repeat(1000));
    return [client.extensions, (await next(client, "message")).map(shown)];
  },
  async "a server that others have, shared by paths"(library) {
    const http = createServer(((_request, response) => response.end("page")) satisfies RequestListener);
    const chat = new library.WebSocketServer({ noServer: true });
    http.on("upgrade", (request, socket, head) => {
      if (request.url !== "/chat") {
        socket.destroy();
        return;
      }
      chat.handleUpgrade(request, socket, head, (ws) => chat.emit("connection", ws, request));
    });
    chat.on("connection", (ws, request) => ws.send(`${request.url}`));
    const port = await listen(http);
    const client = new Client(`ws://127.0.0.1:${port}/chat`);
    const message = (await next(client, "message")).map(shown);
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const closed = new Promise((resolve) => chat.close(() => resolve("closed")));
    const before = chat.clients.size;
    client.close();
    return [message, page, before, await within(closed, "close"), thrown(() => chat.address())];
  },
  async "a server of https"(library) {
    const https = createSecureServer({ cert: good.cert, key: good.key });
    const server = new library.WebSocketServer({ server: https });
    server.on("connection", (ws, request) => {
      ws.on("message", (data) => ws.send(`${data} ${(request.socket as { encrypted?: boolean }).encrypted}`));
    });
    const port = await listen(https);
    const client = new Client(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
    await next(client, "open");
    client.send("x".repeat(200_000));
    const [answer] = (await next(client, "message")) as [Buffer];
    const ours = new library.WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
    await next(ours, "open");
    const { encrypted, authorized } = (ours as unknown as { _socket: Record<string, unknown> })._socket;
    const refused = (await life(new library.WebSocket(`wss://127.0.0.1:${port}`))) as [string, { code: string }][];
    ours.terminate();
    client.terminate();
    return [answer.length, encrypted, authorized, refused[0]?.[1].code, refused.length];
  },
  async "its own end"(library) {
    const { server, url } = await serve(library);
    const client = new Client(url);
    await next(server, "connection");
    const log = watch(server, "close");
    server.close(() => log.push(["called"]));
    const refused = new Promise((resolve) => new Client(url).on("error", () => resolve("refused")));
    const before = [await refused, log.length, server.address()];
    client.close();
    await count(log, 2);
    const again = await new Promise((resolve) => server.close(resolve));
    return [before, log.map(([name]) => name).sort(), shown(again)];
  },
  async "options that are none"({ WebSocketServer }) {
    return [{}, { port: 0, noServer: true }, { noServer: true, server: createServer() }].map((options) =>
      thrown(() => new WebSocketServer(options)),
    );
  },
  async "a port that is taken"(library) {
    const { server } = await serve(library);
    const { port } = server.address() as AddressInfo;
    const second = new library.WebSocketServer({ port, host: "127.0.0.1" });
    const [error] = (await next(second, "error")) as [{ code: string }];
    return error.code;
  },
  async "to all, and a class of one's own"(library) {
    class Own extends library.WebSocket {
      name = "own";
    }
    const { server, url } = await serve(library, { WebSocket: Own } as ServerOptions);
    const clients = [new Client(url), new Client(url), new Client(url)];
    await Promise.all(clients.map((client) => next(client, "open")));
    await until(() => server.clients.size === 3, "three clients");
    const names = [...server.clients].map((ws) => (ws as Own).name);
    const messages = clients.map((client) => next(client, "message"));
    for (const ws of server.clients) ws.send(Buffer.from("to all"), { binary: false });
    return [names, (await Promise.all(messages)).map((values) => values.map(shown))];
  },
};

describe("a server is what ws's is", () => {
  test.each(Object.keys(programs))("%s", async (name) => {
    const program = programs[name] as Program;
    const expected = await within(program(original), "ws");
    expect(await within(program(standIn), "ours")).toEqual(expected);
  });
});
