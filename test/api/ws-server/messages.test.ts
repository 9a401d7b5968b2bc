/** What a server does with its clients once they are in. */
import { once } from "node:events";
import { deflateRawSync } from "node:zlib";
import { afterEach, describe, expect, test } from "@jest/globals";
import { TlsServer, WebSocket, WebSocketServer } from "twinwire";
import { WebSocket as UndiciClient } from "undici";
import { describeWith, findTool, startChild } from "../../support/child.ts";
import { endPeers } from "../../support/peers.ts";
import { PATIENCE, pause, until, within } from "../../support/wait.ts";
import { makeCertificates } from "../certificates.ts";
import { echo, masked, nextOf, RawClient, serve, urlOf, wsClient } from "./support.ts";

afterEach(endPeers);

const CLIENT = new URL("../../interop/peers/websocket_client.py", import.meta.url).pathname;
const python = findTool("python3-websockets", ["python3", "/usr/bin/python3"], ["-c", "import websockets"]);

const next = (client: { once(event: "message", listener: (data: unknown) => void): unknown }): Promise<unknown> =>
  within(new Promise((resolve) => client.once("message", resolve)), "a message");

describe("messages", () => {
  test("of every size, to and from ws, with and without compression", async () => {
    for (const deflate of [false, true]) {
      const server = await echo({ deflate });
      const client = await wsClient(urlOf(server), { perMessageDeflate: deflate });
      expect(client.extensions).toBe(deflate ? "permessage-deflate" : "");
      for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) {
        const text = "größer ".repeat(size / 7 + 1).slice(0, size);
        client.send(text);
        expect(String(await next(client)) === text).toBe(true);
        client.send(Buffer.alloc(size, 7));
        expect(Buffer.alloc(size, 7).equals((await next(client)) as Buffer)).toBe(true);
      }
      client.send("frag", { fin: false });
      client.send("mented", { fin: true });
      expect(String(await next(client))).toBe("fragmented");
    }
  });

  test("to and from undici's client", async () => {
    const server = await echo({ protocols: ["p"] });
    const client = new UndiciClient(urlOf(server), ["p"]);
    await within(once(client, "open"), "open");
    client.send("hello");
    const [event] = (await within(once(client, "message"), "a message")) as [MessageEvent];
    expect(event.data).toBe("hello");
    client.close(1000, "bye");
    const [closed] = (await within(once(client, "close"), "the end")) as [CloseEvent];
    expect([closed.code, closed.wasClean]).toEqual([1000, true]);
  });

  test("over TLS", async () => {
    const { ca, good } = makeCertificates();
    const server = new WebSocketServer(new TlsServer("127.0.0.1", 0, { tls: good }), {
      onConnection: (socket) => socket.addEventListener("message", ({ data }) => socket.send(`${data}!`)),
    });
    await server.opened;
    const client = await wsClient(`wss://localhost:${server.addr().split(":")[1]}/`, { ca });
    client.send("hello");
    expect(String(await next(client))).toBe("hello!");
    const [socket] = server.clients;
    expect(socket?.url).toMatch(/^wss:/);
    expect(socket?.tlsInfo()?.protocol).toBe("TLSv1.3");
    await server.close();
  });

  test("as they are read: a client that sends faster is slowed down by TCP", async () => {
    const server = await serve();
    const client = await wsClient(urlOf(server));
    const socket = await nextOf(server);
    const messages = socket[Symbol.asyncIterator]();
    await pause(5);
    for (let sent = 0; sent < 400; sent++) client.send(Buffer.alloc(65_536, sent));
    await pause(200);
    const before = socket.stats().received;
    expect(Number(before)).toBeLessThan(400 * 65_536);
    for (let got = 0; got < 400; got++) {
      const { value } = await within(messages.next(), "a message");
      expect((value as Uint8Array)[0]).toBe(got & 255);
    }
  });

  test("onMessage takes them all, and one that throws takes the next all the same", async () => {
    const seen: unknown[] = [];
    const server = await serve({
      onMessage: (socket, message) => {
        seen.push(message);
        socket.send(typeof message === "string" ? `${message}!` : message);
      },
    });
    const client = await wsClient(urlOf(server));
    client.send("text");
    expect(String(await next(client))).toBe("text!");
    client.send(Buffer.from([1, 2]));
    expect([...((await next(client)) as Buffer)]).toEqual([1, 2]);
    expect(seen).toEqual(["text", new Uint8Array([1, 2])]);
  });

  test("hooks see the request, and the application's data stays with the client", async () => {
    const server = await serve({ onConnection: (socket, request) => (socket.data = request.headers["x-user"]) });
    await wsClient(urlOf(server, "/room?id=7"), { headers: { "x-user": "ada" } });
    const socket = await nextOf(server);
    expect(socket.data).toBe("ada");
    expect([socket.request.path, socket.request.query]).toEqual(["/room", "id=7"]);
    expect(socket.remoteAddr()).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(socket.localAddr()).toBe(server.addr());
  });
});

describe("bad input", () => {
  test.each([
    ["a frame without a mask", Buffer.from([0x81, 1, 0x78]), 1002],
    ["a reserved bit", masked(0xc1, "x"), 1002],
    ["a reserved opcode", masked(0x83, "x"), 1002],
    ["text that is no UTF-8", masked(0x81, Buffer.from([0xc3, 0x28])), 1007],
    ["a message that is too large", masked(0x82, Buffer.alloc(1_001)), 1009],
    ["a close code that may not be", masked(0x88, Buffer.from([0x03, 0xed])), 1002],
  ])("%s: closed with its code, and the client gets to read it", async (_, bytes, code) => {
    const server = await serve({ maxMessage: 1_000 });
    const client = new RawClient(server);
    await client.open();
    const socket = await nextOf(server);
    const failed = once(socket, "error");
    client.write(bytes);
    const rest = await client.rest();
    expect([...rest.subarray(0, 4)]).toEqual([0x88, 2, code >> 8, code & 255]);
    await within(failed, "an error");
    client.socket.end();
    expect(await within(socket.closed, "the end")).toMatchObject({ wasClean: false });
    await until(() => server.clients.size === 0, "no client");
  });

  test("a bomb by compression is cut short while it inflates", async () => {
    const server = await serve({ deflate: true, maxMessage: 100_000 });
    const client = new RawClient(server);
    client.write(
      [
        "GET / HTTP/1.1",
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Extensions: permessage-deflate",
        "",
        "",
      ].join("\r\n"),
    );
    await client.readTo("\r\n\r\n");
    const socket = await nextOf(server);
    const bomb = deflateRawSync(Buffer.alloc(40_000_000));
    expect(bomb.length).toBeLessThan(50_000);
    client.write(masked(0xc2, bomb));
    const rest = await client.rest();
    expect([...rest.subarray(0, 4)]).toEqual([0x88, 2, 1009 >> 8, 1009 & 255]);
    expect((await within(socket.closed, "the end")).error?.code).toBe("ERR_WS_TOO_BIG");
  });

  test("a client that reads nothing costs maxBuffered and no more", async () => {
    const server = await serve({ maxBuffered: 1_000_000 });
    const client = new RawClient(server);
    await client.open();
    client.socket.pause();
    const socket = await nextOf(server);
    /* The system's buffers take what they like first. */
    for (let sent = 0; socket.readyState === 1 && sent < 1_000; sent++) {
      socket.send(Buffer.alloc(500_000));
      await pause(1);
    }
    expect((await within(socket.closed, "the end")).error?.code).toBe("ERR_BACKPRESSURE");
  });

  test("a client that has vanished is noticed by the heartbeat; one that answers stays", async () => {
    const server = await serve({ heartbeat: { intervalMs: 60, timeoutMs: 2_000 } });
    const dead = new RawClient(server);
    await dead.open();
    const gone = await nextOf(server);
    await wsClient(urlOf(server));
    const lives = await nextOf(server);
    expect((await within(gone.closed, "the end")).error?.code).toBe("ERR_HEARTBEAT");
    await pause(50);
    expect(lives.readyState).toBe(1);
  });
});

describe("broadcast", () => {
  test("reaches every client, but for one that is left out", async () => {
    const server = await serve();
    const clients = [];
    for (let count = 0; count < 20; count++) clients.push(await wsClient(urlOf(server)));
    await until(() => server.clients.size === 20, "20 clients");
    const [first] = server.clients;
    const observed = Promise.all(clients.slice(1).map(next));
    clients[0]?.once("message", () => {
      throw new Error("it was left out");
    });
    expect(server.broadcast("news", { except: first })).toEqual({ sent: 19, skipped: [] });
    expect((await observed).map(String)).toEqual(Array.from({ length: 19 }, () => "news"));
    expect(() => server.broadcast(7 as unknown as string)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
  });

  test("a slow client is skipped, or gets it later; the others get it now", async () => {
    const server = await serve();
    const slow = new RawClient(server);
    await slow.open();
    slow.socket.pause();
    const slowSocket = await nextOf(server);
    const fast = await wsClient(urlOf(server));
    await nextOf(server);
    let observed = 0;
    fast.on("message", () => observed++);
    const message = Buffer.alloc(1_000_000);
    let skipped = 0;
    /* At least 12, and as many as the system's buffers take. */
    for (let count = 0; count < 12 || (skipped === 0 && count < 200); count++) {
      const result = server.broadcast(message, { slow: "skip" });
      skipped += result.skipped.length;
      expect(result.skipped.every((it) => it === slowSocket)).toBe(true);
      await until(() => observed === count + 1, "the message");
    }
    expect(skipped).toBeGreaterThan(0);
    const queued = server.broadcast("later");
    expect(queued).toEqual({ sent: 2, skipped: [] });
    slow.socket.resume();
    await slow.readTo("later");
  });

  test("is compressed for those who agreed to it", async () => {
    const server = await serve({ deflate: { threshold: 0 } });
    const plain = await wsClient(urlOf(server), { perMessageDeflate: false });
    const packed = await wsClient(urlOf(server), { perMessageDeflate: true });
    await until(() => server.clients.size === 2, "2 clients");
    const both = Promise.all([next(plain), next(packed)]);
    expect(server.broadcast("x".repeat(5_000)).sent).toBe(2);
    expect((await both).map(String)).toEqual(["x".repeat(5_000), "x".repeat(5_000)]);
  });
});

describe("the end", () => {
  test("close gives every client the reason, and what was sent still leaves", async () => {
    const server = await serve();
    const client = await wsClient(urlOf(server));
    const socket = await nextOf(server);
    const last = next(client);
    const closed = once(client, "close");
    socket.send("last");
    await within(server.close({ reason: "until tomorrow" }), "the end");
    expect(String(await last)).toBe("last");
    expect(await within(closed, "closed")).toEqual([1001, Buffer.from("until tomorrow")]);
    await expect(server.accept()).rejects.toMatchObject({ code: "ERR_STATE" });
  });

  test.each([1001, 1003, 1008, 1011, 1014, 3000])("a client is closed with %i", async (code) => {
    const server = await serve({ onConnection: (socket) => socket.close(code, "why") });
    const client = await wsClient(urlOf(server));
    expect(await within(once(client, "close"), "closed")).toEqual([code, Buffer.from("why")]);
  });

  test("codes that no close frame may have are refused, and nothing is closed", async () => {
    const server = await serve();
    await wsClient(urlOf(server));
    const socket = await nextOf(server);
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000]) {
      const refused = expect.objectContaining({ name: "InvalidAccessError" });
      expect(() => socket.close(code)).toThrow(refused);
      await expect(server.close({ code })).rejects.toEqual(refused);
    }
    await expect(server.close({ reason: "x".repeat(124) })).rejects.toMatchObject({ name: "SyntaxError" });
    expect(socket.readyState).toBe(1);
    await wsClient(urlOf(server));
  });

  test("close is bounded whatever clients do", async () => {
    const server = await serve();
    const client = new RawClient(server);
    await client.open();
    await nextOf(server);
    const begun = performance.now();
    await within(server.close({ graceMs: 100 }), "the end");
    expect(performance.now() - begun).toBeLessThan(PATIENCE / 2);
    expect(server.clients.size).toBe(0);
    await client.rest(); /* the socket is gone, too */
  });

  test("a loop over clients ends with the server", async () => {
    const server = await serve();
    const seen: string[] = [];
    const loop = (async () => {
      for await (const socket of server) seen.push(socket.request.path);
    })();
    await wsClient(urlOf(server, "/a"));
    await wsClient(urlOf(server, "/b"));
    await until(() => seen.length === 2, "two clients");
    await server.close({ graceMs: 200 });
    await within(loop, "the loop");
    expect(seen).toEqual(["/a", "/b"]);
  });

  test("our own client, until it goes away", async () => {
    const server = await echo();
    const client = new WebSocket(urlOf(server));
    await client.opened;
    expect(await client.ping()).toBeGreaterThanOrEqual(0);
    client.close();
    expect(await within(client.closed, "the end")).toMatchObject({ code: 1005, wasClean: true });
    await until(() => server.clients.size === 0, "no client");
  });

  test("terminate needs no answer", async () => {
    const server = await serve();
    const client = await wsClient(urlOf(server));
    const closed = once(client, "close");
    (await nextOf(server)).terminate();
    expect((await within(closed, "closed"))[0]).toBe(1006);
  });
});

describeWith(python, "clients by python3-websockets", (program) => {
  test("talk, fragments, compression, pings, close codes", async () => {
    const server = await echo({ deflate: true });
    const child = startChild(program, [CLIENT, urlOf(server)]);
    expect(await within(child.ended, "the client")).toBe(0);
    expect(child.lines.all.at(-1)).toBe("done");
  });
});
