import { afterEach, describe, expect, test } from "@jest/globals";
import { defineEvent, type ErrorCode, lastError, net, TwinwireError, ws } from "twinwire/handles";
import { atEnd, endPeers, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox } from "../support/wait.ts";

afterEach(endPeers);

/** Calls as JavaScript can: with any arguments. */
function loose(call: (...args: never[]) => unknown, ...args: unknown[]): unknown {
  return (call as (...args: unknown[]) => unknown)(...args);
}

function refused(code: ErrorCode, call: (...args: never[]) => unknown, ...args: unknown[]): void {
  expect(loose(call, ...args)).toBe(-1);
  expect(lastError()).toBeInstanceOf(TwinwireError);
  expect([code, args]).toEqual([lastError()?.code, args]);
  expect(lastError()?.message).toMatch(new RegExp(`^${code}: .*(; .+|must be .+, not .+)`));
}

async function openTcp(): Promise<number> {
  const { port } = await tcpPeer(() => {});
  const sock = net.tcpConnect("127.0.0.1", port);
  atEnd(() => net.close(sock));
  const connected = new Inbox<unknown>("connected");
  net.on(sock, "connected", connected.push);
  await connected.next();
  return sock;
}

async function openWs(): Promise<number> {
  const { url } = await wsPeer(() => {});
  const conn = ws.open(url);
  atEnd(() => ws.close(conn));
  const connected = new Inbox<unknown>("connected");
  ws.on(conn, "connected", connected.push);
  await connected.next();
  return conn;
}

const notStrings = [undefined, null, 7, {}, [], Symbol("s"), 7n, () => {}];
const notHandles = [
  -1,
  0,
  1,
  2 ** 31,
  2 ** 32 + 1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  "1",
  null,
  undefined,
  {},
  1n,
];

describe("opening", () => {
  test("a host that is none", () => {
    for (const host of notStrings) refused("ERR_ARGUMENT", net.tcpConnect, host, 80);
    for (const host of ["", "x".repeat(254), "a\0b", "a b", "a\r\nb", "€".repeat(400_000)]) {
      refused("ERR_ARGUMENT", net.tcpConnect, host, 80);
    }
  });

  test("a port that is none", () => {
    for (const port of [0, -1, 65_536, 1.5, Number.NaN, 2 ** 32 + 80])
      refused("ERR_PORT", net.tcpConnect, "127.0.0.1", port);
    for (const port of ["80x", "80", null, undefined, {}]) refused("ERR_ARGUMENT", net.tcpConnect, "127.0.0.1", port);
    for (const port of [-1, 65_536, 0.5, Number.NaN]) refused("ERR_PORT", net.udpOpen, port);
    for (const port of ["80x", null, undefined, []]) refused("ERR_ARGUMENT", net.udpOpen, port);
  });

  test("a URL that is none", () => {
    const urls = [
      "",
      "http://127.0.0.1/",
      "127.0.0.1:80",
      "ws:/127.0.0.1/",
      "ws://",
      "ws:///path",
      "ws://user@127.0.0.1/",
      "ws://127.0.0.1/#fragment",
      "ws://127.0.0.1/a b",
      "ws://127.0.0.1/a\r\nX: y",
      "ws://127.0.0.1/\0",
      "ws://[::1/",
      "ws://127.0.0.1:80x/",
      `ws://127.0.0.1/${"x".repeat(70_000)}`,
    ];
    for (const url of urls) refused("ERR_URL", ws.open, url);
    for (const url of ["ws://127.0.0.1:0/", "ws://127.0.0.1:65536/"]) refused("ERR_PORT", ws.open, url);
    for (const url of notStrings) refused("ERR_ARGUMENT", ws.open, url);
  });

  test("headers and subprotocols that can't be sent", () => {
    const url = "ws://127.0.0.1:9/";
    for (const value of ["a\r\nb: c", "a\nb", "a\rb", "a\0", "\u0001", "\u007f"]) {
      refused("ERR_HEADER", ws.open, url, { headers: { "X-A": value } });
    }
    for (const name of ["", "a b", "a:", "a\r\n", "ä", "a\0", "Host", "Upgrade", "sec-websocket-key"]) {
      refused("ERR_HEADER", ws.open, url, { headers: { [name]: "v" } });
    }
    for (const name of ["", "a b", "a,b", "a\r\n", "ä"]) refused("ERR_HEADER", ws.open, url, { protocols: [name] });
    refused("ERR_ARGUMENT", ws.open, url, { protocols: ["a", "a"] });
    for (const headers of [7, "a: b", { a: 7 }, [["a"]], [7], null]) refused("ERR_ARGUMENT", ws.open, url, { headers });
    for (const protocols of [7, {}, [7], null]) refused("ERR_ARGUMENT", ws.open, url, { protocols });
  });

  test("what was refused leaves no handle behind", async () => {
    const before = await openWs();
    for (let round = 0; round < 5000; round++) ws.open("ws://127.0.0.1:9/", { headers: { a: "\n" } });
    const after = await openWs();
    expect(after).not.toBe(before);
  });
});

describe("handles", () => {
  test("a number that names none", () => {
    for (const handle of notHandles) {
      for (const api of [net, ws]) {
        for (const call of [api.close, api.bufferedAmount, api.pause, api.resume, api.ref, api.unref]) {
          refused("ERR_HANDLE", call, handle);
        }
        refused("ERR_HANDLE", api.send, handle, "x");
        refused("ERR_HANDLE", api.setAutoReconnect, handle, true);
        refused("ERR_HANDLE", api.setReconnectDelays, handle, [1]);
        refused("ERR_HANDLE", api.on, handle, "connected", () => {});
        expect(loose(api.state, handle)).toBe("closed");
      }
      refused("ERR_HANDLE", net.udpSendTo, handle, "127.0.0.1", 9, "x");
      refused("ERR_HANDLE", ws.ping, handle);
      refused("ERR_HANDLE", ws.sendFragment, handle, "x", true);
      for (const text of [net.localAddr, net.remoteAddr, ws.protocol]) {
        expect(loose(text, handle)).toBe("");
        expect(lastError()?.code).toBe("ERR_HANDLE");
      }
    }
  });

  test("a handle of the other API, and a stale one", async () => {
    const [sock, conn] = [await openTcp(), await openWs()];
    refused("ERR_HANDLE", net.send, conn, "x");
    refused("ERR_HANDLE", net.close, conn);
    refused("ERR_HANDLE", net.udpSendTo, sock, "127.0.0.1", 9, "x");
    refused("ERR_HANDLE", ws.send, sock, "x");
    refused("ERR_HANDLE", ws.close, sock);
    expect(net.send(sock, "x")).toBe(1);
    expect(ws.send(conn, "x")).toBe(1);
    net.close(sock);
    for (const call of [net.close, net.bufferedAmount, net.pause, net.unref]) refused("ERR_HANDLE", call, sock);
    refused("ERR_HANDLE", net.send, sock, "x");
    refused("ERR_HANDLE", net.send, await openTcp().then(() => sock), "x");
  });

  test("one that does not connect yet can't send", async () => {
    const { port } = await tcpPeer(() => {});
    const sock = net.tcpConnect("127.0.0.1", port);
    const conn = ws.open(`ws://127.0.0.1:${port}`);
    atEnd(() => [net.close(sock), ws.close(conn)]);
    refused("ERR_STATE", net.send, sock, "x");
    refused("ERR_STATE", ws.send, conn, "x");
    refused("ERR_STATE", ws.ping, conn);
  });
});

describe("arguments", () => {
  test("data that is neither text nor bytes", async () => {
    const [sock, conn] = [await openTcp(), await openWs()];
    for (const data of [undefined, null, 7, {}, [1, 2], () => {}, Symbol("s"), 7n]) {
      refused("ERR_ARGUMENT", net.send, sock, data);
      refused("ERR_ARGUMENT", ws.send, conn, data);
      refused("ERR_ARGUMENT", ws.sendFragment, conn, data, true);
      if (data !== undefined) refused("ERR_ARGUMENT", ws.ping, conn, data);
    }
  });

  test("delays that are none", async () => {
    const sock = await openTcp();
    const sparse: number[] = [];
    sparse[1] = 1;
    const wrong = [undefined, null, 1, "1", {}, [], [-1], [86_401], ["1"], [Number.NaN], [Number.POSITIVE_INFINITY]];
    for (const delays of [...wrong, new Array(9).fill(1), sparse]) {
      refused("ERR_ARGUMENT", net.setReconnectDelays, sock, delays);
    }
    for (const delays of [[0], [0.25, 86_400], new Array(8).fill(1)])
      expect(net.setReconnectDelays(sock, delays)).toBe(0);
  });

  test("events that are none, or bound to something else", async () => {
    const [sock, conn, udp] = [await openTcp(), await openWs(), net.udpOpen(0)];
    atEnd(() => net.close(udp));
    const NetData = defineEvent("NetData", { data: "string" });
    for (const event of [
      "",
      "message",
      "Data",
      "data ",
      "closing",
      "__proto__",
      "x".repeat(2_000_000),
      7,
      null,
      undefined,
    ]) {
      refused("ERR_EVENT", net.on, sock, event, () => {});
      refused("ERR_EVENT", net.on, sock, event, NetData);
    }
    refused("ERR_EVENT", net.on, udp, "data", () => {});
    refused("ERR_EVENT", net.on, udp, "data", NetData);
    refused("ERR_EVENT", net.on, sock, "connected", NetData);
    refused("ERR_EVENT", ws.on, conn, "message", NetData);
    for (const target of [undefined, null, 7, "NetData", {}, { name: "NetData" }]) {
      refused("ERR_ARGUMENT", net.on, sock, "data", target);
    }
    const wrong = [
      defineEvent("NetDatas", { data: "string" }),
      defineEvent("NetData", { data: "i32" }),
      defineEvent("NetData", { date: "string" }),
      defineEvent("NetData", {}),
      defineEvent("NetData", { data: "string", size: "i32" }),
    ];
    for (const type of wrong) refused("ERR_EVENT", net.on, sock, "data", type);
    const swapped = defineEvent("NetDatagram", { addr: "string", data: "string", port: "i32" });
    refused("ERR_EVENT", net.on, udp, "datagram", swapped);
  });

  test("close codes and reasons that may not be sent", async () => {
    const conn = await openWs();
    for (const code of [0, 1, 999, 1001, 1005, 1006, 1015, 2999, 5000, -1, 1000.5, Number.NaN, "1000", null]) {
      refused("ERR_ARGUMENT", ws.close, conn, code);
    }
    refused("ERR_ARGUMENT", ws.close, conn, 1000, "x".repeat(124));
    refused("ERR_ARGUMENT", ws.close, conn, 1000, "€".repeat(42));
    refused("ERR_ARGUMENT", ws.close, conn, 1000, 7);
    expect(ws.state(conn)).toBe("open");
    expect(ws.close(conn, 1000, "€".repeat(41))).toBe(0);
  });
});

test("a declaration that is none throws a coded error", () => {
  const wrong: [unknown, unknown][] = [
    ["", {}],
    ["a b", {}],
    ["1a", {}],
    [7, {}],
    ["A", null],
    ["A", 7],
    ["A", { a: "text" }],
    ["A", { a: 7 }],
    ["A", { "a b": "i32" }],
  ];
  for (const [name, fields] of wrong) {
    expect(() => loose(defineEvent, name, fields)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
  }
  expect(() => loose(defineEvent("A", {}).on, undefined)).toThrow();
});

/** Views that have lost their bytes. */
function lost(): ArrayBufferView[] {
  const made = (buffer: ArrayBuffer): ArrayBufferView[] => [
    new Uint8Array(buffer, 4),
    new Uint8Array(buffer, 4, 4),
    new DataView(buffer, 4, 4),
  ];
  const moved = new ArrayBuffer(8);
  const views = made(moved);
  structuredClone(moved, { transfer: [moved] });
  const Resizable = ArrayBuffer as unknown as new (
    size: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize?(size: number): void };
  const shrunk = new Resizable(8, { maxByteLength: 8 });
  if (shrunk.resize === undefined) return views;
  views.push(...made(shrunk));
  shrunk.resize(2);
  return views;
}

test("bytes that were transferred, and those of a buffer that was shortened", async () => {
  const [sock, conn] = [await openTcp(), await openWs()];
  const port = net.udpOpen(0);
  atEnd(() => net.close(port));
  for (const view of lost()) {
    refused("ERR_ARGUMENT", net.send, sock, view);
    refused("ERR_ARGUMENT", net.udpSendTo, port, "127.0.0.1", 9, view);
    refused("ERR_ARGUMENT", ws.send, conn, view);
    refused("ERR_ARGUMENT", ws.ping, conn, view);
  }
  expect(net.send(sock, new Uint8Array(0))).toBe(0);
  expect(ws.send(conn, new Uint8Array(0))).toBe(0);
});
