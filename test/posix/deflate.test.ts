/** The POSIX host and the C API: permessage-deflate (RFC 7692) by zlib, as client and as server, against real peers. */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type PerMessageDeflateOptions, WebSocket } from "ws";
import { type Child, describeWith, findTool, portFrom, startChild } from "../support/child.ts";
import { atEnd, endPeers, rawWsPeer, wsPeer } from "../support/peers.ts";
import { Inbox, within } from "../support/wait.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools } from "./build.ts";
import { Driver, endDrivers, hex } from "./driver.ts";

const SIZES = [0, 1, 1023, 1024, 65_535, 65_536, 200_000];
const EXTENSION = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
const ALL_BITS = 15 | (15 << 4);
const interop = new URL("../interop/peers/", import.meta.url).pathname;
const python = findTool("python3-websockets", ["python3", "/usr/bin/python3"], ["-c", "import websockets"]);

/** Text that compresses, with characters of more than one byte. */
function prose(size: number): string {
  let text = "";
  for (let line = 0; text.length < size; line++) text += `${line}: größer als zuvor, ${line * line}\n`;
  return text.slice(0, size);
}

/** A compressed message of a server in one frame. */
const compressed = (...bytes: number[]): Buffer => Buffer.from([0xc1, bytes.length, ...bytes]);

describeWith(buildTools(), "the POSIX host: permessage-deflate", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
  }, BUILD_PATIENCE);
  afterEach(async () => {
    await endDrivers();
    await endPeers();
  });

  describe.each<[string, PerMessageDeflateOptions]>([
    ["deflate:t1", {}],
    ["deflate:t1:S:C", { serverNoContextTakeover: true, clientNoContextTakeover: true }],
    ["deflate:t1:s9:c9:l1:m1", { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
    ["deflate:t1", { clientMaxWindowBits: 10, serverNoContextTakeover: true }],
  ])("the client with %s, a server of ws with %j", (words, options) => {
    test("messages of every size go both ways, compressed", async () => {
      const accepted = new Inbox<[WebSocket, Socket]>("a connection");
      const { url } = await wsPeer((socket, request) => accepted.push([socket, request.socket]), {
        perMessageDeflate: { threshold: 0, ...options },
      });
      const driver = await Driver.start(folder);
      const conn = await driver.open("ws", url, words);
      const [peer, socket] = await accepted.next();
      await driver.waitFor(`connected ${conn}`);
      expect(Number(await driver.call("wscompression", conn))).toBeGreaterThan(0);
      const received = new Inbox<string>("a message");
      peer.on("message", (data: Buffer) => received.push(data.toString()));
      await driver.call("quiet", conn);
      let all = "";
      for (const size of SIZES) {
        peer.send(prose(size));
        all += prose(size);
      }
      await driver.received(conn, Buffer.from(all));
      for (const size of SIZES) {
        expect(await driver.call("wsfill", conn, size)).toBe(`${size}`);
        expect((await received.next()) === "w".repeat(size)).toBe(true);
      }
      expect(socket.bytesRead).toBeLessThan(5000);
      expect(await driver.call("wsclose", conn)).toBe("0");
      await driver.waitFor(`disconnected ${conn} 1000 clean 0 -1`);
    });
  });

  test("a server without compression gets none", async () => {
    const accepted = new Inbox<WebSocket>("a connection");
    const { url } = await wsPeer(accepted.push);
    const driver = await Driver.start(folder);
    const conn = await driver.open("ws", url, "deflate:t1");
    const peer = await accepted.next();
    await driver.waitFor(`connected ${conn}`);
    expect(await driver.call("wscompression", conn)).toBe("0");
    peer.send("plain");
    await driver.waitFor(`message ${conn} 5 ${hex("plain")} text first final`);
    expect(await driver.call("ws", url, "deflate:s8")).toBe("-1 ERR_ARGUMENT");
  });

  async function raw(): Promise<{ driver: Driver; conn: number; socket: Socket; sent: () => Buffer }> {
    const accepted = new Inbox<Socket>("a connection");
    const { port } = await rawWsPeer((socket) => accepted.push(socket), EXTENSION);
    const driver = await Driver.start(folder);
    const conn = await driver.open("ws", `ws://127.0.0.1:${port}/`, "deflate");
    const socket = await accepted.next();
    let sent = Buffer.alloc(0);
    socket.on("data", (data: Buffer) => {
      sent = Buffer.concat([sent, data]);
    });
    await driver.waitFor(`connected ${conn}`);
    expect(await driver.call("wscompression", conn)).toBe(`${ALL_BITS}`);
    return { driver, conn, socket, sent: () => sent };
  }

  const HELLO = `5 ${hex("Hello")} text first final`;

  test("the examples of RFC 7692 7.2.3, one after the other on one connection", async () => {
    const { driver, conn, socket } = await raw();
    const messages = [
      compressed(0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00), // 7.2.3.1
      Buffer.from([0x41, 3, 0xf2, 0x48, 0xcd, 0x80, 4, 0xc9, 0xc9, 0x07, 0x00]), // the same in two frames
      compressed(0xf2, 0x00, 0x11, 0x00, 0x00), // 7.2.3.2: refers back to the first
      compressed(0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00), // 7.2.3.3: no compression
      compressed(0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00), // 7.2.3.4: BFINAL
      compressed(0xf2, 0x00, 0x11, 0x00, 0x00), // refers back behind the end of a stream
      compressed(0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00), // 7.2.3.5: two blocks
    ];
    socket.write(Buffer.concat([...messages, compressed(0x00), compressed()]));
    await driver.waitFor(`message ${conn} 0 - text first final`);
    const observed = driver.events.filter((line) => line.startsWith("message"));
    expect(observed).toEqual([
      ...messages.map(() => `message ${conn} ${HELLO}`),
      `message ${conn} 0 - text first final`, // 7.2.3.6
      `message ${conn} 0 - text first final`,
    ]);
  });

  test.each<[string, Buffer, string, number]>([
    ["a block type that does not exist", compressed(0xff, 0xff), "ERR_WS_DEFLATE", 1007],
    ["a distance beyond all that came", compressed(0xf2, 0x00, 0x11, 0x00, 0x00), "ERR_WS_DEFLATE", 1007],
    ["text that is not UTF-8", compressed(0x00, 0x01, 0x00, 0xfe, 0xff, 0xc3, 0x00), "ERR_WS_UTF8", 1007],
  ])("%s closes the connection", async (_, bytes, error, code) => {
    const { driver, conn, socket, sent } = await raw();
    socket.write(Buffer.concat([bytes, compressed(0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00)]));
    await driver.waitFor(`error ${conn} ${error} 4 -1 0`);
    socket.end();
    await driver.waitFor(new RegExp(`^disconnected ${conn} `));
    expect(driver.events.some((line) => line.startsWith("message"))).toBe(false);
    const frame = sent();
    const mask = frame.subarray(2, 6);
    expect(frame[0]).toBe(0x88);
    expect((((frame[6] ?? 0) ^ (mask[0] ?? 0)) << 8) | ((frame[7] ?? 0) ^ (mask[1] ?? 0))).toBe(code);
  });

  test("a message that was compressed and then refused does not confuse those that follow", async () => {
    const accepted = new Inbox<WebSocket>("a connection");
    const { url } = await wsPeer(accepted.push, { perMessageDeflate: true });
    const driver = await Driver.start(folder);
    const conn = await driver.open("ws", url, "deflate:t1");
    const peer = await accepted.next();
    const received = new Inbox<string>("a message");
    peer.on("message", (data: Buffer) => received.push(data.toString()));
    await driver.waitFor(`connected ${conn}`);
    expect(await driver.call("wsfill", conn, 3000)).toBe("3000");
    await driver.call("wsfragment", conn, "in-two-");
    expect(await driver.call("wsfill", conn, 5000)).toBe("-1 ERR_STATE");
    await driver.call("wsfragment", conn, "parts", "final");
    expect(await driver.call("wsfill", conn, 3000)).toBe("3000");
    expect(await received.next()).toBe("w".repeat(3000));
    expect(await received.next()).toBe("in-two-parts");
    expect(await received.next()).toBe("w".repeat(3000));
  });

  async function start(): Promise<Child & { port: number }> {
    const child = startChild(`${folder}/server`, []);
    const port = await portFrom(child.lines, /^listening on 127\.0\.0\.1:(\d+)$/);
    return { ...child, port };
  }

  /** Ends it in order; the sanitizers and the leak checker have nothing to say. */
  async function end({ process, ended, errors }: Child): Promise<void> {
    process.kill("SIGTERM");
    const code = await within(ended, "the end of the server");
    expect({ code, errors: errors.all }).toEqual({ code: 0, errors: [] });
  }

  async function dial(url: string, perMessageDeflate: PerMessageDeflateOptions | boolean) {
    const socket = new WebSocket(url, { perMessageDeflate });
    atEnd(() => socket.terminate());
    const messages = new Inbox<string>("a message");
    const closed = new Inbox<number>("a close");
    socket.on("message", (data: Buffer) => messages.push(data.toString()));
    socket.on("close", closed.push);
    await within(new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject)), "an open WebSocket");
    return { socket, messages, closed };
  }

  test.each<[string, PerMessageDeflateOptions | boolean, string]>([
    ["/deflate", { threshold: 0 }, "permessage-deflate"],
    ["/deflate", { threshold: 0, serverMaxWindowBits: 9, clientNoContextTakeover: true }, "permessage-deflate"],
    ["/deflate-small", { threshold: 0 }, "permessage-deflate"],
    ["/deflate", false, ""],
  ])("the server at %s echoes to a client of ws with %j", async (path, options, extension) => {
    const server = await start();
    const { socket, messages, closed } = await dial(`ws://127.0.0.1:${server.port}${path}`, options);
    expect(socket.extensions).toBe(extension);
    for (const size of SIZES) {
      const text = prose(size);
      socket.send(text);
      expect((await messages.next()) === text).toBe(true);
    }
    for (const text of ["one", "two", "three"]) socket.send(text); /* which come joined */
    expect([await messages.next(), await messages.next(), await messages.next()]).toEqual(["one", "two", "three"]);
    socket.close(3001);
    expect(await closed.next()).toBe(3001);
    await end(server);
  });

  test("a message that inflates beyond max_message closes its connection, and is never in memory", async () => {
    const server = await start();
    const peak = (): number => {
      const status = readFileSync(`/proc/${server.process.pid}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]);
    };
    const before = peak();
    const bombs = await Promise.all(
      [1, 2, 3].map(() => dial(`ws://127.0.0.1:${server.port}/deflate`, { threshold: 0 })),
    );
    const bomb = Buffer.alloc(128 << 20);
    for (const { socket } of bombs) socket.send(bomb);
    for (const { closed } of bombs) expect(await closed.next()).toBe(1009);
    const lines = server.lines;
    const errors: string[] = [];
    while (errors.length < 3) {
      const line = await lines.next();
      if (line.startsWith("ws error")) errors.push(line);
    }
    expect(errors).toEqual(errors.map(() => "ws error ERR_WS_TOO_BIG"));
    expect(peak() - before).toBeLessThan(64 << 10);
    await end(server);
  }, 60_000);

  describeWith(python, "python3-websockets", (program) => {
    test.each(["/deflate", "/deflate-small"])("its client, at %s", async (path) => {
      const server = await start();
      const client = startChild(program, [`${interop}websocket_client.py`, `ws://127.0.0.1:${server.port}${path}`]);
      expect(await client.lines.next()).toBe("done");
      await end(server);
    });

    test("its server", async () => {
      const child = startChild(program, [`${interop}websocket_peer.py`]);
      const { port } = JSON.parse(await child.lines.next());
      const driver = await Driver.start(folder);
      const conn = await driver.open("ws", `ws://127.0.0.1:${port}/echo`, "deflate:t1");
      await driver.waitFor(`connected ${conn}`);
      expect(Number(await driver.call("wscompression", conn))).toBeGreaterThan(0);
      await driver.call("quiet", conn);
      let all = 0;
      for (const size of SIZES) {
        expect(await driver.call("wsfill", conn, size)).toBe(`${size}`);
        all += size;
      }
      await driver.received(conn, Buffer.alloc(all, "w"));
      await driver.call("wsclose", conn);
      await driver.waitFor(`disconnected ${conn} 1000 clean 0 -1`);
    });
  });
});
