/** Connections of the connection API against node:net. */
import { once } from "node:events";
import { afterEach, describe, expect, test } from "@jest/globals";
import { limits, TcpConnection } from "twinwire";
import { endPeers, tcpPeer } from "../support/peers.ts";
import { atRest, pause, until, within } from "../support/wait.ts";
import { all, echoPeer, facts, failure, pair, pattern, text, thrown } from "./support.ts";

afterEach(endPeers);

describe("opening", () => {
  test("methods may be called at once: they wait until it is open", async () => {
    const { port } = await echoPeer();
    const conn = new TcpConnection("127.0.0.1", port);
    expect(facts(thrown(() => conn.remoteAddr()))).toEqual({
      code: "ERR_STATE",
      step: "call",
      address: `127.0.0.1:${port}`,
    });
    const got = conn.readExact(5);
    await conn.writeAll("hello");
    expect(text(await got)).toBe("hello");
    await conn.opened;
    expect(conn.remoteAddr()).toBe(`127.0.0.1:${port}`);
    expect(conn.localAddr()).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(conn.handle).toBeGreaterThan(0);
    expect([conn.isTLS(), conn.tlsInfo]).toEqual([false, undefined]);
    conn.close();
  });

  test("names are looked up, IPv6 is spoken, addresses have brackets", async () => {
    const { port } = await tcpPeer((socket) => socket.end("six"), { host: "::1" });
    const conn = new TcpConnection("::1", port);
    expect(text(await conn.read(10))).toBe("six");
    expect(conn.remoteAddr()).toBe(`[::1]:${port}`);
    const byName = new TcpConnection("localhost", (await echoPeer()).port);
    await within(byName.opened, "opened by name");
    conn.close();
    byName.close();
  });
});

describe("readUntil and readLine", () => {
  test("the bytes end with the delimiter, however it was split; reads of all kinds are served in order", async () => {
    const { conn, peer } = await pair();
    const [head, rest, next] = [conn.readUntil("\r\n\r\n"), conn.readExact(3), conn.readUntil(Uint8Array.of(0x3b))];
    for (const part of ["GET / HTTP/1.1\r", "\n\r\r\n", "\r", "\nabc", "d;e"]) {
      peer.write(part);
      await pause(5);
    }
    expect(text(await head)).toBe("GET / HTTP/1.1\r\n\r\r\n\r\n");
    expect([text(await rest), text(await next), text(await conn.read())]).toEqual(["abc", "d;", "e"]);
  });

  test("lines lose LF or CR LF; the end of the stream is undefined, and a last line without its end an error", async () => {
    const { conn, peer } = await pair();
    peer.end("220 héllo\r\n\nplain\nrest");
    expect([await conn.readLine(), await conn.readLine(), await conn.readLine()]).toEqual(["220 héllo", "", "plain"]);
    expect(await failure(conn.readLine())).toMatchObject({ code: "ERR_UNEXPECTED_EOF", detail: 4 });
    expect(text(await conn.readExact(4))).toBe("rest");
    expect(await conn.readLine()).toBeUndefined();
  });

  test("max bounds what is searched, and nothing is consumed; bytes may come one by one and exceed the window", async () => {
    const { conn, peer } = await pair({ window: 16 });
    const line = "x".repeat(100_000);
    peer.write(`${line}\nend\n`);
    expect(await failure(conn.readLine())).toMatchObject({ code: "ERR_TOO_LARGE" });
    expect(await failure(conn.readLine({ max: 100_000 }))).toMatchObject({ code: "ERR_TOO_LARGE" });
    expect(await within(conn.readLine({ max: 100_001 }), "the line")).toBe(line);
    expect(await conn.readLine()).toBe("end");
  });

  test("wrong arguments are refused; a signal and a deadline end the wait", async () => {
    const { conn } = await pair();
    expect(await failure(conn.readUntil(""))).toMatchObject({ code: "ERR_ARGUMENT" });
    expect(await failure(conn.readUntil("abc", { max: 2 }))).toMatchObject({ code: "ERR_ARGUMENT" });
    expect(await failure(conn.readUntil(5 as never))).toMatchObject({ code: "ERR_ARGUMENT" });
    const aborter = new AbortController();
    const waiting = conn.readLine({ signal: aborter.signal });
    aborter.abort();
    expect(await failure(waiting)).toMatchObject({ code: "ERR_ABORTED" });
    conn.setReadDeadline(20);
    expect(await failure(conn.readLine())).toMatchObject({ code: "ERR_DEADLINE" });
  });
});

describe("read", () => {
  test("takes what there is, up to max, in order", async () => {
    const { conn, peer } = await pair();
    peer.write("0123456789");
    expect(text(await conn.read(4))).toBe("0123");
    expect(text(await conn.read(1))).toBe("4");
    expect(text(await conn.read(100))).toBe("56789");
    const [one, two, three] = [conn.read(2), conn.readExact(4), conn.read(100)];
    peer.write("abcdefghi");
    expect([text(await one), text(await two), text(await three)]).toEqual(["ab", "cdef", "ghi"]);
  });

  test("the end of the stream is an empty read, again and again, and writing goes on", async () => {
    const { conn, peer } = await pair();
    peer.end("last");
    expect(text(await conn.read())).toBe("last");
    expect(await conn.read(10)).toHaveLength(0);
    expect(await conn.read(10)).toHaveLength(0);
    const rest = all(peer);
    await conn.writeAll("still here");
    await conn.closeWrite();
    expect(text(await rest)).toBe("still here");
    await within(conn.closed, "closed");
    conn.close();
  });

  test("what came is kept: bytes that were handed out never change", async () => {
    const { conn, peer } = await pair();
    const kept: Uint8Array[] = [];
    const sent = pattern(300_000);
    peer.write(sent);
    for (let size = 0; size < sent.length; size += kept.at(-1)?.length ?? 0) kept.push(await conn.read(1000));
    expect(Buffer.concat(kept).equals(sent)).toBe(true);
  });

  test("bytes are a Buffer where there is one", async () => {
    const { conn, peer } = await pair();
    peer.write("hi");
    expect(Buffer.isBuffer(await conn.read(10))).toBe(true);
  });

  test("canRead says whether a read would wait", async () => {
    const { conn, peer } = await pair();
    expect(conn.canRead).toBe(false);
    peer.write("x");
    await until(() => conn.canRead, "canRead");
    await conn.read(10);
    expect(conn.canRead).toBe(false);
    peer.end();
    await until(() => conn.canRead, "canRead at the end");
  });
});

describe("readExact", () => {
  test("joins what comes in pieces", async () => {
    const { conn, peer } = await pair();
    const got = conn.readExact(6);
    for (const part of ["ab", "c", "def", "rest"]) {
      peer.write(part);
      await pause(5);
    }
    expect(text(await got)).toBe("abcdef");
    expect(text(await conn.read(10))).toBe("rest");
    expect(await conn.readExact(0)).toHaveLength(0);
  });

  test("more than the window", async () => {
    const { conn, peer } = await pair({ window: 1000 });
    const sent = pattern(3_000_000);
    peer.write(sent);
    expect(text(await conn.readExact(3))).toBe(text(sent.subarray(0, 3)));
    await until(() => conn.canRead, "bytes");
    await pause(30);
    expect(Buffer.from(await conn.readExact(sent.length - 3)).equals(sent.subarray(3))).toBe(true);
  });

  test("a short stream is an error that says how much came, and takes nothing", async () => {
    const { conn, peer } = await pair();
    peer.end("abc");
    const error = await failure(conn.readExact(10));
    expect(facts(error)).toEqual({ code: "ERR_UNEXPECTED_EOF", step: "receive", address: conn.remoteAddr() });
    expect(error.detail).toBe(3);
    expect(error.message).toContain("3 of 10 bytes");
    expect(text(await conn.readExact(2))).toBe("ab");
    expect(text(await conn.read(10))).toBe("c");
    expect((await failure(conn.readExact(1))).detail).toBe(0);
    expect(await conn.readExact(0)).toHaveLength(0);
  });
});

describe("write", () => {
  test("text goes out as UTF-8, bytes of any kind as they are", async () => {
    const { conn, peer } = await pair();
    const got = all(peer);
    expect(await conn.write("Grüße ")).toBe(8);
    expect(await conn.write(Buffer.from("a"))).toBe(1);
    expect(await conn.write(new Uint16Array([0x6262]))).toBe(2);
    expect(await conn.write(new DataView(new TextEncoder().encode("c").buffer))).toBe(1);
    expect(await conn.write(new TextEncoder().encode("d").buffer)).toBe(1);
    expect(await conn.write("")).toBe(0);
    expect(await conn.write("€".repeat(60_000))).toBe(180_000);
    await conn.closeWrite();
    expect(text(await got)).toBe(`Grüße abbcd${"€".repeat(60_000)}`);
  });

  test("takes what fits and waits for room, whatever the sizes", async () => {
    const { conn, peer } = await pair();
    peer.pause();
    const { sendBuffer } = limits();
    const sent = pattern(sendBuffer * 20);
    let at = await conn.write(sent);
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThanOrEqual(sendBuffer);
    while (conn.canWrite && at < sent.length) at += await conn.write(sent.subarray(at));
    expect(at).toBeLessThan(sent.length);
    const got = all(peer);
    while (at < sent.length) {
      const size = await within(conn.write(sent.subarray(at)), "room");
      expect(size).toBeGreaterThan(0);
      at += size;
    }
    await conn.closeWrite();
    expect((await got).equals(sent)).toBe(true);
  });

  test("writeAll of far more than the buffer, several at once, stays in order", async () => {
    const { conn, peer } = await pair();
    const got = all(peer);
    const parts = [pattern(5_000_000), pattern(10), pattern(3_000_000), pattern(1)];
    await within(Promise.all([...parts.map((part) => conn.writeAll(part)), conn.closeWrite()]), "all writes");
    expect((await got).equals(Buffer.concat(parts))).toBe(true);
  });

  test("after closeWrite there is no more to write, and to call it again does nothing", async () => {
    const { conn, peer } = await pair();
    await conn.closeWrite();
    await conn.shutdown();
    expect(facts(await failure(conn.write("x")))).toEqual({
      code: "ERR_STATE",
      step: "send",
      address: conn.remoteAddr(),
    });
    await once(peer.resume(), "end");
    peer.write("but I do");
    expect(text(await conn.read(100))).toBe("but I do");
  });

  test("small writes of one turn leave together, also when each is awaited", async () => {
    const { conn, peer } = await pair();
    const chunks: string[] = [];
    peer.on("data", (data: Buffer) => chunks.push(data.toString()));
    for (let index = 0; index < 100; index++) await conn.writeAll("0123456789");
    await until(() => chunks.join("").length === 1000, "all bytes");
    expect(chunks.length).toBeLessThan(5);
  });
});

describe("close", () => {
  test("what was written still goes out; calls that wait are rejected", async () => {
    const { conn, peer } = await pair();
    const got = all(peer);
    const reading = conn.read(10);
    await conn.writeAll(pattern(500_000));
    conn.close();
    expect(facts(await failure(reading))).toEqual({
      code: "ERR_STATE",
      step: "receive",
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    expect((await got).equals(pattern(500_000))).toBe(true);
    peer.end();
    await within(conn.closed, "closed");
  });

  test("it is disposed of, and that waits until what was written has left", async () => {
    const { conn, peer } = await pair();
    const got = all(peer);
    peer.on("end", () => peer.end());
    await conn.writeAll(pattern(100_000));
    await within(conn[Symbol.asyncDispose](), "the disposal");
    expect((await failure(conn.read(1))).code).toBe("ERR_STATE");
    expect(await got).toHaveLength(100_000);
    const other = await pair();
    other.conn[Symbol.dispose]();
    expect((await failure(other.conn.write("x"))).code).toBe("ERR_STATE");
  });

  test("a reset in the middle of a read: what came is read first, then the error", async () => {
    const { conn, peer } = await pair();
    peer.write("before");
    await until(() => conn.canRead, "bytes");
    const address = conn.remoteAddr();
    peer.resetAndDestroy();
    await within(conn.closed, "closed");
    expect(text(await conn.read(100))).toBe("before");
    const error = await failure(conn.read(100));
    expect(facts(error)).toEqual({ code: "ERR_RESET", step: "receive", address });
    expect(error.message).toContain(address);
    expect((await failure(conn.write("x"))).code).toBe("ERR_RESET");
    expect(thrown(() => conn.remoteAddr()).code).toBe("ERR_STATE");
    const waiting = await pair();
    const reading = waiting.conn.read(10);
    const exact = waiting.conn.readExact(10);
    waiting.peer.resetAndDestroy();
    expect((await failure(reading)).code).toBe("ERR_RESET");
    expect((await failure(exact)).code).toBe("ERR_RESET");
  });
});

describe("iteration and streams", () => {
  test("chunks to the end; a loop that is left early leaves the connection open", async () => {
    const { conn, peer } = await pair();
    peer.write("one");
    for await (const chunk of conn) {
      expect(text(chunk)).toBe("one");
      break;
    }
    peer.end("two");
    const rest: string[] = [];
    for await (const chunk of conn) rest.push(text(chunk));
    expect(rest.join("")).toBe("two");
    const other = await pair();
    setTimeout(() => other.conn.close(), 10);
    for await (const chunk of other.conn) expect(chunk).toBe("nothing");
  });

  test("an iterator reports a failure once, and is done after that, after the end and after return", async () => {
    const { conn, peer } = await pair();
    const chunks = conn[Symbol.asyncIterator]();
    expect(chunks[Symbol.asyncIterator]()).toBe(chunks);
    const both = [chunks.next(), chunks.next()] as const;
    peer.write("one");
    const first = await both[0];
    expect(first.done ? "" : text(first.value)).toBe("one");
    peer.resetAndDestroy();
    expect((await failure(both[1])).code).toBe("ERR_RESET");
    expect(await chunks.next()).toEqual({ done: true, value: undefined });

    const other = await pair();
    other.peer.end();
    const rest = other.conn[Symbol.asyncIterator]();
    expect(await Promise.all([rest.next(), rest.next()])).toEqual(Array(2).fill({ done: true, value: undefined }));

    const left = other.conn[Symbol.asyncIterator]();
    expect(await left.return()).toEqual({ done: true, value: undefined });
    expect(await left.next()).toEqual({ done: true, value: undefined });
    const thrown = new Error("thrown into it");
    const broken = other.conn[Symbol.asyncIterator]();
    await expect(broken.throw(thrown)).rejects.toBe(thrown);
    expect(await broken.next()).toEqual({ done: true, value: undefined });
  });

  test("a loop that waits while its connection is aborted fails once, and ends without an error if it is closed as well", async () => {
    const { port } = await echoPeer();
    const waitThen = (end: (conn: TcpConnection) => void): Promise<unknown[]> => {
      const abort = new AbortController();
      const conn = new TcpConnection("127.0.0.1", port, { signal: abort.signal });
      const chunks = conn[Symbol.asyncIterator]();
      const steps = [chunks.next(), chunks.next()];
      abort.abort();
      end(conn);
      return Promise.all(
        steps.map((step) =>
          step.then(
            ({ done }) => done,
            ({ code }) => code,
          ),
        ),
      );
    };
    expect(await waitThen(() => {})).toEqual(["ERR_ABORTED", true]);
    expect(await waitThen((conn) => conn.close())).toEqual([true, true]);
  });

  test("readable and writable; when both are over the connection is", async () => {
    const { port } = await echoPeer();
    const conn = new TcpConnection("127.0.0.1", port);
    const sent = pattern(700_000);
    const writer = conn.writable.getWriter();
    const writing = (async () => {
      for (let at = 0; at < sent.length; at += 70_000) await writer.write(sent.subarray(at, at + 70_000));
      await writer.close();
    })();
    const parts: Uint8Array[] = [];
    for await (const part of conn.readable as unknown as AsyncIterable<Uint8Array>) parts.push(part);
    await writing;
    expect(Buffer.concat(parts).equals(sent)).toBe(true);
    await within(conn.closed, "closed");
    expect((await failure(conn.read(1))).code).toBe("ERR_STATE");
  });

  test("to cancel the reading takes no bytes from others; to abort the writing closes", async () => {
    const { conn, peer } = await pair();
    const reader = conn.readable.getReader();
    const reading = reader.read();
    await pause(5);
    await reader.cancel();
    expect((await reading).done).toBe(true);
    peer.write("mine");
    expect(text(await conn.read(10))).toBe("mine");
    await conn.writable.abort();
    expect((await failure(conn.read(1))).code).toBe("ERR_STATE");
  });

  test("a slow reader holds the sender back, and its memory stays within the window", async () => {
    const { conn, peer } = await pair({ window: 20_000 });
    const piece = Buffer.alloc(65_536, 1);
    let sent = 0;
    let stopped = false;
    const send = (): void => {
      while (!stopped) {
        sent += piece.length;
        if (!peer.write(piece)) break;
      }
    };
    peer.on("drain", send);
    send();
    /* What the system's buffers hold beside the window is up to it. */
    await atRest(() => sent - peer.writableLength, "what is sent");
    expect(conn.stats().received).toBeLessThan(200_000);
    stopped = true;
    peer.end();
    let got = 0;
    for await (const chunk of conn) got += chunk.length;
    expect(got).toBe(sent);
    if (!peer.closed) peer.destroy();
    await once(peer, "close").catch(() => {});
  });
});
