/** Options, as every class and function of connections and HTTP takes them. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { Conn, http, resolve, TcpConnection, TcpServer, TlsConnection, TlsServer, UdpSocket } from "twinwire";
import { accept, dial, listen } from "twinwire/dial";
import { endPeers } from "../support/peers.ts";
import { echoPeer, failure, pair } from "./support.ts";

afterEach(endPeers);

type Given = Record<string, unknown>;

/** What takes options, by name; each is called with options that are wrong. */
const takers: Record<string, (options: never) => unknown> = {
  TcpConnection: (options) => new TcpConnection("127.0.0.1", 1, options),
  "TcpConnection.unix": (options) => TcpConnection.unix("/nowhere", options),
  TlsConnection: (options) => new TlsConnection("127.0.0.1", 1, options),
  TcpServer: (options) => new TcpServer("127.0.0.1", 0, options),
  "TcpServer.unix": (options) => TcpServer.unix("/nowhere/at/all", options),
  TlsServer: (options) => new TlsServer("127.0.0.1", 0, options),
  UdpSocket: (options) => new UdpSocket("127.0.0.1", 0, options),
  "Conn.from": (options) => Conn.from(1, options),
  resolve: (options) => resolve("127.0.0.1", options),
  "http.request": (options) => http.request({ method: "GET", url: "http://127.0.0.1:1/" }, options),
  "http.stream": (options) => http.stream({ url: "http://127.0.0.1:1/" }, options),
  "dial tcp": (options) => dial("tcp", "127.0.0.1:1", options),
  "dial tls": (options) => dial("tls", "127.0.0.1:1", options),
  "dial udp": (options) => dial("udp", "127.0.0.1:1", options),
  listen: (options) => listen("tcp", "127.0.0.1:0", options),
};

async function refusal(call: (options: never) => unknown, options: unknown): Promise<string> {
  const error = await failure((async () => call(options as never))());
  expect(error.code).toBe("ERR_ARGUMENT");
  return error.message;
}

describe.each(Object.entries(takers))("%s", (_, call) => {
  test("an unknown option is refused", async () => {
    expect(await refusal(call, { noSuchOption: 1 })).toMatch(/: \w[\w.]*: unknown option "noSuchOption"; /);
  });

  test("options are a plain object", async () => {
    for (const options of [null, 1, "x", [], new Map()]) {
      expect(await refusal(call, options)).toContain("options must be a plain object");
    }
  });

  test("a getter that throws is an error of the call", async () => {
    const options = Object.defineProperty({}, "signal", {
      enumerable: true,
      get() {
        throw new Error("not today");
      },
    });
    expect(await refusal(call, options)).toContain("not today");
  });
});

test.each<[string, Given]>([
  ["TcpConnection", { window: 0 }],
  ["TcpConnection", { window: -0 }],
  ["TcpConnection", { window: Number.NaN }],
  ["TcpConnection", { window: 1.5 }],
  ["TcpConnection", { keepAlive: 1 }],
  ["TcpConnection", { keepAlive: { initialDelayMs: -1 } }],
  ["TcpConnection", { keepAlive: { initialDelay: 1 } }],
  ["TcpConnection", { noDelay: "yes" }],
  ["TcpConnection", { signal: {} }],
  ["TcpConnection", { tls: {} }],
  ["TlsConnection", { tls: { rejectUnauthorised: true } }],
  ["TlsConnection", { tls: { minVersion: "TLSv1" } }],
  ["TcpServer", { backlog: 65_536 }],
  ["TcpServer", { onError: 1 }],
  ["TcpServer", { tls: {} }],
  ["TlsServer", { tls: null }],
  ["UdpSocket", { queue: -1 }],
  ["resolve", { family: 5 }],
  ["resolve", { family: "4" }],
  ["resolve", { all: 1 }],
  ["http.request", { timeoutMs: -1 }],
  ["http.request", { timeoutMs: Number.NaN }],
  ["http.request", { maxBody: 2 ** 32 }],
  ["http.request", { maxRedirects: 1001 }],
  ["http.request", { keepAlive: 1 }],
  ["http.request", { onInterim: {} }],
  ["http.request", { tls: { ca: [] } }],
  ["dial tcp", { queue: 1 }],
  ["dial tcp", { tls: {} }],
  ["dial udp", { noDelay: true }],
])("%s refuses %j", async (name, options) => {
  const call = takers[name];
  if (call === undefined) throw new Error(name);
  await refusal(call, options);
});

test("calls on a connection and on servers check theirs, and nothing is lost", async () => {
  const { conn, peer } = await pair();
  for (const call of [
    (options: never) => conn.read(1, options),
    (options: never) => conn.readExact(1, options),
    (options: never) => conn.write("x", options),
    (options: never) => conn.writeAll("x", options),
    (options: never) => conn.upgradeToTLS("", options),
    (options: never) => http.read_request(conn, options),
    (options: never) => http.receive(conn, options),
    (options: never) => http.write_response(conn, { status: 200 }, options),
    (options: never) => http.respond(conn, {}, options),
  ]) {
    expect(await refusal(call, { sginal: 1 })).toContain('did you mean "signal"?');
  }
  peer.write("fine");
  expect(Buffer.from(await conn.readExact(4)).toString()).toBe("fine");
  const server = new TcpServer("127.0.0.1", 0);
  await server.opened;
  await refusal((options) => server.accept(options), { signals: 1 });
  await refusal((options) => http.serve(server, () => ({}), options), { idleTimeout: 1 });
  await refusal((options) => accept(server, () => {}, options), { onerror: () => {} });
  const serving = http.serve(server, () => ({}));
  await refusal((options) => serving.close(options), { graceMs: -1 });
  await serving.close({ graceMs: 0 });
});

test("family -0 is an error, not the end of the process", async () => {
  expect((await failure(resolve("localhost", { family: -0 as 4 }))).code).toBe("ERR_ARGUMENT");
});

test("Object.prototype has no effect", async () => {
  const { port } = await echoPeer();
  const polluted = Object.prototype as { window?: number; noDelay?: string; family?: number };
  try {
    polluted.window = -1;
    polluted.noDelay = "?";
    polluted.family = 5;
    const conn = new TcpConnection("127.0.0.1", port, {});
    await conn.opened;
    conn.close();
    expect(await resolve("127.0.0.1", {})).toBe("127.0.0.1");
  } finally {
    delete polluted.window;
    delete polluted.noDelay;
    delete polluted.family;
  }
});
