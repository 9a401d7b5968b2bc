/** HTTP with clients, servers and proxies that were not written here. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request as nodeRequest } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { http, type ServeOptions, TlsServer } from "twinwire";
/* Under its bare name Bun has a program of its own. */
import { Client, Agent as UndiciAgent, request as undiciRequest } from "../../../node_modules/undici/index.js";
import { describeWith, findTool, portFrom, startChild } from "../../support/child.ts";
import { host } from "../../support/host.ts";
import { atEnd, endPeers } from "../../support/peers.ts";
import { until, within } from "../../support/wait.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { failure, pattern } from "../support.ts";
import { bodyOf, type Mirrored, mirror, nodePeer, serve } from "./support.ts";

const { program: openssl } = findTool("openssl", ["openssl"], ["version"]);
if (openssl === undefined) throw new Error("these tests need openssl, of the Debian package openssl");
const pki: Certificates = makeCertificates();
const folder = mkdtempSync(join(tmpdir(), "twinwire-http-"));

afterEach(endPeers);
afterAll(() => rmSync(folder, { recursive: true }));

/** A server of ours that sends back what it got, as JSON; /large: a megabyte; /stream: in parts, with a trailer. */
function ownMirror(options: ServeOptions = {}): Promise<{ url: string; port: number }> {
  return serve(async (request) => {
    if (request.path === "/large") return { body: pattern(1_000_000) };
    if (request.path === "/stream") {
      return { headers: { trailer: "x-sum" }, body: ["one ", "two ", "three"], trailers: () => ({ "x-sum": 3 }) };
    }
    const body = await request.body.text();
    return { json: { method: request.method, url: request.target, headers: request.headers, body } };
  }, options);
}

/** What a program prints to stdout, once it has ended well. */
async function output(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  atEnd(() => child.kill("SIGKILL"));
  const parts: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  child.stderr.on("data", (part: Buffer) => errors.push(part));
  const [code] = (await within(once(child, "close"), program)) as [number];
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${code} ${Buffer.concat(errors)}`);
  return Buffer.concat(parts).toString("latin1");
}

describeWith(findTool("curl", ["curl"], ["--version"]), "curl", (curl) => {
  const run = (...args: string[]): Promise<string> => output(curl, ["-sS", "--noproxy", "*", ...args]);

  test("GET, POST, HEAD", async () => {
    const { url } = await ownMirror();
    expect(JSON.parse(await run(`${url}/a?b=c`))).toMatchObject({ method: "GET", url: "/a?b=c", body: "" });
    expect(JSON.parse(await run("-d", "x=y", url))).toMatchObject({ method: "POST", body: "x=y" });
    expect(await run("-I", url)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*content-length: \d+\r\n/);
  });

  test("one connection for several requests", async () => {
    const { url } = await ownMirror();
    const urls = [`${url}/1`, `${url}/2`, `${url}/3`];
    const counts = await run(
      "-o",
      "/dev/null",
      "-o",
      "/dev/null",
      "-o",
      "/dev/null",
      "-w",
      "%{num_connects} ",
      ...urls,
    );
    expect(counts).toBe("1 0 0 ");
  });

  test("100 (Continue), chunks both ways, a megabyte", async () => {
    const { url } = await ownMirror();
    const file = join(folder, "large.bin");
    writeFileSync(file, "x".repeat(2_000_000));
    const expecting = await run("-v", "--stderr", "-", "-H", "Expect: 100-continue", "--data-binary", `@${file}`, url);
    expect(expecting).toMatch(/< HTTP\/1\.1 100 Continue/);
    const chunked = await run("-H", "Transfer-Encoding: chunked", "--data-binary", `@${file}`, url);
    expect((JSON.parse(chunked) as Mirrored).body.length).toBe(2_000_000);
    expect(await run(`${url}/stream`)).toBe("one two three");
    expect(await run(`${url}/large`)).toBe(pattern(1_000_000).toString("latin1"));
  });

  test("HTTP/1.0, kept and not kept", async () => {
    const errors: unknown[] = [];
    const { url } = await ownMirror({ onError: (error) => errors.push(error) });
    expect(await run("-0", `${url}/stream`)).toBe("one two three");
    const counts = await run(
      ...["-0", "-H", "Connection: keep-alive", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} "],
      ...[`${url}/1`, `${url}/2`],
    );
    expect(counts).toBe("1 0 ");
    expect(errors).toEqual([]);
  });
});

describe("node:http", () => {
  test("an agent that keeps its connection, and trailers", async () => {
    const { port, server } = await serve(async (request) => {
      const parts = await request.body.text();
      return { body: [`${parts}|`, JSON.stringify(request.body.trailers)], trailers: () => ({ "x-end": "yes" }) };
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    atEnd(() => agent.destroy());
    for (let count = 0; count < 3; count++) {
      const request = nodeRequest({ port, method: "POST", agent, headers: { trailer: "x-sum" } });
      request.write("abc");
      request.addTrailers({ "x-sum": `${count}` });
      request.end();
      const [response] = await within(once(request, "response"), "the response");
      expect((await bodyOf(response)).toString()).toBe(`abc|{"x-sum":"${count}"}`);
      expect(response.trailers).toEqual({ "x-end": "yes" });
    }
    expect(server.connections).toBe(1);
  });
});

/* Bun puts a module of its own in undici's place, which has neither clients nor agents. */
(host === "bun" ? describe.skip : describe)("undici", () => {
  test("pipelined requests, bodies both ways", async () => {
    const { url, server } = await serve(async (request) => ({ json: [request.path, await request.body.text()] }));
    const client = new Client(url, { pipelining: 8 });
    atEnd(() => client.destroy());
    const answers = await within(
      Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          const { body } = await client.request({ path: `/${index}`, method: "PUT", body: `b${index}` });
          return body.json();
        }),
      ),
      "the responses",
    );
    expect(answers).toEqual(Array.from({ length: 40 }, (_, index) => [`/${index}`, `b${index}`]));
    expect(server.connections).toBe(1);
  });

  test("large bodies", async () => {
    const { url } = await ownMirror();
    const dispatcher = new UndiciAgent();
    atEnd(() => dispatcher.destroy());
    const { body } = await undiciRequest(`${url}/large`, { dispatcher });
    expect(Buffer.from(await body.arrayBuffer()).equals(pattern(1_000_000))).toBe(true);
    const sent = await undiciRequest(url, { dispatcher, method: "POST", body: "y".repeat(3_000_000) });
    expect(((await sent.body.json()) as Mirrored).body.length).toBe(3_000_000);
  });
});

const python = findTool("python3", ["python3"], ["--version"]);

describeWith(python, "Python", (program) => {
  test("http.client, kept and chunked", async () => {
    const { port, server } = await serve(async (request) => ({ json: [request.method, await request.body.text()] }));
    const code = `
import http.client, json
c = http.client.HTTPConnection("127.0.0.1", ${port}, timeout=8)
out = []
for body in [b"abc", iter([b"de", b"f"])]:
    c.request("POST", "/", body=body, encode_chunked=False, headers={"Connection": "keep-alive"})
    out.append(json.loads(c.getresponse().read()))
c.request("GET", "/")
out.append(json.loads(c.getresponse().read()))
print(json.dumps(out))`;
    expect(JSON.parse(await output(program, ["-c", code]))).toEqual([
      ["POST", "abc"],
      ["POST", "def"],
      ["GET", ""],
    ]);
    await until(() => server.connections === 0, "the end of the connection");
  });

  test("http.server", async () => {
    writeFileSync(join(folder, "hello.json"), '{"hello": "ü"}');
    mkdirSync(join(folder, "sub"), { recursive: true });
    const args = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder];
    const port = await portFrom(startChild(program, args).lines, /port (\d+)/);
    const url = `http://127.0.0.1:${port}`;
    const found = await http.request({ method: "GET", url: `${url}/hello.json` });
    expect(found).toMatchObject({ status: 200, headers: { "content-type": "application/json" }, body: { hello: "ü" } });
    expect((await http.request({ method: "GET", url: `${url}/nowhere` })).status).toBe(404);
    expect(await http.request({ method: "HEAD", url: `${url}/hello.json` })).toMatchObject({ status: 200, body: "" });
    const moved = await http.stream({ url: `${url}/sub` }, { maxRedirects: 1 });
    expect([moved.status, moved.url, moved.redirects]).toEqual([200, `${url}/sub/`, 1]);
    await moved.body.bytes();
  });
});

describeWith(findTool("nginx-light", ["nginx", "/usr/sbin/nginx"], ["-v"]), "nginx", (nginx) => {
  let front = "";
  let files = "";
  let back: { url: string; port: number };

  /** nginx, in front of a server of ours and as a server of files. */
  async function start(): Promise<void> {
    back = await ownMirror();
    const home = mkdtempSync(join(folder, "nginx-"));
    writeFileSync(join(home, "large.bin"), pattern(5_000_000));
    writeFileSync(join(home, "a.json"), "[1,2]");
    const [one, two] = [await freePort(), await freePort()];
    writeFileSync(
      join(home, "nginx.conf"),
      `daemon off; master_process off; pid ${home}/pid; error_log stderr warn; events {}
http {
  access_log off; client_max_body_size 100m; default_type application/json;
  client_body_temp_path ${home}/1; proxy_temp_path ${home}/2; fastcgi_temp_path ${home}/3;
  uwsgi_temp_path ${home}/4; scgi_temp_path ${home}/5;
  upstream own { server 127.0.0.1:${back.port}; keepalive 4; }
  server { listen 127.0.0.1:${one}; location / { proxy_pass http://own; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_request_buffering off; proxy_buffering off; } }
  server { listen 127.0.0.1:${two}; root ${home}; location /to { return 302 /a.json; } gzip off; }
}`,
    );
    const child = startChild(nginx, ["-p", home, "-c", join(home, "nginx.conf"), "-e", "stderr"]);
    child.process.on("error", () => {});
    front = `http://127.0.0.1:${one}`;
    files = `http://127.0.0.1:${two}`;
    for (const port of [one, two]) await listening(port);
  }

  test("in front of our server: connections are kept, bodies pass both ways", async () => {
    await start();
    for (let count = 0; count < 20; count++) {
      const body = "z".repeat(count * 10_000);
      const response = await fetch(`${front}/p?q=${count}`, { method: "POST", body });
      const got = (await response.json()) as Mirrored;
      expect([response.status, got.url, got.body.length]).toEqual([200, `/p?q=${count}`, body.length]);
    }
    const large = await fetch(`${front}/large`);
    expect(Buffer.from(await large.arrayBuffer()).equals(pattern(1_000_000))).toBe(true);
    expect(await (await fetch(`${front}/stream`)).text()).toBe("one two three");
    const sent = await fetch(front, { method: "POST", body: "w".repeat(20_000_000) });
    expect(((await sent.json()) as Mirrored).body.length).toBe(20_000_000);
  });

  test("as a server, with our client", async () => {
    await start();
    const moved = await http.request({ method: "GET", url: `${files}/to` }, { maxRedirects: 1 });
    expect(moved).toMatchObject({ status: 200, body: [1, 2] });
    const response = await http.stream({ url: `${files}/large.bin`, headers: { range: "bytes=1000000-1999999" } });
    expect(response.status).toBe(206);
    expect((await response.body.bytes()).length).toBe(1_000_000);
    const whole = await http.stream({ url: `${files}/large.bin` });
    expect(Buffer.compare(await whole.body.bytes(), pattern(5_000_000))).toBe(0);
    const mirrored = await http.request({ method: "PUT", url: `${front}/x`, body: { a: 1 } });
    expect((mirrored.body as unknown as Mirrored).body).toBe('{"a":1}');
  });
});

describe("https", () => {
  /** node:https with the test's certificate. */
  async function secure(): Promise<string> {
    const server = createHttps(pki.good, mirror);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    atEnd(() => {
      server.close();
      server.closeAllConnections();
    });
    return `https://localhost:${(server.address() as AddressInfo).port}`;
  }

  test("a server that is trusted, one that is not, one of another name", async () => {
    const url = await secure();
    const tls = { ca: pki.ca };
    for (let count = 0; count < 2; count++) {
      const response = await http.request({ method: "POST", url: `${url}/s`, body: [count] }, { tls });
      expect(response.body as unknown as Mirrored).toMatchObject({ url: "/s", body: `[${count}]` });
    }
    expect((await failure(http.request({ method: "GET", url }))).code).toBe("ERR_TLS_UNTRUSTED");
    const named = { ca: pki.ca, servername: "elsewhere.example" };
    expect((await failure(http.request({ method: "GET", url }, { tls: named }))).code).toBe("ERR_TLS_NAME");
  });

  test("a server of ours", async () => {
    const listener = new TlsServer("127.0.0.1", 0, { tls: pki.good });
    await within(listener.opened, "listening");
    const server = http.serve(listener, (request) => ({ json: { path: request.path, tls: request.conn.isTLS() } }));
    atEnd(() => server.close({ graceMs: 0 }));
    const url = `https://localhost:${listener.addr().split(":")[1]}/a`;
    const response = await http.request({ method: "GET", url }, { tls: { ca: pki.ca }, keepAlive: false });
    expect(response.body).toEqual({ path: "/a", tls: true });
  });
});

describe("proxies", () => {
  /** A proxy by node:net: CONNECT and absolute targets. What it was asked for. */
  async function proxy(refuse = false): Promise<{ url: string; asked: string[] }> {
    const asked: string[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (data) => {
        const head = data.toString("latin1");
        const authorization = /^proxy-authorization: (.*)\r$/im.exec(head)?.[1] ?? "";
        asked.push(`${head.split("\r\n")[0]} ${authorization}`.trim());
        if (refuse) {
          socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
          return;
        }
        const [, method = "", target = ""] = /^([A-Z]+) (\S+) HTTP/.exec(head) ?? [];
        if (method === "") {
          socket.destroy();
          return;
        }
        const { hostname, port } = new URL(method === "CONNECT" ? `http://${target}` : target);
        const onward = connect(Number(port), hostname === "localhost" ? "127.0.0.1" : hostname);
        onward.on("error", () => socket.destroy());
        if (method === "CONNECT") socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        else onward.write(data.toString("latin1").replace(target, new URL(target).pathname), "latin1");
        socket.pipe(onward).pipe(socket);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    atEnd(() => void server.close());
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  }

  /** Sets variables of the environment until the test ends. */
  function setEnv(values: Record<string, string>): void {
    const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"];
    const all = [...names, ...names.map((name) => name.toLowerCase())];
    const before = all.map((name) => [name, process.env[name]] as const);
    for (const name of all) delete process.env[name];
    Object.assign(process.env, values);
    atEnd(() => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    });
  }

  test("http: is asked for by its whole URL, https: through a tunnel", async () => {
    const { url, asked } = await proxy();
    const own = url.replace("//", "//user:pass@");
    const plain = await nodePeer(mirror);
    const response = await http.request({ method: "GET", url: `${plain.url}/a` }, { proxy: own, keepAlive: false });
    expect(response.body as unknown as Mirrored).toMatchObject({ url: "/a", headers: { host: plain.url.slice(7) } });
    const server = createHttps(pki.good, mirror);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    atEnd(() => {
      server.close();
      server.closeAllConnections();
    });
    const { port } = server.address() as AddressInfo;
    const options = { proxy: own, tls: { ca: pki.ca }, keepAlive: false };
    const tunneled = await http.request({ method: "GET", url: `https://localhost:${port}/b` }, options);
    expect(tunneled.body as unknown as Mirrored).toMatchObject({ url: "/b" });
    const basic = `Basic ${btoa("user:pass")}`;
    expect(asked).toEqual([`GET ${plain.url}/a HTTP/1.1 ${basic}`, `CONNECT localhost:${port} HTTP/1.1 ${basic}`]);
  });

  test("one that refuses", async () => {
    const { url } = await proxy(true);
    const error = await failure(http.request({ method: "GET", url: "https://localhost:1/" }, { proxy: url }));
    expect(error).toMatchObject({ code: "ERR_PROXY", detail: 407, step: "proxy" });
    expect((await http.request({ method: "GET", url: "http://localhost:1/" }, { proxy: url })).status).toBe(407);
  });

  test("what is no proxy", async () => {
    const request = { method: "GET", url: "http://127.0.0.1:1/" };
    expect((await failure(http.request(request, { proxy: "http://" }))).code).toBe("ERR_URL");
    expect((await failure(http.request(request, { proxy: "socks5://127.0.0.1" }))).code).toBe("ERR_UNSUPPORTED");
  });

  test.each([
    [{ HTTP_PROXY: "P" }, true],
    [{ http_proxy: "P" }, true],
    [{ ALL_PROXY: "P" }, true],
    [{ HTTPS_PROXY: "P" }, false],
    [{ HTTP_PROXY: "P", REQUEST_METHOD: "GET" }, false],
    [{ HTTP_PROXY: "P", NO_PROXY: "*" }, false],
    [{ HTTP_PROXY: "P", NO_PROXY: "a.example, 127.0.0.1" }, false],
    [{ HTTP_PROXY: "P", no_proxy: "127.0.0.0/8" }, false],
    [{ HTTP_PROXY: "P", NO_PROXY: "127.0.0.1." }, false],
    [{ HTTP_PROXY: "P", NO_PROXY: "127.0.0.1:1" }, true],
    [{ HTTP_PROXY: "P", NO_PROXY: "0.0.1,7.0.0.1,10.0.0.0/8" }, true],
  ])("the environment %j: through the proxy %s", async (env, through) => {
    const { url, asked } = await proxy();
    const peer = await nodePeer(mirror);
    setEnv(Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value === "P" ? url : value])));
    expect((await http.request({ method: "GET", url: peer.url }, { keepAlive: false })).status).toBe(200);
    expect(asked.length).toBe(through ? 1 : 0);
    await http.request({ method: "GET", url: peer.url }, { keepAlive: false, proxy: null });
    expect(asked.length).toBe(through ? 1 : 0);
  });
});

/** A port that nothing listens at now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Waits until something listens there. */
async function listening(port: number): Promise<void> {
  let open = false;
  await until(() => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      open = true;
      socket.destroy();
    });
    socket.on("error", () => {});
    return open;
  }, `port ${port}`);
}
