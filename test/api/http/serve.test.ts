/** http.serve, against clients that write bytes. */
import { once } from "node:events";
import { afterEach, describe, expect, test } from "@jest/globals";
import { http } from "twinwire";
import { atEnd, endPeers } from "../../support/peers.ts";
import { Inbox, pause, until, within } from "../../support/wait.ts";
import { pattern } from "../support.ts";
import { get, post, raw, serve, withoutDate } from "./support.ts";

afterEach(endPeers);

describe("serve", () => {
  /* RFC 9110 9.3.6 */
  test("what follows a request for a tunnel is no request", async () => {
    const paths: string[] = [];
    const { port } = await serve((request) => {
      paths.push(request.target);
      return { status: request.method === "CONNECT" ? 405 : 200, body: "x" };
    });
    const client = raw(port, `CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n\r\n${get("/smuggled")}`);
    expect((await client.all()).match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 405"]);
    expect(paths).toEqual(["a.example:1"]);
  });

  /* RFC 9112 9.3.2 */
  test("answers in order what came together", async () => {
    const { port } = await serve(async (request) => {
      await pause(request.path === "/0" ? 40 : 1);
      return { json: request.path };
    });
    const client = raw(
      port,
      [0, 1, 2, 3].map((index) => get(`/${index}`)).join("") + get("/4", "Connection: close\r\n"),
    );
    const bodies = [...(await client.all()).matchAll(/"(\/\d)"/g)].map((it) => it[1]);
    expect(bodies).toEqual(["/0", "/1", "/2", "/3", "/4"]);
  });

  test("what a handler throws is a 500, is reported, and the connection goes on", async () => {
    const reported: unknown[] = [];
    const error = new RangeError("secret");
    const { port } = await serve(
      (request) => {
        if (request.path === "/a") throw error;
        return request.path === "/b" ? undefined : { headers: { a: "b\r\nc" }, body: "x" };
      },
      { onError: (thrown) => reported.push(thrown) },
    );
    const client = raw(port, get("/a") + get("/b") + get("/c"));
    const answer = await client.all();
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 500", "HTTP/1.1 500", "HTTP/1.1 500"]);
    expect(answer).not.toContain("secret");
    const codes = ["ERR_CALLBACK", "ERR_HEADER"].map((code) => expect.objectContaining({ code }));
    expect(reported).toEqual([error, ...codes]);
  });

  /* RFC 9112 9.3: a body is read, or the connection ends. */
  test("a body that the handler did not read is passed over", async () => {
    const { port } = await serve(() => ({ body: "ok" }));
    const client = raw(port, post("x".repeat(100_000)) + get("/", "Connection: close\r\n"));
    expect((await client.all()).match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
  });

  test("but not one that is large: the client gets its answer, and the connection ends", async () => {
    const { port } = await serve(() => ({ status: 403, body: "no" }));
    const client = raw(port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n");
    const chunk = Buffer.alloc(65_536);
    const drip = setInterval(() => client.socket.writable && client.socket.write(chunk), 1);
    atEnd(() => clearInterval(drip));
    expect(withoutDate(await client.all())).toBe(
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
    );
  });

  test("a body that is too large", async () => {
    const { port } = await serve(async (request) => ({ body: await request.body.text() }), { maxBody: 5 });
    expect(await raw(port, post("abcde", "Connection: close\r\n")).all()).toMatch(/ 200 [\s\S]*abcde$/);
    expect(await raw(port, post("abcdef")).all()).toMatch(/^HTTP\/1\.1 413 /);
    const chunked = get("/", "Transfer-Encoding: chunked\r\n").replace("GET", "POST");
    expect(await raw(port, `${chunked}6\r\nabcdef\r\n0\r\n\r\n`).all()).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("slow clients are answered by 408, idle ones closed without a word", async () => {
    const { port, server } = await serve(async (request) => ({ body: await request.body.text() }), {
      /* More than a busy machine needs until the first bytes of the others arrive. */
      idleTimeoutMs: 1_500,
      headTimeoutMs: 60,
      timeoutMs: 60,
    });
    const slowHead = raw(port, "GET / HTTP/1.1\r\nA: ");
    const slowBody = raw(port, post("abc").slice(0, -1));
    const idle = raw(port);
    expect(await slowHead.all()).toMatch(/^HTTP\/1\.1 408 /);
    expect(await slowBody.all()).toMatch(/^HTTP\/1\.1 408 /);
    expect(await idle.all()).toBe("");
    for (const client of [slowHead, slowBody, idle]) client.socket.end();
    await until(() => server.connections === 0, "the end of the connections");
  });

  test("a client that never reads is given up", async () => {
    const { port, server } = await serve(() => ({ body: Buffer.alloc(60_000_000) }), { writeTimeoutMs: 60 });
    const client = raw(port);
    client.socket.pause();
    client.socket.write(get("/") + get("/"));
    await until(() => server.connections === 1, "the connection");
    await until(() => server.connections === 0, "the end of it");
  });

  test("a client that reads slowly is not", async () => {
    /* Progress is reported in steps: kernels hold MiB, and take more only once a good part has gone; 140 to 560 ms at this pace. */
    const writeTimeoutMs = 4_000;
    const size = 30_000_000;
    const { port } = await serve(() => ({ body: pattern(size) }), { writeTimeoutMs });
    const client = raw(port, get("/", "Connection: close\r\n"));
    const begin = performance.now();
    let read = 0;
    client.socket.on("data", (part: Buffer) => {
      read += part.length;
      if (read > size) return;
      client.socket.pause();
      setTimeout(() => client.socket.resume(), part.length / 7_000);
    });
    await within(once(client.socket, "end"), "the end of the response");
    expect(client.got().length).toBeGreaterThan(size);
    /* It took longer than the time in which nothing may be taken. */
    expect(performance.now() - begin).toBeGreaterThan(writeTimeoutMs);
  });

  test("an unread body that turns out large: the client gets its answer all the same", async () => {
    const { port } = await serve(() => ({ status: 403, body: "no" }));
    const client = raw(port, get("/", "Transfer-Encoding: chunked\r\n").replace("GET", "POST"));
    const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
    const drip = setInterval(() => client.socket.writable && client.socket.write(chunk), 1);
    atEnd(() => clearInterval(drip));
    expect(await client.all()).toMatch(/^HTTP\/1\.1 403 [\s\S]*no$/);
  });

  test("close waits for what is being answered, and for nothing else", async () => {
    const reached = new Inbox<string>("a request");
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { port, server } = await serve(async (request) => {
      reached.push(request.path);
      if (request.path === "/slow") await gate;
      return { body: request.path };
    });
    const idle = raw(port, get("/"));
    await idle.until(/\/$/);
    const busy = raw(port, get("/slow") + get("/never"));
    await reached.next();
    await reached.next();
    let closed = false;
    const closing = server.close().then(() => {
      closed = true;
    });
    await within(once(idle.socket, "end"), "the end of the idle connection");
    idle.socket.end();
    await pause(20);
    expect(closed).toBe(false);
    release();
    const answer = await busy.all();
    busy.socket.end();
    expect(answer).toMatch(/connection: close\r\n[\s\S]*\/slow$/i);
    await within(closing, "close");
    expect(reached.all).toEqual(["/", "/slow"]);
    expect(server.connections).toBe(0);
  });

  test("close has an end", async () => {
    const { port, server } = await serve(() => new Promise(() => {}));
    const client = raw(port, get("/"));
    await until(() => server.connections === 1, "the connection");
    await pause(10);
    await within(server.close({ graceMs: 30 }), "close");
    await client.all();
  });

  test("a handler may answer by itself", async () => {
    const { port } = await serve(async (request) => {
      await http.respond(request.conn, { status: 103, headers: { link: "</a>" } });
      await http.respond(request.conn, { body: "done" });
      return undefined;
    });
    const client = raw(port, get("/") + get("/", "Connection: close\r\n"));
    expect((await client.all()).match(/HTTP\/1\.1 \d+/g)).toEqual([103, 200, 103, 200].map((it) => `HTTP/1.1 ${it}`));
  });

  test("a client that leaves in the middle of anything leaves nothing behind", async () => {
    const { port, server } = await serve(async (request) => {
      await request.body.bytes();
      await pause(20);
      return { body: pattern(1_000_000) };
    });
    const texts = ["", "GET", get("/"), post("abc").slice(0, -1), get("/") + get("/").slice(0, 5)];
    for (const sent of texts) {
      const client = raw(port, sent);
      await until(() => server.connections > 0, "the connection");
      await pause(10);
      client.socket.destroy();
      await until(() => server.connections === 0, `the end of it after ${JSON.stringify(sent)}`);
    }
  });
});
