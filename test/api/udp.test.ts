/** UDP sockets of the connection API. */
import { createSocket } from "node:dgram";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type TwinwireError, type UdpOptions, UdpSocket } from "twinwire";
import { differs } from "../support/host.ts";
import { atEnd, endPeers, udpPeer } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";
import { facts, failure, pattern, text, thrown } from "./support.ts";

afterEach(endPeers);

function open(host = "127.0.0.1", options: UdpOptions = {}): { socket: UdpSocket; port: number } {
  const socket = new UdpSocket(host, 0, options);
  atEnd(() => socket.close());
  return { socket, port: Number(/\d+$/.exec(socket.localAddr())?.[0]) };
}

/** A socket of node:dgram that sends back what it gets. */
async function echo(): Promise<number> {
  return (await udpPeer((data, from, socket) => socket.send(data, from.port, from.address))).port;
}

test("sends and receives, with the sender", async () => {
  const port = await echo();
  const { socket } = open();
  await socket.opened;
  expect(socket.handle).toBeGreaterThan(0);
  expect(socket.localAddr()).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(await socket.sendTo("Grüße", "127.0.0.1", port)).toBe(7);
  const { data, address, host, port: from } = await within(socket.recvFrom(), "the echo");
  expect([text(data), address, host, from]).toEqual(["Grüße", `127.0.0.1:${port}`, "127.0.0.1", port]);
  expect(Buffer.isBuffer(data)).toBe(true);
  await socket.sendTo(Buffer.alloc(0), "localhost", port);
  expect((await within(socket.recvFrom(), "an empty one")).data).toHaveLength(0);
  await socket.sendTo(pattern(9000), "127.0.0.1", port);
  expect(Buffer.from((await socket.recvFrom()).data).equals(pattern(9000))).toBe(true);
});

test("IPv6, by name and by address", async () => {
  const { socket: one } = open("::1");
  const { socket: two, port } = open("::1");
  await one.sendTo("six", "::1", port);
  const { address, host } = await within(two.recvFrom(), "a datagram");
  expect([address, host]).toEqual([one.localAddr(), "::1"]);
});

test("receives in order, cuts what has no room, and may be asked before", async () => {
  const { socket, port } = open();
  const { socket: other } = open();
  const early = [socket.recvFrom(3), socket.recvFrom(), socket.recvFrom(0)];
  for (const data of ["abcdef", "second", "third", "fourth"]) await other.sendTo(data, "127.0.0.1", port);
  expect((await within(Promise.all(early), "three")).map(({ data }) => text(data))).toEqual(["abc", "second", ""]);
  await until(() => socket.canReceive, "the fourth");
  expect(text((await socket.recvFrom(2)).data)).toBe("fo");
  expect(socket.canReceive).toBe(false);
});

test("with a peer: only it is observed, and send goes to it", async () => {
  const { socket, port } = open();
  const { socket: peer, port: peerPort } = open();
  const { socket: stranger } = open();
  expect(facts(thrown(() => socket.remoteAddr()))).toMatchObject({ code: "ERR_STATE" });
  expect(facts(await failure(socket.send("x")))).toMatchObject({ code: "ERR_ADDRESS", step: "send" });
  await socket.connect("localhost", peerPort);
  expect(socket.remoteAddr()).toBe(`127.0.0.1:${peerPort}`);
  expect(await socket.send("to you")).toBe(6);
  expect(text((await within(peer.recvFrom(), "a datagram")).data)).toBe("to you");
  await stranger.sendTo("psst", "127.0.0.1", port);
  await pause(20);
  await peer.sendTo("to me", "127.0.0.1", port);
  expect(text((await within(socket.recvFrom(), "the peer's")).data)).toBe("to me");
});

test("with a peer that is not there, the next receive says so", async () => {
  const gone = createSocket("udp4").bind(0, "127.0.0.1");
  await new Promise<void>((done) => gone.once("listening", () => done()));
  const { port } = gone.address();
  await new Promise<void>((done) => gone.close(() => done()));
  const { socket } = open();
  await socket.connect("127.0.0.1", port);
  await socket.send("anybody?");
  if (!differs("udp-silent")) expect((await failure(socket.recvFrom())).code).toBe("ERR_REFUSED");
  const again = socket.recvFrom(10, { signal: AbortSignal.timeout(30) });
  expect((await failure(again)).code).toBe("ERR_ABORTED");
});

test("what nobody receives is bounded: the rest is dropped and counted", async () => {
  const { socket, port } = open("127.0.0.1", { queue: 3 * (100 + 128) });
  const { socket: other } = open();
  for (let index = 0; index < 5; index++) await other.sendTo(Buffer.alloc(100, index), "127.0.0.1", port);
  await until(() => socket.dropped === 2, "two dropped");
  for (let index = 0; index < 3; index++) expect((await socket.recvFrom()).data[0]).toBe(index);
  await other.sendTo("room again", "127.0.0.1", port);
  expect(text((await within(socket.recvFrom(), "one more")).data)).toBe("room again");
});

test("many at once: those that find no room wait for it", async () => {
  const { socket, port } = open("127.0.0.1", { queue: 1 << 28 });
  const { socket: other } = open();
  const sends = Array.from({ length: 300 }, (_, index) => other.sendTo(Buffer.alloc(8000, index), "127.0.0.1", port));
  expect(new Set(await within(Promise.all(sends), "all sent"))).toEqual(new Set([8000]));
  await until(() => socket.canReceive, "datagrams");
});

test("iteration, until it is closed", async () => {
  const { socket, port } = open();
  const { socket: other } = open();
  const got: string[] = [];
  const loop = (async () => {
    for await (const { data } of socket) got.push(text(data));
  })();
  for (const data of ["a", "b", "c"]) await other.sendTo(data, "127.0.0.1", port);
  await until(() => got.length === 3, "three");
  socket.close();
  await within(loop, "the end of the loop");
  expect(got).toEqual(["a", "b", "c"]);
});

test("deadlines, for receiving and for sending", async () => {
  const { socket, port } = open();
  socket.setReadDeadline(30);
  const error = await failure(socket.recvFrom());
  expect([error.code, error.step]).toEqual(["ERR_DEADLINE", "receive"]);
  expect((await failure(socket.recvFrom())).code).toBe("ERR_DEADLINE");
  socket.setDeadline(-1);
  expect((await failure(socket.sendTo("x", "127.0.0.1", port))).code).toBe("ERR_DEADLINE");
  socket.setDeadline(0);
  await socket.sendTo("x", "127.0.0.1", port);
  expect(text((await within(socket.recvFrom(), "its own")).data)).toBe("x");
  socket.setWriteDeadline(-1);
  await socket.sendTo("y", "127.0.0.1", port).catch(() => {});
  expect(thrown(() => socket.setDeadline(Number.NaN)).code).toBe("ERR_ARGUMENT");
});

test("bad input", async () => {
  const { socket, port } = open();
  const code = async (call: Promise<unknown>): Promise<string> => {
    const error = await failure(call);
    return `${error.code} ${error.step}`;
  };
  expect(await code(new UdpSocket("no address").opened)).toBe("ERR_ADDRESS open");
  expect(await code(new UdpSocket("127.0.0.1", 65_536).opened)).toBe("ERR_PORT open");
  expect(await code(new UdpSocket("127.0.0.1", 0.5).opened)).toBe("ERR_PORT open");
  expect(await code(new UdpSocket(7 as unknown as string).opened)).toBe("ERR_ARGUMENT open");
  expect(await code(new UdpSocket("127.0.0.1", port).opened)).toBe("ERR_IN_USE open");
  expect(await code(new UdpSocket("127.0.0.1", port).recvFrom())).toBe("ERR_IN_USE open");
  expect(await code(new UdpSocket("127.0.0.1", port).sendTo("x", "127.0.0.1", 9))).toBe("ERR_IN_USE open");
  expect(await code(socket.sendTo("x", "127.0.0.1", 0))).toBe("ERR_PORT send");
  expect(await code(socket.sendTo("x", "127.0.0.1", 1.5))).toBe("ERR_PORT send");
  expect(await code(socket.sendTo("x", "", 9))).toBe("ERR_ARGUMENT send");
  expect(await code(socket.sendTo({} as string, "127.0.0.1", 9))).toBe("ERR_ARGUMENT send");
  expect(await code(socket.sendTo("x", "no-such-host.invalid", 9))).toMatch(/^ERR_NAME_\w+ resolve$/);
  expect(await code(socket.sendTo("x", "1.2.3", 9))).toBe("ERR_ADDRESS send");
  expect(await code(socket.sendTo(Buffer.alloc(65_508), "127.0.0.1", 9))).toBe("ERR_TOO_LARGE send");
  for (const max of [-1, 65_536, 0.5, Number.NaN])
    expect(await code(socket.recvFrom(max))).toBe("ERR_ARGUMENT receive");
  expect(await code(socket.connect("127.0.0.1", 0))).toBe("ERR_PORT connect");
  expect(await code(socket.connect("", 9))).toBe("ERR_ARGUMENT connect");
  const reading = socket.recvFrom();
  socket.close();
  socket.close();
  expect((await failure(reading)).code).toBe("ERR_STATE");
  for (const call of [socket.recvFrom(), socket.sendTo("x", "127.0.0.1", 9), socket.connect("127.0.0.1", 9)]) {
    expect((await failure(call)).code).toBe("ERR_STATE");
  }
  expect(thrown(() => socket.localAddr()).code).toBe("ERR_STATE");
  await socket.opened;
});

test("a datagram that could not leave ends nothing", async () => {
  const errors = new Inbox<TwinwireError>("an error");
  const { socket, port } = open("127.0.0.1", { onError: errors.push });
  /* A broadcast address needs SO_BROADCAST: the system refuses it. */
  const sent = socket.sendTo("x", "127.255.255.255", 9);
  if (differs("udp-error-at-once")) expect((await failure(sent)).code).toBe("ERR_ACCESS");
  else {
    await sent.catch(() => {});
    await until(() => errors.all.length > 0, "the error");
  }
  await pause(20);
  expect(errors.all.map(({ code }) => code)).toEqual(
    differs("udp-error-at-once") ? [] : [differs("udp-error") ? "ERR_HOST" : "ERR_ACCESS"],
  );
  await socket.sendTo("to myself", "127.0.0.1", port);
  expect(text((await within(socket.recvFrom(), "its own")).data)).toBe("to myself");
});

describe("broadcasts and multicast", () => {
  test("members of a group get what is sent to it; broadcasts arrive", async () => {
    const one = new UdpSocket("", 0, { reuseAddress: true });
    const port = Number(one.localAddr().split(":")[1]);
    const other = new UdpSocket("", port, { reuseAddress: true });
    atEnd(() => [one, other].map((it) => it.close()));
    for (const socket of [one, other]) {
      socket.joinGroup("239.255.77.9", "127.0.0.1");
      socket.setMulticast({ ttl: 1, loopback: true, interface: "127.0.0.1" });
    }
    await one.sendTo("all", "239.255.77.9", port);
    for (const socket of [one, other]) expect(Buffer.from((await socket.recvFrom()).data).toString()).toBe("all");
    one.leaveGroup("239.255.77.9", "127.0.0.1");
    one.setBroadcast(true);
    await one.sendTo("everyone", "127.255.255.255", port);
  });

  test("what can't be set is an error", () => {
    const socket = new UdpSocket();
    atEnd(() => socket.close());
    const code = (call: () => void): string => {
      try {
        call();
      } catch (error) {
        return (error as TwinwireError).code;
      }
      return "none";
    };
    expect(code(() => socket.joinGroup("10.0.0.1"))).toBe("ERR_ADDRESS");
    expect(code(() => socket.joinGroup(7 as never))).toBe("ERR_ARGUMENT");
    expect(code(() => socket.setMulticast({ ttl: 256 }))).toBe("ERR_ARGUMENT");
    expect(code(() => socket.setMulticast({ tll: 1 } as never))).toBe("ERR_ARGUMENT");
    socket.close();
    expect(code(() => socket.setBroadcast(true))).toBe("ERR_STATE");
  });
});
