/**
 * What a peer sends in one segment is the same as what it sends in many: the same messages, the same answers, and only then
 * the end. For each way of taking messages, on servers and clients.
 */
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { limits, WebSocket } from "twinwire";
import { ws as handles } from "twinwire/handles";
import { host } from "../../support/host.ts";
import { atEnd, endPeers, readHead, switching, tcpPeer } from "../../support/peers.ts";
import { pause, until, within } from "../../support/wait.ts";
import { handshake, masked, RawClient, serve } from "./support.ts";

beforeAll(() => {
  limits({ closeTimeoutMs: 2_000 });
});
afterEach(endPeers);

const deflated = (text: string): Buffer =>
  deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
const inflated = (bytes: Uint8Array): string =>
  inflateRawSync(Buffer.concat([bytes, Buffer.from([0, 0, 0xff, 0xff])]), {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).toString();

const EXTENSION = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const LONG = "compressible ".repeat(200);

/** How a peer ends, and our close frame, if there is one. */
const endings: [string, (mask: boolean) => Buffer, string | undefined][] = [
  ["a close frame", (mask) => frame(0x88, Buffer.from([0x0f, 0xa1]), mask), "88020fa1"],
  ["a frame that breaks the rules", (mask) => frame(0x83, Buffer.from("x"), mask), "880203ea"],
  ["FIN", () => Buffer.alloc(0), undefined],
];

function frame(first: number, payload: Buffer, mask: boolean): Buffer {
  if (mask) return masked(first, payload);
  const length = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([first, ...length]), payload]);
}

/** The frames in some bytes, without masks, texts as such. */
function frames(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const first = bytes[at] as number;
    const hasMask = ((bytes[at + 1] as number) & 0x80) !== 0;
    let size = (bytes[at + 1] as number) & 0x7f;
    at += 2;
    if (size === 126) {
      size = bytes.readUInt16BE(at);
      at += 2;
    }
    const mask = hasMask ? bytes.subarray(at, at + 4) : Buffer.alloc(4);
    at += hasMask ? 4 : 0;
    const payload = Buffer.from(bytes.subarray(at, at + size).map((byte, index) => byte ^ (mask[index & 3] as number)));
    at += size;
    if (first === 0x81 || first === 0x82) found.push(payload.toString());
    else if (first === 0xc1 || first === 0xc2) found.push(inflated(payload));
    else
      found.push(
        Buffer.concat([Buffer.from([first, size]), payload])
          .toString("hex")
          .slice(0, 8),
      );
  }
  return found;
}

interface Conversation {
  readonly name: string;
  readonly compressed: boolean;
  /** Opens a connection; returns how a raw peer writes, and how it ends with all that it got. */
  open(): Promise<{
    write(bytes: Buffer): void;
    end(): void;
    rest(): Promise<Buffer>;
    readonly serverIsPeer: boolean;
  }>;
}

const answer = (message: unknown): string => `re ${String(message)}`;

const servers: [string, Parameters<typeof serve>[0]][] = [
  ["onMessage", { onMessage: (socket, message) => socket.send(answer(message)) }],
  [
    "onMessage, async",
    {
      onMessage: async (socket, message) => {
        await pause(5);
        await socket.sendAsync(answer(message));
      },
    },
  ],
  ["events", { onConnection: (socket) => socket.addEventListener("message", ({ data }) => socket.send(answer(data))) }],
  [
    "a loop",
    {
      onConnection: async (socket) => {
        for await (const message of socket) {
          await pause(5);
          expect(socket.readyState).toBe(WebSocket.OPEN);
          await socket.sendAsync(answer(message));
        }
      },
    },
  ],
  ["a Blob", { onMessage: (socket, message) => socket.send(new Blob([answer(message)])) }],
];

function ofServer(name: string, options: Parameters<typeof serve>[0], compressed: boolean): Conversation {
  return {
    name: `WebSocketServer, ${name}${compressed ? ", compressed" : ""}`,
    compressed,
    async open() {
      const deflate = compressed ? { threshold: 1, noContextTakeover: true } : false;
      const server = await serve({ ...options, deflate, onError: () => {} });
      const client = new RawClient(server);
      client.write(handshake(compressed ? { "Sec-WebSocket-Extensions": EXTENSION } : {}));
      await client.readTo("\r\n\r\n");
      return {
        write: (bytes) => client.write(bytes),
        end: () => client.socket.end(),
        rest: () => client.rest(),
        serverIsPeer: false,
      };
    },
  };
}

function ofCompat(compressed: boolean): Conversation {
  return {
    name: `ws-compat, server${compressed ? ", compressed" : ""}`,
    compressed,
    async open() {
      const { WebSocketServer } = await import("twinwire/ws-compat");
      const http = createServer();
      const perMessageDeflate = compressed ? { threshold: 1, serverNoContextTakeover: true } : false;
      const server = new WebSocketServer({ server: http, perMessageDeflate });
      server.on("connection", (ws) => {
        ws.on("error", () => {});
        ws.on("message", (data) => ws.send(answer(data)));
      });
      http.listen(0, "127.0.0.1");
      await within(new Promise<void>((resolve) => http.once("listening", () => resolve())), "listening");
      atEnd(() => http.close());
      const { port } = http.address() as AddressInfo;
      const client = new RawClient({ addr: () => `127.0.0.1:${port}` });
      client.write(handshake(compressed ? { "Sec-WebSocket-Extensions": EXTENSION } : {}));
      await client.readTo("\r\n\r\n");
      return {
        write: (bytes) => client.write(bytes),
        end: () => client.socket.end(),
        rest: () => client.rest(),
        serverIsPeer: false,
      };
    },
  };
}

/** A server that writes what it is asked to, perhaps in the segment of its 101. */
async function rawServer(compressed: boolean, connect: (url: string) => void, behindHead?: Buffer) {
  let peer: Socket | undefined;
  let received = Buffer.alloc(0);
  let ended = false;
  const { port } = await tcpPeer((socket) =>
    readHead(socket, (head) => {
      const more = compressed ? `Sec-WebSocket-Extensions: ${EXTENSION}\r\n` : "";
      socket.write(Buffer.concat([Buffer.from(switching(head, more)), behindHead ?? Buffer.alloc(0)]));
      socket.on("data", (part) => {
        received = Buffer.concat([received, part]);
        if (frames(received).some((it) => it.startsWith("88"))) socket.end(); /* RFC 6455 7.1.1 */
      });
      socket.on("close", () => {
        ended = true;
      });
      peer = socket;
    }),
  );
  connect(`ws://127.0.0.1:${port}/`);
  await until(() => peer !== undefined, "a handshake");
  return {
    write: (bytes: Buffer) => peer?.write(bytes),
    end: () => peer?.end(),
    rest: async () => {
      await until(() => ended, "the end");
      return received;
    },
    serverIsPeer: true,
  };
}

const deflateOf = (compressed: boolean) => (compressed ? { threshold: 1, noContextTakeover: true } : false);

const clients: [string, (url: string, compressed: boolean) => void][] = [
  [
    "WebSocket, events",
    (url, compressed) => {
      const ws = new WebSocket(url, { deflate: deflateOf(compressed) });
      ws.addEventListener("message", ({ data }) => ws.send(answer(data)));
    },
  ],
  [
    "WebSocket, a loop",
    async (url, compressed) => {
      const ws = new WebSocket(url, { deflate: deflateOf(compressed) });
      try {
        for await (const message of ws) {
          await pause(5);
          await ws.sendAsync(answer(message));
        }
      } catch {} /* the frame that breaks the rules */
    },
  ],
  [
    "ws-compat, client",
    async (url, compressed) => {
      const { WebSocket: Compat } = await import("twinwire/ws-compat");
      const ws = new Compat(url, {
        perMessageDeflate: compressed
          ? { threshold: 1, clientNoContextTakeover: true, serverNoContextTakeover: true }
          : false,
      });
      ws.on("error", () => {});
      ws.on("message", (data) => ws.send(answer(data)));
    },
  ],
];

const ofClient = (
  name: string,
  make: (url: string, compressed: boolean) => void,
  compressed: boolean,
): Conversation => ({
  name: `${name}${compressed ? ", compressed" : ""}`,
  compressed,
  open: () => rawServer(compressed, (url) => make(url, compressed)),
});

const ofHandles: Conversation = {
  name: "handles",
  compressed: false,
  open: () =>
    rawServer(false, (url) => {
      const conn = handles.open(url);
      handles.on(conn, "message", ({ message }) => handles.send(conn, answer(message)));
    }),
};

const conversations: Conversation[] = [
  ...[false, true].flatMap((compressed) => [
    ...servers.map(([name, options]) => ofServer(name, options, compressed)),
    ...(host === "node" ? [ofCompat(compressed)] : []),
    ...clients.map(([name, make]) => ofClient(name, make, compressed)),
  ]),
  ofHandles,
];

describe.each(conversations)("$name", ({ compressed, open }) => {
  test.each(endings)("%s behind two requests: joined or split, both are answered first", async (_, end, close) => {
    const runs: string[][] = [];
    for (const joined of [false, true]) {
      const { write, end: finish, rest, serverIsPeer } = await open();
      const message = (text: string): Buffer =>
        compressed ? frame(0xc1, deflated(text), !serverIsPeer) : frame(0x81, Buffer.from(text), !serverIsPeer);
      const parts = [message("one"), message(LONG), end(!serverIsPeer)];
      if (joined) {
        write(Buffer.concat(parts));
      } else {
        for (const part of parts) {
          write(part);
          await pause(40);
        }
      }
      if (close === undefined) finish();
      runs.push(frames(await rest()));
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[0]).toEqual(["re one", `re ${LONG}`, ...(close === undefined ? [] : [close])]);
  });
});

describe("behind the 101, in its segment", () => {
  test.each([false, true].flatMap((compressed) => clients.map(([name, make]) => ({ name, make, compressed }))))(
    "$name, compressed: $compressed",
    async ({ make, compressed }) => {
      const message = compressed ? frame(0xc1, deflated("one"), false) : frame(0x81, Buffer.from("one"), false);
      const behind = Buffer.concat([message, frame(0x88, Buffer.from([0x0f, 0xa1]), false)]);
      const { rest } = await rawServer(compressed, (url) => make(url, compressed), behind);
      expect(frames(await rest())).toEqual(["re one", "88020fa1"]);
    },
  );
});
