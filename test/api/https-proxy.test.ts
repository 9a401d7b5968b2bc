/** Proxies whose URL is https: TLS with the proxy, and what goes through it, for http, WebSocket and connections. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTls, type TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { http, TcpConnection, TlsConnection, TlsServer, WebSocket, WebSocketServer } from "twinwire";
import { sim } from "twinwire/sim";
import { describeWith, findTool, startChild } from "../support/child.ts";
import { atEnd, endPeers, freePort, tcpPeer } from "../support/peers.ts";
import { Inbox, until, within } from "../support/wait.ts";
import { type Certificates, type Identity, makeCertificates } from "./certificates.ts";
import { failure } from "./support.ts";

let pki: Certificates;

beforeAll(() => {
  pki = makeCertificates();
});
afterEach(endPeers);

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

interface Proxy {
  readonly port: number;
  /** The start line of each request, and its credentials. */
  readonly asked: string[];
  /** How many connections there were. */
  connections: number;
}

/** A proxy that does TLS with its clients: CONNECT, and whole URLs. */
async function proxyBy(identity: Identity, refuse = false): Promise<Proxy> {
  const server = createTls({ cert: identity.cert, key: identity.key }, (socket: TLSSocket) => {
    socket.on("error", () => {});
    sockets.add(socket);
    proxy.connections++;
    socket.once("data", (data) => {
      const head = data.toString("latin1");
      const [start = ""] = head.split("\r\n");
      const basic = /^proxy-authorization: Basic (.*)\r$/im.exec(head)?.[1] ?? "";
      proxy.asked.push(`${start} ${Buffer.from(basic, "base64")}`.trim());
      if (refuse) {
        socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      const [, method = "", target = ""] = /^([A-Z]+) (\S+) HTTP/.exec(head) ?? [];
      const { hostname, port } = new URL(method === "CONNECT" ? `http://${target}` : target);
      const onward = connect(Number(port), hostname === "localhost" ? "127.0.0.1" : hostname);
      onward.on("error", () => socket.destroy());
      socket.on("close", () => onward.destroy());
      if (method === "CONNECT") socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      else onward.write(head.replace(target, new URL(target).pathname), "latin1");
      socket.pipe(onward).pipe(socket);
    });
  });
  const sockets = new Set<TLSSocket>();
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const proxy: Proxy = { port: portOf(server), asked: [], connections: 0 };
  return proxy;
}

const urlOf = ({ port }: { port: number }, user = "ada:hunter2@"): string => `https://${user}localhost:${port}`;

/** The URLs of a server that answers with the path, by http: and https:. */
async function origins(): Promise<{ plain: string; secure: string }> {
  const plain = createHttp((request, response) => response.end(`plain ${request.url}`)).listen(0, "127.0.0.1");
  const secure = createHttps(pki.good, (request, response) => response.end(`secure ${request.url}`));
  secure.listen(0, "127.0.0.1");
  await Promise.all([once(plain, "listening"), once(secure, "listening")]);
  atEnd(() => {
    for (const server of [plain, secure]) {
      server.close();
      server.closeAllConnections();
    }
  });
  return { plain: `http://localhost:${portOf(plain)}`, secure: `https://localhost:${portOf(secure)}` };
}

/** Of all that an error says, nothing is secret. */
function expectNoSecret(error: unknown): void {
  expect(`${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`).not.toMatch(/hunter2/);
}

describe("http", () => {
  test("asks for http: by the whole URL and for https: through a tunnel, both within TLS", async () => {
    const proxy = await proxyBy(pki.good);
    const { plain, secure } = await origins();
    const options = { proxy: urlOf(proxy), proxyTls: { ca: pki.ca }, keepAlive: false };
    expect((await http.request({ method: "GET", url: `${plain}/a` }, options)).body).toBe("plain /a");
    const tls = { ca: pki.ca };
    expect((await http.request({ method: "GET", url: `${secure}/b` }, { ...options, tls })).body).toBe("secure /b");
    const { host } = new URL(secure);
    expect(proxy.asked).toEqual([`GET ${plain}/a HTTP/1.1 ada:hunter2`, `CONNECT ${host} HTTP/1.1 ada:hunter2`]);
  });

  test("keeps a connection for requests that go the same way by the same TLS", async () => {
    const proxy = await proxyBy(pki.good);
    const { secure } = await origins();
    const get = async (ca: string | string[]): Promise<void> => {
      const options = { proxy: urlOf(proxy), proxyTls: { ca }, tls: { ca: pki.ca } };
      expect((await http.request({ method: "GET", url: `${secure}/` }, options)).status).toBe(200);
    };
    await get(pki.ca);
    await get(pki.ca);
    expect(proxy.connections).toBe(1);
    await get([pki.ca, pki.good.cert]);
    expect(proxy.connections).toBe(2);
  });

  test("verifies the proxy by its own name and authorities, before it is asked for anything", async () => {
    const { secure, plain } = await origins();
    const other = await proxyBy(pki.otherName);
    const good = await proxyBy(pki.good);
    for (const url of [secure, plain]) {
      for (const [proxy, proxyTls, code] of [
        [other, { ca: pki.ca }, "ERR_TLS_NAME"],
        [good, { ca: pki.selfSigned.cert }, "ERR_TLS_UNTRUSTED"],
        [good, undefined, "ERR_TLS_UNTRUSTED"],
        [good, { ca: pki.ca, pin: "00".repeat(32) }, "ERR_TLS_PIN"],
      ] as const) {
        const options = { proxy: urlOf(proxy), proxyTls, tls: { ca: pki.ca } };
        const error = await failure(
          http.request({ method: "GET", url }, url === plain ? { ...options, tls: undefined } : options),
        );
        expect(error.code).toBe(code);
        if (url === secure) expect(error.message).toContain("TLS with the proxy");
        expectNoSecret(error);
      }
    }
    expect([...other.asked, ...good.asked]).toEqual([]);
    /* The options of the target do not count for the proxy, nor the other way round. */
    const options = { proxy: urlOf(good), proxyTls: { ca: pki.ca } };
    expect((await failure(http.request({ method: "GET", url: secure }, options))).code).toBe("ERR_TLS_UNTRUSTED");
    const named = {
      proxy: urlOf(other),
      proxyTls: { ca: pki.ca, servername: "elsewhere.example" },
      tls: { ca: pki.ca },
    };
    expect((await http.request({ method: "GET", url: secure }, named)).status).toBe(200);
  });

  test("is chosen by the environment", async () => {
    const proxy = await proxyBy(pki.good);
    const { secure } = await origins();
    const name = "https_proxy";
    const before = process.env[name];
    process.env[name] = urlOf(proxy);
    atEnd(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
    const options = { proxyTls: { ca: pki.ca }, tls: { ca: pki.ca }, keepAlive: false };
    expect((await http.request({ method: "GET", url: secure }, options)).status).toBe(200);
    expect(proxy.asked).toHaveLength(1);
  });

  test("reports a proxy that refuses, and options that make no sense, without the credentials", async () => {
    const proxy = await proxyBy(pki.good, true);
    const { secure } = await origins();
    const request = { method: "GET", url: secure } as const;
    const refused = await failure(http.request(request, { proxy: urlOf(proxy), proxyTls: { ca: pki.ca } }));
    expect(refused).toMatchObject({ code: "ERR_PROXY", detail: 407, step: "proxy" });
    expectNoSecret(refused);
    for (const [given, proxyTls, code] of [
      ["http://ada:hunter2@localhost:1", {}, "ERR_ARGUMENT"],
      ["socks5://ada:hunter2@localhost:1", undefined, "ERR_UNSUPPORTED"],
      ["https://ada:hunter2@", undefined, "ERR_URL"],
      ["https://ada:hun/ter2@localhost", undefined, "ERR_URL"],
      ["ada:hunter2@local host", undefined, "ERR_URL"],
    ] as const) {
      const error = await failure(http.request(request, { proxy: given, proxyTls }));
      expect([given, error.code]).toEqual([given, code]);
      expect(error.message).not.toMatch(/hunter2|hun|ter2|ada/);
    }
  });
});

test("WebSocket: ws: and wss: go through, and reconnect", async () => {
  const proxy = await proxyBy(pki.good);
  for (const listen of [undefined, { tls: pki.good }]) {
    const server = new WebSocketServer("127.0.0.1", 0, { listen });
    atEnd(() => server.close({ graceMs: 100 }));
    await server.opened;
    const url = `${listen ? "wss" : "ws"}://localhost:${server.addr().split(":")[1]}/`;
    const options = { proxy: urlOf(proxy), proxyTls: { ca: pki.ca }, reconnect: [0] };
    const client = new WebSocket(url, { ...options, ...(listen && { tls: { ca: pki.ca } }) });
    atEnd(() => client.close());
    const messages = new Inbox<unknown>("a message");
    client.addEventListener("message", ({ data }) => messages.push(data));
    for (let round = 0; round < 2; round++) {
      const socket = await within(server.accept(), "a client");
      await within(client.opened, "open");
      socket.send(`round ${round}`);
      expect(await messages.next()).toBe(`round ${round}`);
      if (round === 0) socket.close(1012);
    }
  }
  expect(proxy.asked).toHaveLength(4);
  const other = await proxyBy(pki.otherName);
  const refused = new WebSocket("ws://localhost:9/", { proxy: urlOf(other), proxyTls: { ca: pki.ca } });
  const error = await failure(refused.opened);
  expect(error.code).toBe("ERR_TLS_NAME");
  expectNoSecret(error);
});

describe("connections", () => {
  test("TCP and TLS go through http: and https: proxies", async () => {
    const proxy = await proxyBy(pki.good);
    const echo = await tcpPeer((socket) => socket.pipe(socket));
    const server = new TlsServer("127.0.0.1", 0, { tls: pki.good });
    atEnd(() => server.close());
    await server.opened;
    const via = { proxy: urlOf(proxy), proxyTls: { ca: pki.ca } };

    const plain = new TcpConnection("localhost", echo.port, via);
    await plain.writeAll("hello");
    expect(String(await within(plain.read(), "bytes"))).toBe("hello");
    expect([plain.isTLS(), plain.tlsInfo]).toEqual([false, undefined]);
    plain.close();

    const secure = new TlsConnection("localhost", Number(server.addr().split(":")[1]), { ...via, tls: { ca: pki.ca } });
    const conn = await within(server.accept(), "a connection");
    await conn.writeAll("hi");
    expect(String(await within(secure.read(), "bytes"))).toBe("hi");
    expect([secure.isTLS(), secure.tlsInfo?.authorized]).toEqual([true, true]);
    secure.close();
    expect(proxy.asked).toEqual([
      `CONNECT localhost:${echo.port} HTTP/1.1 ada:hunter2`,
      `CONNECT localhost:${server.addr().split(":")[1]} HTTP/1.1 ada:hunter2`,
    ]);
  });

  test("TLS begins in place within the tunnel", async () => {
    const proxy = await proxyBy(pki.good);
    const server = new TlsServer("127.0.0.1", 0, { tls: pki.good });
    atEnd(() => server.close());
    await server.opened;
    const port = Number(server.addr().split(":")[1]);
    const conn = new TcpConnection("localhost", port, { proxy: urlOf(proxy), proxyTls: { ca: pki.ca } });
    atEnd(() => conn.close());
    await conn.upgradeToTLS("localhost", { ca: pki.ca });
    const other = await within(server.accept(), "a connection");
    await conn.writeAll("secured");
    expect(String(await within(other.read(), "bytes"))).toBe("secured");
    expect(conn.isTLS()).toBe(true);
  });

  test("what is no proxy is reported by opened", async () => {
    const opened = (options: object): Promise<{ code: string }> =>
      failure(new TcpConnection("localhost", 9, options).opened);
    expect((await opened({ proxy: "http://" })).code).toBe("ERR_URL");
    expect((await opened({ proxy: "ftp://x" })).code).toBe("ERR_UNSUPPORTED");
    expect((await opened({ proxy: 7 })).code).toBe("ERR_URL");
    expect((await opened({ proxy: "http://localhost:1", proxyTls: {} })).code).toBe("ERR_ARGUMENT");
    expect((await opened({ proxy: "http://localhost:1", policy: { deny: "private" } })).code).toBe("ERR_ARGUMENT");
    const bad = new TcpConnection(7 as never, 9, { proxy: "http://localhost:1" });
    expect((await failure(bad.opened)).code).toBe("ERR_ARGUMENT");
    const badPort = new TcpConnection("localhost", 1.5, { proxy: "http://localhost:1" });
    expect((await failure(badPort.opened)).code).toBe("ERR_PORT");
  });
});

test("where the host has no TLS within TLS, a tunnel by https: is refused before anything is sent", async () => {
  await sim.run(1, async () => {
    const error = await failure(new TcpConnection("target", 9, { proxy: "https://ada:hunter2@proxy" }).opened);
    expect(error).toMatchObject({ code: "ERR_UNSUPPORTED", step: "proxy" });
    expectNoSecret(error);
  });
});

const tinyproxy = findTool("tinyproxy", ["tinyproxy", "/usr/bin/tinyproxy"], ["-v"]);
const socat = findTool("socat", ["socat", "/usr/bin/socat"], ["-V"]);

describeWith(tinyproxy, "tinyproxy", (program) => {
  describeWith(socat, "with socat's TLS in front of it", (front) => {
    test("https: and wss: go through both", async () => {
      const at = mkdtempSync(join(tmpdir(), "twinwire-proxy-"));
      atEnd(() => rmSync(at, { recursive: true }));
      const [port, outer] = [await freePort(), await freePort()];
      writeFileSync(
        join(at, "conf"),
        `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nBasicAuth ada hunter2\n`,
      );
      writeFileSync(join(at, "both.pem"), `${pki.good.key}${pki.good.cert}`);
      startChild(program, ["-d", "-c", join(at, "conf")]);
      const tls = `OPENSSL-LISTEN:${outer},bind=127.0.0.1,reuseaddr,fork,verify=0,cert=${join(at, "both.pem")}`;
      startChild(front, [tls, `TCP:127.0.0.1:${port}`]);
      for (const it of [port, outer]) {
        let open = false;
        await until(() => {
          const socket = connect(it, "127.0.0.1", () => {
            open = true;
            socket.destroy();
          }).on("error", () => {});
          return open;
        }, "a listener");
      }
      const { secure } = await origins();
      const options = { proxyTls: { ca: pki.ca }, tls: { ca: pki.ca }, keepAlive: false };
      const proxy = urlOf({ port: outer });
      expect((await http.request({ method: "GET", url: `${secure}/x` }, { ...options, proxy })).body).toBe("secure /x");
      const error = await failure(
        http.request({ method: "GET", url: secure }, { ...options, proxy: urlOf({ port: outer }, "") }),
      );
      expect(error).toMatchObject({ code: "ERR_PROXY", detail: 407 });

      const server = new WebSocketServer("127.0.0.1", 0, {
        listen: { tls: pki.good },
        onMessage: (socket, message) => socket.send(message),
      });
      atEnd(() => server.close({ graceMs: 100 }));
      await server.opened;
      const client = new WebSocket(`wss://localhost:${server.addr().split(":")[1]}/`, {
        proxy,
        proxyTls: { ca: pki.ca },
        tls: { ca: pki.ca },
      });
      atEnd(() => client.close());
      await within(client.opened, "open");
      const big = "x".repeat(1 << 20);
      client.send(big);
      const answer = await within(client[Symbol.asyncIterator]().next(), "an answer");
      expect(answer.value === big).toBe(true);
    });
  });
});
