/** The adapter of workerd, inside workerd, against real peers: clients of TCP, TLS, HTTP and WebSocket. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { makeCertificates } from "../api/certificates.ts";
import { root, succeed } from "../support/packed.ts";
import { endPeers, freePort, tcpPeer, wsPeer } from "../support/peers.ts";
import { pause } from "../support/wait.ts";

const program = join(root, "scripts/runtimes/node_modules/workerd/bin/workerd");
const { CI } = process.env;
/* It is for x64 and arm64 Linux and macOS; make test installs it. */
const withWorkerd = existsSync(program) || CI === "true" ? test : test.skip;

const certificates = makeCertificates();
let folder = "";
let workerd: ChildProcess | undefined;
let complaints = "";
let url = "";
const servers: Server[] = [];

function bundleWorker(): void {
  succeed(process.execPath, [join(root, "test/workerd/bundle.mjs"), join(folder, "worker.js")], root);
  copyFileSync(join(root, "dist/core.wasm"), join(folder, "core.wasm"));
}

const config = (port: number): string => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "dist/worker.js", esModule = embed "worker.js"), (name = "core.wasm", wasm = embed "core.wasm")],
      compatibilityDate = "2025-01-01",
    )),
    (name = "internet", network = (
      allow = ["public", "private"],
      tlsOptions = (trustBrowserCas = false, trustedCertificates = [${JSON.stringify(certificates.ca)}]),
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`;

beforeAll(async () => {
  if (!existsSync(program)) return;
  folder = mkdtempSync(join(tmpdir(), "twinwire-workerd-"));
  bundleWorker();
  const port = await freePort();
  writeFileSync(join(folder, "config.capnp"), config(port));
  workerd = spawn(program, ["serve", "config.capnp"], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  workerd.stderr?.setEncoding("utf8").on("data", (part: string) => {
    complaints += part;
  });
  url = `http://127.0.0.1:${port}/`;
  for (;;) {
    if (workerd.exitCode !== null) throw new Error(complaints);
    if (await canConnect(port)) return;
    await pause(50);
  }
});

afterAll(async () => {
  workerd?.kill();
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

afterEach(async () => {
  await endPeers();
  for (const server of servers.splice(0)) server.close();
});

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Runs a scenario of worker.mjs. */
async function run(name: string, port = 0): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify({ name, port }) });
  const { result, error } = (await response.json()) as { result?: unknown; error?: string };
  if (error !== undefined) throw new Error(`${error}\n${complaints}`);
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
