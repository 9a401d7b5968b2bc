/** The adapter of workerd, inside workerd, against real peers: clients of TCP, TLS, HTTP and WebSocket. */
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { createServer as createTlsServer, TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { makeCertificates } from "../api/certificates.ts";
import { endPeers, freePort, tcpPeer, wsPeer } from "../support/peers.ts";
import { hasWorkerd, startWorkerd, type Workerd } from "./start.ts";

const withWorkerd = hasWorkerd ? test : test.skip;

const certificates = makeCertificates();
let workerd: Workerd | undefined;
const servers: Server[] = [];

beforeAll(async () => {
  if (hasWorkerd) workerd = await startWorkerd({ entry: "worker.mjs", ca: certificates.ca });
});

afterAll(() => workerd?.stop());

afterEach(async () => {
  await endPeers();
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Runs a scenario of worker.mjs. */
async function run(name: string, port = 0): Promise<unknown> {
  const { url, complaints } = workerd as Workerd;
  const response = await fetch(url, { method: "POST", body: JSON.stringify({ name, port }) });
  const { result, error } = (await response.json()) as { result?: unknown; error?: string };
  if (error !== undefined) throw new Error(`${error}\n${complaints()}`);
  return result;
}

withWorkerd("TCP: bytes both ways, many of them, and half-closed", async () => {
  const { port } = await tcpPeer((socket) => socket.pipe(socket), { allowHalfOpen: true });
  expect(await run("tcp", port)).toEqual({ answer: "hello\n", same: true, end: 0 });
});

withWorkerd("a peer that refuses is ERR_REFUSED", async () => {
  expect(await run("refused", await freePort())).toBe("ERR_REFUSED");
});

withWorkerd("TLS from the start", async () => {
  const port = await listening(createTlsServer(certificates.good, (socket) => socket.pipe(socket)));
  expect(await run("tls", port)).toEqual({ answer: "secret", secure: true });
});

withWorkerd("STARTTLS", async () => {
  const server = createTcpServer((socket) => {
    socket.once("data", () => {
      socket.write("GO\n", () => {
        const secure = new TLSSocket(socket, { isServer: true, ...certificates.good });
        secure.on("error", () => {});
        secure.pipe(secure);
      });
    });
  });
  expect(await run("startTls", await listening(server))).toEqual({ go: "GO\n", answer: "inside" });
});

withWorkerd("a certificate for another name fails with an error of TLS", async () => {
  const server = createTlsServer(certificates.otherName, () => {});
  server.on("tlsClientError", () => {});
  expect(await run("untrusted", await listening(server))).toBe(true);
});

withWorkerd("HTTP", async () => {
  const server = createServer((request, response) => {
    response.setHeader("Content-Type", "application/json");
    request.pipe(response);
  });
  expect(await run("http", await listening(server))).toEqual({ status: 200, body: { value: 21 } });
});

withWorkerd("WebSocket", async () => {
  const { port } = await wsPeer((socket) => socket.on("message", (data) => socket.send(String(data))));
  expect(await run("webSocket", port)).toEqual({ received: ["hello", "again"], code: 1000, wasClean: true });
});

withWorkerd("a WebSocket that is dropped connects again", async () => {
  const { port } = await wsPeer((socket) => socket.send("connected", () => setTimeout(() => socket.terminate(), 50)));
  expect(await run("reconnect", port)).toEqual(["connected", "connected"]);
});

withWorkerd("requests use one engine, one after the other and side by side", async () => {
  const { port } = await tcpPeer((socket) => socket.pipe(socket));
  expect(await Promise.all(Array.from({ length: 5 }, () => run("handles", port)))).toEqual(Array(5).fill(["ping\n"]));
  expect(await run("handles", port)).toEqual(["ping\n"]);
});

withWorkerd("what workerd lacks is ERR_UNSUPPORTED", async () => {
  expect(await run("missing")).toEqual(["ERR_UNSUPPORTED", "ERR_UNSUPPORTED"]);
});
