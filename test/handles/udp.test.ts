import { spawnSync } from "node:child_process";
import { Socket } from "node:dgram";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { defineEvent, lastError, net } from "twinwire/handles";
import { startChild } from "../support/child.ts";
import { differs } from "../support/host.ts";
import { atEnd, endPeers, udpPeer } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";

afterEach(endPeers);

/** A socket that is bound; some runtimes bind a turn after it is open. */
async function open(port = 0): Promise<number> {
  const sock = net.udpOpen(port);
  expect(sock).toBeGreaterThan(0);
  atEnd(() => net.close(sock));
  await until(() => net.localAddr(sock) !== "", "a local address");
  return sock;
}

function portOf(sock: number): number {
  return Number(/:(\d+)$/.exec(net.localAddr(sock))?.[1]);
}

test("a datagram goes out and its answer comes back, in the declared shape", async () => {
  const { port } = await udpPeer((data, from, socket) => socket.send(`${data}!`, from.port, from.address));
  const NetDatagram = defineEvent("NetDatagram", { data: "string", addr: "string", port: "i32" });
  const observed = new Inbox<[object, number]>("a datagram");
  NetDatagram.on((e, { handle }) => observed.push([e, handle]));
  const sock = await open();
  expect(net.on(sock, "datagram", NetDatagram)).toBe(0);
  expect(net.localAddr(sock)).toMatch(/^0\.0\.0\.0:[1-9]\d*$/);
  expect(net.udpSendTo(sock, "127.0.0.1", port, "grüße")).toBe(7);
  expect(await observed.next()).toEqual([{ data: "grüße!", addr: "127.0.0.1", port }, sock]);
});

test("bytes go and come as they are, an empty datagram too", async () => {
  const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
  const sock = await open();
  const bytes = new Inbox<{ data: Uint8Array }>("a datagram");
  net.on(sock, "datagram", bytes.push, { binary: true });
  const all = Uint8Array.from({ length: 256 }, (_, index) => index);
  expect(net.udpSendTo(sock, "127.0.0.1", port, all)).toBe(256);
  expect(Buffer.compare((await bytes.next()).data, all)).toBe(0);
  expect(net.udpSendTo(sock, "127.0.0.1", port, "")).toBe(0);
  expect((await bytes.next()).data).toHaveLength(0);
});

test("two handles talk to each other, over IPv4 and over IPv6", async () => {
  const first = await open();
  const second = await open();
  const observed = new Inbox<{ data: string; addr: string; port: number }>("a datagram");
  net.on(second, "datagram", (e) => {
    observed.push(e);
    net.udpSendTo(second, e.addr, e.port, `re ${e.data}`);
  });
  net.on(first, "datagram", observed.push);
  net.udpSendTo(first, "127.0.0.1", portOf(second), "four");
  expect(await observed.next()).toEqual({ data: "four", addr: "127.0.0.1", port: portOf(first) });
  expect(await observed.next()).toEqual({ data: "re four", addr: "127.0.0.1", port: portOf(second) });
  const { port } = await udpPeer((data, from, socket) => socket.send(`6 ${data}`, from.port, from.address), "::1");
  expect(net.udpSendTo(first, "::1", port, "six")).toBe(3);
  expect(await observed.next()).toEqual({ data: "6 six", addr: "::1", port });
});

test("a paused socket keeps what comes until it is resumed", async () => {
  const sock = await open();
  const observed = new Inbox<string>("a datagram");
  net.on(sock, "datagram", (e) => observed.push(e.data));
  expect(net.pause(sock)).toBe(0);
  const peer = await open();
  for (const data of ["a", "b", "c"]) net.udpSendTo(peer, "127.0.0.1", portOf(sock), data);
  await pause(50);
  expect(observed.all).toEqual([]);
  net.resume(sock);
  expect([await observed.next(), await observed.next(), await observed.next()]).toEqual(["a", "b", "c"]);
});

test("a port that is taken is refused, with the cause: at once, or where the runtime binds later by an event", async () => {
  const second = net.udpOpen(portOf(await open()));
  const wanted = { code: "ERR_IN_USE", cause: { code: "EADDRINUSE" } };
  if (second < 0) {
    expect(lastError()).toMatchObject({ ...wanted, step: "open" });
    return;
  }
  const errors = new Inbox<unknown>("an error");
  net.on(second, "error", errors.push);
  expect(await errors.next()).toMatchObject({ code: "ERR_IN_USE", error: wanted });
  net.close(second);
});

test("a datagram that can't leave is refused or emitted as an error; the socket lives on", async () => {
  const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
  const sock = await open();
  const observed = new Inbox<unknown>("an event");
  net.on(sock, "error", observed.push);
  net.on(sock, "datagram", observed.push);
  if (net.udpSendTo(sock, "127.0.0.1", port, Buffer.alloc(65_536)) >= 0) {
    expect(await observed.next()).toMatchObject({ sock, code: "ERR_TOO_LARGE" });
  } else {
    expect(lastError()?.code).toBe("ERR_TOO_LARGE");
  }
  expect(net.udpSendTo(sock, "127.0.0.1", port, "still here")).toBe(10);
  expect(await observed.next()).toMatchObject({ data: "still here" });
});

test("a name is not an address, and a UDP socket has no stream", async () => {
  const sock = await open();
  for (const ip of ["localhost", "", "127.0.0.1.5", "1:2", "127.0.0.1\0"]) {
    expect(net.udpSendTo(sock, ip, 9, "x")).toBe(-1);
    expect(lastError()).toMatchObject({ code: "ERR_ADDRESS", address: ip === "1:2" ? "[1:2]:9" : `${ip}:9` });
  }
  for (const port of [0, -1, 65_536, 1.5, Number.NaN, 2 ** 32 + 9]) {
    expect(net.udpSendTo(sock, "127.0.0.1", port, "x")).toBe(-1);
    expect(lastError()?.code).toBe("ERR_PORT");
  }
  expect(net.send(sock, "x")).toBe(-1);
  expect(lastError()?.code).toBe("ERR_HANDLE");
  expect(net.setAutoReconnect(sock, true)).toBe(-1);
  expect(net.remoteAddr(sock)).toBe("");
  expect(net.state(sock)).toBe("open");
});

test("a closed socket is stale", async () => {
  const sock = await open();
  expect(net.close(sock)).toBe(0);
  expect(net.close(sock)).toBe(-1);
  expect(net.udpSendTo(sock, "127.0.0.1", 9, "x")).toBe(-1);
  expect(lastError()?.code).toBe("ERR_HANDLE");
  expect(net.localAddr(sock)).toBe("");
});

/* Of the queue of node:dgram; a host without one is asked for its answer in its own suite. */
(differs("udp-queue") || differs("udp-order") ? describe.skip : describe)("backpressure", () => {
  /** Has every queue say that so many bytes wait, in this order; the last one is said again and again. */
  function script(...sizes: number[]): void {
    const { getSendQueueSize } = Socket.prototype;
    atEnd(() => {
      Socket.prototype.getSendQueueSize = getSendQueueSize;
    });
    Socket.prototype.getSendQueueSize = () => (sizes.length > 1 ? sizes.shift() : sizes[0]) ?? 0;
  }

  const FULL = 262_145;
  const HALF = 131_072;

  test("a full queue refuses a datagram, and drain comes once, when half of it has left", async () => {
    const received = new Inbox<string>("a datagram");
    const { port } = await udpPeer((data) => received.push(String(data)));
    const sock = await open();
    const observed = new Inbox<unknown>("an event");
    net.on(sock, "drain", observed.push);
    const send = (data: string): number => net.udpSendTo(sock, "127.0.0.1", port, data);
    script(0, 0, 0, FULL, FULL, HALF + 1, HALF, 0);
    expect([send("a"), send("b"), send("c")]).toEqual([1, 1, 1]);
    expect(send("d")).toBe(-1);
    expect(lastError()).toMatchObject({ code: "ERR_BACKPRESSURE", step: "send", address: `127.0.0.1:${port}` });
    expect(send("e")).toBe(-1);
    expect(observed.all).toEqual([]);
    expect(await observed.next()).toEqual({ sock });
    expect(send("f")).toBe(1);
    for (const data of ["a", "b", "c", "f"]) expect(await received.next()).toBe(data);
    await pause(20);
    expect(observed.all).toHaveLength(1);
  });

  test("a socket that is closed with a full queue says nothing any more", async () => {
    const { port } = await udpPeer(() => {});
    const sock = await open();
    const observed: unknown[] = [];
    net.on(sock, "drain", () => observed.push("drain"));
    script(0, FULL, 0);
    expect(net.udpSendTo(sock, "127.0.0.1", port, "a")).toBe(1);
    expect(net.udpSendTo(sock, "127.0.0.1", port, "b")).toBe(-1);
    net.close(sock);
    await pause(20);
    expect(observed).toEqual([]);
  });

  /* What a kernel takes at once never waits: this has Node put all that is sent in one turn into its queue. */
  const queueing = "--test-udp-no-try-send";
  const canQueue = spawnSync(process.execPath, [queueing, "-e", ""]).status === 0;

  /* Only Node has that option. */
  (canQueue ? test : test.skip)("a program that heeds drain sends all, whatever the queue holds", async () => {
    const { port } = await udpPeer(() => {});
    const api = fileURLToPath(new URL("../../dist/handles.js", import.meta.url));
    const program = `import { lastError, net } from ${JSON.stringify(api)};
      const sock = net.udpOpen(0);
      const data = new Uint8Array(50_000);
      let [sent, refused, drained] = [0, 0, 0];
      function pump() {
        for (; sent < 60; sent++) {
          if (net.udpSendTo(sock, "127.0.0.1", ${port}, data) >= 0) continue;
          if (lastError().code !== "ERR_BACKPRESSURE") throw lastError();
          refused++;
          return;
        }
        console.log(sent, refused > 3, drained === refused);
        net.close(sock);
      }
      net.on(sock, "drain", () => {
        drained++;
        pump();
      });
      pump();`;
    const child = startChild(process.execPath, [queueing, "--input-type=module", "-e", program]);
    expect(await within(child.ended, "the end")).toBe(0);
    await until(() => child.lines.all.length > 0, "what it prints");
    expect(child.lines.all).toEqual(["60 true true"]);
    expect(child.errors.all).toEqual([]);
  });
});

test("members of a multicast group, and broadcasts", async () => {
  const sock = net.udpOpen(0, { reuseAddress: true });
  const port = Number(net.localAddr(sock).split(":")[1]);
  atEnd(() => net.close(sock));
  const got = new Inbox<string>("a datagram");
  net.on(sock, "datagram", ({ data }) => got.push(data));
  expect(net.udpJoin(sock, "239.255.77.8", "127.0.0.1")).toBe(0);
  expect(net.udpSetMulticast(sock, { ttl: 1, loopback: true, iface: "127.0.0.1" })).toBe(0);
  expect(net.udpSendTo(sock, "239.255.77.8", port, "to the group")).toBe(12);
  expect(await got.next()).toBe("to the group");
  expect(net.udpLeave(sock, "239.255.77.8", "127.0.0.1")).toBe(0);
  expect(net.udpSetBroadcast(sock, true)).toBe(0);
  expect(net.udpSendTo(sock, "127.255.255.255", port, "to all")).toBe(6);
  expect(await got.next()).toBe("to all");
  const refused = (result: number): unknown => [result, lastError()?.code];
  expect(refused(net.udpJoin(sock, "10.0.0.1"))).toEqual([-1, "ERR_ADDRESS"]);
  expect(refused(net.udpJoin(sock, 7 as never))).toEqual([-1, "ERR_ARGUMENT"]);
  expect(refused(net.udpSetMulticast(sock, { ttl: 256 }))).toEqual([-1, "ERR_ARGUMENT"]);
  expect(refused(net.udpSetBroadcast(-5, true))).toEqual([-1, "ERR_HANDLE"]);
});
