/** The POSIX host and the C API: WebSocket, against npm `ws`. */
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { WebSocket } from "ws";
import { describeWith } from "../support/child.ts";
import { endPeers, rawWsPeer, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, until } from "../support/wait.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools } from "./build.ts";
import { Driver, endDrivers, hex } from "./driver.ts";

/** A frame from a server, RFC 6455 5.2; at most 65,535 bytes. */
function frame(opcode: number, payload: Buffer, final = true): Buffer {
  const head = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | opcode, ...head]), payload]);
}

describeWith(buildTools(), "the POSIX host: WebSocket", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
  }, BUILD_PATIENCE);
  afterEach(async () => {
    await endDrivers();
    await endPeers();
  });

  async function pair(...words: string[]): Promise<{ driver: Driver; conn: number; peer: WebSocket; url: string }> {
    const accepted = new Inbox<WebSocket>("a connection");
    const { url } = await wsPeer(accepted.push);
    const driver = await Driver.start(folder);
    const conn = await driver.open("ws", url, ...words);
    const peer = await accepted.next();
    await driver.waitFor(`connected ${conn}`);
    return { driver, conn, peer, url };
  }

  test("text, binary, fragments, pings and the close handshake", async () => {
    const { driver, conn, peer } = await pair();
    const got = new Inbox<[string, boolean]>("a message");
    peer.on("message", (data: Buffer, binary) => got.push([data.toString(), binary]));
    expect(await driver.call("wsstate", conn)).toBe("open");
    expect(await driver.call("wssend", conn, "grüße")).toBe("7");
    expect(await got.next()).toEqual(["grüße", false]);
    expect(await driver.call("wsbinary", conn, "bytes")).toBe("5");
    expect(await got.next()).toEqual(["bytes", true]);
    await driver.call("wsfragment", conn, "in-two-");
    expect(await driver.call("wssend", conn, "between")).toBe("-1 ERR_STATE");
    await driver.call("wsfragment", conn, "parts", "final");
    expect(await got.next()).toEqual(["in-two-parts", false]);
    peer.send("hello");
    await driver.waitFor(`message ${conn} 5 ${hex("hello")} text first final`);
    peer.send(Buffer.from("raw"));
    await driver.waitFor(`message ${conn} 3 ${hex("raw")} binary first final`);
    expect(await driver.call("wsping", conn, "beat")).toBe("0");
    await driver.waitFor(`pong ${conn} 4 ${hex("beat")}`);
    expect(await driver.call("wsping", conn, "x".repeat(126))).toBe("-1 ERR_ARGUMENT");
    peer.ping("you?");
    await driver.waitFor(`ping ${conn} 4 ${hex("you?")}`);
    const closed = new Inbox<[number, string]>("the close");
    peer.on("close", (code, reason) => closed.push([code, reason.toString()]));
    expect(await driver.call("wsclose", conn, 999)).toBe("-1 ERR_ARGUMENT");
    expect(await driver.call("wsclose", conn, 3001, "enough")).toBe("0");
    expect(await closed.next()).toEqual([3001, "enough"]);
    await driver.waitFor(`disconnected ${conn} 3001 clean 0 -1`);
    expect(await driver.call("wssend", conn, "late")).toBe("-1 ERR_HANDLE");
    expect(await driver.call("wsstate", conn)).toBe("closed");
  });

  test("the server closes", async () => {
    const { driver, conn, peer } = await pair();
    peer.close(3002, "bye");
    await driver.waitFor(`disconnected ${conn} 3002 clean 0 -1`);
    expect(driver.events).toEqual([
      `connected ${conn}`,
      `closing ${conn} 3002 bye`,
      `disconnected ${conn} 3002 clean 0 -1`,
    ]);
  });

  test("headers, credentials and subprotocols go out; the chosen one is known", async () => {
    const requests = new Inbox<IncomingMessage>("a request");
    const { url } = await wsPeer((_, request) => requests.push(request), { handleProtocols: () => "chat.v1" });
    const driver = await Driver.start(folder);
    const conn = await driver.open(
      ...["ws", url, "protocol=chat.v2", "protocol=chat.v1", "header=X-Token:abc", "user=me", "password=se:cret"],
    );
    const { headers } = await requests.next();
    expect(headers["x-token"]).toBe("abc");
    expect(headers["sec-websocket-protocol"]).toMatch(/^chat\.v2, ?chat\.v1$/);
    expect(headers.authorization).toBe(`Basic ${Buffer.from("me:se:cret").toString("base64")}`);
    await driver.waitFor(`connected ${conn}`);
    expect(await driver.call("wsprotocol", conn)).toBe("chat.v1");
    expect(await driver.call("ws", url, "header=Host:x")).toBe("-1 ERR_HEADER");
    expect(await driver.call("ws", url, "tls", "any")).toBe("-1 ERR_ARGUMENT");
    expect(await driver.call("ws", "http://localhost/")).toBe("-1 ERR_URL");
    expect(await driver.call("ws", "ws://localhost:99999/")).toBe("-1 ERR_PORT");
  });

  describe("messages that come in pieces", () => {
    test.each([70_000, 1_000_000, 2_000_000])("%d bytes come whole", async (size) => {
      const { driver, conn, peer } = await pair();
      const data = randomBytes(size);
      await driver.call("quiet", conn);
      peer.send(data);
      await driver.received(conn, data);
      peer.send("small");
      await driver.received(conn, Buffer.concat([data, Buffer.from("small")]));
    });

    test("one by one: joined at every split, between control frames, and delivered in order", async () => {
      const text = "zwölf Boxkämpfer";
      const whole = Buffer.from(text);
      for (const [options, expected] of [
        [[], ["text first final"]],
        [["wsbuffer", 64], ["text first final"]],
        [["wsparts", 1], undefined],
        [["wsbuffer", 8], undefined],
      ] as const) {
        const peer = await rawWsPeer((socket) => {
          socket.once("data", () => {
            for (let at = 0; at < whole.length; at++) {
              socket.write(frame(at === 0 ? 1 : 0, whole.subarray(at, at + 1), at === whole.length - 1));
              if (at === 5) socket.write(frame(9, Buffer.from("p")));
            }
          });
        });
        const driver = await Driver.start(folder);
        const conn = await driver.open("ws", `ws://127.0.0.1:${peer.port}/`);
        await driver.waitFor(`connected ${conn}`);
        if (options.length > 0) expect(await driver.call(options[0] ?? "", conn, options[1] ?? 0)).toBe("0");
        await driver.call("wssend", conn, "go");
        await driver.waitFor(/ final$/);
        await driver.waitFor(`ping ${conn} 1 ${hex("p")}`);
        const parts = driver.events.filter((it) => it.startsWith("message"));
        const joined = parts.map((it) => it.split(" ")[3]?.replace("-", "")).join("");
        expect(Buffer.from(joined, "hex").toString()).toBe(text);
        if (expected !== undefined) expect(parts.map((it) => it.split(" ").slice(4).join(" "))).toEqual(expected);
        else expect(parts.length).toBeGreaterThan(1);
        expect(parts.filter((it) => it.includes(" first"))).toHaveLength(1);
        expect(parts.filter((it) => it.includes(" final"))).toHaveLength(1);
        expect(parts[0]).toContain(" first");
        expect(driver.events.filter((it) => it.startsWith("unterminated"))).toEqual([]);
        await driver.call("wsclose", conn);
      }
    });

    test("a connection that drops in the middle of one begins again", async () => {
      let count = 0;
      const peer = await rawWsPeer((socket) => {
        count++;
        socket.write(frame(1, Buffer.from("half"), false));
        if (count === 1) setTimeout(() => socket.destroy(), 30);
        else socket.write(frame(0, Buffer.from(" and half")));
      });
      const driver = await Driver.start(folder);
      const conn = await driver.open("ws", `ws://127.0.0.1:${peer.port}/`);
      await driver.call("wsdelays", conn, 10);
      await driver.call("wsreconnect", conn, 1);
      await driver.waitFor(`message ${conn} 13 ${hex("half and half")} text first final`);
      expect(driver.events.filter((it) => it.startsWith("message"))).toHaveLength(1);
    });
  });

  test("what does not fit is refused whole, and drain is emitted when it fits", async () => {
    const { driver, conn, peer } = await pair();
    peer.pause();
    let queued = 0;
    for (let count = -1; count !== 0; queued += count) count = Number(await driver.call("wsflood", conn, 100_000));
    expect(await driver.call("wsfill", conn, 100_000)).toBe("-1 ERR_BACKPRESSURE");
    expect(Number(await driver.call("wsbuffered", conn))).toBeGreaterThan(0);
    let got = 0;
    peer.on("message", (data: Buffer) => {
      expect(data.length).toBe(100_000);
      got++;
    });
    peer.resume();
    await driver.waitFor(`drain ${conn}`);
    await until(() => got === queued, "all messages");
  });

  test("it connects again by its schedule, with fresh headers", async () => {
    const first = await wsPeer((socket) => socket.on("message", () => socket.terminate()));
    const driver = await Driver.start(folder);
    const conn = await driver.open("ws", first.url, "header=X-Token:one");
    await driver.waitFor(`connected ${conn}`);
    await driver.call("wsreconnect", conn, 1);
    await driver.call("wsdelays", conn, 2_000, 50);
    await driver.call("wssend", conn, "drop me");
    await driver.waitFor(RegExp(`^disconnected ${conn} 1006 unclean 0 2000$`));
    expect(await driver.call("wsheaders", conn, "X-Token", "two")).toBe("0");
    await first.close();
    await driver.waitFor(RegExp(`^error ${conn} ERR_REFUSED 2 50 0$`));
    const requests = new Inbox<IncomingMessage>("a request");
    await wsPeer((_, request) => requests.push(request), { port: first.port });
    expect((await requests.next()).headers["x-token"]).toBe("two");
    await until(() => driver.events.filter((it) => it === `connected ${conn}`).length === 2, "a second connection");
    await driver.call("wsclose", conn);
    await driver.waitFor(`disconnected ${conn} 1000 clean 0 -1`);
  });

  test("a server that says no, that breaks the rules, and that says nothing", async () => {
    const driver = await Driver.start(folder);
    const no = await tcpPeer((socket) => socket.once("data", () => socket.end("HTTP/1.1 403 No\r\n\r\n")));
    const refused = await driver.open("ws", `ws://127.0.0.1:${no.port}/`);
    await driver.call("wsreconnect", refused, 1);
    await driver.waitFor(`error ${refused} ERR_WS_REFUSED 3 -1 403`);
    await driver.waitFor(`disconnected ${refused} 1006 unclean 0 -1`);
    const masked = await rawWsPeer((socket) => socket.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x41])));
    const broken = await driver.open("ws", `ws://127.0.0.1:${masked.port}/`);
    await driver.waitFor(`error ${broken} ERR_WS_PROTOCOL 4 -1 1002`);
    const mute = await tcpPeer(() => {});
    const hasty = await Driver.start(folder, "handshakeTimeoutMs=100");
    const silent = await hasty.open("ws", `ws://127.0.0.1:${mute.port}/`);
    await hasty.waitFor(`error ${silent} ERR_TIMEOUT 3 -1 0`);
  });
});
