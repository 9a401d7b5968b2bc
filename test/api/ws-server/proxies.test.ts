/** nginx in front of our servers, configured by the lines of the documentation; curl as a client of both protocols. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import { http, TcpServer, upgrade, WebSocket } from "twinwire";
import { describeWith, findTool, startChild } from "../../support/child.ts";
import { atEnd, endPeers, freePort } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";
import { makeCertificates } from "../certificates.ts";
import { echo, nextOf, serve, urlOf, wsClient } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "twinwire-ws-"));
const page = readFileSync(new URL("../../../docs/websocket-server.md", import.meta.url), "utf8");
const documented = /```nginx\n([\s\S]*?)```/.exec(page)?.[1] ?? "";

afterEach(endPeers);
afterAll(() => rmSync(folder, { recursive: true }));

/** Waits until something listens at this port. */
async function listening(port: number): Promise<void> {
  const attempt = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
  const trying = async (): Promise<void> => {
    while (!(await attempt())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await within(trying(), `a listener at ${port}`);
}

/** What the client of a WebSocket is answered. */
const next = (client: { once(event: "message", listener: (data: unknown) => void): unknown }): Promise<string> =>
  within(new Promise((resolve) => client.once("message", (data) => resolve(String(data)))), "a message");

describeWith(findTool("nginx-light", ["nginx", "/usr/sbin/nginx"], ["-v"]), "nginx in front", (nginx) => {
  const pki = makeCertificates();

  /** nginx in front of `port`: as the documentation says for wss:, and the same without TLS. */
  async function front(port: string): Promise<{ ws: string; wss: string; end: () => void }> {
    const home = mkdtempSync(join(folder, "nginx-"));
    writeFileSync(join(home, "cert.pem"), pki.good.cert);
    writeFileSync(join(home, "key.pem"), pki.good.key);
    const [secure, plain] = [await freePort(), await freePort()];
    const lines = documented.replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`);
    const withTls = lines.replace("listen 443 ssl", `listen 127.0.0.1:${secure} ssl`);
    const without = lines
      .slice(lines.indexOf("server {"))
      .replace(/ +ssl_.*\n/g, "")
      .replace("listen 443 ssl", `listen 127.0.0.1:${plain}`);
    writeFileSync(
      join(home, "nginx.conf"),
      `daemon off; master_process off; pid ${home}/pid; error_log stderr warn; events {}
http {
access_log off;
client_body_temp_path ${home}/1; proxy_temp_path ${home}/2; fastcgi_temp_path ${home}/3;
uwsgi_temp_path ${home}/4; scgi_temp_path ${home}/5;
${withTls}
${without}
}`,
    );
    const child = startChild(nginx, ["-p", home, "-c", join(home, "nginx.conf"), "-e", "stderr"]);
    await listening(plain);
    await listening(secure);
    return {
      ws: `ws://127.0.0.1:${plain}`,
      wss: `wss://localhost:${secure}`,
      end: () => child.process.kill("SIGKILL"),
    };
  }

  const portOf = (address: string): string => address.split(":")[1] ?? "";

  test.each(["ws", "wss"] as const)("of a WebSocketServer, by %s: messages, headers, close codes", async (scheme) => {
    const server = await echo({ deflate: { threshold: 0 }, onRequest: ({ path }) => ({ body: `plain ${path}` }) });
    const urls = await front(portOf(server.addr()));
    const client = await wsClient(`${urls[scheme]}/room?id=7`, { ca: pki.ca });
    const socket = await nextOf(server);
    expect([socket.request.path, socket.request.query]).toEqual(["/room", "id=7"]);
    expect(socket.request.headers).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": scheme === "ws" ? "http" : "https",
    });
    expect(client.extensions).toBe("permessage-deflate");
    for (const size of [0, 125, 126, 65_536, 1 << 20]) {
      client.send("x".repeat(size));
      expect((await next(client)) === "x".repeat(size)).toBe(true);
    }
    const closed = within(new Promise((resolve) => client.once("close", resolve)), "the end");
    socket.close(4001, "moved");
    expect(await closed).toBe(4001);
    expect(await within(socket.closed, "the end")).toMatchObject({ code: 4001, wasClean: true });
    if (scheme === "wss") return;
    expect(await (await fetch(`${urls.ws.replace("ws", "http")}/page`)).text()).toBe("plain /page");
  });

  test("of a WebSocketServer: our own client, through TLS; a refusal keeps its status", async () => {
    const server = await echo({ authorize: ({ path }) => path !== "/no" });
    const { wss } = await front(portOf(server.addr()));
    const ws = new WebSocket(`${wss}/yes`, { tls: { ca: pki.ca } });
    await within(ws.opened, "open");
    const messages = ws[Symbol.asyncIterator]();
    ws.send("through");
    expect(await within(messages.next(), "a message")).toMatchObject({ value: "through" });
    ws.close(1000);
    expect(await within(ws.closed, "the end")).toMatchObject({ code: 1000, wasClean: true });
    const refused = new WebSocket(`${wss}/no`, { tls: { ca: pki.ca } });
    expect((await within(refused.closed, "the end")).error).toMatchObject({ code: "ERR_WS_REFUSED", detail: 403 });
  });

  test("that dies: both sides hear of it", async () => {
    const server = await serve();
    const { ws, end } = await front(portOf(server.addr()));
    const client = await wsClient(`${ws}/`);
    const socket = await nextOf(server);
    const closed = within(new Promise((resolve) => client.once("close", resolve)), "the end");
    end();
    expect(await within(socket.closed, "the end")).toMatchObject({ code: 1006, wasClean: false });
    expect(await closed).toBe(1006);
  });

  test("of http.serve with upgrade: plain requests and WebSockets, from one port", async () => {
    const listener = new TcpServer("127.0.0.1", 0);
    await listener.opened;
    const server = http.serve(listener, (request) => {
      if (!request.upgrade) return { json: { path: request.path } };
      const socket = upgrade(request);
      socket.onmessage = ({ data }) => socket.send(`${data}!`);
      return undefined;
    });
    atEnd(() => server.close({ graceMs: 100 }));
    const { ws, wss } = await front(portOf(listener.addr()));
    expect(await (await fetch(`${ws.replace("ws", "http")}/a`)).json()).toEqual({ path: "/a" });
    for (const url of [ws, wss]) {
      const client = await wsClient(`${url}/b`, { ca: pki.ca });
      client.send("hello");
      expect(await next(client)).toBe("hello!");
      client.terminate();
    }
  });
});

describeWith(findTool("curl", ["curl"], ["--version"]), "curl", (curl) => {
  const KEY = ["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H", "Sec-WebSocket-Version: 13"];
  const UPGRADE = ["-H", "Upgrade: websocket", "-H", "Connection: Upgrade"];

  /** The heads and bodies that curl prints. */
  async function ask(...args: string[]): Promise<string> {
    const child = startChild(curl, ["-s", "-i", "--http1.1", "--max-time", "5", ...args]);
    await within(child.ended, "curl");
    return child.lines.all.join("\n").toLowerCase();
  }

  test("a page beside the WebSocket, twice by one connection", async () => {
    const server = await serve({ onRequest: async ({ path, body }) => ({ body: `${path} ${await body.text()}` }) });
    const url = `http://${server.addr()}`;
    const child = startChild(curl, [
      "-s",
      "--max-time",
      "5",
      "-w",
      "%{num_connects}\n",
      "-d",
      "x=1",
      `${url}/a`,
      `${url}/b`,
    ]);
    expect(await within(child.ended, "curl")).toBe(0);
    expect(child.lines.all).toEqual(["/a x=11", "/b x=10"]);
  });

  test("what is no handshake: 426 with what would be right, 400, 405", async () => {
    const url = urlOf(await serve()).replace("ws", "http");
    const plain = await ask(url);
    expect(plain).toMatch(/^http\/1\.1 426 /);
    expect(plain).toContain("upgrade: websocket");
    expect(plain).toContain("sec-websocket-version: 13");
    expect(await ask(...UPGRADE, url)).toMatch(/^http\/1\.1 400 /);
    expect(await ask("-X", "POST", ...UPGRADE, ...KEY, url)).toMatch(/^http\/1\.1 405 /);
  });

  test("a handshake: 101 with the key of RFC 6455 1.3, and the first frame", async () => {
    const server = await serve({
      onConnection: (socket) => {
        socket.send("hello");
        socket.close(1000);
      },
    });
    const answer = await ask("--max-time", "1", ...UPGRADE, ...KEY, urlOf(server).replace("ws", "http"));
    expect(answer).toMatch(/^http\/1\.1 101 /);
    expect(answer).toContain("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=");
    expect(answer).toContain("hello");
  });
});

test("the documentation has lines for nginx", () => {
  expect(documented).toContain("proxy_set_header Upgrade $http_upgrade");
});
