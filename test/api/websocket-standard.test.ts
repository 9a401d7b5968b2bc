/**
 * What the WHATWG standard says of WebSocket, asked of our class and of the one that Node has (undici's): what passes here
 * for both is code that may use either.
 */
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { WebSocket as OurWebSocket } from "twinwire";
import { WebSocket as NodeWebSocket } from "undici";
import type { WebSocket as Peer } from "ws";
import { host } from "../support/host.ts";
import { atEnd, endPeers, rawWsPeer, tcpPeer, type WsPeer, wsPeer } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";

type Standard = globalThis.WebSocket;
type Class = (new (url: string | URL, protocols?: string | string[]) => Standard) & { readonly OPEN: number };

const classes: readonly (readonly [string, Class])[] = [
  ["twinwire", OurWebSocket as unknown as Class],
  /* Bun puts a module of its own in undici's place, with another WebSocket, which fails much of this. */
  ...(host === "bun" ? [] : [["undici", NodeWebSocket as unknown as Class] as const]),
];

afterEach(endPeers);

/** What happened, in order. */
function record(ws: Standard): string[] {
  const log: string[] = [];
  ws.addEventListener("open", () => log.push(`open ${ws.readyState}`));
  ws.addEventListener("message", ({ data }) => log.push(`message ${ws.readyState} ${data}`));
  ws.addEventListener("error", () => log.push(`error ${ws.readyState}`));
  ws.addEventListener("close", ({ code, reason, wasClean }) =>
    log.push(`close ${ws.readyState} ${code} '${reason}' ${wasClean ? "clean" : "unclean"}`),
  );
  return log;
}

function nextEvent<K extends keyof WebSocketEventMap>(ws: Standard, type: K): Promise<WebSocketEventMap[K]> {
  return within(new Promise((resolve) => ws.addEventListener(type, resolve, { once: true })), type);
}

/** The name of the DOMException that it throws. */
function exception(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof DOMException) return error.name;
    throw error;
  }
  return "nothing";
}

async function echo(options: Parameters<typeof wsPeer>[1] = {}): Promise<WsPeer> {
  return wsPeer((socket) => socket.on("message", (data, binary) => socket.send(data, { binary })), options);
}

describe.each(classes)("%s", (name, WebSocket) => {
  /* undici departs from the standard in a few places, which are asked of ours alone; they are where this stands. */
  const ours = name === "twinwire";

  async function opened(url: string, protocols?: string | string[]): Promise<Standard> {
    const ws = new WebSocket(url, protocols);
    atEnd(() => ws.close());
    await nextEvent(ws, "open");
    return ws;
  }

  async function pair(): Promise<{ ws: Standard; peer: Peer }> {
    const peers = new Inbox<Peer>("a connection");
    const { url } = await wsPeer(peers.push);
    const ws = await opened(url);
    return { ws, peer: await peers.next() };
  }

  test("constants stand on the class and on its prototype", () => {
    for (const [index, name] of ["CONNECTING", "OPEN", "CLOSING", "CLOSED"].entries()) {
      for (const place of [WebSocket, WebSocket.prototype]) {
        const constant = { value: index, writable: false, enumerable: true, configurable: false };
        expect(Object.getOwnPropertyDescriptor(place, name)).toEqual(constant);
      }
    }
    expect(WebSocket.name).toBe("WebSocket");
    expect(WebSocket.length).toBe(1);
    expect(Object.prototype.toString.call(WebSocket.prototype)).toBe("[object WebSocket]");
    expect(WebSocket.prototype).toBeInstanceOf(EventTarget);
  });

  test("without new, or without an argument, it is a TypeError", () => {
    expect(() => (WebSocket as unknown as () => void)()).toThrow(TypeError);
    expect(() => new (WebSocket as unknown as new () => Standard)()).toThrow(TypeError);
  });

  test.each([
    "",
    "no url",
    "/path",
    "ftp://127.0.0.1/",
    "ws://",
    "ws://127.0.0.1:65536/",
    "ws://127.0.0.1/#x",
    "ws://a b/",
  ])("%p is no URL of a WebSocket", (url) => {
    expect(exception(() => new WebSocket(url))).toBe("SyntaxError");
  });

  test.each([["a", "a"], [""], ["a b"], ["a,b"], ["ü"], ["a", "A"]])("%p are no subprotocols", (...protocols) => {
    expect(exception(() => new WebSocket("ws://127.0.0.1:9/", protocols))).toBe("SyntaxError");
  });

  test("url is what was understood, and http: stands for ws:", async () => {
    const { port } = await echo();
    for (const [given, url] of [
      [`WS://127.0.0.1:${port}`, `ws://127.0.0.1:${port}/`],
      [`http://127.0.0.1:${port}/ä b?q=ü`, `ws://127.0.0.1:${port}/%C3%A4%20b?q=%C3%BC`],
      [new URL(`ws://127.0.0.1:${port}/a/../b`), `ws://127.0.0.1:${port}/b`],
    ] as const) {
      const ws = new WebSocket(given);
      expect(ws.url).toBe(url);
      await nextEvent(ws, "open");
      ws.close();
      await nextEvent(ws, "close");
    }
  });

  test("before it is open", async () => {
    const { url } = await echo();
    const ws = new WebSocket(url);
    atEnd(() => ws.close());
    expect(ws).toMatchObject({ readyState: 0, bufferedAmount: 0, extensions: "", protocol: "", binaryType: "blob" });
    expect(ws).toMatchObject({ onopen: null, onmessage: null, onerror: null, onclose: null });
    expect(exception(() => ws.send("x"))).toBe("InvalidStateError");
    expect(() => (ws as unknown as { send(): void }).send()).toThrow(TypeError);
    await nextEvent(ws, "open");
  });

  test("events come in order, with their properties", async () => {
    const { url, port } = await wsPeer((socket) => {
      socket.send("one");
      socket.send("two");
      socket.close(4001, "enough");
    });
    const ws = new WebSocket(url);
    const log = record(ws);
    const message = nextEvent(ws, "message");
    const close = await nextEvent(ws, "close");
    /* The peer's close frame may be there before the messages are delivered: both are right. */
    expect(log).toEqual(["open 1", "message 1 one", "message 1 two", "close 3 4001 'enough' clean"]);
    expect(close).toBeInstanceOf(Event);
    expect(close).toMatchObject({ type: "close", target: ws, bubbles: false, cancelable: false });
    expect(await message).toMatchObject({ data: "one", origin: `ws://127.0.0.1:${port}`, lastEventId: "" });
    if (ours) expect(await message).toBeInstanceOf(MessageEvent); /* undici has a class of its own */
  });

  test("a listener added in the open event receives the first message", async () => {
    const { port } = await rawWsPeer(() => {});
    const server = await rawWsPeer((socket) => socket.write(Buffer.from([0x81, 1, 0x61])));
    expect(port).not.toBe(server.port);
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/`);
    atEnd(() => ws.close());
    await nextEvent(ws, "open");
    expect((await nextEvent(ws, "message")).data).toBe("a");
  });

  test("a peer that is not there, or is none: error, then close", async () => {
    const { port, close } = await tcpPeer(() => {});
    await close();
    const refusing = await tcpPeer((socket) => socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"));
    const closing = await tcpPeer((socket) => socket.end());
    for (const it of [port, refusing.port, closing.port]) {
      const ws = new WebSocket(`ws://127.0.0.1:${it}/`);
      const log = record(ws);
      await nextEvent(ws, "close");
      await pause(10);
      expect(log).toEqual(["error 3", "close 3 1006 '' unclean"]);
    }
  });

  test("what is sent arrives, as what it was", async () => {
    const { ws, peer } = await pair();
    const got = new Inbox<string>("a message");
    peer.on("message", (data, binary) => got.push(`${binary ? "binary" : "text"} ${data}`));
    const view = new TextEncoder().encode("<view>").subarray(1, 5);
    const sent: unknown[] = [
      "text",
      "",
      view,
      view.slice().buffer,
      new DataView(view.slice().buffer),
      new Blob(["b", "lob"]),
    ];
    sent.push(42, null, undefined, { toString: () => "object" }, "\ud800!", new Blob([]), "last");
    for (const it of sent) ws.send(it as string);
    const all: string[] = [];
    for (const _ of sent) all.push(await got.next());
    expect(all).toEqual([
      "text text",
      "text ",
      "binary view",
      "binary view",
      "binary view",
      "binary blob",
      "text 42",
      "text null",
      "text undefined",
      "text object",
      "text \ufffd!",
      "binary ",
      "text last",
    ]);
  });

  test("bytes may be changed once they were sent", async () => {
    const { ws, peer } = await pair();
    const got = new Inbox<string>("a message");
    peer.on("message", (data) => got.push(String(data)));
    const bytes = new TextEncoder().encode("before");
    ws.send(new Blob(["blob"]));
    ws.send(bytes);
    bytes.fill(0);
    expect([await got.next(), await got.next()]).toEqual(["blob", "before"]);
  });

  test("binaryType", async () => {
    const { ws, peer } = await pair();
    ws.binaryType = "arraybuffer";
    peer.send(Buffer.from([1, 2, 3]));
    const { data } = await nextEvent(ws, "message");
    expect(Object.prototype.toString.call(data)).toBe("[object ArrayBuffer]");
    expect([...new Uint8Array(data)]).toEqual([1, 2, 3]);
    ws.binaryType = "blob";
    peer.send(Buffer.from("blob"));
    const blob = (await nextEvent(ws, "message")).data;
    expect(Object.prototype.toString.call(blob)).toBe("[object Blob]");
    expect(await blob.text()).toBe("blob");
  });

  test("bufferedAmount counts payloads from the call on, and comes back to 0", async () => {
    const { ws, peer } = await pair();
    const got = new Inbox<number>("a message");
    peer.on("message", (data: Buffer) => got.push(data.length));
    ws.send("ä");
    expect(ws.bufferedAmount).toBe(2);
    ws.send(new Uint8Array(1000));
    expect(ws.bufferedAmount).toBe(1002);
    ws.send(new Blob([new Uint8Array(5)]));
    expect(ws.bufferedAmount).toBe(1007);
    expect([await got.next(), await got.next(), await got.next()]).toEqual([2, 1000, 5]);
    await until(() => ws.bufferedAmount === 0, "an empty buffer");
    for (let size = 0; size < 300; size += 100) {
      ws.send(new Uint8Array(size));
      expect(ws.bufferedAmount).toBe(size);
      expect(await got.next()).toBe(size);
    }
    ws.send("ab");
    expect(ws.bufferedAmount).toBe(2);
    await until(() => ws.bufferedAmount === 0, "an empty buffer");
    ws.close();
    ws.send("late");
    const late = ours ? 4 : 0; /* "send" of the standard: in CLOSING and CLOSED it only adds to bufferedAmount */
    expect(ws.bufferedAmount).toBe(late);
    await nextEvent(ws, "close");
    expect(ws.bufferedAmount).toBe(late);
  });

  test("close: what it refuses", async () => {
    const { ws } = await pair();
    for (const code of [0, 1, 999, 1001, 1005, 1006, 1015, 2999, 5000, 65_536, -1, Number.NaN, null]) {
      expect([code, exception(() => ws.close(code as number))]).toEqual([code, "InvalidAccessError"]);
    }
    expect(exception(() => ws.close(1000, "x".repeat(124)))).toBe("SyntaxError");
    expect(exception(() => ws.close(1000, "€".repeat(42)))).toBe("SyntaxError");
    expect(ws.readyState).toBe(1);
  });

  test.each([
    [[], 1005, "", 1005],
    [[1000], 1000, "", 1000],
    [[3000, "why"], 3000, "why", 3000],
    [[4999, "€".repeat(41)], 4999, "€".repeat(41), 4999],
  ])("close(%p)", async (args, code, reason, reported) => {
    const { ws, peer } = await pair();
    const seen = new Inbox<string>("the close");
    peer.on("close", (it, text) => seen.push(`${it} ${text}`));
    const log = record(ws);
    (ws.close as (...args: unknown[]) => void)(...args);
    expect(ws.readyState).toBe(2);
    ws.close(1000);
    await nextEvent(ws, "close");
    expect(await seen.next()).toBe(`${code} ${reason}`);
    expect(log).toEqual([`close 3 ${reported} '${reason}' clean`]);
    ws.close();
    expect(ws.readyState).toBe(3);
  });

  test("close before it is open", async () => {
    const { url } = await echo();
    const ws = new WebSocket(url);
    const log = record(ws);
    const close = nextEvent(ws, "close");
    ws.close(3000, "never mind");
    expect(ws.readyState).toBe(2);
    if (ours) expect(log).toEqual([]); /* the standard reports it in a task of its own */
    await close;
    expect(log).toEqual(["error 3", "close 3 1006 '' unclean"]);
  });

  test("the reason is the peer's, also when it answers", async () => {
    const server = await rawWsPeer((socket) => {
      socket.once("data", () => {
        socket.end(Buffer.concat([Buffer.from([0x88, 7, 0x0f, 0xa1]), Buffer.from("yours")]));
      });
    });
    const ws = await opened(`ws://127.0.0.1:${server.port}/`);
    const log = record(ws);
    ws.close(4000, "mine");
    await nextEvent(ws, "close");
    expect(log).toEqual(["close 3 4001 'yours' clean"]);
  });

  test("messages that arrive while it closes are discarded", async () => {
    const sockets = new Inbox<Socket>("a socket");
    const server = await rawWsPeer(sockets.push);
    const ws = await opened(`ws://127.0.0.1:${server.port}/`);
    const socket = await sockets.next();
    const log = record(ws);
    ws.close(1000);
    socket.end(Buffer.from([0x81, 1, 0x61, 0x88, 2, 3, 0xe8]));
    await nextEvent(ws, "close");
    expect(log).toEqual(["close 3 1000 '' clean"]);
  });

  test("the peer closes", async () => {
    for (const [code, reason, reported] of [
      [undefined, undefined, "1005 ''"],
      [1001, "going", "1001 'going'"],
      [4321, "", "4321 ''"],
    ] as const) {
      const { ws, peer } = await pair();
      const log = record(ws);
      peer.close(code, reason);
      await nextEvent(ws, "close");
      expect(log).toEqual([`close 3 ${reported} clean`]);
    }
  });

  test("a frame that breaks the rules: error, and close with 1006", async () => {
    const sockets = new Inbox<Socket>("a socket");
    const server = await rawWsPeer(sockets.push);
    for (const frame of [
      [0x83, 0],
      [0x81, 1, 0xff],
      [0xc1, 0],
      [0x09, 0],
    ]) {
      const ws = await opened(`ws://127.0.0.1:${server.port}/`);
      const socket = await sockets.next();
      const log = record(ws);
      socket.end(Buffer.from(frame));
      await nextEvent(ws, "close");
      await pause(5);
      expect(log).toEqual(["error 3", "close 3 1006 '' unclean"]);
    }
  });

  test("subprotocols", async () => {
    const { url } = await echo({ handleProtocols: (offered) => [...offered].at(-1) ?? false });
    expect((await opened(url)).protocol).toBe("");
    expect((await opened(url, "chat")).protocol).toBe("chat");
    expect((await opened(url, ["chat", "super.chat"])).protocol).toBe("super.chat");
    const deaf = await echo({ handleProtocols: () => false });
    const ws = new WebSocket(deaf.url, "chat");
    const log = record(ws);
    await nextEvent(ws, "close");
    expect(log).toEqual(["error 3", "close 3 1006 '' unclean"]);
  });

  test("handlers: the attribute, its place, its this", async () => {
    const { ws, peer } = await pair();
    const log: string[] = [];
    const handler = (event: MessageEvent): void => void log.push(`first ${event.data}`);
    ws.onmessage = handler;
    expect(ws.onmessage).toBe(handler);
    ws.addEventListener("message", ({ data }) => log.push(`listener ${data}`));
    ws.onmessage = function (event) {
      log.push(`second ${event.data} ${this === ws}`);
    };
    peer.send("1");
    await nextEvent(ws, "message");
    /* HTML 8.1.8.1: a handler that is replaced keeps its place */
    if (ours) expect(log).toEqual(["second 1 true", "listener 1"]);
    expect(log.splice(0).sort()).toEqual(["listener 1", "second 1 true"]);
    ws.onmessage = "no function" as never;
    expect(ws.onmessage).toBeNull();
    const object = { handleEvent: ({ data }: MessageEvent) => log.push(`object ${data}`) };
    ws.addEventListener("message", object as unknown as EventListener, { once: true });
    peer.send("2");
    await nextEvent(ws, "message");
    peer.send("3");
    await nextEvent(ws, "message");
    expect(log).toEqual(["listener 2", "object 2", "listener 3"]);
  });

  test("a subclass", async () => {
    class Counting extends WebSocket {
      sent = 0;

      override send(data: string): void {
        this.sent += 1;
        super.send(data);
      }
    }
    const { url } = await echo();
    const ws = new Counting(url);
    atEnd(() => ws.close());
    expect(ws).toBeInstanceOf(WebSocket);
    await nextEvent(ws, "open");
    ws.send("a");
    expect((await nextEvent(ws, "message")).data).toBe("a");
    expect(ws.sent).toBe(1);
    expect(Counting.OPEN).toBe(1);
  });

  test("a large message, both ways", async () => {
    const { url } = await echo();
    const ws = await opened(url);
    ws.binaryType = "arraybuffer";
    const text = "größer ".repeat(1_000_000);
    ws.send(text);
    expect((await nextEvent(ws, "message")).data === text).toBe(true);
    const bytes = new Uint8Array(9_000_000).map((_, at) => at * 31);
    ws.send(bytes);
    expect(Buffer.from((await nextEvent(ws, "message")).data).equals(bytes)).toBe(true);
  });
});

/** What Web IDL prescribes of a member: its kind, attributes, name and number of arguments, but not the functions themselves. */
function shapeOf(object: object, name: string | symbol): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(object, name);
  if (descriptor === undefined) return "missing";
  const shape = (it: unknown): unknown => (typeof it === "function" ? `${it.name}(${it.length})` : it);
  return Object.fromEntries(Object.entries(descriptor).map(([key, it]) => [key, shape(it)]));
}

const shapesOf = (object: object, names: readonly (string | symbol)[]): unknown =>
  names.map((name) => [String(name), shapeOf(object, name)]);

/** The class of an event and what it is made of. */
async function eventClass(WebSocket: Class, type: "close" | "error"): Promise<object> {
  const { url } = await wsPeer((socket) => socket.send("x", () => socket.terminate()));
  const event = await nextEvent(new WebSocket(url), type);
  return Object.getPrototypeOf(event);
}

/* Bun puts a module of its own in undici's place. */
const withUndici = host === "bun" ? describe.skip : describe;

withUndici("members are those of undici's class, in the same shape", () => {
  test("on the class and on its prototype", () => {
    for (const [theirs, ours] of [
      [NodeWebSocket, OurWebSocket],
      [NodeWebSocket.prototype, OurWebSocket.prototype],
    ] as const) {
      const names = Reflect.ownKeys(theirs).filter((name) => name !== "constructor" && name !== "prototype");
      expect(names.length).toBeGreaterThan(5);
      expect(shapesOf(ours, names)).toEqual(shapesOf(theirs, names));
    }
    expect(shapeOf(OurWebSocket, "prototype")).toEqual({
      value: OurWebSocket.prototype,
      writable: false,
      enumerable: false,
      configurable: false,
    });
  });

  test("what is ours besides can be enumerated, too", () => {
    const more = Object.keys(OurWebSocket.prototype).filter((name) => !(name in NodeWebSocket.prototype));
    expect(more).toEqual(expect.arrayContaining(["sendAsync", "opened", "closed", "ping", "drained"]));
  });

  /* Events are of the runtime's classes where it has them: message events everywhere, all of them on Deno. */
  const withOwnEvents = host === "deno" ? test.skip : test;

  withOwnEvents("events cannot be changed", async () => {
    for (const [type, names] of [
      ["close", ["code", "reason", "wasClean"]],
      ["error", ["error", "message"]],
    ] as const) {
      const ours = await eventClass(OurWebSocket as unknown as Class, type);
      const theirs = await eventClass(NodeWebSocket as unknown as Class, type);
      expect([type, shapesOf(ours, names)]).toEqual([type, shapesOf(theirs, names)]);
      const tag = Symbol.toStringTag;
      expect([type, shapesOf(ours, [tag])]).toEqual([type, shapesOf(theirs, [tag])]);
      expect(Object.getPrototypeOf(ours)).toBe(Event.prototype);
    }
  });

  test("on another object they are a TypeError", () => {
    const names = Object.keys(NodeWebSocket.prototype).filter((name) => !/^[A-Z]+$/.test(name));
    for (const name of names) {
      for (const prototype of [OurWebSocket.prototype, NodeWebSocket.prototype] as object[]) {
        const { get, set, value } = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
        for (const call of [get, set, value].filter((it) => it !== undefined)) {
          for (const other of [{}, undefined, Object.create(prototype), new EventTarget()]) {
            expect(() => Reflect.apply(call, other, ["x"])).toThrow(TypeError);
          }
        }
      }
    }
  });
});
