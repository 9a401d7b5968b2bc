/** The POSIX host and the C API: UDP, listeners, Unix sockets, and many at once. */
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { describeWith } from "../support/child.ts";
import { atEnd, endPeers, tcpPeer, udpPeer } from "../support/peers.ts";
import { Inbox, until } from "../support/wait.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools } from "./build.ts";
import { Driver, endDrivers, hex } from "./driver.ts";

const HOST = "127.0.0.1";

describeWith(buildTools(), "the POSIX host: UDP, listeners, Unix sockets", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
  }, BUILD_PATIENCE);
  afterEach(async () => {
    await endDrivers();
    await endPeers();
  });

  const portOf = async (driver: Driver, sock: number): Promise<number> =>
    Number(/(\d+)$/.exec(await driver.call("local", sock))?.[1]);

  describe("UDP", () => {
    test.each([HOST, "::1"])("datagrams go out and come in with their sender, %s", async (address) => {
      const echo = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address), address);
      const driver = await Driver.start(folder);
      const sock = await driver.open("udpbind", address, 0);
      expect(await driver.call("local", sock)).toMatch(address === HOST ? /^127\.0\.0\.1:\d+$/ : /^\[::1\]:\d+$/);
      expect(await driver.call("remote", sock)).toBe("");
      expect(await driver.call("sendto", sock, address, echo.port, "hello")).toBe("5");
      await driver.waitFor(`datagram ${sock} 5 ${hex("hello")} ${address} ${echo.port}`);
      expect(await driver.call("sendto", sock, address, echo.port)).toBe("0");
      await driver.waitFor(`datagram ${sock} 0 - ${address} ${echo.port}`);
      expect(await driver.call("fillto", sock, address, echo.port, 60_000)).toBe("60000");
      await driver.waitFor(`datagram ${sock} 60000 - ${address} ${echo.port}`);
      expect(await driver.call("stats", sock)).toBe("60005 60005 0 0");
      expect(await driver.call("close", sock)).toBe("0");
    });

    test("what can't be is refused", async () => {
      const driver = await Driver.start(folder);
      const taken = await udpPeer(() => {}, HOST);
      expect(await driver.call("udpbind", HOST, taken.port)).toBe("-1 ERR_IN_USE");
      expect(await driver.call("udpbind", "localhost", 0)).toBe("-1 ERR_ADDRESS");
      const sock = await driver.open("udp", 0);
      expect(await driver.call("sendto", sock, "localhost", 9, "x")).toBe("-1 ERR_ADDRESS");
      expect(await driver.call("sendto", sock, HOST, 0, "x")).toBe("-1 ERR_PORT");
      expect(await driver.call("sendto", sock, "::1", 9, "x")).toBe("-1 ERR_UNREACHABLE");
      expect(await driver.call("fillto", sock, HOST, 9, 65_508)).toBe("-1 ERR_TOO_LARGE");
      expect(await driver.call("udpsend", sock, "x")).toBe("-1 ERR_ADDRESS");
      expect(await driver.call("send", sock, "x")).toBe("-1 ERR_HANDLE");
    });

    test("with a peer it goes there, and only what comes from there is observed", async () => {
      const got = new Inbox<[string, number]>("a datagram");
      const peer = await udpPeer((data, from) => got.push([data.toString(), from.port]));
      const stranger = await udpPeer(() => {});
      const driver = await Driver.start(folder);
      const sock = await driver.open("udpbind", HOST, 0);
      const own = await portOf(driver, sock);
      await driver.call("pause", sock); /* so that what comes too early waits */
      await new Promise<void>((resolve) => stranger.socket.send("too early", own, HOST, () => resolve()));
      expect(await driver.call("udpconnect", sock, HOST, peer.port)).toBe("0");
      expect(await driver.call("remote", sock)).toBe(`${HOST}:${peer.port}`);
      expect(await driver.call("udpsend", sock, "hello")).toBe("5");
      expect(await got.next()).toEqual(["hello", own]);
      stranger.socket.send("not for you", own, HOST);
      peer.socket.send("for you", own, HOST);
      await driver.call("resume", sock);
      await driver.waitFor(`datagram ${sock} 7 ${hex("for you")} ${HOST} ${peer.port}`);
      expect(driver.events).toHaveLength(1);
    });

    test("nobody there: that is reported, and the socket lives on", async () => {
      const gone = createSocket("udp4");
      await new Promise<void>((resolve) => gone.bind(0, HOST, resolve));
      const driver = await Driver.start(folder);
      const sock = await driver.open("udpbind", HOST, 0);
      await driver.call("udpconnect", sock, HOST, gone.address().port);
      await new Promise<void>((resolve) => gone.close(resolve));
      await driver.call("udpsend", sock, "hello?");
      await driver.waitFor(RegExp(`^error ${sock} ERR_REFUSED \\d -1$`));
      const echo = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
      await driver.call("udpconnect", sock, HOST, echo.port);
      expect(await driver.call("udpsend", sock, "hello!")).toBe("6");
      await driver.waitFor(`datagram ${sock} 6 ${hex("hello!")} ${HOST} ${echo.port}`);
    });
  });

  describe("listeners", () => {
    function call(where: number | string): { socket: Socket; got: () => string; said: Inbox<string> } {
      const socket = typeof where === "number" ? connect(where, HOST) : connect(where);
      const said = new Inbox<string>("what the client says");
      let got = "";
      socket.on("data", (data: Buffer) => {
        got += data.toString();
      });
      socket.on("end", () => said.push("end"));
      socket.on("error", (error: NodeJS.ErrnoException) => said.push(String(error.code)));
      atEnd(() => socket.destroy());
      return { socket, got: () => got, said };
    }

    test.each([HOST, "localhost", "*"])("on %s: accepted, connected, data, end", async (host) => {
      const driver = await Driver.start(folder);
      const listener = await driver.open("listen", host, 0);
      await driver.waitFor(`connected ${listener}`);
      await driver.call("echo", listener);
      const address = await driver.call("local", listener);
      expect(address).toMatch(host === "*" ? /^\[::\]:|^0\.0\.0\.0:/ : /:\d+$/);
      const at = await portOf(driver, listener);
      const { socket, got } = address.startsWith("[::1]") ? { socket: connect(at, "::1"), got: undefined } : call(at);
      socket.on("error", () => {});
      atEnd(() => socket.destroy());
      socket.write("hello");
      const accepted = Number((await driver.waitFor(/^accepted \d+ /)).split(" ")[1]);
      await driver.waitFor(`data ${accepted} 5 ${hex("hello")}`);
      if (got !== undefined) await until(() => got() === "hello", "the echo");
      expect(await driver.call("remote", accepted)).toMatch(RegExp(`:${socket.localPort}$`));
      expect(await driver.call("target", accepted)).toBe("");
      expect(await driver.call("reconnect", accepted, 1)).toBe("-1 ERR_HANDLE");
      expect(await driver.call("pause", listener)).toBe("-1 ERR_HANDLE");
      expect((await driver.call("stats", listener)).split(" ")[2]).toBe("1");
      socket.end();
      await driver.waitFor(`disconnected ${accepted} 0 clean 0 -1`);
      expect(driver.events.filter((it) => it.includes(` ${accepted}`)).map((it) => it.split(" ")[0])).toEqual([
        "accepted",
        "connected",
        "data",
        "disconnected",
      ]);
    });

    test("what is taken, is nowhere here, or has no name", async () => {
      const taken = await tcpPeer(() => {});
      const driver = await Driver.start(folder);
      const first = await driver.open("listen", HOST, taken.port);
      await driver.waitFor(`error ${first} ERR_IN_USE 1 -1`);
      await driver.waitFor(`disconnected ${first} ERR_IN_USE unclean 0 -1`);
      const second = await driver.open("listen", "192.0.2.1", 0);
      await driver.waitFor(`error ${second} ERR_HOST 1 -1`);
      const third = await driver.open("listen", "no-such-host.invalid", 0);
      await driver.waitFor(RegExp(`^error ${third} ERR_NAME_(NOT_FOUND|FAILED) 1 -1$`));
    });

    test("a connection for which there is no place is dropped, and that is reported", async () => {
      const driver = await Driver.start(folder, "sockets=2");
      const listener = await driver.open("listen", HOST, 0);
      await driver.waitFor(`connected ${listener}`);
      const at = await portOf(driver, listener);
      call(at);
      const accepted = Number((await driver.waitFor(/^accepted \d+ /)).split(" ")[1]);
      const { said } = call(at);
      expect(["end", "ECONNRESET"]).toContain(await said.next());
      await driver.waitFor(`error ${listener} ERR_LIMIT 8 -1`);
      await driver.call("close", accepted);
      await driver.waitFor(RegExp(`^disconnected ${accepted} `));
      call(at);
      await until(() => driver.events.filter((it) => it.startsWith("accepted")).length === 2, "another connection");
    });

    test("a listener that is closed: no more connections, and those there are live on", async () => {
      const driver = await Driver.start(folder);
      const listener = await driver.open("listen", HOST, 0);
      await driver.call("echo", listener);
      await driver.waitFor(`connected ${listener}`);
      const at = await portOf(driver, listener);
      const first = call(at);
      await driver.waitFor(/^accepted/);
      expect(await driver.call("close", listener)).toBe("0");
      expect(await call(at).said.next()).toBe("ECONNREFUSED");
      first.socket.write("still here");
      await until(() => first.got() === "still here", "the echo");
    });

    /** The timer that Linux has set for the connection between two local ports: "02" is that of keepalive. */
    function timerOf(own: string, peer: string): string | undefined {
      const port = (address: string): string =>
        Number(address.split(":")[1]).toString(16).toUpperCase().padStart(4, "0");
      const ends = RegExp(` [0-9A-F]+:${port(own)} [0-9A-F]+:${port(peer)} \\S+ \\S+ (\\d\\d):`);
      return ends.exec(readFileSync("/proc/net/tcp", "utf8"))?.[1];
    }

    /* Timers of keep-alive are seen in /proc, which Linux has. */
    (existsSync("/proc/net/tcp") ? test : test.skip).each([
      ["keepalive=5", "02"],
      ["keepalive=0", "00"],
    ])("%s, of connections made and accepted", async (option, timer) => {
      const driver = await Driver.start(folder, option);
      const listener = await driver.open("listen", HOST, 0);
      await driver.waitFor(`connected ${listener}`);
      const sock = await driver.open("tcp", HOST, await portOf(driver, listener));
      await driver.waitFor(`connected ${sock}`);
      const accepted = Number((await driver.waitFor(/^accepted/)).split(" ")[1]);
      const [local, remote] = [await driver.call("local", sock), await driver.call("remote", sock)];
      expect(await driver.call("local", accepted)).toBe(remote);
      await until(() => timerOf(local, remote) === timer, `timer ${timer} of the one made`);
      await until(() => timerOf(remote, local) === timer, `timer ${timer} of the one accepted`);
    });

    test("2,000 connections at once, accepted and made", async () => {
      const driver = await Driver.start(folder, "sockets=4100", "recvBuffer=4096");
      const listener = await driver.open("listen", HOST, 0);
      await driver.waitFor(`connected ${listener}`);
      const at = await portOf(driver, listener);
      await driver.call("echo", listener);
      const socks: number[] = [];
      for (let n = 0; n < 2000; n++) socks.push(await driver.open("tcp", HOST, at));
      await until(
        () => driver.events.filter((it) => it.startsWith("connected")).length === 4001,
        "4,001 times connected",
      );
      for (const sock of socks) await driver.call("send", sock, `n${sock}`);
      await until(() => driver.events.filter((it) => it.startsWith("data")).length === 4000, "4,000 pieces");
      const observed = new Set(driver.events);
      for (const sock of socks) expect(observed.has(`data ${sock} ${`n${sock}`.length} ${hex(`n${sock}`)}`)).toBe(true);
      for (const sock of socks) await driver.call("close", sock);
      await until(() => driver.events.filter((it) => / 0 clean 0 -1$/.test(it)).length === 4000, "4,000 ends");
    }, 90_000);
  });

  describe("Unix sockets", () => {
    const newFolder = (): string => {
      const made = mkdtempSync(join(tmpdir(), "twinwire-"));
      atEnd(() => rmSync(made, { recursive: true, force: true }));
      return made;
    };

    test("they connect, accept, talk, and are named by their path", async () => {
      const path = join(newFolder(), "s");
      const driver = await Driver.start(folder);
      const listener = await driver.open("listenunix", path);
      await driver.waitFor(`connected ${listener}`);
      await driver.call("echo", listener);
      const sock = await driver.open("unix", path);
      await driver.waitFor(`connected ${sock}`);
      await driver.call("send", sock, "hello");
      await driver.waitFor(`data ${sock} 5 ${hex("hello")}`);
      const accepted = Number((await driver.waitFor(/^accepted/)).split(" ")[1]);
      expect(await driver.call("local", listener)).toBe(path);
      expect(await driver.call("remote", sock)).toBe(path);
      expect(await driver.call("local", sock)).toBe("");
      expect(await driver.call("local", accepted)).toBe(path);
      expect(await driver.call("target", sock)).toBe(path);
      await driver.call("close", sock);
      await driver.waitFor(`disconnected ${accepted} 0 clean 0 -1`);
      await driver.call("close", listener);
      await until(() => !existsSync(path), "the end of the path");
    });

    test("nothing there, nobody there, no path at all; what lies there stays", async () => {
      const path = join(newFolder(), "s");
      const driver = await Driver.start(folder);
      const first = await driver.open("unix", path);
      await driver.waitFor(`error ${first} ERR_NOT_FOUND 2 -1`);
      writeFileSync(path, "precious");
      const second = await driver.open("unix", path);
      await driver.waitFor(`error ${second} ERR_REFUSED 2 -1`);
      const third = await driver.open("listenunix", path);
      await driver.waitFor(`error ${third} ERR_IN_USE 1 -1`);
      expect(existsSync(path)).toBe(true);
      expect(await driver.call("unix", "x".repeat(108))).toBe("-1 ERR_PATH");
    });
  });
});
