/** WebSocket against servers and proxies of other makers, and over TLS. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type TlsOptions, WebSocket, type WebSocketOptions } from "twinwire";
import { WebSocketServer } from "ws";
import { describeWith, findTool, startChild } from "../support/child.ts";
import { differs } from "../support/host.ts";
import { atEnd, endPeers, freePort, tcpPeer, type WsPeer, wsPeer } from "../support/peers.ts";
import { pause, until, within } from "../support/wait.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { failure } from "./support.ts";

const SCRIPT = new URL("../interop/peers/websocket_peer.py", import.meta.url).pathname;

const python = findTool("python3-websockets", ["python3", "/usr/bin/python3"], ["-c", "import websockets"]);
const nginx = findTool("nginx-light", ["nginx", "/usr/sbin/nginx"], ["-v"]);
const tinyproxy = findTool("tinyproxy", ["tinyproxy", "/usr/bin/tinyproxy"], ["-v"]);

let certificates: Certificates;

beforeAll(() => {
  certificates = makeCertificates();
});
afterEach(endPeers);

async function open(url: string, options: WebSocketOptions = {}): Promise<WebSocket> {
  const ws = new WebSocket(url, options);
  atEnd(async () => {
    ws.close();
    await ws.closed;
  });
  await within(ws.opened, "open");
  return ws;
}

async function echo(): Promise<WsPeer> {
  return wsPeer((socket) => socket.on("message", (data, binary) => socket.send(data, { binary })), {
    perMessageDeflate: { threshold: 0 },
  });
}

/** Sends messages of every size of the length field, and expects them back. */
async function converse(ws: WebSocket): Promise<void> {
  const messages = ws[Symbol.asyncIterator]();
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) {
    const text = "größer ".repeat(size / 7 + 1).slice(0, size);
    ws.send(text);
    ws.send(Buffer.alloc(size, 5));
    expect((await within(messages.next(), "text")).value === text).toBe(true);
    expect(Buffer.alloc(size, 5).equals((await within(messages.next(), "bytes")).value as Uint8Array)).toBe(true);
  }
}

/** A folder for a program's files. */
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "twinwire-ws-"));
  atEnd(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Waits until something listens there. */
async function listening(port: number): Promise<void> {
  const { connect } = await import("node:net");
  let open = false;
  for (let attempt = 0; attempt < 1_500 && !open; attempt++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    open = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "close").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (!open) await pause(20);
  }
  expect(open).toBe(true);
}

async function secureEcho(identity: { cert: string; key: string }): Promise<{ url: string; port: number }> {
  const server = createServer(identity);
  const sockets = new WebSocketServer({ server, perMessageDeflate: true });
  sockets.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    for (const client of sockets.clients) client.terminate();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `wss://localhost:${port}/`, port };
}

/* RFC 6455 10.6 */
describe("wss:", () => {
  test("messages, compressed and not", async () => {
    const { url } = await secureEcho(certificates.good);
    for (const deflate of [false, true]) {
      const ws = await open(url, { tls: { ca: certificates.ca }, deflate });
      expect(ws.extensions).toBe(deflate ? "permessage-deflate" : "");
      await converse(ws);
    }
  });

  test("a certificate that fails a check", async () => {
    const { ca } = certificates;
    const cases: [{ cert: string; key: string }, TlsOptions, string][] = [
      [certificates.good, {}, "ERR_TLS_UNTRUSTED"],
      [certificates.otherName, { ca }, "ERR_TLS_NAME"],
      [certificates.expired, { ca }, differs("expired") ? "ERR_TLS_UNTRUSTED" : "ERR_TLS_EXPIRED"],
      [certificates.good, { ca, pin: "00".repeat(32) }, "ERR_TLS_PIN"],
    ];
    for (const [identity, tls, code] of cases) {
      const { url } = await secureEcho(identity);
      const ws = new WebSocket(url, { tls });
      expect((await failure(ws.opened)).code).toBe(code);
      expect(await within(ws.closed, "closed")).toMatchObject({ code: 1006, error: { code } });
    }
  });
});

describeWith(python, "python3-websockets", (program) => {
  async function start(): Promise<string> {
    const child = startChild(program, [SCRIPT]);
    return `ws://127.0.0.1:${JSON.parse(await child.lines.next()).port}`;
  }

  test.each([[false], [true], [{ maxWindowBits: 9, noContextTakeover: true, threshold: 0 }]])(
    "messages, with deflate %j",
    async (deflate) => {
      const ws = await open(`${await start()}/echo`, { deflate });
      expect(ws.extensions).toMatch(deflate === false ? /^$/ : /^permessage-deflate/);
      await converse(ws);
    },
  );

  test("compressed fragments are one message", async () => {
    const ws = await open(`${await start()}/fragments?333`, { deflate: true });
    await converse(ws);
  });

  test("subprotocol, ping, and a close that it begins", async () => {
    const url = await start();
    const ws = new WebSocket(`${url}/ping?are%20you%20there`, ["other", "superchat"]);
    const { value } = await within(ws[Symbol.asyncIterator]().next(), "a message");
    expect([value, ws.protocol]).toEqual(["pong", "superchat"]);
    expect(await within(ws.ping(), "a pong")).toBeGreaterThan(0);
    ws.close(3210, "done");
    expect(await within(ws.closed, "closed")).toEqual({ code: 3210, reason: "done", wasClean: true });
    const closing = new WebSocket(`${url}/close?4003&bye`);
    expect(await within(closing.closed, "closed")).toEqual({ code: 4003, reason: "bye", wasClean: true });
  });
});

describeWith(nginx, "nginx in front", (program) => {
  test("of ws:, in the clear and with TLS, compressed", async () => {
    const { port } = await echo();
    const at = folder();
    const [plain, secure] = [await freePort(), await freePort()];
    writeFileSync(join(at, "cert.pem"), certificates.good.cert);
    writeFileSync(join(at, "key.pem"), certificates.good.key);
    const location = `location / {
        proxy_pass http://127.0.0.1:${port};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
      }`;
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((it) => `${it}_temp_path ${at}/${it};`);
    writeFileSync(
      join(at, "nginx.conf"),
      `daemon off; master_process off; pid ${at}/pid; error_log ${at}/error.log;
      events {}
      http {
        access_log off; ${paths.join(" ")}
        server { listen 127.0.0.1:${plain}; ${location} }
        server {
          listen 127.0.0.1:${secure} ssl;
          ssl_certificate ${at}/cert.pem; ssl_certificate_key ${at}/key.pem;
          ${location}
        }
      }`,
    );
    startChild(program, ["-p", at, "-c", join(at, "nginx.conf"), "-e", join(at, "error.log")]);
    await listening(plain);
    for (const deflate of [false, true]) {
      await converse(await open(`ws://127.0.0.1:${plain}/`, { deflate }));
      await converse(await open(`wss://localhost:${secure}/`, { deflate, tls: { ca: certificates.ca } }));
    }
  });
});

describeWith(tinyproxy, "tinyproxy", (program) => {
  test("a tunnel to ws: and to wss:, with credentials and without", async () => {
    const { url } = await echo();
    const secure = await secureEcho(certificates.good);
    const at = folder();
    const port = await freePort();
    const conf = join(at, "tinyproxy.conf");
    writeFileSync(conf, `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nBasicAuth me secret\n`);
    startChild(program, ["-d", "-c", conf]);
    await listening(port);
    const proxy = `http://me:secret@127.0.0.1:${port}`;
    await converse(await open(url, { proxy, deflate: true }));
    await converse(await open(secure.url, { proxy, tls: { ca: certificates.ca } }));
    const refused = new WebSocket(url, { proxy: `http://127.0.0.1:${port}` });
    expect(await failure(refused.opened)).toMatchObject({ code: "ERR_PROXY", step: "proxy" });
  });
});

test("a proxy that is silent, and one that is not there", async () => {
  const silent = await tcpPeer(() => {});
  const ws = new WebSocket("ws://127.0.0.1:9/", { proxy: `127.0.0.1:${silent.port}`, openTimeoutMs: 80 });
  expect((await failure(ws.opened)).code).toBe("ERR_TIMEOUT");
  const none = new WebSocket("ws://127.0.0.1:9/", { proxy: `127.0.0.1:${await freePort()}` });
  expect((await failure(none.opened)).code).toBe("ERR_REFUSED");
  await until(() => silent.sockets.size === 0, "the end of the attempt");
});
