/** What every adapter has to pass of UDP sockets with an address or a peer, of look-ups, and of a socket's options. */
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Port, SocketOptions } from "../../adapters/port.ts";
import { AddressOf, Close, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { differs } from "../support/host.ts";
import { atEnd, endPeers, tcpPeer, udpPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { attach, FIRST_ACCEPTED, listen } from "./recorder.ts";

const HOST = "127.0.0.1";
const bytes = (text: string): Buffer => Buffer.from(text);

export function peerSuite(name: string, createPort: () => Port): void {
  afterEach(endPeers);

  function open(port: Port, handle: number, address: string, at = 0): number {
    const result = port.open(handle, SocketKind.UDP, address, at, {});
    if (result === 0) atEnd(() => port.close(handle, Close.ABORT));
    return result;
  }

  describe(`${name}: UDP with an address`, () => {
    test.each([HOST, "::1"])("%s", async (address) => {
      const echo = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address), address);
      const { port, recorder } = attach(createPort);
      expect(open(port, 1, address)).toBe(0);
      expect(port.address(1, AddressOf.LOCAL)).toMatch(address === HOST ? /^127\.0\.0\.1:\d+$/ : /^\[::1\]:\d+$/);
      expect(port.sendTo(1, address, echo.port, bytes("hi"))).toBe(2);
      await recorder.waitFor(`datagram 1 hi ${address} ${echo.port}`);
    });

    test("both families by one handle", async () => {
      const echoes = await Promise.all(
        [HOST, "::1"].map((address) =>
          udpPeer((data, from, socket) => socket.send(data, from.port, from.address), address),
        ),
      );
      const { port, recorder } = attach(createPort);
      expect(open(port, 1, "")).toBe(0);
      for (const [index, address] of [HOST, "::1"].entries()) {
        const echo = echoes[index] as { port: number };
        expect(port.sendTo(1, address, echo.port, bytes("hi"))).toBe(2);
        await recorder.waitFor(`datagram 1 hi ${address} ${echo.port}`);
      }
      expect(port.address(1, AddressOf.LOCAL)).toMatch(/^0\.0\.0\.0:\d+$/);
    });

    test("datagrams received while reading is off are delivered later, in order and bounded", async () => {
      const peer = await udpPeer(() => {});
      const { port, recorder } = attach(createPort);
      open(port, 1, HOST);
      const own = Number(String(port.address(1, AddressOf.LOCAL)).split(":")[1]);
      const send = (text: string): Promise<void> =>
        new Promise((resolve) => peer.socket.send(text, own, HOST, () => resolve()));
      port.read(1, false);
      for (const text of ["one", "two"]) await send(text);
      for (let count = 0; count < 100; count++) await send("x".repeat(10_000));
      await pause(30);
      expect(recorder.observed.all).toEqual([]);
      port.read(1, true);
      await recorder.waitFor(`datagram 1 two ${HOST} ${peer.port}`);
      expect(recorder.observed.all[0]).toBe(`datagram 1 one ${HOST} ${peer.port}`);
      await pause(30);
      expect(recorder.observed.all.length).toBeLessThan(100);
      await send("after");
      await recorder.waitFor(`datagram 1 after ${HOST} ${peer.port}`);
    });

    test("one that is taken, and one that is not here", async () => {
      const { port } = attach(createPort);
      const taken = await udpPeer(() => {});
      expect(open(port, 1, HOST, taken.port)).toBe(Errors.ERR_IN_USE.value);
      expect(port.cause).toHaveProperty("message");
      expect(open(port, 2, "192.0.2.1")).toBeLessThan(0);
    });

    test("the other family is out of its reach", () => {
      const { port } = attach(createPort);
      open(port, 1, HOST);
      open(port, 2, "::1");
      expect(port.sendTo(1, "::1", 9, bytes("x"))).toBe(Errors.ERR_UNREACHABLE.value);
      expect(port.sendTo(2, HOST, 9, bytes("x"))).toBe(Errors.ERR_UNREACHABLE.value);
      expect(port.connectUdp(1, "::1", 9)).toBe(Errors.ERR_UNREACHABLE.value);
    });
  });

  describe(`${name}: broadcasts and multicast`, () => {
    const GROUP = "239.255.77.7";

    /** Opens a socket that shares a port with others. */
    function share(port: Port, handle: number, at: number): number {
      expect(port.open(handle, SocketKind.UDP, "", at, { reuseAddress: true })).toBe(0);
      atEnd(() => port.close(handle, Close.ABORT));
      return Number(String(port.address(handle, AddressOf.LOCAL)).split(":")[1]);
    }

    test("members of a group at one port get what is sent to it, until they leave", async () => {
      const { port, recorder } = attach(createPort);
      const at = share(port, 1, 0);
      share(port, 2, at);
      for (const handle of [1, 2]) {
        expect(port.setUdpOption?.(handle, { join: GROUP, interface: HOST })).toBe(0);
        expect(port.setUdpOption?.(handle, { multicastInterface: HOST })).toBe(0);
        expect(port.setUdpOption?.(handle, { multicastTtl: 1 })).toBe(0);
        expect(port.setUdpOption?.(handle, { multicastLoopback: true })).toBe(0);
      }
      expect(port.sendTo(1, GROUP, at, bytes("all"))).toBe(3);
      await recorder.waitFor(`datagram 1 all ${HOST} ${at}`);
      await recorder.waitFor(`datagram 2 all ${HOST} ${at}`);
      expect(port.setUdpOption?.(2, { leave: GROUP, interface: HOST })).toBe(0);
      expect(port.setUdpOption?.(1, { leave: GROUP, interface: HOST })).toBe(0);
      const before = recorder.observed.all.length;
      port.sendTo(1, GROUP, at, bytes("nobody"));
      await pause(50);
      expect(recorder.observed.all).toHaveLength(before);
    });

    test("a broadcast leaves once it is allowed", async () => {
      const { port, recorder } = attach(createPort);
      open(port, 1, "");
      const own = Number(String(port.address(1, AddressOf.LOCAL)).split(":")[1]);
      expect(port.setUdpOption?.(1, { broadcast: true })).toBe(0);
      expect(port.sendTo(1, "127.255.255.255", own, bytes("hi"))).toBe(2);
      await recorder.waitFor(`datagram 1 hi ${HOST} ${own}`);
    });

    test("what is no group, and no interface, is refused with a cause", () => {
      const { port } = attach(createPort);
      open(port, 1, "");
      for (const join of ["10.1.2.3", "name.example", ""]) {
        expect([join, port.setUdpOption?.(1, { join, interface: HOST })]).toEqual([join, Errors.ERR_ADDRESS.value]);
        expect(port.cause).toHaveProperty("message");
      }
      expect(port.setUdpOption?.(1, { leave: GROUP, interface: HOST })).toBe(Errors.ERR_ADDRESS.value);
      open(port, 2, "::1");
      expect(port.setUdpOption?.(2, { join: GROUP })).toBe(Errors.ERR_UNREACHABLE.value);
      expect(port.setUdpOption?.(9, { broadcast: true })).toBe(Errors.ERR_STATE.value);
    });
  });

  describe(`${name}: UDP with a peer`, () => {
    test.each(["", HOST, "::1"])(
      "bound to %j: it goes there, and only what comes from there is observed",
      async (address) => {
        const there = address === "" ? HOST : address;
        const got = new Inbox<[string, number]>("a datagram");
        const peer = await udpPeer((data, from) => got.push([data.toString(), from.port]), there);
        const stranger = await udpPeer(() => {}, there);
        const { port, recorder } = attach(createPort);
        open(port, 1, address);
        expect(port.address(1, AddressOf.REMOTE)).toBe(Errors.ERR_STATE.value);
        expect(port.sendTo(1, "", 0, bytes("x"))).toBe(Errors.ERR_STATE.value);
        expect(port.connectUdp(1, there, peer.port)).toBe(0);
        expect(port.address(1, AddressOf.REMOTE)).toBe(there === HOST ? `${HOST}:${peer.port}` : `[::1]:${peer.port}`);
        expect(port.sendTo(1, "", 0, bytes("hello"))).toBe(5);
        const [text, own] = await got.next();
        expect(text).toBe("hello");
        expect(port.address(1, AddressOf.LOCAL)).toMatch(RegExp(`:${own}$`));
        stranger.socket.send("not for you", own, there);
        await pause(20);
        peer.socket.send("for you", own, there);
        await recorder.waitFor(`datagram 1 for you ${there} ${peer.port}`);
        expect(recorder.observed.all).toHaveLength(1);
      },
    );

    test("datagrams from before there was a peer are dropped", async () => {
      const stranger = await udpPeer(() => {});
      const peer = await udpPeer(() => {});
      const { port, recorder } = attach(createPort);
      open(port, 1, HOST);
      const own = Number(String(port.address(1, AddressOf.LOCAL)).split(":")[1]);
      await new Promise<void>((resolve) => stranger.socket.send("too early", own, HOST, () => resolve()));
      port.connectUdp(1, HOST, peer.port);
      peer.socket.send("in time", own, HOST);
      await recorder.waitFor(`datagram 1 in time ${HOST} ${peer.port}`);
      expect(recorder.observed.all).toHaveLength(1);
    });

    test("no socket at the peer: an error is delivered, and the socket lives on", async () => {
      const gone = createSocket("udp4");
      await new Promise<void>((resolve) => gone.bind(0, HOST, resolve));
      const { port, recorder } = attach(createPort);
      open(port, 1, HOST);
      port.connectUdp(1, HOST, gone.address().port);
      await new Promise<void>((resolve) => gone.close(resolve));
      port.sendTo(1, "", 0, bytes("hello?"));
      if (!differs("udp-silent")) await recorder.waitFor(`failed 1 ${Errors.ERR_REFUSED.value}`);
      const again = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
      expect(port.connectUdp(1, HOST, again.port)).toBe(0);
      expect(port.sendTo(1, "", 0, bytes("hello!"))).toBe(6);
      await recorder.waitFor(`datagram 1 hello! ${HOST} ${again.port}`);
    });
  });

  describe(`${name}: look-ups`, () => {
    test("a name, its families, and literal addresses", async () => {
      const { port } = attach(createPort);
      expect(await port.resolve("localhost", 4)).toEqual({ error: 0, addresses: [HOST] });
      const all = await port.resolve("localhost", 0);
      expect(all.error).toBe(0);
      expect([HOST, "::1"]).toEqual(expect.arrayContaining([...all.addresses]));
      expect(await port.resolve(HOST, 0)).toEqual({ error: 0, addresses: [HOST] });
      expect(await port.resolve("::1", 6)).toEqual({ error: 0, addresses: ["::1"] });
    });

    test("a name that does not exist", async () => {
      const { port } = attach(createPort);
      const { error, addresses, cause } = await port.resolve("no-such-host.invalid", 0);
      expect([Errors.ERR_NAME_NOT_FOUND.value, Errors.ERR_NAME_FAILED.value]).toContain(error);
      expect(addresses).toEqual([]);
      expect(cause).toHaveProperty("message");
    });
  });

  /** The timer that Linux has set for the connection from a local port: "02" is that of keepalive. */
  function timerOf(port: Port, handle: number): string | undefined {
    const own = Number(String(port.address(handle, AddressOf.LOCAL)).split(":")[1]);
    const peer = Number(String(port.address(handle, AddressOf.REMOTE)).split(":")[1]);
    const hex = (it: number): string => it.toString(16).toUpperCase().padStart(4, "0");
    const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
    const line = lines.find(
      (it) => it.includes(`:${hex(own)} `) && it.includes(`:${hex(peer)} `) && localOf(it) === hex(own),
    );
    return line?.trim().split(/ +/)[5]?.slice(0, 2);
  }

  /* Timers of keep-alive are seen in /proc, which Linux has. */
  (existsSync("/proc/net/tcp") ? describe : describe.skip)(`${name}: keepalive`, () => {
    test.each<[SocketOptions, string]>([
      [{}, "00"],
      [{ keepAlive: false }, "00"],
      [{ keepAlive: true }, "02"],
      [{ keepAlive: { initialDelayMs: 5000 } }, "02"],
    ])("of connections made and accepted, %j", async (options, timer) => {
      const server = await tcpPeer(() => {});
      const { port, recorder } = attach(createPort);
      port.open(1, SocketKind.TCP, HOST, server.port, options);
      atEnd(() => port.close(1, Close.ABORT));
      await recorder.waitFor("connected 1");
      await until(() => timerOf(port, 1) === timer, `timer ${timer}`);
      port.open(4, SocketKind.TCP, HOST, server.port, options, {});
      atEnd(() => port.close(4, Close.ABORT));
      await recorder.waitFor("connected 4");
      await until(() => timerOf(port, 4) === timer, `timer ${timer} beneath TLS`);
      const at = await listen(port, recorder, 2, { options });
      port.open(3, SocketKind.TCP, HOST, at, {});
      atEnd(() => port.close(3, Close.ABORT));
      await recorder.waitFor(`accepted ${FIRST_ACCEPTED} by 2`);
      await until(() => timerOf(port, FIRST_ACCEPTED) === timer, `timer ${timer}`);
    });
  });
}

function localOf(line: string): string | undefined {
  return line.trim().split(/ +/)[1]?.split(":")[1];
}
