/** TCP against node:net and socat. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { defineEvent, lastError, net, on } from "twinwire/handles";
import { describeWith, findTool, portFrom, startChild } from "../support/child.ts";
import { endPeers, freePort, reachable, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { noise, prose, sha256, TcpClient } from "./client.ts";
import { dribble } from "./frames.ts";

const MIB = 1 << 20;
const BIG = 64 * MIB;

afterEach(endPeers);

/** A client that is connected, and the server's end. */
async function pair(options?: { keep?: boolean }): Promise<{ client: TcpClient; peer: Socket }> {
  const accepted = new Inbox<Socket>("a connection");
  const { port } = await tcpPeer(accepted.push, { allowHalfOpen: true });
  const client = await TcpClient.open("127.0.0.1", port, options);
  return { client, peer: await accepted.next() };
}

describe("big transfers under backpressure", () => {
  const piece = noise(MIB);
  const expected = sha256(...Array.from({ length: BIG / MIB }, () => piece));

  test("64 MiB to a server that reads when it likes", async () => {
    const { client, peer } = await pair();
    const hash = createHash("sha256");
    let size = 0;
    peer.on("data", (chunk) => {
      size += chunk.length;
      hash.update(chunk);
    });
    peer.pause();
    const stutter = setInterval(() => (peer.isPaused() ? peer.resume() : peer.pause()), 2);
    let waits = 0;
    for (let at = 0; at < BIG; ) {
      /* Pieces of odd sizes: none may be torn or lost where one of them is refused. */
      const part = piece.subarray(at % MIB, Math.min(MIB, (at % MIB) + 100_003));
      waits += await client.send(part);
      at += part.length;
    }
    clearInterval(stutter);
    peer.resume();
    await until(() => size >= BIG, "all of it");
    expect(size).toBe(BIG);
    expect(hash.digest("hex")).toBe(expected);
    expect(waits).toBeGreaterThan(10);
    expect(client.drains.all.length).toBe(waits);
    expect(net.bufferedAmount(client.handle)).toBe(0);
  });

  test("64 MiB from a server, to a client that reads when it likes", async () => {
    const { client, peer } = await pair({ keep: false });
    let written = 0;
    const pump = (async () => {
      for (; written < BIG; written += MIB) if (!peer.write(piece)) await once(peer, "drain");
    })();
    await until(() => client.received > 0, "the first bytes");
    net.pause(client.handle);
    await pause(30);
    const held = client.received;
    await pause(60);
    /* Paused down to the socket: the server's writes fill the kernel's buffers and stop. */
    expect(client.received).toBe(held);
    expect(written).toBeLessThan(BIG);
    net.resume(client.handle);
    await pump;
    await until(() => client.received >= BIG, "all of it");
    expect(client.received).toBe(BIG);
    expect(client.hash.digest("hex")).toBe(expected);
  });

  test("16 MiB both ways at once through an echo", async () => {
    const { client, peer } = await pair({ keep: false });
    peer.pipe(peer);
    for (let count = 0; count < 128; count++) await client.send(piece.subarray(0, MIB / 8));
    await until(() => client.received >= 16 * MIB, "all of it");
    const same = Array.from({ length: 128 }, () => piece.subarray(0, MIB / 8));
    expect(client.hash.digest("hex")).toBe(sha256(...same));
  });
});

describe("ends", () => {
  test("what was sent before close still arrives, then FIN", async () => {
    const { client, peer } = await pair();
    const hash = createHash("sha256");
    peer.on("data", (chunk) => hash.update(chunk));
    const bytes = noise(900_000);
    expect(net.send(client.handle, bytes)).toBe(bytes.length);
    expect(net.close(client.handle)).toBe(0);
    expect(net.send(client.handle, "late")).toBe(-1);
    await once(peer, "end");
    expect(hash.digest("hex")).toBe(sha256(bytes));
    peer.end();
    expect(await client.disconnected.next()).toMatchObject({ unsent: 0, retryMs: -1 });
  });

  test("FIN of the peer ends the connection; what it had sent is there", async () => {
    const { client, peer } = await pair();
    peer.end("last words");
    expect(await client.disconnected.next()).toMatchObject({ code: 0, clean: true, unsent: 0, retryMs: -1 });
    expect(client.text).toBe("last words");
    expect(client.errors.all).toEqual([]);
    expect(net.state(client.handle)).toBe("closed");
    expect(net.send(client.handle, "x")).toBe(-1);
    expect(lastError()?.code).toBe("ERR_STATE");
  });

  test("the peer ends its half with our bytes still under way: they arrive all the same", async () => {
    const { client, peer } = await pair();
    const hash = createHash("sha256");
    peer.pause();
    const sent = await fill(client);
    peer.end("half");
    await pause(20);
    peer.on("data", (chunk) => hash.update(chunk));
    peer.resume();
    expect(await client.disconnected.next()).toMatchObject({ clean: true, unsent: 0 });
    if (!peer.readableEnded) await once(peer, "end");
    expect(hash.digest("hex")).toBe(sha256(...sent));
    expect(client.text).toBe("half");
  });

  test("RST in the middle of a transfer", async () => {
    const { client, peer } = await pair();
    peer.pause();
    const queued = (await fill(client)).reduce((sum, { length }) => sum + length, 0);
    expect(net.bufferedAmount(client.handle)).toBeGreaterThan(0);
    peer.resetAndDestroy();
    expect((await client.errors.next()).code).toBe("ERR_RESET");
    const end = await client.disconnected.next();
    expect(end).toMatchObject({ clean: false, retryMs: -1 });
    expect(end.unsent).toBeGreaterThan(0);
    expect(end.unsent).toBeLessThanOrEqual(queued);
    expect(net.bufferedAmount(client.handle)).toBe(0);
  });

  /** Sends until the kernel's buffers are full and ours are too. Returns what was taken. */
  async function fill({ handle }: TcpClient): Promise<Buffer[]> {
    const taken: Buffer[] = [];
    for (let refused = 0; refused < 5; ) {
      const part = noise(100_000, taken.length);
      if (net.send(handle, part) >= 0) {
        taken.push(part);
        refused = 0;
      } else {
        await pause(5);
        refused += 1;
      }
    }
    return taken;
  }

  test("no server listens", async () => {
    const port = await freePort();
    const client = new TcpClient("127.0.0.1", port);
    const { code, message } = await client.errors.next();
    expect(code).toBe("ERR_REFUSED");
    expect(message).toContain(`127.0.0.1:${port}`);
    expect(await client.disconnected.next()).toMatchObject({ clean: false, retryMs: -1 });
    expect(client.connected.all).toEqual([]);
  });

  test("a name that does not exist", async () => {
    const client = new TcpClient("no-such-host.invalid", 80);
    expect((await client.errors.next()).code).toMatch(/^ERR_NAME_(NOT_FOUND|FAILED)$/);
    expect(await client.disconnected.next()).toMatchObject({ clean: false, retryMs: -1 });
  });

  test("closed before it was connected: not a word", async () => {
    const { port } = await tcpPeer(() => {});
    const client = new TcpClient("127.0.0.1", port);
    net.close(client.handle);
    await pause(50);
    expect([client.connected.all, client.disconnected.all, client.errors.all]).toEqual([[], [], []]);
  });
});

describe("reconnecting", () => {
  test("it comes back after each drop, by the schedule, until it is closed", async () => {
    const accepted = new Inbox<Socket>("a connection");
    const { port, close } = await tcpPeer(accepted.push);
    const client = new TcpClient("127.0.0.1", port);
    net.setAutoReconnect(client.handle, true);
    net.setReconnectDelays(client.handle, [0.02, 0.1]);
    for (let round = 1; round <= 3; round++) {
      const peer = await accepted.next();
      await client.connected.next();
      net.send(client.handle, `round ${round}`);
      const [chunk] = await once(peer, "data");
      expect(String(chunk)).toBe(`round ${round}`);
      peer.destroy();
      expect((await client.disconnected.next()).retryMs).toBe(20);
    }
    await accepted.next();
    await client.connected.next();
    await close();
    expect((await client.disconnected.next()).retryMs).toBe(20);
    expect(net.state(client.handle)).toBe("connecting");
    /* The server is gone: the second delay, then that one again. */
    expect(await failureDelay(client)).toBeGreaterThan(0);
    const again = await tcpPeer(accepted.push, { port });
    await client.connected.next();
    net.close(client.handle);
    await until(() => again.sockets.size === 0, "the end of the connection");
    await pause(150);
    expect(again.sockets.size).toBe(0);
  });

  async function failureDelay(client: TcpClient): Promise<number> {
    const before = performance.now();
    expect((await client.errors.next()).code).toBe("ERR_REFUSED");
    return performance.now() - before;
  }
});

describe("text and addresses", () => {
  test("characters that are cut between segments come out whole, in the declared shape", async () => {
    const NetData = defineEvent("NetData", { data: "string" });
    const { client, peer } = await pair();
    expect(net.on(client.handle, "data", NetData)).toBe(0);
    let text = "";
    const off = on(NetData, (e) => {
      text += e.data;
    });
    await dribble(peer, Buffer.from(prose(150)));
    await until(() => text.length >= prose(150).length, "the text");
    off();
    expect(text).toBe(prose(150));
  });

  test.each(reachable)("a server on %s alone is found as %s", async (host, name) => {
    const { port } = await tcpPeer((socket) => socket.pipe(socket), { host });
    const client = await TcpClient.open(name.replace(/[[\]]/g, ""), port);
    await client.send("hello");
    expect(Buffer.from(await client.data.next()).toString()).toBe("hello");
    const literal = host.includes(":") ? `[${host}]` : host;
    expect(net.remoteAddr(client.handle)).toBe(`${literal}:${port}`);
    expect(net.localAddr(client.handle)).toMatch(new RegExp(`^${literal.replace(/[[\].]/g, "\\$&")}:\\d+$`));
  });
});

const socat = findTool("socat", ["socat"], ["-V"]);

describeWith(socat, "socat", (program) => {
  async function start(...addresses: string[]): Promise<number> {
    const child = startChild(program, ["-d", "-d", ...addresses]);
    return await portFrom(child.errors, /listening on AF=2 127\.0\.0\.1:(\d+)/);
  }

  test("an echo of 8 MiB", async () => {
    const client = await TcpClient.open("127.0.0.1", await start("TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"), {
      keep: false,
    });
    const parts = Array.from({ length: 80 }, (_, index) => noise(100_000 + index, index));
    for (const part of parts) await client.send(part);
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    await until(() => client.received >= size, "all of it");
    expect(client.hash.digest("hex")).toBe(sha256(...parts));
  });

  test("a program that ends ends the connection", async () => {
    const client = new TcpClient("127.0.0.1", await start("TCP-LISTEN:0,bind=127.0.0.1", "SYSTEM:echo bye"));
    expect(await client.disconnected.next()).toMatchObject({ clean: true });
    expect(client.text).toBe("bye\n");
  });
});
