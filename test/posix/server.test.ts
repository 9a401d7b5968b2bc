/** The POSIX host and the C API: servers of HTTP and WebSocket on one port, against node:http, npm `ws` and bytes. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { get as httpsGet } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { type ClientOptions, WebSocket } from "ws";
import { certificates } from "../adapters/tls-support.ts";
import { type Child, describeWith, portFrom, startChild } from "../support/child.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools } from "./build.ts";

interface Answer {
  status: number | undefined;
  reason: string | undefined;
  headers: IncomingMessage["headers"];
  trailers: IncomingMessage["trailers"];
  body: string;
}

describeWith(buildTools(), "the POSIX host: HTTP and WebSocket server", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
  }, BUILD_PATIENCE);
  afterEach(endPeers);

  async function start(...args: string[]): Promise<Child & { port: number }> {
    const child = startChild(`${folder}/server`, args);
    const port = await portFrom(child.lines, /^listening on 127\.0\.0\.1:(\d+)$/);
    return { ...child, port };
  }

  /** Ends it in order; the sanitizers and the leak checker have nothing to say. */
  async function end({ process, ended, errors }: Child): Promise<void> {
    process.kill("SIGTERM");
    const code = await within(ended, "the end of the server");
    expect({ code, errors: errors.all }).toEqual({ code: 0, errors: [] });
  }

  function ask(port: number, path: string, options: object = {}, body?: string | Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port, path, ...options }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (data: Buffer) => parts.push(data));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status, statusMessage: reason, headers, trailers } = response;
          resolve({ status, reason, headers, trailers, body: Buffer.concat(parts).toString("latin1") });
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  /** All that comes on a connection of bytes. */
  function raw(port: number, bytes: string): { socket: Socket; text: () => string; ended: Promise<void> } {
    const socket = connect({ port, host: "127.0.0.1" });
    atEnd(() => socket.destroy());
    let text = "";
    socket.setEncoding("latin1").on("data", (data: string) => {
      text += data;
    });
    socket.on("error", () => {});
    const ended = new Promise<void>((resolve) => socket.on("end", resolve));
    socket.write(bytes);
    return { socket, text: () => text, ended };
  }

  async function dial(url: string, protocols: string[] = [], options: ClientOptions = {}) {
    const socket = new WebSocket(url, protocols, options);
    atEnd(() => socket.terminate());
    const messages = new Inbox<string>("a message");
    const closed = new Inbox<number>("a close");
    socket.on("message", (data: Buffer) => messages.push(data.toString()));
    socket.on("close", closed.push);
    await within(new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject)), "an open WebSocket");
    return { socket, messages, closed };
  }

  test("requests on one connection, with bodies of all sizes", async () => {
    const server = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    atEnd(() => agent.destroy());
    for (const size of [0, 1, 1000, 65_536, 70_000, 1_000_000]) {
      const body = Buffer.alloc(size, "x");
      const answer = await ask(server.port, "/echo", { method: "POST", agent }, body);
      expect([answer.status, answer.body.length]).toEqual([200, size]);
    }
    const chunked = { method: "POST", agent, headers: { "transfer-encoding": "chunked" } };
    expect((await ask(server.port, "/echo", chunked, "in chunks")).body).toBe("in chunks");
    expect((await ask(server.port, "/method", { method: "DELETE", agent })).body).toBe("DELETE");
    const head = await ask(server.port, "/method", { method: "HEAD", agent });
    expect([head.status, head.headers["content-length"], head.body]).toEqual([200, "4", ""]);
    expect(Math.abs(Date.parse(`${head.headers.date}`) - Date.now())).toBeLessThan(60_000);
    const asked = { agent, headers: { "X-Asked": ["a", "b"] } };
    expect((await ask(server.port, "/header", asked)).body).toBe("a, b");
    expect((await ask(server.port, "/header", { agent })).body).toBe("ERR_NOT_FOUND");
    const expected = { method: "POST", agent, headers: { expect: "100-continue" } };
    expect((await ask(server.port, "/echo", expected, "continued")).body).toBe("continued");
    await end(server);
  });

  test("responses: own headers, parts, later, twice, refused headers, none", async () => {
    const server = await start();
    const own = await ask(server.port, "/own");
    expect([own.status, own.reason, own.headers["x-own"], own.body]).toEqual([201, "Made", "yes", "<p>"]);
    const parts = await ask(server.port, "/parts");
    expect([parts.headers["transfer-encoding"], parts.body]).toEqual(["chunked", "one two three"]);
    expect((await ask(server.port, "/parts", { method: "HEAD" })).body).toBe("");
    expect((await ask(server.port, "/later")).body).toBe("at last");
    expect((await ask(server.port, "/twice")).body).toBe("once");
    await until(() => server.lines.all.includes("respond ERR_STATE"), "a refused second response");
    expect((await ask(server.port, "/bad-header")).body).toBe("ERR_HEADER");
    await expect(ask(server.port, "/close")).rejects.toThrow();
    await end(server);
  });

  test("trailers: chunked, with a length, to HEAD, to HTTP/1.0", async () => {
    const server = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    atEnd(() => agent.destroy());
    const chunked = await ask(server.port, "/trailers", { agent });
    expect([chunked.body, chunked.trailers]).toEqual(["body", { "x-sum": "7", "x-last": "yes" }]);
    await until(() => server.lines.all.includes("trailers ERR_HEADER"), "refused trailers");
    const sized = await ask(server.port, "/sized-trailers", { agent });
    expect([sized.body, sized.trailers]).toEqual(["bodylate", {}]);
    const head = await ask(server.port, "/trailers", { method: "HEAD", agent });
    expect([head.status, head.body, head.trailers]).toEqual([200, "", {}]);
    expect((await ask(server.port, "/method", { agent })).body).toBe("GET");
    const old = raw(server.port, "GET /trailers HTTP/1.0\r\n\r\n");
    await within(old.ended, "the end of an HTTP/1.0 connection");
    expect(old.text()).toMatch(/\r\n\r\nbody$/);
    await until(() => server.lines.all.includes("again ERR_HANDLE"), "a refused end of what has ended");
    expect(server.lines.all.filter((line) => line === "again ERR_STATE")).toHaveLength(3);
    await end(server);
  });

  test("requests behind one another, split at every byte, are answered in order", async () => {
    const server = await start();
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const bytes = get("/later") + get("/method") + get("/parts") + get("/own");
    const expected = /at last[\s\S]*GET[\s\S]*one [\s\S]*two [\s\S]*three[\s\S]*<p>/;
    const joined = raw(server.port, bytes);
    await until(() => expected.test(joined.text()), "four answers");
    const split = raw(server.port, "");
    split.socket.setNoDelay(true);
    for (const byte of bytes) {
      split.socket.write(byte);
      await pause(0);
    }
    await until(() => expected.test(split.text()), "four answers to single bytes");
    const half = raw(server.port, get("/later"));
    half.socket.end(); /* behind the request: the answer still comes */
    await within(half.ended, "the end behind the answer");
    expect(half.text()).toContain("at last");
    await end(server);
  });

  test("what breaks the protocol is answered and reported", async () => {
    const server = await start();
    const said = async (bytes: string): Promise<string> => {
      const { text, ended } = raw(server.port, bytes);
      await within(ended, "the end of a bad request");
      return text().split("\r\n")[0] ?? "";
    };
    expect(await said("NONSENSE\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect(await said("GET / HTTP/1.1\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect(await said("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n")).toMatch(/^HTTP\/1\.1 413 /);
    expect(await said(`GET / HTTP/1.1\r\nHost: x\r\nA: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await said("GET /method HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
    await until(() => server.lines.all.filter((line) => /^error ERR_\w+ 4\d\d$/.test(line)).length === 4, "4 errors");
    const left = raw(server.port, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    await until(() => server.lines.all.includes("held"), "the request");
    left.socket.resetAndDestroy();
    await until(() => server.lines.all.includes("error ERR_RESET 0"), "the client's end");
    await end(server);
  });

  test("WebSockets: accepted, chosen, refused, broadcast, and with what came behind the handshake", async () => {
    const server = await start();
    const url = `ws://127.0.0.1:${server.port}`;
    const first = await dial(`${url}/any`);
    first.socket.send("hello");
    expect(await first.messages.next()).toBe("hello");
    first.socket.send(Buffer.alloc(200_000, "b"));
    expect(await first.messages.next()).toHaveLength(200_000);
    const chosen = await dial(`${url}/chosen`, ["x", "a", "b"]);
    expect(chosen.socket.protocol).toBe("b");
    await expect(dial(`${url}/refused`)).rejects.toThrow("403");
    first.socket.send("all: of you");
    expect(await first.messages.next()).toBe("all: of you");
    expect(await chosen.messages.next()).toBe("all: of you");
    await until(() => server.lines.all.includes("took 2"), "the count");
    chosen.socket.send("x".repeat(1001));
    expect(await chosen.closed.next()).toBe(1009);
    first.socket.close(4000);
    await until(() => server.lines.all.includes("disconnected 4000 1"), "the close");
    const handshake =
      "GET /any HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]).toString("latin1");
    const eager = raw(server.port, "");
    eager.socket.write(Buffer.from(handshake + frame + frame, "latin1"));
    await until(() => eager.text().endsWith("\x81\x02hi\x81\x02hi"), "two echoes");
    await end(server);
  });

  test("a server that is closed lets its WebSockets go with 1001 and answers what waits", async () => {
    const server = await start();
    const client = await dial(`ws://127.0.0.1:${server.port}/`);
    const idle = raw(server.port, "GET /method HTTP/1.1\r\nHost: x\r\n\r\n");
    await until(() => idle.text().endsWith("GET"), "an answer");
    const answer = await ask(server.port, "/stop");
    expect([answer.body, answer.headers.connection]).toEqual(["stopping", "close"]);
    expect(await client.closed.next()).toBe(1001);
    await within(idle.ended, "the end of an idle connection");
    await expect(ask(server.port, "/method")).rejects.toThrow("ECONNREFUSED");
    await end(server);
  });

  test("the same over TLS", async () => {
    const { good, ca } = certificates();
    const files = mkdtempSync(join(tmpdir(), "twinwire-server-"));
    atEnd(() => rmSync(files, { recursive: true, force: true }));
    writeFileSync(join(files, "cert"), good.cert);
    writeFileSync(join(files, "key"), good.key);
    const server = await start(join(files, "cert"), join(files, "key"));
    const status = await within(
      new Promise((resolve, reject) => {
        const options = { host: "localhost", port: server.port, path: "/method", ca };
        httpsGet(options, (response) => resolve(response.resume().statusCode)).on("error", reject);
      }),
      "an answer over TLS",
    );
    expect(status).toBe(200);
    const client = await dial(`wss://localhost:${server.port}/`, [], { ca });
    client.socket.send("secret");
    expect(await client.messages.next()).toBe("secret");
    raw(server.port, "GET / HTTP/1.1\r\n\r\n"); /* in the clear */
    await until(() => server.lines.all.some((line) => /^error ERR_TLS/.test(line)), "the failed handshake");
    await end(server);
  });
});
