/** A server of raw bytes: how they are cut into segments, what no library would send, and sudden ends. */
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ws } from "twinwire/handles";
import { endPeers, rawWsPeer } from "../support/peers.ts";
import { Inbox, pause } from "../support/wait.ts";
import { prose, WsClient } from "./client.ts";
import { closeFrame, codeOf, dribble, frame, Op, readFrames, type Sent } from "./frames.ts";

afterEach(endPeers);

/** A client that is open, the server's end of its socket, and the frames that arrive there. */
async function pair(): Promise<{ client: WsClient; peer: Socket; frames: Inbox<Sent> }> {
  const accepted = new Inbox<Socket>("a connection");
  const { port } = await rawWsPeer(accepted.push);
  const client = await WsClient.open(`ws://127.0.0.1:${port}/`);
  const peer = await accepted.next();
  const frames = new Inbox<Sent>("a frame");
  readFrames(peer, frames.push);
  return { client, peer, frames };
}

describe("segments", () => {
  test("20,000 messages in one write", async () => {
    const { client, peer } = await pair();
    const count = 20_000;
    peer.write(Buffer.concat(Array.from({ length: count }, (_, index) => frame(Op.TEXT, `${index}`))));
    for (let index = 0; index < count; index++) {
      if ((await client.messages.next()) !== `${index}`) throw new Error(`message ${index} is another`);
    }
  });

  /* RFC 6455 6.2 */
  test("frames of all kinds byte by byte", async () => {
    const { client, peer } = await pair();
    const text = prose(300);
    const bytes = Buffer.from(text);
    await dribble(
      peer,
      Buffer.concat([
        frame(Op.TEXT, bytes.subarray(0, 130), { fin: false }),
        frame(Op.PING, "a ping"),
        frame(Op.MORE, bytes.subarray(130)),
        frame(Op.BINARY),
        closeFrame(4000, "Ü"),
      ]),
    );
    expect(await client.messages.next()).toBe(text);
    expect(await client.messages.next()).toEqual(Buffer.alloc(0));
    expect(client.pings.all).toEqual(["a ping"]);
    expect(await client.closing.next()).toMatchObject({ code: 4000, reason: "Ü" });
    peer.end();
    expect(await client.disconnected.next()).toMatchObject({ code: 4000, clean: true });
  });

  test("frames that stand right behind the answer to the handshake", async () => {
    const { port } = await rawWsPeer((socket) => {
      socket.write(Buffer.concat([frame(Op.TEXT, "early"), frame(Op.TEXT, "bird")]));
    });
    const client = new WsClient(`ws://127.0.0.1:${port}/`);
    expect(await client.messages.next()).toBe("early");
    expect(await client.messages.next()).toBe("bird");
    expect(client.connected.all.length).toBe(1);
  });

  /* RFC 6455 6.1, 10.3 */
  test("what we send is masked, whole and in order", async () => {
    const { client, frames } = await pair();
    ws.send(client.handle, "one");
    ws.ping(client.handle, "two");
    ws.sendFragment(client.handle, "thr", false);
    ws.sendFragment(client.handle, "ee", true);
    ws.close(client.handle, 4000, "four");
    const seen: unknown[] = [];
    for (let count = 0; count < 5; count++) {
      const { opcode, fin, masked, payload } = await frames.next();
      seen.push([opcode, fin, masked, payload.toString("latin1")]);
    }
    expect(seen).toEqual([
      [Op.TEXT, true, true, "one"],
      [Op.PING, true, true, "two"],
      [Op.TEXT, false, true, "thr"],
      [Op.MORE, true, true, "ee"],
      [Op.CLOSE, true, true, "\x0f\xa0four"],
    ]);
  });
});

const broken: [string, number, Buffer][] = [
  ["a masked frame", 1002, frame(Op.TEXT, "x", { masked: true })],
  ["a reserved bit", 1002, frame(Op.TEXT, "x", { reserved: 4 })],
  ["an unknown opcode", 1002, frame(3, "x")],
  ["an unknown control opcode", 1002, frame(11, "x")],
  ["a ping in fragments", 1002, frame(Op.PING, "x", { fin: false })],
  ["a ping of 126 bytes", 1002, frame(Op.PING, "x".repeat(126))],
  ["a continuation of nothing", 1002, frame(Op.MORE, "x")],
  ["a message inside another", 1002, Buffer.concat([frame(Op.TEXT, "x", { fin: false }), frame(Op.TEXT, "y")])],
  ["a length that is longer than it has to be", 1002, frame(Op.TEXT, "x", { lengthBytes: 2 })],
  ["a length of 8 bytes for 2", 1002, frame(Op.TEXT, "x".repeat(200), { lengthBytes: 8 })],
  ["a length above 2^63", 1002, Buffer.from("827f8000000000000000", "hex")],
  ["a message that is too big", 1009, Buffer.from("827f0000000100000000", "hex")],
  ["a close of one byte", 1002, frame(Op.CLOSE, "x")],
  ["close code 999", 1002, closeFrame(999)],
  ["close code 1005", 1002, closeFrame(1005)],
  ["close code 1006", 1002, closeFrame(1006)],
  ["close code 1016", 1002, closeFrame(1016)],
  ["close code 5000", 1002, closeFrame(5000)],
  ["a close reason that is not UTF-8", 1007, closeFrame(1000, Buffer.from([0xff]))],
  ["an overlong character", 1007, frame(Op.TEXT, Buffer.from([0xc0, 0x80]))],
  ["a surrogate", 1007, frame(Op.TEXT, Buffer.from([0xed, 0xa0, 0x80]))],
  ["a character above U+10FFFF", 1007, frame(Op.TEXT, Buffer.from([0xf4, 0x90, 0x80, 0x80]))],
  ["text that ends inside a character", 1007, frame(Op.TEXT, Buffer.from([0xe2, 0x82]))],
  [
    "fragments that join to no character",
    1007,
    Buffer.concat([frame(Op.TEXT, Buffer.from([0xe2]), { fin: false }), frame(Op.MORE, Buffer.from([0x28, 0xa1]))]),
  ],
];

describe("what breaks the protocol ends the connection, however it is cut", () => {
  test.each(broken)("%s: %i", async (_, code, bytes) => {
    const error = { 1002: "ERR_WS_PROTOCOL", 1007: "ERR_WS_UTF8", 1009: "ERR_WS_TOO_BIG" }[code];
    for (const write of [(peer: Socket) => peer.write(bytes), (peer: Socket) => dribble(peer, bytes)]) {
      const { client, peer, frames } = await pair();
      peer.write(frame(Op.TEXT, "good"));
      write(peer);
      expect(codeOf(await frames.next())).toBe(code);
      expect((await client.errors.next()).code).toBe(error);
      peer.end();
      expect(await client.disconnected.next()).toMatchObject({ code: 1006, clean: false });
      expect(client.messages.all).toEqual(["good"]);
      expect(ws.send(client.handle, "x")).toBe(-1);
    }
  });
});

describe("sudden ends", () => {
  test.each([
    ["FIN between messages", Buffer.alloc(0), false],
    ["FIN inside a frame", frame(Op.TEXT, "never whole").subarray(0, 6), false],
    ["FIN inside a message", frame(Op.TEXT, "never whole", { fin: false }), false],
    ["RST between messages", Buffer.alloc(0), true],
    ["RST inside a frame", frame(Op.TEXT, "never whole").subarray(0, 6), true],
  ])("%s", async (_, bytes, reset) => {
    const { client, peer } = await pair();
    peer.write(frame(Op.TEXT, "whole"));
    expect(await client.messages.next()).toBe("whole");
    peer.write(bytes);
    /* A reset that is read together with the bytes before it looks like FIN to libuv. */
    if (reset) await pause(30);
    if (reset) peer.resetAndDestroy();
    else peer.end();
    expect(await client.disconnected.next()).toMatchObject({ code: 1006, clean: false, retryMs: -1 });
    expect((await client.errors.next()).code).toBe(reset ? "ERR_RESET" : "ERR_ENDED");
    expect(client.messages.all).toEqual(["whole"]);
  });

  test("a close frame and FIN at once is a clean end", async () => {
    const { client, peer, frames } = await pair();
    peer.end(closeFrame(1001, "bye"));
    expect(await client.disconnected.next()).toMatchObject({ code: 1001, clean: true });
    expect(codeOf(await frames.next())).toBe(1001);
    expect(client.errors.all).toEqual([]);
  });

  test("what stands behind a close frame is ignored", async () => {
    const { client, peer } = await pair();
    peer.end(Buffer.concat([closeFrame(1000), frame(Op.TEXT, "too late"), Buffer.from([0xff, 0xff])]));
    expect(await client.disconnected.next()).toMatchObject({ code: 1000, clean: true });
    expect(client.messages.all).toEqual([]);
    expect(client.errors.all).toEqual([]);
  });
});
