/** The POSIX host and the C API: TLS as client, as server and in place, against node:tls and the openssl program. */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket, TLSSocket as TlsSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { WebSocketServer } from "ws";
import { certificates, HOST, tlsPeer } from "../adapters/tls-support.ts";
import type { Certificates, Identity } from "../api/certificates.ts";
import { describeWith, findTool, portFrom, startChild } from "../support/child.ts";
import { atEnd, endPeers, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools } from "./build.ts";
import { Driver, endDrivers, hex } from "./driver.ts";

const MIB = 1_048_576;

describeWith(buildTools(), "the POSIX host: TLS", () => {
  let folder = "";
  let files = "";
  let all: Certificates;
  beforeAll(async () => {
    folder = await buildSanitized();
    all = certificates();
    files = mkdtempSync(join(tmpdir(), "twinwire-tls-"));
    writeFileSync(join(files, "ca"), all.ca);
    for (const name of ["good", "otherName", "expired", "selfSigned", "client"] as const) {
      writeFileSync(join(files, name), all[name].cert);
      writeFileSync(join(files, `${name}.key`), all[name].key);
    }
  }, BUILD_PATIENCE);
  afterAll(() => rmSync(files, { recursive: true, force: true }));
  afterEach(async () => {
    await endDrivers();
    await endPeers();
  });

  const ca = (): string => `ca=${join(files, "ca")}`;
  const identity = (name: string): string[] => [`cert=${join(files, name)}`, `key=${join(files, `${name}.key`)}`];
  const pinOf = ({ cert }: Identity): string => new X509Certificate(cert).fingerprint256;

  /** Both ways into TLS: from the start, or put upon an open connection. */
  async function dial(driver: Driver, way: string, at: number, options: string[], host = "localhost"): Promise<number> {
    if (way === "from the start") return driver.open("tcps", host, at, ...options);
    const sock = await driver.open("tcp", host, at);
    await driver.waitFor(`connected ${sock}`);
    expect(await driver.call("starttls", sock, "-", ...options)).toBe("0");
    return sock;
  }
  const ready = (way: string, sock: number): string => (way === "in place" ? `secured ${sock}` : `connected ${sock}`);

  describe.each(["from the start", "in place"])("as client, %s", (way) => {
    test("bytes go both ways, and what was agreed on is known", async () => {
      const names = new Inbox<string | false | null>("a name");
      const at = await tlsPeer({ ...all.good, ALPNProtocols: ["b", "a"] }, (socket) => {
        names.push(socket.servername);
        socket.pipe(socket);
      });
      const driver = await Driver.start(folder);
      const sock = await dial(driver, way, at, [ca(), "alpn=a", "alpn=c"]);
      await driver.waitFor(ready(way, sock));
      expect(await names.next()).toBe("localhost");
      expect(await driver.call("tlsinfo", sock)).toMatch(
        RegExp(`^a TLSv1\\.3 TLS_[A-Z0-9_]+ ${pinOf(all.good)} authorized$`),
      );
      expect(await driver.call("send", sock, "hello")).toBe("5");
      await driver.waitFor(`data ${sock} 5 ${hex("hello")}`);
      await driver.call("close", sock);
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
    });

    test.each<[string, string, () => [object, string[]]]>([
      ["another name", "ERR_TLS_NAME", () => [all.otherName, [ca()]]],
      ["not that address", "ERR_TLS_NAME", () => [all.good, [ca(), "servername=192.0.2.7"]]],
      ["expired", "ERR_TLS_EXPIRED", () => [all.expired, [ca()]]],
      ["self-signed", "ERR_TLS_UNTRUSTED", () => [all.selfSigned, [ca()]]],
      ["an authority that nobody knows", "ERR_TLS_UNTRUSTED", () => [all.good, []]],
      ["not the pinned one", "ERR_TLS_PIN", () => [all.good, [ca(), `pin=${"ab".repeat(32)}`]]],
      ["not the pinned one, unverified", "ERR_TLS_PIN", () => [all.good, [`pin=${"ab".repeat(32)}`, "any"]]],
      ["no common version", "ERR_TLS", () => [{ ...all.good, maxVersion: "TLSv1.2" }, [ca(), "13"]]],
      ["no common protocol", "ERR_TLS", () => [{ ...all.good, ALPNProtocols: ["b"] }, [ca(), "alpn=a"]]],
    ])("refused: %s", async (_what, code, choose) => {
      const [server, options] = choose();
      const at = await tlsPeer(server);
      const driver = await Driver.start(folder);
      const sock = await dial(driver, way, at, options);
      await driver.waitFor(`error ${sock} ${code} 7 -1`);
      await driver.waitFor(RegExp(`^disconnected ${sock} ${code} unclean`));
      expect(await driver.call("reason")).not.toBe("");
    });

    test.each<[string, () => [object, string[]]]>([
      ["the name by servername", () => [all.otherName, [ca(), "servername=elsewhere.example"]]],
      ["unverified", () => [all.expired, ["any"]]],
      ["a self-signed one as its own authority", () => [all.selfSigned, [`ca=${join(files, "selfSigned")}`]]],
      ["pinned, with colons", () => [all.good, [ca(), `pin=${pinOf(all.good)}`]]],
      ["pinned, unverified, plain hex", () => [all.selfSigned, ["any", `pin=${plainPin(all.selfSigned)}`]]],
      ["TLS 1.2", () => [{ ...all.good, maxVersion: "TLSv1.2" }, [ca()]]],
      ["by address", () => [all.good, [ca(), "servername=127.0.0.1"]]],
    ])("accepted: %s", async (_what, choose) => {
      const [server, options] = choose();
      const at = await tlsPeer(server);
      const driver = await Driver.start(folder);
      const sock = await dial(driver, way, at, options);
      await driver.waitFor(ready(way, sock));
      expect(await driver.call("tlsinfo", sock)).toMatch(/authorized$/);
    });

    test("a peer that speaks in the clear, that goes, that says nothing", async () => {
      const driver = await Driver.start(folder);
      const clear = await tcpPeer((socket) => socket.once("data", () => socket.write("220 this is no TLS\r\n")));
      const first = await dial(driver, way, clear.port, [ca()], HOST);
      await driver.waitFor(`error ${first} ERR_TLS 7 -1`);
      const gone = await tcpPeer((socket) => socket.once("data", () => socket.end()));
      const second = await dial(driver, way, gone.port, [ca()], HOST);
      await driver.waitFor(`error ${second} ERR_ENDED 7 -1`);
      const silent = await tcpPeer(() => {});
      const hasty = await Driver.start(folder, "handshakeTimeoutMs=1500");
      const third = await dial(hasty, way, silent.port, [ca()], HOST);
      expect(await hasty.call("send", third, "early")).toBe("-1 ERR_STATE");
      await hasty.waitFor(`error ${third} ERR_TIMEOUT 7 -1`);
    });

    test("much goes out against a slow peer and comes back, and a pause loses nothing", async () => {
      const peers = new Inbox<TLSSocket>("a connection");
      const at = await tlsPeer(all.good, peers.push);
      const driver = await Driver.start(folder);
      const sock = await dial(driver, way, at, [ca()]);
      await driver.waitFor(ready(way, sock));
      const peer = await peers.next();
      await driver.call("quiet", sock);
      /* The buffers of the system may take the first ones. */
      let filled = 0;
      for (let answer = ""; answer !== "-1 ERR_BACKPRESSURE" && filled < 256 * MIB; ) {
        answer = await driver.call("fill", sock, 4 * MIB, "t");
        if (answer === `${4 * MIB}`) filled += 4 * MIB;
        else expect(answer).toBe("-1 ERR_BACKPRESSURE");
      }
      await driver.call("pause", sock);
      peer.pipe(peer);
      await pause(100);
      expect(await driver.call("total", sock)).toMatch(/^0 /);
      await driver.call("resume", sock);
      await driver.receivedSize(sock, filled);
      await driver.waitFor(`drain ${sock}`);
    });
  });

  test("in place, after what was said in the clear", async () => {
    const peer = await tcpPeer((socket) => {
      socket.once("data", () => {
        socket.write("go");
        const secure = new TlsSocket(socket, { isServer: true, ...all.good });
        secure.on("error", () => {});
        secure.pipe(secure);
      });
    });
    const driver = await Driver.start(folder);
    const sock = await driver.open("tcp", HOST, peer.port);
    await driver.waitFor(`connected ${sock}`);
    await driver.call("send", sock, "STARTTLS");
    await driver.waitFor(`data ${sock} 2 ${hex("go")}`);
    expect(await driver.call("starttls", sock, "localhost", ca())).toBe("0");
    await driver.waitFor(`secured ${sock}`);
    await driver.call("send", sock, "secret");
    await driver.waitFor(`data ${sock} 6 ${hex("secret")}`);
    expect(await driver.call("starttls", sock, "localhost", ca())).toBe("-1 ERR_STATE");
  });

  test("options that make no sense are refused at once", async () => {
    const driver = await Driver.start(folder);
    const { port } = await tcpPeer(() => {});
    for (const options of [
      [`ca=${join(files, "good.key")}`],
      ["cert=/nothing"],
      [`cert=${join(files, "good")}`, `key=${join(files, "client.key")}`],
      ["pin=abc"],
    ]) {
      expect(await driver.call("tcps", HOST, port, ...options)).toBe("-1 ERR_ARGUMENT");
    }
    expect(await driver.call("listens", HOST, 0)).toBe("-1 ERR_ARGUMENT");
    expect(await driver.call("ws", "wss://localhost/", "tls", "pin=abc")).toBe("-1 ERR_ARGUMENT");
  });

  describe("as server", () => {
    async function serve(...options: string[]): Promise<{ driver: Driver; at: number; listener: number }> {
      const driver = await Driver.start(folder);
      const listener = await driver.open("listens", HOST, 0, ...identity("good"), ...options);
      await driver.call("echo", listener);
      await driver.waitFor(`connected ${listener}`);
      return { driver, at: Number(/(\d+)$/.exec(await driver.call("local", listener))?.[1]), listener };
    }

    function call(at: number, options: object = {}): { socket: TLSSocket; said: Inbox<string> } {
      const said = new Inbox<string>("what the client says");
      const socket = connectTls({ host: HOST, port: at, ca: all.ca, ...options });
      socket.on("secureConnect", () => said.push("secure"));
      socket.on("data", (data: Buffer) => said.push(data.toString()));
      socket.on("end", () => said.push("end"));
      socket.on("error", (error: NodeJS.ErrnoException) => said.push(`${error.code}`));
      atEnd(() => socket.destroy());
      return { socket, said };
    }

    test("bytes go both ways, also those that come with the end of the handshake", async () => {
      const { driver, at } = await serve("alpn=x", "alpn=y");
      const { socket, said } = call(at, { ALPNProtocols: ["y", "x"] });
      socket.write("early");
      expect(await said.next()).toBe("secure");
      expect(await said.next()).toBe("early");
      expect(socket.alpnProtocol).toBe("x");
      const sock = Number((await driver.waitFor(/^accepted/)).split(" ")[1]);
      expect(await driver.call("tlsinfo", sock)).toMatch(/^x TLSv1\.3 TLS_\S+ - unauthorized$/);
      socket.end();
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
    });

    test("a client without a certificate, or with one that nobody knows, is refused", async () => {
      const { driver, at } = await serve(ca(), "ask");
      call(at);
      const first = Number((await driver.waitFor(/^accepted/)).split(" ")[1]);
      await driver.waitFor(RegExp(`^error ${first} ERR_TLS 7 -1$`));
      driver.events.length = 0;
      call(at, all.selfSigned);
      const second = Number((await driver.waitFor(/^accepted/)).split(" ")[1]);
      await driver.waitFor(RegExp(`^error ${second} ERR_TLS_UNTRUSTED 7 -1$`));
      driver.events.length = 0;
      const { said } = call(at, all.client);
      expect(await said.next()).toBe("secure");
      const third = Number((await driver.waitFor(/^connected/)).split(" ")[1]);
      expect(await driver.call("tlsinfo", third)).toContain(pinOf(all.client));
    });

    test("a client that speaks no TLS", async () => {
      const { driver, at } = await serve();
      const sock = await driver.open("tcp", HOST, at);
      await driver.waitFor(`connected ${sock}`);
      await driver.call("send", sock, "GET-/-HTTP/1.1");
      await driver.waitFor(/^error \d+ ERR_TLS 7 -1$/);
    });

    test("the C client and the C server, 100 connections", async () => {
      const { driver, at } = await serve();
      const socks: number[] = [];
      for (let n = 0; n < 100; n++) socks.push(await driver.open("tcps", HOST, at, ca()));
      await until(() => driver.events.filter((it) => it.startsWith("connected")).length === 201, "201 times connected");
      for (const sock of socks) await driver.call("send", sock, `n${sock}`);
      for (const sock of socks) await driver.waitFor(`data ${sock} ${`n${sock}`.length} ${hex(`n${sock}`)}`);
    });
  });

  describeWith(findTool("openssl", ["openssl"], ["version"]), "and openssl's server", (openssl) => {
    test("bytes go both ways", async () => {
      const [cert = "", key = ""] = identity("good").map((it) => it.replace(/^\w+=/, ""));
      const server = startChild(openssl, ["s_server", "-accept", `${HOST}:0`, "-rev", "-cert", cert, "-key", key]);
      const driver = await Driver.start(folder);
      const sock = await driver.open("tcps", HOST, await portFrom(server.lines, /ACCEPT .*:(\d+)$/), ca());
      await driver.waitFor(`connected ${sock}`);
      await driver.call("send", sock, "stressed");
      await driver.call("shutdown", sock); /* a line without an end: its end is that of the stream */
      await driver.waitFor(RegExp(`^disconnected ${sock} `));
    });
  });

  describe("the end of a stream", () => {
    /** A server that does `then` with each connection once it has sent something. */
    async function served(then: (socket: TLSSocket) => void, ...limits: string[]): Promise<[Driver, number]> {
      const at = await tlsPeer(all.good, (socket) => {
        socket.on("error", () => {});
        socket.once("data", () => then(socket));
      });
      const driver = await Driver.start(folder, ...limits);
      const sock = await driver.open("tcps", "localhost", at, ca());
      await driver.waitFor(`connected ${sock}`);
      return [driver, sock];
    }
    const under = (socket: TLSSocket): Socket => (socket as unknown as { _parent: Socket })._parent;

    test("with close_notify is clean", async () => {
      const [driver, sock] = await served((socket) => socket.end("bye"));
      await driver.call("send", sock, "go");
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
      expect(driver.events).toContain(`data ${sock} 3 ${hex("bye")}`);
    });

    test("without close_notify is ERR_ENDED, behind the data", async () => {
      const [driver, sock] = await served((socket) => {
        socket.write("bye");
        setTimeout(() => under(socket).end(), 20);
      });
      await driver.call("send", sock, "go");
      await driver.waitFor(`disconnected ${sock} ERR_ENDED unclean 0 -1`);
      expect(driver.events).toContain(`data ${sock} 3 ${hex("bye")}`);
    });

    test("by a reset is ERR_RESET", async () => {
      const [driver, sock] = await served((socket) => {
        socket.write("bye");
        setTimeout(() => under(socket).resetAndDestroy(), 20);
      });
      await driver.call("send", sock, "go");
      await driver.waitFor(`disconnected ${sock} ERR_RESET unclean 0 -1`);
    });

    test.each(["recvBuffer=1024", "recvBuffer=65536"])("is not lost while reading is paused (%s)", async (limit) => {
      const size = 7 * 1024 + 10;
      const [driver, sock] = await served((socket) => socket.end(Buffer.alloc(size, "x")), limit);
      await driver.call("pause", sock);
      await driver.call("send", sock, "go");
      await pause(150);
      await driver.call("resume", sock);
      await driver.waitFor(`disconnected ${sock} 0 clean 0 -1`);
      await driver.receivedSize(sock, size);
    });
  });

  test("a client and a server without a protocol in common fail, and nothing is read behind their lists", async () => {
    const driver = await Driver.start(folder);
    const listener = await driver.open("listens", HOST, 0, ...identity("good"), "alpn=mqtt");
    await driver.waitFor(`connected ${listener}`);
    const at = Number((await driver.call("local", listener)).split(":").pop());
    const sock = await driver.open("tcps", "localhost", at, ca(), "alpn=h2", "alpn=x");
    await driver.waitFor(`error ${sock} ERR_TLS 7 -1`);
  });

  describe("wss:", () => {
    async function secureWs(): Promise<string> {
      const server = createHttps(all.good);
      const wss = new WebSocketServer({ server });
      wss.on("connection", (socket) => {
        socket.on("error", () => {});
        socket.on("message", (data, binary) => socket.send(data, { binary }));
      });
      await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
      atEnd(() => {
        for (const socket of wss.clients) socket.terminate();
        return new Promise<void>((resolve) => server.close(() => resolve()));
      });
      return `wss://localhost:${(server.address() as AddressInfo).port}/`;
    }

    test("messages go both ways", async () => {
      const driver = await Driver.start(folder);
      const conn = await driver.open("ws", await secureWs(), "tls", ca());
      await driver.waitFor(`connected ${conn}`);
      await driver.call("wssend", conn, "hello");
      await driver.waitFor(`message ${conn} 5 ${hex("hello")} text first final`);
      await driver.call("wsclose", conn);
      await driver.waitFor(`disconnected ${conn} 1000 clean 0 -1`);
    });

    test("a server that nobody vouches for is refused", async () => {
      const driver = await Driver.start(folder);
      const conn = await driver.open("ws", await secureWs());
      await driver.waitFor(`error ${conn} ERR_TLS_UNTRUSTED 7 -1 0`);
    });
  });

  function plainPin(of: Identity): string {
    return pinOf(of).replaceAll(":", "").toLowerCase();
  }
});
