/** WebSockets over TLS, against node:https and npm ws. */
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type ErrorCode, lastError, limits, type TlsOptions, type WsOpenOptions, ws } from "twinwire/handles";
import { type WebSocket, WebSocketServer } from "ws";
import { makeCertificates } from "../api/certificates.ts";
import { findTool } from "../support/child.ts";
import { differs } from "../support/host.ts";
import { atEnd, endPeers, gate, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";

const { program } = findTool("openssl", ["openssl"], ["version"]);
if (program === undefined) throw new Error("these tests need openssl, of the Debian package openssl");
const pki = makeCertificates();
const pinOf = (cert: string): string => new X509Certificate(cert).fingerprint256;

afterEach(endPeers);

/** A WebSocket server over TLS; its port. */
async function wssPeer(
  options: ServerOptions,
  accept: (socket: WebSocket, request: IncomingMessage) => void = echo,
): Promise<number> {
  const https = createServer(options);
  const server = new WebSocketServer({ server: https, maxPayload: 1 << 30 });
  server.on("connection", (socket, request) => {
    socket.on("error", () => {});
    accept(socket, request);
  });
  const sockets = new Set<Socket>();
  https.on("connection", (socket: Socket) => sockets.add(socket.on("error", () => {})));
  https.listen(0, "127.0.0.1");
  await once(https, "listening");
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    https.close();
  });
  return (https.address() as AddressInfo).port;
}

function echo(socket: WebSocket): void {
  socket.on("message", (data, binary) => socket.send(data, { binary }));
}

function open(url: string, options: WsOpenOptions): number {
  const conn = ws.open(url, options);
  expect(conn).toBeGreaterThan(0);
  atEnd(() => ws.close(conn));
  return conn;
}

async function opened(url: string, options: WsOpenOptions): Promise<number> {
  const conn = open(url, options);
  const observed = new Inbox<string>("connected");
  ws.on(conn, "connected", () => observed.push("connected"));
  ws.on(conn, "error", ({ message }) => observed.push(message));
  expect(await observed.next()).toBe("connected");
  return conn;
}

test("it verifies the server, and messages go and come as over ws:", async () => {
  const requests = new Inbox<IncomingMessage>("a request");
  const port = await wssPeer(pki.good, (socket, request) => {
    requests.push(request);
    echo(socket);
  });
  const conn = await opened(`wss://localhost:${port}/chat?id=1`, {
    headers: { "X-Key": "k" },
    protocols: "v1",
    tls: { ca: pki.ca },
  });
  const { url, headers, socket } = await requests.next();
  expect(url).toBe("/chat?id=1");
  expect(headers).toMatchObject({ host: `localhost:${port}`, "x-key": "k" });
  expect(socket).toMatchObject({ encrypted: true, servername: "localhost" });
  expect(ws.protocol(conn)).toBe("v1");
  expect(ws.state(conn)).toBe("open");
  const messages = new Inbox<string | Uint8Array>("a message");
  ws.on(conn, "message", (e) => messages.push(e.message));
  expect(ws.send(conn, "grüße")).toBe(7);
  expect(await messages.next()).toBe("grüße");
  const bytes = Buffer.alloc(700_000, "0123456789abc");
  expect(ws.send(conn, bytes)).toBe(bytes.length);
  expect(bytes.equals((await messages.next()) as Uint8Array)).toBe(true);
  const ended = new Inbox<unknown>("disconnected");
  ws.on(conn, "disconnected", ended.push);
  ws.close(conn, 4001, "genug");
  expect(await ended.next()).toEqual({ conn, code: 4001, clean: true, unsent: 0, retryMs: -1 });
});

describe("a certificate that fails a check ends the attempt before the handshake", () => {
  test.each<[string, ErrorCode, ServerOptions, TlsOptions | undefined]>([
    ["for another name", "ERR_TLS_NAME", pki.otherName, { ca: pki.ca }],
    ["of another name than servername", "ERR_TLS_NAME", pki.good, { ca: pki.ca, servername: "elsewhere.example" }],
    ["expired", differs("expired") ? "ERR_TLS_UNTRUSTED" : "ERR_TLS_EXPIRED", pki.expired, { ca: pki.ca }],
    ["self-signed", "ERR_TLS_UNTRUSTED", pki.selfSigned, { ca: pki.ca }],
    ["of an authority that nobody trusts", "ERR_TLS_UNTRUSTED", pki.good, undefined],
    ["not the pinned one", "ERR_TLS_PIN", pki.good, { ca: pki.ca, pin: "00".repeat(32) }],
    [
      "not the pinned one, unverified",
      "ERR_TLS_PIN",
      pki.good,
      { rejectUnauthorized: false, pin: `${"ab:".repeat(31)}ab` },
    ],
  ])("%s", async (_, code, server, tls) => {
    const requests = new Inbox<IncomingMessage>("a request");
    const port = await wssPeer(server, (_socket, request) => requests.push(request));
    const conn = open(`wss://localhost:${port}/`, tls === undefined ? {} : { tls });
    const observed = new Inbox<object>("an event");
    for (const event of ["connected", "error", "disconnected"] as const) ws.on(conn, event, observed.push);
    expect(await observed.next()).toMatchObject({
      conn,
      code,
      error: { step: "tls", address: `wss://localhost:${port}/` },
    });
    expect(await observed.next()).toEqual({ conn, code: 1006, clean: false, unsent: 0, retryMs: -1 });
    await pause(20);
    expect(requests.all).toHaveLength(0);
  });
});

test.each<[string, ServerOptions, TlsOptions, string]>([
  ["by address", pki.good, { ca: pki.ca }, "127.0.0.1"],
  ["by another name", pki.otherName, { ca: pki.ca, servername: "elsewhere.example" }, "localhost"],
  ["one of several authorities, as bytes", pki.good, { ca: [pki.selfSigned.cert, Buffer.from(pki.ca)] }, "localhost"],
  ["with a pin", pki.good, { ca: pki.ca, pin: pinOf(pki.good.cert) }, "localhost"],
  [
    "with nothing but a pin",
    pki.selfSigned,
    { rejectUnauthorized: false, pin: pinOf(pki.selfSigned.cert).replaceAll(":", "").toLowerCase() },
    "localhost",
  ],
  ["unverified, because it is asked for", pki.expired, { rejectUnauthorized: false }, "localhost"],
  ["with TLS 1.3 only", pki.good, { ca: pki.ca, minVersion: "TLSv1.3" }, "localhost"],
])("a server can be verified %s", async (_, server, tls, host) => {
  const conn = await opened(`wss://${host}:${await wssPeer(server)}/`, { tls });
  const messages = new Inbox<unknown>("a message");
  ws.on(conn, "message", (e) => messages.push(e.message));
  ws.send(conn, "x");
  expect(await messages.next()).toBe("x");
});

test("a client shows its certificate where one is asked for", async () => {
  const port = await wssPeer({ ...pki.good, ca: pki.ca, requestCert: true, rejectUnauthorized: true });
  await opened(`wss://localhost:${port}/`, { tls: { ca: pki.ca, ...pki.client } });
  const errors = new Inbox<{ code: ErrorCode }>("error");
  ws.on(open(`wss://localhost:${port}/`, { tls: { ca: pki.ca } }), "error", errors.push);
  expect((await errors.next()).code).toMatch(/^ERR_(TLS|RESET|ENDED)$/);
});

test("it reconnects with a TLS handshake of its own, and each failed attempt says when the next one comes", async () => {
  const sockets = new Inbox<WebSocket>("a connection");
  const port = await wssPeer(pki.good, sockets.push);
  const conn = open(`wss://localhost:${port}/`, { tls: { ca: pki.ca } });
  ws.setAutoReconnect(conn, true);
  ws.setReconnectDelays(conn, [0.01]);
  const observed = new Inbox<string>("an event");
  ws.on(conn, "connected", () => observed.push("connected"));
  ws.on(conn, "error", (e) => observed.push(`error ${e.retryMs}`));
  ws.on(conn, "disconnected", (e) => observed.push(`disconnected ${e.retryMs}`));
  expect(await observed.next()).toBe("connected");
  (await sockets.next()).terminate();
  expect(await observed.next()).toBe("error 10");
  expect(await observed.next()).toBe("disconnected 10");
  expect(await observed.next()).toBe("connected");
  expect(ws.state(conn)).toBe("open");
});

test("a peer that reads nothing is felt, and all arrives when it reads", async () => {
  const accepted = new Inbox<WebSocket>("a connection");
  const before = await gate(await wssPeer(pki.good, accepted.push));
  const conn = await opened(`wss://localhost:${before.port}/`, { tls: { ca: pki.ca } });
  const peer = await accepted.next();
  before.shut();
  const [sent, received] = [createHash("sha256"), createHash("sha256")];
  peer.on("message", (data: Buffer) => received.update(data));
  const drained = new Inbox<unknown>("drain");
  ws.on(conn, "drain", drained.push);
  let count = 0;
  await until(() => {
    const chunk = Buffer.alloc(100_000, count + 1);
    if (ws.send(conn, chunk) < 0) return true;
    sent.update(chunk);
    count++;
    return false;
  }, "a refusal");
  expect(lastError()?.code).toBe("ERR_BACKPRESSURE");
  expect(ws.bufferedAmount(conn)).toBeLessThanOrEqual(limits().sendBuffer);
  before.open();
  expect(await drained.next()).toEqual({ conn });
  const closed = new Promise<void>((resolve) => peer.on("close", () => resolve()));
  ws.close(conn);
  await within(closed, "the end");
  expect(received.digest("hex")).toBe(sent.digest("hex"));
});

test("a peer that speaks no TLS is ERR_TLS", async () => {
  const { port } = await tcpPeer((socket) =>
    socket.once("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")),
  );
  const conn = open(`wss://127.0.0.1:${port}/`, {});
  const errors = new Inbox<object>("error");
  ws.on(conn, "error", errors.push);
  expect(await errors.next()).toMatchObject({ code: "ERR_TLS", error: { step: "tls" } });
});

test("options that are none are refused at once, and leave no handle behind", () => {
  const refused = (tls: unknown, says: string, url = "wss://127.0.0.1:9/"): void => {
    const options: WsOpenOptions = { tls: tls as TlsOptions };
    expect(ws.open(url, options)).toBe(-1);
    expect(lastError()).toMatchObject({ code: "ERR_ARGUMENT", step: "open" });
    expect(lastError()?.message.replace("[0]", "")).toContain(says);
  };
  for (const tls of [null, 7, "ca", true]) refused(tls, "tls must be a plain object");
  for (const pin of ["", "00", "0".repeat(63), `${"0".repeat(63)}g`, ":".repeat(64), 7, null])
    refused({ pin }, "tls.pin");
  for (const alpn of ["http/1.1", 7, null, [7], [""]]) refused({ alpn }, "tls.alpn");
  for (const servername of [7, null, {}]) refused({ servername }, "tls.servername");
  for (const minVersion of ["TLSv1.1", "", 1.3, null]) refused({ minVersion }, "tls.minVersion");
  for (const rejectUnauthorized of [0, "no", null]) refused({ rejectUnauthorized }, "tls.rejectUnauthorized");
  for (const name of ["ca", "cert", "key"]) {
    for (const value of ["", "none", 7, null, {}, [7], new Uint8Array(0)])
      refused({ [name]: value }, `tls.${name} must be PEM`);
  }
  refused({ ca: [] }, "tls.ca");
  for (const name of ["pins", "rejectUnauthorised", "toString"])
    refused({ [name]: true }, `unknown option "tls.${name}"`);
  const junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  for (const tls of [{ cert: junk }, { key: junk }, { cert: pki.good.cert, key: pki.client.key }]) {
    refused(tls, "TLS options");
    expect(lastError()?.cause).toBeInstanceOf(Error);
  }
  for (let round = 0; round < 5000; round++) ws.open("wss://127.0.0.1:9/", { tls: { cert: junk } });
  refused({ cert: junk }, "TLS options");
});

test("what was to be protected is not sent in the clear", () => {
  for (const url of ["ws://127.0.0.1:9/", "WS://127.0.0.1:9/"]) {
    expect(ws.open(url, { tls: {} })).toBe(-1);
    expect(lastError()?.message).toContain("not wss:");
  }
  open("WSS://127.0.0.1:9/", { tls: {} });
});
