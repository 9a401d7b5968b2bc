/** The same programs with npm's `ws` and with ours, against servers of `ws`: what a client's listeners see. */
import { createServer } from "node:http";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { WebSocket } from "ws";
import { atEnd, endPeers, freePort, rawWsPeer, tcpPeer, wsPeer } from "../support/peers.ts";
import { within } from "../support/wait.ts";
import { count, ended, type Library, life, next, original, shown, standIn, thrown, watch } from "./libraries.ts";

afterEach(endPeers);

type Program = (library: Library) => Promise<unknown>;

/** A server that sends back what it gets, and does what `command: …` says. */
async function echo(options: object = {}): Promise<string> {
  const { url } = await wsPeer((socket: WebSocket) => {
    socket.on("message", (data, binary) => {
      const text = data.toString();
      if (text === "close") socket.close();
      else if (text === "close 4001") socket.close(4001, "because");
      else if (text === "terminate") socket.terminate();
      else if (text === "ping") socket.ping("are you there");
      else socket.send(data, { binary });
    });
    socket.on("pong", (data) => socket.send(`pong ${data}`));
  }, options);
  return url;
}

/** A server of node:http that answers each path. */
async function http(answers: Record<string, [number, Record<string, string>]>): Promise<string> {
  const server = createServer((request, response) => {
    const [status, headers] = answers[request.url ?? ""] ?? [404, {}];
    response.writeHead(status, headers).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `ws://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

const programs: Record<string, Program> = {
  async "text and bytes come as a Buffer, and say which they are"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    ws.on("open", () => {
      ws.send("Grüße");
      ws.send(Buffer.from([1, 2, 255]));
      ws.send(new Uint8Array([3]).buffer);
      ws.send("");
      ws.send("text as bytes", { binary: true });
      ws.send(Buffer.from("bytes as text"), { binary: false });
      ws.send("half ", { fin: false });
      ws.send("and half", { fin: true });
      ws.send("close 4001");
    });
    return await life(ws);
  },
  async binaryType({ WebSocket }) {
    const ws = new WebSocket(await echo());
    const log = watch(ws, "message");
    await next(ws, "open");
    const types = ["arraybuffer", "fragments", "nodebuffer"] as const;
    const before = ws.binaryType;
    for (const type of types) {
      ws.binaryType = type;
      ws.send(Buffer.from(type));
      ws.send("text");
      await count(log, log.length + 2);
    }
    return [before, log];
  },
  async "listeners in the DOM's way"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    const log: unknown[] = [];
    ws.onopen = ({ type, target }) => log.push([type, target === ws]);
    ws.onclose = ({ code, reason, wasClean }) => log.push(["never", code, reason, wasClean]);
    ws.onclose = ({ code, reason, wasClean }) => log.push([code, reason, wasClean]);
    const reported: unknown[] = watch(ws, "message");
    const twice = ({ data }: { data: unknown }): unknown => log.push(shown(data));
    ws.addEventListener("message", twice);
    ws.addEventListener("message", twice);
    ws.addEventListener("message", ({ data }) => log.push(["once", shown(data)]), { once: true });
    log.push(ws.onmessage, typeof ws.onopen);
    await next(ws, "open");
    ws.send("text");
    ws.send(Buffer.from("bytes"));
    await count(reported, 2);
    ws.removeEventListener("message", twice);
    ws.send("not received");
    ws.send("close 4001");
    await ended(ws);
    return log;
  },
  async "the peer closes without a code"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    ws.on("open", () => ws.send("close"));
    return await life(ws);
  },
  async "the peer is gone"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    ws.on("open", () => ws.send("terminate"));
    return await life(ws);
  },
  async "we are gone"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    const states: number[] = [ws.readyState];
    ws.on("open", () => {
      states.push(ws.readyState);
      ws.terminate();
      states.push(ws.readyState);
    });
    return [await life(ws), states, ws.readyState];
  },
  async "a server that refuses"({ WebSocket }) {
    return await life(new WebSocket(await http({ "/": [401, {}] })));
  },
  async "nobody at the port"({ WebSocket }) {
    return (await life(new WebSocket(`ws://127.0.0.1:${await freePort()}`)))
      .flat()
      .map((it) => JSON.stringify(it).replace(/:\d{4,5}\b/, ":port"));
  },
  async "a server that hangs up"({ WebSocket }) {
    const { port } = await tcpPeer((socket) => socket.once("data", () => socket.destroy()));
    return await life(new WebSocket(`ws://127.0.0.1:${port}`));
  },
  async "a server that says nothing"({ WebSocket }) {
    const { port } = await tcpPeer(() => {});
    return await life(new WebSocket(`ws://127.0.0.1:${port}`, { handshakeTimeout: 50 }));
  },
  async "a server that is none of WebSockets"({ WebSocket }) {
    const answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    const { port } = await tcpPeer((socket) => {
      socket.once("data", () => socket.write(`${answer}Sec-WebSocket-Accept: wrong\r\n\r\n`));
    });
    return await life(new WebSocket(`ws://127.0.0.1:${port}`));
  },
  async "closed before it is open"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    const log = life(ws);
    ws.close();
    return [ws.readyState, await log];
  },
  async "sent too early, and too late"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    const early = [thrown(() => ws.send("x")), thrown(() => ws.ping()), thrown(() => ws.pong())];
    await next(ws, "open");
    const sent = await new Promise((resolve) => ws.send("x", resolve));
    const end = ended(ws);
    ws.close();
    const closing = await new Promise((resolve) => ws.send("12345", resolve));
    await end;
    const late = await new Promise((resolve) => ws.ping("12345", undefined, resolve));
    return [early, sent ?? undefined, shown(closing), shown(late), ws.bufferedAmount];
  },
  async "arguments that are none"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    await next(ws, "open");
    return [
      thrown(() => ws.close(1005)),
      thrown(() => ws.close(2999)),
      thrown(() => ws.close(1000, "x".repeat(124))),
      thrown(() => ws.ping("x".repeat(126))),
      thrown(() => new WebSocket("nowhere")),
      thrown(() => new WebSocket("ftp://localhost")),
      thrown(() => new WebSocket("ws://localhost/#here")),
      thrown(() => new WebSocket("ws://localhost", ["a", "a"])),
      thrown(() => new WebSocket("ws://localhost", ["a b"])),
      [ws.readyState, ws.OPEN, WebSocket.CLOSED, ws.isPaused, ws.protocol, ws.extensions, new URL(ws.url).pathname],
    ];
  },
  async "a message that is too large"({ WebSocket }) {
    const ws = new WebSocket(await echo(), { maxPayload: 10 });
    ws.on("open", () => ws.send("0123456789+"));
    return await life(ws);
  },
  async "text that is no UTF-8"({ WebSocket }) {
    const { port } = await rawWsPeer((socket) => {
      socket.on("data", () => socket.end()); /* the close frame */
      socket.write(Buffer.from([0x81, 2, 0xc3, 0x28]));
    });
    return await life(new WebSocket(`ws://127.0.0.1:${port}`));
  },
  async "pings are answered, and emitted"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    const log = watch(ws, "ping", "pong", "message");
    await next(ws, "open");
    ws.send("ping");
    await next(ws, "message");
    ws.ping("it is me");
    await next(ws, "pong");
    ws.pong();
    await next(ws, "message");
    return log;
  },
  async "pings are not answered where that is not wanted"({ WebSocket }) {
    const ws = new WebSocket(await echo(), { autoPong: false });
    const log = watch(ws, "ping", "message");
    await next(ws, "open");
    ws.send("ping");
    await next(ws, "ping");
    ws.send("nothing came");
    await next(ws, "message");
    return log;
  },
  async "what a server emits"({ WebSocket }) {
    let seen: unknown;
    const { url } = await wsPeer(
      (_socket, { headers, url: path }) => {
        const { origin, authorization, cookie, "x-own": own, "sec-websocket-protocol": offered } = headers;
        seen = [path, origin, authorization, cookie, own, offered?.replaceAll(" ", "")];
      },
      { handleProtocols: () => "second" },
    );
    const headers = { "X-Own": "1", cookie: "a=b" };
    const ws = new WebSocket(`${url}path?query`, ["first", "second"], {
      headers,
      origin: "http://o",
      auth: "me:secret",
    });
    await next(ws, "open");
    return [seen, ws.protocol];
  },
  async "a server that chooses no subprotocol"({ WebSocket }) {
    const { url } = await wsPeer(() => {}, { handleProtocols: () => false });
    return await life(new WebSocket(url, "mine"));
  },
  async "the answer, before it is open"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    const log: unknown[] = [];
    ws.on("open", () => log.push("open"));
    ws.on("upgrade", ({ statusCode, headers: { upgrade } }) => log.push([statusCode, upgrade, ws.readyState]));
    await next(ws, "open");
    return log;
  },
  async "an answer that was not expected"({ WebSocket }) {
    const ws = new WebSocket(await http({ "/": [503, { "Retry-After": "7" }] }));
    const log = watch(ws, "error", "close");
    const [request, response] = (await next(ws, "unexpected-response")) as [
      { destroy(): void },
      { statusCode: number; headers: Record<string, string>; resume(): void },
    ];
    const state = ws.readyState;
    response.resume();
    const end = ended(ws);
    ws.terminate();
    request.destroy();
    await end;
    return [response.statusCode, response.headers["retry-after"], state, log];
  },
  async redirects({ WebSocket }) {
    const target = await echo();
    const url = await http({ "/": [302, { Location: "/next" }], "/next": [307, { Location: `${target}there` }] });
    const ws = new WebSocket(`${url}/`, { followRedirects: true, headers: { Authorization: "secret" } });
    const redirects: string[] = [];
    ws.on("redirect", (to) => redirects.push(to.replace(/:\d+/, "")));
    await next(ws, "open");
    const last = new URL(ws.url).pathname;
    const few = await life(new WebSocket(`${url}/`, { followRedirects: true, maxRedirects: 0 }));
    const none = await life(new WebSocket(`${url}/`));
    return [redirects, last, few, none];
  },
  async compression({ WebSocket }) {
    const ws = new WebSocket(await echo({ perMessageDeflate: true }));
    const log = watch(ws, "message");
    await next(ws, "open");
    ws.send("again and again ".repeat(500));
    await next(ws, "message");
    ws.send("as it is ".repeat(500), { compress: false });
    await next(ws, "message");
    return [ws.extensions, log];
  },
  async "nothing is read while it is paused"({ WebSocket }) {
    const ws = new WebSocket(await echo());
    await next(ws, "open");
    const log = watch(ws, "message");
    ws.pause();
    const { isPaused } = ws;
    ws.send("later");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = log.length;
    ws.resume();
    await next(ws, "message");
    return [isPaused, before, log, ws.isPaused];
  },
  async "as a stream"({ WebSocket, createWebSocketStream }) {
    const ws = new WebSocket(await echo());
    const duplex = createWebSocketStream(ws);
    const parts: Buffer[] = [];
    duplex.on("data", (part: Buffer) => parts.push(part));
    for (let part = 0; part < 20; part++) duplex.write(Buffer.alloc(50_000, part));
    while (Buffer.concat(parts).length < 1_000_000) await next(duplex, "data");
    const closed = next(duplex, "close");
    duplex.end();
    await closed;
    const all = Buffer.concat(parts);
    return [all.length, all[0], all[999_999], duplex.destroyed, ws.readyState];
  },
};

describe("a client is what ws's is", () => {
  test.each(Object.keys(programs))("%s", async (name) => {
    const program = programs[name] as Program;
    const expected = await within(program(original), "ws");
    expect(await within(program(standIn), "ours")).toEqual(expected);
  });
});
