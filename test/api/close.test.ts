/** What `close` reports and delivers, whatever the peer does meanwhile; and streams that break while nobody asks. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { finished } from "node:stream/promises";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { limits, TcpConnection, TcpServer, type TwinwireError } from "twinwire";
import { close, dial } from "twinwire/dial";
import { toDuplex } from "twinwire/duplex";
import { TcpStream } from "twinwire/result";
import { joinAddress } from "../../api/internal/arguments.ts";
import { proxyFor } from "../../api/internal/url.ts";
import { atEnd, endPeers, freePort, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, within } from "../support/wait.ts";
import { pattern } from "./support.ts";

/* Longer than all that a slow machine takes for a close that nothing holds up. */
const CLOSE_TIMEOUT = 28_000;
beforeAll(() => {
  limits({ closeTimeoutMs: CLOSE_TIMEOUT });
});
afterEach(endPeers);

const SIZE = 1_000_000;

/** All that a peer gets that has sent much, goes on sending, and reads late. */
async function slowReader(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on("error", () => {});
  socket.write(Buffer.alloc(300_000));
  const sending = setInterval(() => socket.writable && socket.write("more"), 5);
  await pause(150);
  socket.on("data", (part: Buffer) => parts.push(part));
  await within(once(socket, "close"), "the end of the socket").finally(() => clearInterval(sending));
  return Buffer.concat(parts);
}

describe("close delivers what was written, while the peer is sending", () => {
  const data = pattern(SIZE);
  const ways: [string, (port: number) => Promise<unknown>][] = [
    [
      "TcpConnection",
      async (port) => {
        const conn = new TcpConnection("127.0.0.1", port);
        await conn.writeAll(data);
        conn.close();
        await within(conn.closed, "closed");
        expect(conn.stats().sent).toBe(SIZE);
      },
    ],
    [
      "dial",
      async (port) => {
        const conn = await dial("tcp", `127.0.0.1:${port}`);
        await conn.writeAll(data);
        close(conn);
      },
    ],
    [
      "TcpStream",
      async (port) => {
        const opened = await TcpStream.connect(`127.0.0.1:${port}`);
        if (!opened.ok) throw new Error(opened.error);
        for (let at = 0; at < SIZE; ) {
          const written = await opened.value.write(data.subarray(at));
          if (!written.ok) throw new Error(written.error);
          at += written.value;
        }
        opened.value.close();
      },
    ],
    [
      "toDuplex, destroyed",
      async (port) => {
        const conn = new TcpConnection("127.0.0.1", port);
        const duplex = toDuplex(conn);
        await new Promise((resolve) => duplex.write(data, resolve));
        const started = performance.now();
        duplex.destroy();
        await within(once(duplex, "close"), "close");
        expect(performance.now() - started).toBeLessThan(CLOSE_TIMEOUT - 4_000);
      },
    ],
  ];

  test.each(ways)("%s", async (_, write) => {
    const got = new Inbox<Promise<Buffer>>("a connection");
    const { port } = await tcpPeer((socket) => got.push(slowReader(socket)));
    await write(port);
    expect((await await got.next()).equals(data)).toBe(true);
  });

  test("an accepted connection", async () => {
    const server = new TcpServer("127.0.0.1", 0);
    await server.opened;
    atEnd(() => server.close());
    const socket = connect(Number(server.addr().split(":")[1]), "127.0.0.1");
    atEnd(() => socket.destroy());
    const got = slowReader(socket);
    const conn = await server.accept();
    await conn.writeAll(data);
    conn.close();
    expect((await got).equals(data)).toBe(true);
  });
});

describe("a Duplex whose connection breaks while nobody reads or writes", () => {
  const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
    within(
      promise.then(
        () => "finished",
        (error: TwinwireError) => error.code,
      ),
      "the failure",
    );

  test("is refused", async () => {
    const duplex = toDuplex(new TcpConnection("127.0.0.1", await freePort()));
    expect(await failureOf(finished(duplex))).toBe("ERR_REFUSED");
  });

  test("is reset", async () => {
    const { port } = await tcpPeer((socket) => void setTimeout(() => socket.resetAndDestroy(), 50));
    const duplex = toDuplex(new TcpConnection("127.0.0.1", port));
    expect(await failureOf(finished(duplex))).toBe("ERR_RESET");
  });
});

test("an IPv6 address has one pair of brackets", () => {
  expect([joinAddress("::1", 80), joinAddress("[::1]", 80), joinAddress("a", 80)]).toEqual([
    "[::1]:80",
    "[::1]:80",
    "a:80",
  ]);
});

describe("NO_PROXY", () => {
  const before = { ...process.env };
  afterEach(() => {
    for (const name of ["HTTP_PROXY", "NO_PROXY"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  test.each([
    ["example.com.", "http://example.com/", false],
    ["example.com", "http://example.com./", false],
    [".example.com.", "http://a.example.com/", false],
    ["bücher.example", "http://bücher.example/", false],
    ["BÜCHER.example", "http://xn--bcher-kva.example/", false],
    ["xn--bcher-kva.example", "http://BÜCHER.example/", false],
    ["other.example", "http://example.com./", true],
  ])("%s for %s: through the proxy %p", (rule, url, through) => {
    Object.assign(process.env, { HTTP_PROXY: "http://127.0.0.1:3128", NO_PROXY: rule });
    expect(proxyFor(new URL(url), undefined) !== undefined).toBe(through);
  });
});
