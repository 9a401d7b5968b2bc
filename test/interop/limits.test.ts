/** What bounds patience and memory, with peers that ask too much of either. */
import type { Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { lastError, limits, net, ws } from "twinwire/handles";
import { deafPeer } from "../support/deaf.ts";
import { endPeers, rawWsPeer, readHead, switching, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, PATIENCE, pause, until } from "../support/wait.ts";
import { opened, TcpClient, WsClient } from "./client.ts";
import { closeFrame, codeOf, frame, Op, readFrames, type Sent } from "./frames.ts";

/* Longer than a busy machine takes for what the other tests connect, open and close. */
const CONNECT_MS = 1_000;
const HANDSHAKE_MS = 1_000;
const CLOSE_MS = 500;

beforeAll(() => {
  limits({
    sockets: 4,
    webSockets: 3,
    maxMessage: 1000,
    maxHead: 512,
    connectTimeoutMs: CONNECT_MS,
    handshakeTimeoutMs: HANDSHAKE_MS,
    closeTimeoutMs: CLOSE_MS,
  });
});
afterEach(endPeers);

/**
 * Settles as the promise does, and checks that it took about `ms`: no less, and not much more.
 *
 * @param since the time before the call that starts what is measured.
 */
async function taking<T>(ms: number, since: number, what: Promise<T>): Promise<T> {
  const result = await what;
  const took = performance.now() - since;
  expect(took).toBeGreaterThan(ms - 30);
  expect(took).toBeLessThan(ms + PATIENCE / 2);
  return result;
}

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

describe("patience", () => {
  test("a server that accepts no connection: connectTimeoutMs", async () => {
    const port = await deafPeer();
    const since = performance.now();
    const tcp = new TcpClient("127.0.0.1", port);
    const webSocket = new WsClient(`ws://127.0.0.1:${port}/`);
    const [one, two] = await taking(CONNECT_MS, since, Promise.all([tcp.errors.next(), webSocket.errors.next()]));
    for (const { code, error } of [one, two]) expect([code, error.step]).toEqual(["ERR_TIMEOUT", "connect"]);
    expect(await tcp.disconnected.next()).toMatchObject({ clean: false, retryMs: -1 });
    expect(await webSocket.disconnected.next()).toMatchObject({ code: 1006, clean: false, retryMs: -1 });
  });

  test.each([
    ["sends nothing", ""],
    ["sends half of it", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: web"],
  ])("a server that %s: handshakeTimeoutMs", async (_, answer) => {
    const { port } = await tcpPeer((socket) => readHead(socket, () => socket.write(answer)));
    const since = performance.now();
    const client = new WsClient(`ws://127.0.0.1:${port}/`);
    const { code, error } = await taking(HANDSHAKE_MS, since, client.errors.next());
    expect([code, error.step]).toEqual(["ERR_TIMEOUT", "handshake"]);
    expect(await client.disconnected.next()).toMatchObject({ code: 1006, clean: false });
  });

  test("a server that answers interim answers for ever: handshakeTimeoutMs", async () => {
    const { port } = await tcpPeer((socket) =>
      readHead(socket, () => {
        const timer = setInterval(() => socket.write("HTTP/1.1 102 Processing\r\n\r\n"), 10);
        socket.on("close", () => clearInterval(timer));
      }),
    );
    const since = performance.now();
    const client = new WsClient(`ws://127.0.0.1:${port}/`);
    expect((await taking(HANDSHAKE_MS, since, client.errors.next())).code).toBe("ERR_TIMEOUT");
  });

  test("a server that never answers our close frame: closeTimeoutMs", async () => {
    const { client, peer, frames } = await pair();
    const since = performance.now();
    ws.close(client.handle, 4000, "now");
    expect(codeOf(await frames.next())).toBe(4000);
    expect(await taking(CLOSE_MS, since, client.disconnected.next())).toMatchObject({ code: 1006, clean: false });
    await until(() => peer.destroyed, "the end of the socket");
  });

  test("a server that closes and leaves the connection open: closeTimeoutMs", async () => {
    const { client, peer, frames } = await pair();
    const since = performance.now();
    peer.write(closeFrame(1001));
    expect(codeOf(await frames.next())).toBe(1001);
    expect(await taking(CLOSE_MS, since, client.disconnected.next())).toMatchObject({ code: 1001, clean: true });
  });

  test("a server that goes on after a frame that broke the protocol: closeTimeoutMs", async () => {
    const { client, peer } = await pair();
    const timer = setInterval(() => peer.write(frame(Op.TEXT, "more")), 10);
    peer.on("close", () => clearInterval(timer));
    const since = performance.now();
    peer.write(frame(3));
    expect((await client.errors.next()).code).toBe("ERR_WS_PROTOCOL");
    expect(await taking(CLOSE_MS, since, client.disconnected.next())).toMatchObject({ code: 1006, clean: false });
  });

  test("a reader that never reads again: close drops the queued data after closeTimeoutMs, and reports how much", async () => {
    const { port } = await tcpPeer((socket) => socket.pause());
    const client = await TcpClient.open("127.0.0.1", port);
    for (let refused = 0; refused < 5; ) {
      if (net.send(client.handle, Buffer.alloc(100_000)) < 0) {
        refused += 1;
        await pause(2);
      }
    }
    const since = performance.now();
    net.close(client.handle);
    const end = await taking(CLOSE_MS, since, client.disconnected.next());
    expect(end).toMatchObject({ clean: false, retryMs: -1 });
    expect(end.unsent).toBeGreaterThan(0);
  });
});

describe("memory", () => {
  /* RFC 6455 10.4 */
  test("maxMessage: the last that fits, and one byte more, whole and in fragments", async () => {
    const { url } = await wsPeer((socket) => {
      socket.send("x".repeat(1000));
      socket.send("x".repeat(500), { fin: false });
      socket.send("y".repeat(500), { fin: true });
      socket.on("message", (data) => {
        if (String(data) === "whole") socket.send("x".repeat(1001));
        socket.send("x".repeat(500), { fin: false });
        socket.send("y".repeat(501), { fin: true });
      });
    });
    for (const way of ["whole", "in fragments"]) {
      const client = await WsClient.open(url);
      expect(await client.messages.next()).toHaveLength(1000);
      expect(await client.messages.next()).toBe("x".repeat(500) + "y".repeat(500));
      ws.send(client.handle, way);
      const { code, error } = await client.errors.next();
      expect([code, error.detail]).toEqual(["ERR_WS_TOO_BIG", 1009]);
      await client.disconnected.next();
    }
  });

  test("maxHead: an answer of that size, and a larger one", async () => {
    const { port } = await tcpPeer((socket) =>
      readHead(socket, (head) => {
        const target = Number(/\?(\d+)/.exec(head)?.[1]);
        const bare = switching(head, "X: \r\n").length;
        socket.write(switching(head, `X: ${"x".repeat(target - bare)}\r\n`));
      }),
    );
    await WsClient.open(`ws://127.0.0.1:${port}/?512`);
    const client = new WsClient(`ws://127.0.0.1:${port}/?513`);
    expect((await client.errors.next()).code).toBe("ERR_HEAD_TOO_LARGE");
  });

  test("sockets and webSockets: a full table answers -1, and a closed handle makes room", async () => {
    /* Those of the tests before have to be gone. */
    const { port } = await tcpPeer(() => {});
    const socks: number[] = [];
    await until(() => {
      const sock = net.tcpConnect("127.0.0.1", port);
      if (sock >= 0) socks.push(sock);
      return socks.length === 4;
    }, "4 free slots");
    expect(net.tcpConnect("127.0.0.1", port)).toBe(-1);
    expect(lastError()?.code).toBe("ERR_LIMIT");
    expect(net.udpOpen(0)).toBe(-1);
    expect(lastError()?.code).toBe("ERR_LIMIT");
    const conns = Array.from({ length: 3 }, () => opened(ws.open(`ws://127.0.0.1:${port}/`)));
    expect(ws.open(`ws://127.0.0.1:${port}/`)).toBe(-1);
    expect(lastError()?.code).toBe("ERR_LIMIT");
    for (const sock of socks) net.close(sock);
    for (const conn of conns) ws.close(conn);
    const sock = opened(net.udpOpen(0));
    expect(socks).not.toContain(sock);
    net.close(sock);
    ws.close(opened(ws.open(`ws://127.0.0.1:${port}/`)));
  });
});
