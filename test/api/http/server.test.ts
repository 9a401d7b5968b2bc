import { afterEach, describe, expect, test } from "@jest/globals";
import { http, type TcpConnection } from "twinwire";
import { http as resultHttp, TcpStream } from "twinwire/result";
import { atEnd, endPeers } from "../../support/peers.ts";
import { pause, until, within } from "../../support/wait.ts";
import { failure, text } from "../support.ts";
import { accepted, get, post, raw, serve, withoutDate } from "./support.ts";

afterEach(endPeers);

describe("read_request and write_response", () => {
  /* RFC 9110 6.6.1, 5.6.7: a Date. */
  test("as the document says", async () => {
    const { conn, client } = await accepted(
      'POST /a/b%20c?x=1&y HTTP/1.1\r\nHost: x:1\r\nX-One: 1\r\nContent-Length: 11\r\n\r\n{"a":[1,2]}',
    );
    expect(await within(http.read_request(conn), "the request")).toEqual({
      method: "POST",
      path: "/a/b%20c",
      query: "x=1&y",
      version: "HTTP/1.1",
      headers: { host: "x:1", "x-one": "1", "content-length": "11" },
      body: { a: [1, 2] },
    });
    await http.write_response(conn, { status: 201, headers: { "X-Two": "2" }, body: { ok: true } });
    await client.until(/\{"ok":true\}$/);
    expect(withoutDate(client.got())).toBe(
      "HTTP/1.1 201 Created\r\nX-Two: 2\r\ncontent-type: application/json\r\nContent-Length: 11\r\n\r\n" +
        '{"ok":true}',
    );
    expect(client.got()).toMatch(/\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
  });

  test("a TcpStream, with results", async () => {
    const { conn, client } = await accepted(get("/"));
    const stream = new TcpStream(conn);
    const request = await resultHttp.read_request(stream);
    expect(request).toMatchObject({ ok: true, value: { method: "GET", path: "/", query: "", body: null } });
    expect(await resultHttp.write_response(stream, { status: 200 })).toEqual({ ok: true, value: undefined });
    await client.until(/\r\n\r\nnull$/);
    const bad = await resultHttp.write_response(stream, { status: 99 });
    expect(bad).toMatchObject({ ok: false, error: expect.stringMatching(/^ERR_ARGUMENT: /) });
    client.socket.end();
    expect(await resultHttp.read_request(stream)).toMatchObject({
      ok: false,
      error: expect.stringMatching(/^ERR_UNEXPECTED_EOF: /),
    });
  });

  test.each([
    ["JSON", "[1]", [1]],
    ["text", "plain", "plain"],
    ["a text in quotes", '"q"', "q"],
    ["UTF-8", "grüße", "grüße"],
    ["nothing", "", null],
  ])("a body of %s", async (_, sent, body) => {
    const { conn } = await accepted(post(sent));
    expect((await within(http.read_request(conn), "the request")).body).toEqual(body);
  });

  test.each([
    ["none", undefined, "null"],
    ["null", null, "null"],
    ["a text", "a", '"a"'],
    ["a number", 1.5, "1.5"],
    ["what toJSON says", new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ["UTF-8", ["ü"], '["ü"]'],
  ])("a response with a body of %s", async (_, body, expected) => {
    const { conn, client } = await accepted(get("/"));
    await http.read_request(conn);
    await http.write_response(conn, { status: 200, body });
    conn.close();
    const [head = "", sent = ""] = (await client.all()).split("\r\n\r\n");
    expect(Buffer.from(sent, "latin1").toString()).toBe(expected);
    expect(head).toMatch(/\r\ncontent-type: application\/json\r\n/);
    expect(head).toMatch(new RegExp(`\r\nContent-Length: ${Buffer.byteLength(expected)}$`));
  });

  test.each(["Content-Type", "content-type", "CONTENT-TYPE"])("%s is taken as it is", async (name) => {
    const { conn, client } = await accepted(get("/"));
    await http.read_request(conn);
    await http.write_response(conn, { status: 200, headers: { [name]: "text/plain" }, body: "x" });
    conn.close();
    const fields = (await client.all()).match(/^content-type: .*$/gim);
    expect(fields).toEqual([`${name}: text/plain`]);
  });

  test.each([
    ["204", { status: 204, body: "x" }, "HTTP/1.1 204 No Content\r\n\r\n"],
    ["205", { status: 205 }, "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"],
    ["304", { status: 304, headers: { etag: '"a"' } }, 'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n'],
    [
      "a status without a name",
      { status: 299 },
      "HTTP/1.1 299 \r\ncontent-type: application/json\r\nContent-Length: 4\r\n\r\nnull",
    ],
  ])("%s", async (_, response, expected) => {
    const { conn, client } = await accepted(get("/"));
    await http.read_request(conn);
    await http.write_response(conn, response);
    conn.close();
    expect(withoutDate(await client.all())).toBe(expected);
  });

  /* RFC 9110 9.1, 9.3.2 */
  test("HEAD is answered without a body, but with its length", async () => {
    const { conn, client } = await accepted(get("/").replace("GET", "HEAD") + get("/2"));
    await http.read_request(conn);
    await http.write_response(conn, { status: 200, body: "four" });
    await http.read_request(conn);
    await http.write_response(conn, { status: 200, body: 1 });
    conn.close();
    expect(withoutDate(await client.all())).toBe(
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\n" +
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 1\r\n\r\n1",
    );
  });

  test.each([
    ["a line break in a value", { status: 200, headers: { a: "b\r\nSet-Cookie: c" } }, "ERR_HEADER"],
    ["a line feed in disguise", { status: 200, headers: { a: "b\u010aSet-Cookie: c" } }, "ERR_HEADER"],
    ["NUL", { status: 200, headers: { a: "b\0set-cookie\0c" } }, "ERR_HEADER"],
    ["an odd name", { status: 200, headers: { "a b": "c" } }, "ERR_HEADER"],
    ["framing by hand", { status: 200, headers: { "Transfer-Encoding": "chunked" } }, "ERR_HEADER"],
    ["another length", { status: 200, headers: { "content-length": 1 }, body: "abc" }, "ERR_HTTP_LENGTH"],
    ["no status", {} as { status: number }, "ERR_ARGUMENT"],
    ["a status of 600", { status: 600 }, "ERR_ARGUMENT"],
    ["a status of 101", { status: 101 }, "ERR_ARGUMENT"],
    ["a BigInt", { status: 200, body: 1n }, "ERR_ARGUMENT"],
    ["nothing", null as unknown as { status: number }, "ERR_ARGUMENT"],
  ])("a response with %s is refused, and another one can be written", async (_, response, code) => {
    const { conn, client } = await accepted(get("/"));
    await http.read_request(conn);
    expect((await failure(http.write_response(conn, response))).code).toBe(code);
    await http.write_response(conn, { status: 500 });
    conn.close();
    expect(await client.all()).toMatch(/^HTTP\/1\.1 500 /);
  });

  test("several Set-Cookie fields are sent one by one", async () => {
    const { conn, client } = await accepted(get("/"));
    await http.read_request(conn);
    await http.write_response(conn, { status: 200, headers: { "Set-Cookie": "a=1\nb=2" } });
    conn.close();
    expect(await client.all()).toMatch(/\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
  });

  test("what is no connection", async () => {
    expect((await failure(http.read_request({} as TcpConnection))).code).toBe("ERR_ARGUMENT");
    expect((await failure(http.write_response(null as unknown as TcpConnection, { status: 200 }))).code).toBe(
      "ERR_ARGUMENT",
    );
  });
});

describe("one after the other", () => {
  test("requests that came together, or byte by byte, are read one by one", async () => {
    const requests = get("/1") + post("[2]") + get("/3", "Connection: close\r\n");
    for (const step of [requests.length, 1, 7]) {
      const { conn, client } = await accepted();
      const sending = (async () => {
        for (let at = 0; at < requests.length; at += step) {
          client.socket.write(requests.slice(at, at + step));
          if (step < requests.length) await new Promise(setImmediate);
        }
      })();
      const got: unknown[] = [];
      for (let count = 0; count < 3; count++) {
        const { path, body } = await within(http.read_request(conn), "a request");
        got.push([path, body]);
        await http.write_response(conn, { status: 200, body: count });
      }
      await sending;
      expect(got).toEqual([
        ["/1", null],
        ["/", [2]],
        ["/3", null],
      ]);
      const bodies = [...(await client.all()).matchAll(/\r\n\r\n(\d)/g)].map((it) => it[1]);
      expect(bodies).toEqual(["0", "1", "2"]);
      client.socket.write(get("/4"));
      expect((await failure(http.read_request(conn))).code).toBe("ERR_UNEXPECTED_EOF");
    }
  });

  test("many that came together take time in proportion", async () => {
    const count = 20_000;
    const { conn, client } = await accepted();
    const sent = get("/").repeat(count);
    client.socket.write(sent);
    const begin = performance.now();
    for (let index = 0; index < count; index++) {
      await http.read_request(conn);
      await http.write_response(conn, { status: 204 });
    }
    /* 64 KiB at once, offered again for each request in them, would take minutes. */
    expect(performance.now() - begin).toBeLessThan(30_000);
    await until(() => client.got().length > count * 60, "the responses");
  });

  test("the end of the stream between two requests", async () => {
    const { conn, client } = await accepted(get("/"));
    await http.read_request(conn);
    const next = failure(http.read_request(conn));
    client.socket.end();
    expect(await next).toMatchObject({ code: "ERR_UNEXPECTED_EOF", status: 0 });
    expect((await failure(http.read_request(conn))).code).toBe("ERR_UNEXPECTED_EOF");
    await http.write_response(conn, { status: 200 });
    conn.close();
    expect(await client.all()).toMatch(/null$/);
  });

  test("the end of the stream before it is asked for", async () => {
    const { conn, client } = await accepted(get("/1") + get("/2").slice(0, 9));
    client.socket.end();
    await pause(30);
    expect((await http.read_request(conn)).path).toBe("/1");
    expect(await failure(http.read_request(conn))).toMatchObject({ code: "ERR_ENDED", status: 400 });
  });

  test("a reset while it waits", async () => {
    const { conn, client } = await accepted("GET / HT");
    const next = failure(http.read_request(conn));
    await pause(10);
    client.socket.resetAndDestroy();
    expect((await next).code).toBe("ERR_RESET");
  });

  test("bytes behind the last request are there to be read", async () => {
    const { conn } = await accepted(`${get("/")}and then bytes`);
    await http.read_request(conn);
    expect(text(await conn.readExact(14))).toBe("and then bytes");
  });

  test("bytes before the first request were there to be read", async () => {
    const { conn } = await accepted(`PROXY\r\n${get("/")}`);
    expect(text(await conn.readExact(7))).toBe("PROXY\r\n");
    expect((await http.read_request(conn)).path).toBe("/");
  });

  test("two calls at once, and a call beside a read", async () => {
    const { conn, client } = await accepted();
    const first = http.read_request(conn);
    expect((await failure(http.read_request(conn))).code).toBe("ERR_STATE");
    client.socket.write(get("/"));
    expect((await first).path).toBe("/");
    const read = conn.read();
    expect((await failure(http.read_request(conn))).code).toBe("ERR_STATE");
    client.socket.write("x");
    expect(text(await read)).toBe("x");
  });

  test("close while it waits", async () => {
    const { conn } = await accepted();
    const waiting = failure(http.read_request(conn));
    conn.close();
    expect((await waiting).code).toBe("ERR_STATE");
    expect((await failure(http.read_request(conn))).code).toBe("ERR_STATE");
    expect((await failure(http.write_response(conn, { status: 200 }))).code).toBe("ERR_STATE");
  });
});

describe("time", () => {
  test("a deadline that passes loses nothing", async () => {
    const { conn, client } = await accepted("GET /late HTTP/1.1\r\nHo");
    conn.setReadDeadline(30);
    expect((await failure(http.read_request(conn))).code).toBe("ERR_DEADLINE");
    expect((await failure(http.read_request(conn))).code).toBe("ERR_DEADLINE");
    conn.setReadDeadline(0);
    client.socket.write("st: x\r\n\r\n");
    expect((await within(http.read_request(conn), "the request")).path).toBe("/late");
  });

  test("a signal that aborts loses nothing", async () => {
    const { conn, client } = await accepted("GET /later HTTP/1.1\r\nHo");
    const waiting = failure(http.read_request(conn, { signal: AbortSignal.timeout(30) }));
    expect((await waiting).code).toBe("ERR_ABORTED");
    client.socket.write("st: x\r\n\r\n");
    await pause(20);
    expect((await within(http.read_request(conn), "the request")).path).toBe("/later");
  });

  test("a head that comes too slowly", async () => {
    const { conn, client } = await accepted("GET / HTTP/1.1\r\n");
    const drip = setInterval(() => client.socket.write("a: b\r\n"), 5);
    atEnd(() => clearInterval(drip));
    const error = await failure(http.read_request(conn, { headTimeoutMs: 60 }));
    expect(error).toMatchObject({ code: "ERR_TIMEOUT", status: 408 });
    expect(await failure(http.read_request(conn))).toMatchObject({ code: "ERR_TIMEOUT" });
    await http.write_response(conn, { status: error.status });
    await client.until(/^HTTP\/1\.1 408 /);
  });

  test("a body that comes too slowly", async () => {
    const { conn } = await accepted(`${post("abc").slice(0, -1)}`);
    expect(await failure(http.read_request(conn, { timeoutMs: 30 }))).toMatchObject({
      code: "ERR_TIMEOUT",
      status: 408,
    });
  });

  test("a request that does not begin", async () => {
    const { conn } = await accepted();
    expect(await failure(http.read_request(conn, { idleTimeoutMs: 30 }))).toMatchObject({
      code: "ERR_TIMEOUT",
      status: 0,
    });
  });
});

describe("what is no request", () => {
  const smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  const bad: [string, string, number][] = [
    ["a bare LF", "GET / HTTP/1.1\nHost: x\n\n", 400],
    ["a space before the colon", get("/", "Content-Length : 5\r\n"), 400],
    ["a folded line", get("/", "A: b\r\n c\r\n"), 400],
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", get("/", "Host: y\r\n"), 400],
    ["two lengths", post("", "Content-Length: 5\r\n"), 400],
    ["two lengths in one", get("/", "Content-Length: 5, 6\r\n"), 400],
    ["a length with a sign", get("/", "Content-Length: +5\r\n"), 400],
    ["a length that is too long", get("/", "Content-Length: 99999999999999999999\r\n"), 413],
    ["a length and a coding", post("", `Transfer-Encoding: chunked\r\n\r\n${smuggled}`), 400],
    ["chunked twice", get("/", `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled}`), 400],
    ["chunked not last", get("/", "Transfer-Encoding: chunked, identity\r\n"), 400],
    ["an unknown coding", get("/", "Transfer-Encoding: gzip, chunked\r\n"), 501],
    ["a chunk size with a space", `${get("/", "Transfer-Encoding: chunked\r\n")}5 \r\nabcde\r\n0\r\n\r\n`, 400],
    ["a chunk size of 0x5", `${get("/", "Transfer-Encoding: chunked\r\n")}0x5\r\nabcde\r\n0\r\n\r\n`, 400],
    ["a chunk that is longer than it says", `${get("/", "Transfer-Encoding: chunked\r\n")}1\r\nab\r\n0\r\n\r\n`, 400],
    ["NUL in a value", get("/", "A: b\0c\r\n"), 400],
    ["a name with a space", get("/", "A b: c\r\n"), 400],
    ["a target with a control", "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a method with a slash", "G/T / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
    ["HTTP/1.1 in lower case", "GET / http/1.1\r\nHost: x\r\n\r\n", 400],
    ["a target that is too long", get(`/${"a".repeat(9_000)}`), 414],
    ["a field that is too long", get("/", `A: ${"b".repeat(9_000)}\r\n`), 431],
    ["too many fields", get("/", "A: b\r\n".repeat(200)), 431],
    ["a head that is too large", get("/", `A: ${"b".repeat(4_000)}\r\n`.repeat(5)), 431],
    ["a body that is too large", get("/", "Content-Length: 17000000\r\n"), 413],
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01", 400],
  ];

  test.each(bad)("%s: read_request says how to answer", async (_, sent, status) => {
    const { conn, client } = await accepted(Buffer.from(sent, "latin1"));
    const error = await failure(http.read_request(conn));
    expect({ status: error.status, step: error.step }).toEqual({ status, step: "receive" });
    await http.write_response(conn, { status: error.status });
    expect((await failure(http.read_request(conn))).code).toBe(error.code);
    conn.close();
    const answers = (await client.all()).match(/HTTP\/1\.1 \d+/g);
    expect(answers).toEqual([`HTTP/1.1 ${status}`]);
  });

  test.each(bad)("%s: a server answers and closes, and handles nothing behind it", async (_, sent, status) => {
    const paths: string[] = [];
    const { port } = await serve(
      async (request) => {
        paths.push(request.path.slice(0, 9));
        await request.body.bytes();
        return { body: "handled" };
      },
      { maxBody: 16_777_216 },
    );
    const client = raw(port, Buffer.from(sent + get("/smuggled2"), "latin1"));
    expect((await client.all()).match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
    expect(client.got()).toMatch(/connection: close\r\n/i);
    expect(paths.filter((path) => path.startsWith("/smuggled"))).toEqual([]);
  });
});
