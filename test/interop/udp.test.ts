/** UDP against node:dgram and socat. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { lastError, net } from "twinwire/handles";
import { describeWith, findTool, portFrom, startChild } from "../support/child.ts";
import { differs } from "../support/host.ts";
import { atEnd, endPeers, freePort, reachable, udpPeer } from "../support/peers.ts";
import { Inbox, pause } from "../support/wait.ts";
import { noise, opened } from "./client.ts";

/** The largest payload that fits an IPv4 packet. */
const LARGEST = 65_507;

interface Datagram {
  readonly data: Uint8Array;
  readonly addr: string;
  readonly port: number;
}

afterEach(endPeers);

function open(port = 0): { sock: number; datagrams: Inbox<Datagram>; errors: Inbox<{ code: string }> } {
  const sock = opened(net.udpOpen(port));
  atEnd(() => net.close(sock));
  const datagrams = new Inbox<Datagram>("a datagram");
  const errors = new Inbox<{ code: string }>("an error");
  net.on(sock, "datagram", datagrams.push, { binary: true });
  net.on(sock, "error", errors.push);
  return { sock, datagrams, errors };
}

function portOf(sock: number): number {
  return Number(net.localAddr(sock).split(":").at(-1));
}

describe("node:dgram", () => {
  test("every size goes and comes back as it is, 0 and the largest included", async () => {
    const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
    const { sock, datagrams } = open();
    for (const size of [0, 1, 508, 1472, 1473, 9000, 65_000, LARGEST]) {
      const bytes = noise(size, size + 1);
      expect(net.udpSendTo(sock, "127.0.0.1", port, bytes)).toBe(size);
      const back = await datagrams.next();
      expect([back.addr, back.port, back.data.length]).toEqual(["127.0.0.1", port, size]);
      expect(bytes.equals(back.data)).toBe(true);
    }
  });

  test("what is larger is refused, and the socket lives on", async () => {
    const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
    const { sock, datagrams } = open();
    expect(net.udpSendTo(sock, "127.0.0.1", port, noise(LARGEST + 1))).toBe(-1);
    expect(lastError()?.code).toBe("ERR_TOO_LARGE");
    expect(net.udpSendTo(sock, "127.0.0.1", port, "fits")).toBe(4);
    expect(Buffer.from((await datagrams.next()).data).toString()).toBe("fits");
  });

  test("one event a packet, whoever sent it", async () => {
    const { sock, datagrams } = open();
    const one = await udpPeer(() => {});
    const two = await udpPeer(() => {});
    for (let count = 0; count < 20; count++) {
      for (const { socket } of [one, two]) socket.send(`${count}`, portOf(sock), "127.0.0.1");
    }
    const seen = new Map([one.port, two.port].map((port) => [port, [] as string[]]));
    for (let count = 0; count < 40; count++) {
      const { data, port } = await datagrams.next();
      seen.get(port)?.push(Buffer.from(data).toString());
    }
    const expected = Array.from({ length: 20 }, (_, count) => `${count}`);
    expect([...seen.values()]).toEqual([expected, expected]);
  });

  test("hundreds of datagrams of one loop iteration", async () => {
    const got = new Inbox<string>("a datagram at the peer");
    const { port } = await udpPeer((data) => got.push(data.toString()));
    const { sock } = open();
    const count = differs("udp-receive-buffer") ? 200 : 500;
    for (let index = 0; index < count; index++)
      expect(net.udpSendTo(sock, "127.0.0.1", port, `${index}`)).toBeGreaterThan(0);
    for (let index = 0; index < count; index++) expect(await got.next()).toBe(`${index}`);
  });

  test.each(reachable.filter(([, name]) => name !== "localhost"))("the literal address %s", async (host) => {
    const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address), host);
    const { sock, datagrams } = open();
    expect(net.udpSendTo(sock, host, port, "hello")).toBe(5);
    expect(await datagrams.next()).toMatchObject({ addr: host, port, data: Buffer.from("hello") });
  });
});

describe("what can't be", () => {
  test("a datagram to a closed port has no other effect", async () => {
    const closed = await freePort();
    const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
    const { sock, datagrams } = open();
    expect(net.udpSendTo(sock, "127.0.0.1", closed, "nobody")).toBe(6);
    await pause(30);
    expect(net.udpSendTo(sock, "127.0.0.1", port, "somebody")).toBe(8);
    expect(Buffer.from((await datagrams.next()).data).toString()).toBe("somebody");
  });

  test("a port that is taken", async () => {
    const { port } = await udpPeer(() => {}, "0.0.0.0");
    expect(net.udpOpen(port)).toBe(-1);
    expect(lastError()?.code).toBe("ERR_IN_USE");
    expect(lastError()?.message).toContain(`${port}`);
    const { sock } = open();
    expect(net.udpOpen(portOf(sock))).toBe(-1);
    expect(lastError()?.code).toBe("ERR_IN_USE");
  });

  test("a port that was closed can be opened again at once", async () => {
    const { sock } = open();
    const port = portOf(sock);
    net.close(sock);
    await pause(10);
    expect(portOf(open(port).sock)).toBe(port);
  });

  test.each(["localhost", "example.invalid", "256.1.1.1", "127.1", "", "::1::"])("%p is no literal address", (host) => {
    const { sock } = open();
    expect(net.udpSendTo(sock, host, 9, "x")).toBe(-1);
    expect(lastError()?.code).toBe("ERR_ADDRESS");
  });

  test.each([0, -1, 65_536, 1.5])("%p is no port", (port) => {
    const { sock } = open();
    expect(net.udpSendTo(sock, "127.0.0.1", port, "x")).toBe(-1);
    expect(lastError()?.code).toBe("ERR_PORT");
  });
});

const socat = findTool("socat", ["socat"], ["-V"]);

describeWith(socat, "socat", (program) => {
  test("an echo", async () => {
    const child = startChild(program, ["-d", "-d", "UDP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"]);
    const port = await portFrom(child.errors, /listening on UDP AF=2 127\.0\.0\.1:(\d+)/);
    const { sock, datagrams } = open();
    for (let count = 0; count < 5; count++) {
      net.udpSendTo(sock, "127.0.0.1", port, `hello ${count}`);
      expect(await datagrams.next()).toMatchObject({ addr: "127.0.0.1", port, data: Buffer.from(`hello ${count}`) });
    }
  });
});
