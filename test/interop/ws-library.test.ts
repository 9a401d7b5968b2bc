/** Against the server of npm `ws`. */
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { limits, ws } from "twinwire/handles";
import type { WebSocket } from "ws";
import { endPeers, wsPeer } from "../support/peers.ts";
import { Inbox, pause } from "../support/wait.ts";
import { noise, prose, sha256, WsClient } from "./client.ts";

const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20];

/* A message is queued with its header: 1 MiB needs a little more room than the default has. */
beforeAll(() => {
  limits({ sendBuffer: 2 << 20, stageBuffer: 2 << 20 });
});
afterEach(endPeers);

function echo(socket: WebSocket): void {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
}

/** A server that keeps its first connection for the test. */
async function pair(
  options?: ConstructorParameters<typeof WsClient>[1],
): Promise<{ client: WsClient; peer: WebSocket }> {
  const accepted = new Inbox<WebSocket>("a connection");
  const { url } = await wsPeer(accepted.push);
  const client = await WsClient.open(url, options);
  return { client, peer: await accepted.next() };
}

describe("messages", () => {
  test("text comes back unchanged at every size of the length field", async () => {
    const client = await WsClient.open((await wsPeer(echo)).url);
    for (const size of SIZES) {
      const text = prose(size);
      expect(ws.send(client.handle, text)).toBe(Buffer.byteLength(text));
      expect((await client.messages.next()) === text).toBe(true);
    }
  });

  test("binary comes back unchanged at every size of the length field", async () => {
    const client = await WsClient.open((await wsPeer(echo)).url);
    for (const size of SIZES) {
      const bytes = noise(size, size);
      expect(ws.send(client.handle, bytes)).toBe(size);
      const back = await client.messages.next();
      expect(back).toBeInstanceOf(Uint8Array);
      expect(bytes.equals(back as Uint8Array)).toBe(true);
    }
  });

  test("fragments from the server are one message, with a ping and a text between them", async () => {
    const { client, peer } = await pair();
    const text = prose(200_000);
    const bytes = Buffer.from(text);
    /* Cut inside characters: a fragment may end there, RFC 6455 5.6. */
    for (let at = 0; at < bytes.length; at += 9_973) {
      const fin = at + 9_973 >= bytes.length;
      peer.send(bytes.subarray(at, at + 9_973), { binary: false, fin });
      if (at === 0) peer.ping("between");
    }
    peer.send("", { fin: false });
    peer.send("", { fin: true });
    expect((await client.messages.next()) === text).toBe(true);
    expect(await client.messages.next()).toBe("");
    expect(client.pings.all).toEqual(["between"]);
  });

  test("our fragments are one message for the server", async () => {
    const { client, peer } = await pair();
    const received = new Inbox<string>("a message");
    peer.on("message", (data: Buffer, isBinary) => received.push(`${isBinary} ${data.length} ${sha256(data)}`));
    const parts = [noise(70_000, 7), noise(0), noise(126, 8), noise(1, 9)];
    parts.forEach((part, index) => {
      expect(ws.sendFragment(client.handle, part, index === parts.length - 1)).toBe(part.length);
    });
    expect(await received.next()).toBe(`true 70127 ${sha256(...parts)}`);
    for (const [part, fin] of [
      ["Grüße ", false],
      ["", false],
      ["東京", true],
    ] as const) {
      ws.sendFragment(client.handle, part, fin);
    }
    expect(await received.next()).toBe(`false ${Buffer.byteLength("Grüße 東京")} ${sha256("Grüße 東京")}`);
  });

  test("10,000 messages of one loop iteration keep their order both ways", async () => {
    const client = await WsClient.open((await wsPeer(echo)).url);
    for (let index = 0; index < 10_000; index++) await client.send(`message ${index}`);
    for (let index = 0; index < 10_000; index++) expect(await client.messages.next()).toBe(`message ${index}`);
  });
});

describe("control frames", () => {
  test("a ping of the server is answered with its payload", async () => {
    const { client, peer } = await pair();
    const pongs = new Inbox<string>("a pong");
    peer.on("pong", (data) => pongs.push(data.toString()));
    peer.ping("");
    peer.ping("p".repeat(125));
    expect(await pongs.next()).toBe("");
    expect(await pongs.next()).toBe("p".repeat(125));
    expect(client.pings.all).toEqual(["", "p".repeat(125)]);
  });

  test("our ping is answered with its payload", async () => {
    const { client } = await pair();
    ws.ping(client.handle);
    ws.ping(client.handle, Buffer.from("are you there?"));
    expect(await client.pongs.next()).toBe("");
    expect(await client.pongs.next()).toBe("are you there?");
  });
});

describe("closing", () => {
  test.each([
    [1000, ""],
    [1001, "going away"],
    [1008, "no"],
    [1011, "Fehler: Ü"],
    [3000, "x".repeat(123)],
    [4999, "yours"],
  ])("the server closes with %i", async (code, reason) => {
    const { client, peer } = await pair();
    const ended = new Inbox<number>("the server's close");
    peer.on("close", ended.push);
    peer.close(code, reason);
    expect(await client.closing.next()).toMatchObject({ code, reason });
    expect(await client.disconnected.next()).toMatchObject({ code, clean: true, unsent: 0, retryMs: -1 });
    expect(await ended.next()).toBe(code);
    expect(ws.state(client.handle)).toBe("closed");
  });

  test("the server closes without a code", async () => {
    const { client, peer } = await pair();
    peer.close();
    expect(await client.disconnected.next()).toMatchObject({ code: 1005, clean: true });
  });

  test.each([
    [undefined, undefined, 1000],
    [1000, "done", 1000],
    [3000, "", 3000],
    [4999, "ö".repeat(61), 4999],
  ])("we close with %s %s", async (code, reason, seen) => {
    const { client, peer } = await pair();
    const ended = new Inbox<[number, string]>("the server's close");
    peer.on("close", (number, text) => ended.push([number, text.toString()]));
    ws.close(client.handle, code, reason);
    expect(await ended.next()).toEqual([seen, reason ?? ""]);
    expect(await client.disconnected.next()).toMatchObject({ code: seen, clean: true });
    expect(client.errors.all).toEqual([]);
  });

  test("what was sent before close still arrives", async () => {
    const { client, peer } = await pair();
    const hash: Buffer[] = [];
    const ended = new Inbox<number>("the server's close");
    peer.on("message", (data: Buffer) => hash.push(data));
    peer.on("close", ended.push);
    const parts = Array.from({ length: 8 }, (_, index) => noise(100_000, index + 1));
    for (const part of parts) expect(ws.send(client.handle, part)).toBe(part.length);
    ws.close(client.handle, 1000);
    await ended.next();
    expect(sha256(...hash)).toBe(sha256(...parts));
    expect(await client.disconnected.next()).toMatchObject({ clean: true, unsent: 0 });
  });

  /* RFC 6455 7.2.1 */
  test("a connection that is cut ends with 1006", async () => {
    const { client, peer } = await pair();
    peer.terminate();
    expect(await client.disconnected.next()).toMatchObject({ code: 1006, clean: false });
    expect(ws.send(client.handle, "late")).toBe(-1);
  });

  test("both close at once", async () => {
    const { client, peer } = await pair();
    peer.close(1001, "server");
    ws.close(client.handle, 4000, "client");
    expect(await client.disconnected.next()).toMatchObject({ clean: true });
    expect(client.errors.all).toEqual([]);
  });
});

describe("handshake", () => {
  test("the server chooses among the subprotocols", async () => {
    const { url } = await wsPeer(() => {}, {
      handleProtocols: (offered) => [...offered].find((it) => it === "superchat") ?? false,
    });
    const client = await WsClient.open(url, { protocols: ["chat", "superchat"] });
    expect(ws.protocol(client.handle)).toBe("superchat");
    const plain = await WsClient.open(url);
    expect(ws.protocol(plain.handle)).toBe("");
  });

  test("headers, path and query reach the server", async () => {
    const requests = new Inbox<unknown>("a request");
    const { port } = await wsPeer((_, { url, headers }) => requests.push({ url, headers }));
    await WsClient.open(`ws://127.0.0.1:${port}/a%20b?c=d&e`, {
      headers: { Authorization: "Bearer t0ken", "X-Device": "Grüße".normalize("NFC").replace(/[^ -~]/g, "?") },
    });
    expect(await requests.next()).toMatchObject({
      url: "/a%20b?c=d&e",
      headers: { host: `127.0.0.1:${port}`, authorization: "Bearer t0ken", "x-device": "Gr??e" },
    });
  });
});

describe("backpressure", () => {
  test("a slow reader loses nothing: -1, then drain, then the rest", async () => {
    const { client, peer } = await pair();
    const received: Buffer[] = [];
    const all = new Inbox<void>("all messages");
    peer.pause();
    peer.on("message", (data: Buffer) => {
      received.push(data);
      if (data.length === 0) all.push();
    });
    const sent: Buffer[] = [];
    let refused = 0;
    setTimeout(() => peer.resume(), 50);
    for (let index = 0; index < 200; index++) {
      const message = noise(150_000 + index, index);
      refused += await client.send(message);
      sent.push(message);
    }
    await client.send(Buffer.alloc(0));
    await all.next();
    expect(refused).toBeGreaterThan(0);
    expect(client.drains.all.length).toBe(refused);
    expect(received.map((it) => it.length)).toEqual([...sent.map((it) => it.length), 0]);
    expect(sha256(...received)).toBe(sha256(...sent));
    expect(ws.bufferedAmount(client.handle)).toBe(0);
  });

  test("a client that pauses is felt by the server, and misses nothing", async () => {
    const { client, peer } = await pair();
    expect(ws.pause(client.handle)).toBe(0);
    const messages = Array.from({ length: 100 }, (_, index) => noise(200_000, index));
    for (const message of messages) peer.send(message);
    await pause(50);
    const held = client.messages.all.length;
    await pause(50);
    expect(client.messages.all.length).toBe(held);
    expect(held).toBeLessThan(messages.length);
    expect(peer.bufferedAmount).toBeGreaterThan(0);
    expect(ws.resume(client.handle)).toBe(0);
    for (const message of messages) expect(message.equals((await client.messages.next()) as Uint8Array)).toBe(true);
  });

  test("a message that never fits is refused for good", async () => {
    const { client } = await pair();
    expect(ws.send(client.handle, Buffer.alloc(2 << 20))).toBe(-1);
    expect(ws.send(client.handle, "still here")).toBe(10);
  });
});
