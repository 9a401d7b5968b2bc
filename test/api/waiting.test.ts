/** Deadlines and signals of the connection API. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { limits, TcpConnection, TcpServer, UdpSocket } from "twinwire";
import { atEnd, endPeers } from "../support/peers.ts";
import { PATIENCE, pause, until, within } from "../support/wait.ts";
import { all, echoPeer, facts, failure, pair, pattern, text, thrown } from "./support.ts";

afterEach(endPeers);

describe("deadlines", () => {
  test("a read that waits and all that follow fail from that instant on, and no byte is lost", async () => {
    const { conn, peer } = await pair();
    const since = performance.now();
    conn.setReadDeadline(60);
    peer.write("abc");
    const error = await failure(conn.readExact(10));
    expect(performance.now() - since).toBeGreaterThan(50);
    expect(performance.now() - since).toBeLessThan(PATIENCE / 2);
    expect(facts(error)).toEqual({ code: "ERR_DEADLINE", step: "receive", address: conn.remoteAddr() });
    expect(error.detail).toBe(3);
    expect((await failure(conn.read(10))).code).toBe("ERR_DEADLINE");
    expect((await failure(conn.readExact(1))).code).toBe("ERR_DEADLINE");
    await conn.writeAll("writes go on");
    conn.setReadDeadline(0);
    expect(text(await conn.read(10))).toBe("abc");
  });

  test("it is one instant for all that follows, not a time-out of each", async () => {
    const { conn, peer } = await pair();
    conn.setDeadline(150);
    const since = performance.now();
    const timer = setInterval(() => peer.write("x"), 20);
    atEnd(() => clearInterval(timer));
    const error = await failure(
      (async () => {
        for (;;) await conn.read(10);
      })(),
    );
    expect(error.code).toBe("ERR_DEADLINE");
    expect(performance.now() - since).toBeLessThan(PATIENCE / 2);
    expect((await failure(conn.write("x"))).code).toBe("ERR_DEADLINE");
    conn.setDeadline(5_000);
    await conn.write("x");
    await conn.read(10);
  });

  test("a write that waits for room says how much it had written", async () => {
    const { conn, peer } = await pair();
    peer.pause();
    const sent = pattern(limits().sendBuffer * 20);
    conn.setWriteDeadline(60);
    const error = await failure(conn.writeAll(sent));
    expect(facts(error)).toEqual({ code: "ERR_DEADLINE", step: "send", address: conn.remoteAddr() });
    expect(error.detail).toBeGreaterThan(0);
    expect((await failure(conn.write("x"))).code).toBe("ERR_DEADLINE");
    expect((await failure(conn.closeWrite())).code).toBe("ERR_DEADLINE");
    conn.setWriteDeadline(0);
    const got = all(peer);
    await conn.writeAll(sent.subarray(error.detail));
    await conn.closeWrite();
    expect((await got).equals(sent)).toBe(true);
  });

  test("one that has passed fails at once; what is no number of milliseconds is refused", async () => {
    const { conn, peer } = await pair();
    peer.write("abc");
    await until(() => conn.canRead, "bytes");
    conn.setDeadline(-1);
    expect(conn.canRead && conn.canWrite).toBe(true);
    expect((await failure(conn.read(1))).code).toBe("ERR_DEADLINE");
    expect((await failure(conn.writeAll("x"))).code).toBe("ERR_DEADLINE");
    conn.setDeadline(0);
    expect(text(await conn.read(3))).toBe("abc");
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, "1" as unknown as number]) {
      expect(facts(thrown(() => conn.setDeadline(bad)))).toEqual({
        code: "ERR_ARGUMENT",
        step: "call",
        address: conn.remoteAddr(),
      });
    }
    conn.setDeadline(0.5);
    expect((await failure(conn.read(1))).code).toBe("ERR_DEADLINE");
    conn.close();
    expect(thrown(() => conn.setDeadline(10)).code).toBe("ERR_STATE");
  });

  test("one that is moved while it passes does not pass", async () => {
    const { conn, peer } = await pair();
    conn.setReadDeadline(20);
    const until = performance.now() + 60;
    while (performance.now() < until);
    conn.setReadDeadline(5_000);
    await pause(20);
    peer.write("in time");
    expect(text(await conn.read(10))).toBe("in time");
  });

  test("calls that wait for the connection have one, too", async () => {
    const conn = new TcpConnection("127.0.0.1", (await echoPeer()).port);
    conn.setDeadline(-1);
    expect((await failure(conn.read(1))).code).toBe("ERR_DEADLINE");
    expect((await failure(conn.write("x"))).code).toBe("ERR_DEADLINE");
    await within(conn.opened, "opened");
    conn.close();
  });
});

describe("signals", () => {
  test("a read gives up, the next one gets the bytes", async () => {
    const { conn, peer } = await pair();
    const controller = new AbortController();
    const first = conn.readExact(10, { signal: controller.signal });
    const second = conn.read(10);
    peer.write("abc");
    await pause(20);
    const reason = new Error("enough");
    controller.abort(reason);
    const error = await failure(first);
    expect(facts(error)).toEqual({ code: "ERR_ABORTED", step: "receive", address: conn.remoteAddr() });
    expect(error.cause).toBe(reason);
    expect(text(await second)).toBe("abc");
  });

  test("one that has aborted lets nothing begin", async () => {
    const { conn, peer } = await pair();
    const signal = AbortSignal.abort();
    peer.write("abc");
    await until(() => conn.canRead, "bytes");
    expect((await failure(conn.read(1, { signal }))).code).toBe("ERR_ABORTED");
    expect((await failure(conn.readExact(1, { signal }))).code).toBe("ERR_ABORTED");
    expect((await failure(conn.write("x", { signal }))).code).toBe("ERR_ABORTED");
    expect((await failure(conn.writeAll("x", { signal }))).code).toBe("ERR_ABORTED");
    expect(text(await conn.read(3, { signal: new AbortController().signal }))).toBe("abc");
    const late = new TcpConnection("127.0.0.1", 1, { signal });
    expect(facts(await failure(late.opened))).toEqual({ code: "ERR_ABORTED", step: "connect", address: "127.0.0.1:1" });
  });

  test("a write that waits gives up and says how much it had written", async () => {
    const { conn, peer } = await pair();
    peer.pause();
    const error = await failure(conn.writeAll(pattern(limits().sendBuffer * 20), { signal: AbortSignal.timeout(50) }));
    expect([error.code, error.step]).toEqual(["ERR_ABORTED", "send"]);
    expect(error.detail).toBeGreaterThan(0);
  });

  test("connecting gives up; once it is open the signal has no meaning", async () => {
    const controller = new AbortController();
    const { port } = await echoPeer();
    const conn = new TcpConnection("127.0.0.1", port, { signal: controller.signal });
    const reading = conn.read(1);
    controller.abort();
    expect(facts(await failure(conn.opened))).toEqual({
      code: "ERR_ABORTED",
      step: "connect",
      address: `127.0.0.1:${port}`,
    });
    expect((await failure(reading)).code).toBe("ERR_ABORTED");
    await within(conn.closed, "closed");
    const second = new AbortController();
    const lasting = new TcpConnection("127.0.0.1", port, { signal: second.signal });
    await lasting.opened;
    second.abort();
    await lasting.writeAll("x");
    expect(text(await lasting.read(1))).toBe("x");
    lasting.close();
  });

  test("accept and recvFrom give up and go on", async () => {
    const server = new TcpServer("127.0.0.1", 0);
    atEnd(() => server.close());
    await server.opened;
    const error = await failure(server.accept({ signal: AbortSignal.timeout(20) }));
    expect([error.code, error.step]).toEqual(["ERR_ABORTED", "accept"]);
    expect((await failure(server.accept({ signal: AbortSignal.abort() }))).code).toBe("ERR_ABORTED");
    const socket = new UdpSocket("127.0.0.1");
    atEnd(() => socket.close());
    expect((await failure(socket.recvFrom(10, { signal: AbortSignal.timeout(20) }))).step).toBe("receive");
    const accepting = server.accept();
    const conn = new TcpConnection("127.0.0.1", Number(server.addr().split(":")[1]));
    atEnd(() => conn.close());
    (await within(accepting, "a connection")).close();
  });
});
