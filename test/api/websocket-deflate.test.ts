/** permessage-deflate against `ws` and against bytes made by hand: RFC 7692 7.2.1, 7.2.2. */
import type { Socket } from "node:net";
import { constants, deflateRawSync } from "node:zlib";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type DeflateOptions, limits, WebSocket } from "twinwire";
import { ws as handles, lastError } from "twinwire/handles";
import { deflate as nodeDeflate } from "../../adapters/shared/deflate.ts";
import { defaultPort } from "../../wasm/host.ts";
import { atEnd, endPeers, rawWsPeer, type WsPeer, wsPeer } from "../support/peers.ts";
import { atRest, Inbox, pause, until, within } from "../support/wait.ts";
import { thrown } from "./support.ts";

const MAX = 1 << 20;

beforeAll(() => {
  limits({ maxMessage: MAX });
});
afterEach(endPeers);

const prose = (size: number): string =>
  "Der schnelle braune Fuchs, größer als je. ".repeat(size / 40 + 1).slice(0, size);

async function echo(perMessageDeflate: object | boolean): Promise<WsPeer> {
  return wsPeer((socket) => socket.on("message", (data, binary) => socket.send(data, { binary })), {
    perMessageDeflate,
  });
}

async function open(url: string, deflate: boolean | DeflateOptions, more: object = {}): Promise<WebSocket> {
  const ws = new WebSocket(url, { deflate, ...more });
  atEnd(() => {
    ws.close();
    /* A peer that does not answer is ended before this is waited for. */
    atEnd(() => ws.closed);
  });
  await within(ws.opened, "open");
  return ws;
}

/** A message as a server compresses it: RSV1, without the tail. */
function compressedFrame(payload: Buffer, opcode = 1): Buffer {
  const size = payload.length;
  if (size < 126) return Buffer.concat([Buffer.from([0xc0 | opcode, size]), payload]);
  const head = Buffer.alloc(size <= 0xffff ? 4 : 10);
  head[0] = 0xc0 | opcode;
  head[1] = size <= 0xffff ? 126 : 127;
  if (size <= 0xffff) head.writeUInt16BE(size, 2);
  else head.writeBigUInt64BE(BigInt(size), 2);
  return Buffer.concat([head, payload]);
}

function deflated(data: string | Buffer): Buffer {
  return deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** A server that agrees to compression and whose frames are made by hand. */
async function handMade(more = "", options: DeflateOptions = {}): Promise<{ ws: WebSocket; socket: Socket }> {
  const sockets = new Inbox<Socket>("a socket");
  const { port } = await rawWsPeer(sockets.push, `Sec-WebSocket-Extensions: permessage-deflate${more}\r\n`);
  const ws = await open(`ws://127.0.0.1:${port}/`, options);
  return { ws, socket: await sockets.next() };
}

describe("what is agreed upon", () => {
  test.each([
    [true, {}, "permessage-deflate"],
    [{ noContextTakeover: true }, {}, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"],
    [{ serverNoContextTakeover: true }, {}, "permessage-deflate; server_no_context_takeover"],
    [{ clientNoContextTakeover: true }, {}, "permessage-deflate; client_no_context_takeover"],
    [{ maxWindowBits: 10 }, {}, "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"],
    [{ serverMaxWindowBits: 9 }, {}, "permessage-deflate; server_max_window_bits=9"],
    [{ clientMaxWindowBits: 12 }, {}, "permessage-deflate; client_max_window_bits=12"],
    [
      true,
      { clientMaxWindowBits: 11, serverMaxWindowBits: 13 },
      /server_max_window_bits=13; client_max_window_bits=11/,
    ],
    [true, { clientNoContextTakeover: true }, /client_no_context_takeover/],
    [{ maxWindowBits: 9, noContextTakeover: true, level: 1, memLevel: 1 }, {}, /=9/],
  ])("%j with a server of %j: %s", async (deflate, server, extensions) => {
    const { url } = await echo({ threshold: 0, ...server });
    const ws = await open(url, deflate);
    expect(ws.extensions).toMatch(extensions);
    const messages = ws[Symbol.asyncIterator]();
    for (const size of [2_000, 40_000, 2_000, 200_000, 2_000]) {
      const text = prose(size);
      ws.send(text);
      ws.send(Buffer.from(text));
      expect((await within(messages.next(), "text")).value === text).toBe(true);
      expect(Buffer.from((await within(messages.next(), "bytes")).value ?? "").equals(Buffer.from(text))).toBe(true);
    }
    expect(ws.stats().sent).toBeLessThan(100_000);
    expect(ws.stats().received).toBeLessThan(100_000);
  });

  test("a server that does not compress is talked to without", async () => {
    const { url } = await echo(false);
    const ws = await open(url, true);
    expect(ws.extensions).toBe("");
    const messages = ws[Symbol.asyncIterator]();
    ws.send(prose(5_000));
    expect((await within(messages.next(), "text")).value).toBe(prose(5_000));
    expect(ws.stats().sent).toBeGreaterThan(5_000);
  });

  test("nothing is offered unless it is asked for", async () => {
    const { server, url } = await echo(true);
    const offers = new Inbox<string | undefined>("an offer");
    server.on("headers", (_, request) => offers.push(request.headers["sec-websocket-extensions"]));
    expect((await open(url, false)).extensions).toBe("");
    expect(await offers.next()).toBeUndefined();
  });

  test("options that are none", () => {
    for (const deflate of [
      1,
      "yes",
      { maxWindowBits: 8 },
      { threshold: -1 },
      { windowBits: 9 },
      { noContextTakeover: 1 },
    ]) {
      expect(thrown(() => new WebSocket("ws://127.0.0.1:9/", { deflate: deflate as never })).code).toBe("ERR_ARGUMENT");
    }
  });

  test("where there is no zlib, it is refused", () => {
    const port = defaultPort() as { deflate?: unknown };
    new WebSocket("ws://127.0.0.1:9/").close(); /* the engine has the same port */
    port.deflate = undefined;
    try {
      expect(thrown(() => new WebSocket("ws://127.0.0.1:9/", { deflate: true })).code).toBe("ERR_UNSUPPORTED");
      expect(handles.open("ws://127.0.0.1:9/", { deflate: true })).toBe(-1);
      expect(lastError()?.code).toBe("ERR_UNSUPPORTED");
    } finally {
      port.deflate = nodeDeflate;
    }
  });
});

describe("sending", () => {
  test("messages below the threshold go as they are, and all stay in order", async () => {
    const { url, server } = await echo({ threshold: 0 });
    const got: string[] = [];
    server.on("connection", (socket) => socket.on("message", (data) => got.push(String(data))));
    const ws = await open(url, { threshold: 100 });
    const sent = Array.from({ length: 60 }, (_, index) => `${index} ${"x".repeat((index % 3) * 400)}`);
    for (const text of sent) ws.send(text);
    await within(ws.drained, "drained");
    await until(() => got.length === sent.length, "all messages");
    expect(got).toEqual(sent);
  });

  test("bufferedAmount counts what was sent, not what it came to", async () => {
    const { url } = await echo({ threshold: 0 });
    const ws = await open(url, { threshold: 0 });
    ws.send("x".repeat(50_000));
    expect(ws.bufferedAmount).toBe(50_000);
    await until(() => ws.bufferedAmount === 0, "an empty buffer");
  });

  test("what is being compressed still goes before the close frame", async () => {
    const { url, server } = await echo({ threshold: 0 });
    const got = new Inbox<string>("a message or the end");
    server.on("connection", (socket) => {
      socket.on("message", (data) => got.push(String(data)));
      socket.on("close", (code) => got.push(`close ${code}`));
    });
    const ws = await open(url, { threshold: 0 });
    ws.send("last words");
    ws.close(4000);
    expect([await got.next(), await got.next()]).toEqual(["last words", "close 4000"]);
    expect(await within(ws.closed, "closed")).toMatchObject({ code: 4000, wasClean: true });
  });
});

describe("receiving", () => {
  test("one message of many frames, in pieces of one byte", async () => {
    const { ws, socket } = await handMade();
    const messages = ws[Symbol.asyncIterator]();
    const payload = deflated(prose(3_000));
    const [a, b, c] = [payload.subarray(0, 40), payload.subarray(40, 41), payload.subarray(41)];
    const frames = Buffer.concat([
      Buffer.concat([Buffer.from([0x41, a.length]), a]),
      Buffer.from([0x89, 1, 0x21]),
      Buffer.concat([Buffer.from([0x00, b.length]), b]),
      Buffer.concat([Buffer.from([0x80, c.length]), c]),
      Buffer.from([0x81, 5]),
      Buffer.from("plain"),
    ]);
    for (const byte of frames) {
      socket.write(Buffer.from([byte]));
      if (byte % 16 === 0) await pause(1);
    }
    expect((await within(messages.next(), "text")).value).toBe(prose(3_000));
    expect((await within(messages.next(), "text")).value).toBe("plain");
    await messages.return?.();
  });

  test("empty messages, and blocks that are marked as the last (RFC 7692 7.2.3)", async () => {
    for (const more of ["", "; server_no_context_takeover"]) {
      const { ws, socket } = await handMade(more, more === "" ? {} : { serverNoContextTakeover: true });
      const messages = ws[Symbol.asyncIterator]();
      const last = Buffer.concat([deflateRawSync("final"), Buffer.from([0])]);
      socket.write(
        Buffer.concat([compressedFrame(Buffer.from([0])), compressedFrame(last), compressedFrame(deflated("b"))]),
      );
      expect((await within(messages.next(), "an empty one")).value).toBe("");
      expect((await within(messages.next(), "a last block")).value).toBe("final");
      expect((await within(messages.next(), "another")).value).toBe("b");
      await messages.return?.();
    }
  });

  test.each<[string, Buffer, string, number]>([
    ["malformed", compressedFrame(Buffer.from([0x07, 0xff, 0xff])), "ERR_WS_DEFLATE", 1007],
    ["no UTF-8", compressedFrame(deflated(Buffer.from([0x61, 0xff, 0x62]))), "ERR_WS_UTF8", 1007],
    ["a bomb", compressedFrame(deflated(Buffer.alloc(200 * MAX)), 2), "ERR_WS_TOO_BIG", 1009],
    ["compressed in the middle", Buffer.from([0x01, 1, 0x61, 0xc0, 1, 0]), "ERR_WS_PROTOCOL", 1002],
  ])("%s", async (_, frame, code, closeCode) => {
    for (const more of ["", "; server_no_context_takeover"]) {
      const { ws, socket } = await handMade(more, more === "" ? {} : { serverNoContextTakeover: true });
      const reported: string[] = [];
      ws.addEventListener("message", () => reported.push("message"));
      ws.addEventListener("error", ({ error }) => reported.push(error.code));
      const sent: Buffer[] = [];
      socket.on("data", (data: Buffer) => sent.push(data));
      const before = process.memoryUsage().arrayBuffers;
      socket.write(compressedFrame(deflated("good")));
      socket.write(frame);
      socket.write(compressedFrame(deflated("never delivered")));
      await until(() => Buffer.concat(sent).length >= 8, "a close frame");
      socket.end();
      const info = await within(ws.closed, "closed");
      expect(info).toMatchObject({ code: 1006, wasClean: false, error: { code } });
      expect(reported).toEqual(["message", code]);
      const close = Buffer.concat(sent);
      expect([close[0], close[1]]).toEqual([0x88, 0x82]);
      const unmasked = [0, 1].map((at) => (close[6 + at] as number) ^ (close[2 + at] as number));
      expect(((unmasked[0] as number) << 8) | (unmasked[1] as number)).toBe(closeCode);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MAX);
    }
  });

  test("a message of exactly maxMessage is one, a byte more is not", async () => {
    const { ws, socket } = await handMade();
    const messages = ws[Symbol.asyncIterator]();
    socket.write(compressedFrame(deflated(Buffer.alloc(MAX, 97))));
    expect((await within(messages.next(), "text")).value?.length).toBe(MAX);
    socket.write(compressedFrame(deflated(Buffer.alloc(MAX + 1, 97))));
    await expect(within(messages.next(), "the error")).rejects.toMatchObject({ code: "ERR_WS_TOO_BIG" });
    socket.end();
  });

  test("a slow loop holds no more than a window of many small bombs", async () => {
    const { ws, socket } = await handMade("; server_no_context_takeover", { serverNoContextTakeover: true });
    const messages = ws[Symbol.asyncIterator]();
    const bomb = compressedFrame(deflated(Buffer.alloc(MAX, 97)), 2);
    const bombs = Buffer.concat(Array.from({ length: 100 }, () => bomb));
    let accepted = 0;
    const count = 1_000;
    for (let index = 0; index < count; index++) socket.write(bombs, () => (accepted += 1));
    const before = process.memoryUsage().arrayBuffers;
    await atRest(() => accepted, "what is accepted");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(24 * MAX);
    expect(accepted).toBeLessThan(count);
    for (let index = 0; index < 20; index++) {
      expect((await within(messages.next(), "text")).value?.length).toBe(MAX);
    }
    socket.destroy();
  });

  test("what was received before the end is still delivered", async () => {
    const { ws, socket } = await handMade();
    const reported: string[] = [];
    ws.addEventListener("message", ({ data }) => reported.push(String(data)));
    ws.addEventListener("close", ({ code }) => reported.push(`close ${code}`));
    const all = [
      compressedFrame(deflated("one")),
      Buffer.from([0x81, 3]),
      Buffer.from("two"),
      Buffer.from([0x88, 2, 3, 0xe9]),
    ];
    socket.end(Buffer.concat(all));
    await within(ws.closed, "closed");
    expect(reported).toEqual(["one", "two", "close 1001"]);
  });
});

describe("the handle API", () => {
  test("what the server compresses comes inflated, in order, as text or bytes", async () => {
    const { url } = await echo({ threshold: 0 });
    const conn = handles.open(url, { deflate: { serverMaxWindowBits: 10 } });
    atEnd(() => handles.close(conn));
    const got = new Inbox<string>("a message");
    handles.on(conn, "message", ({ message }) =>
      got.push(`${typeof message} ${message.length} ${message.slice(0, 3)}`),
    );
    handles.on(conn, "connected", () => {
      for (const size of [10, 100_000, 5]) handles.send(conn, prose(size));
      handles.send(conn, Buffer.from("abc"));
    });
    const all = [await got.next(), await got.next(), await got.next(), await got.next()];
    expect(all).toEqual(["string 10 Der", "string 100000 Der", "string 5 Der", "object 3 abc"]);
  });

  test("a bomb ends it", async () => {
    const sockets = new Inbox<Socket>("a socket");
    const { port } = await rawWsPeer(sockets.push, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    const conn = handles.open(`ws://127.0.0.1:${port}/`, { deflate: true });
    const reported = new Inbox<string>("an event");
    handles.on(conn, "message", () => reported.push("message"));
    handles.on(conn, "error", ({ code }) => reported.push(code));
    handles.on(conn, "disconnected", ({ code }) => reported.push(`disconnected ${code}`));
    const socket = await sockets.next();
    socket.write(compressedFrame(deflated("good")));
    socket.write(compressedFrame(deflated(Buffer.alloc(5 * MAX))));
    expect([await reported.next(), await reported.next()]).toEqual(["message", "ERR_WS_TOO_BIG"]);
    socket.end();
    expect(await reported.next()).toBe("disconnected 1006");
  });
});
