/** http.request and http.stream, against node:http and against peers that break HTTP. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { http } from "twinwire";
import { endPeers, reachable, tcpPeer } from "../../support/peers.ts";
import { Inbox, pause, until, within } from "../../support/wait.ts";
import { facts, failure } from "../support.ts";
import { bodyOf, type Mirrored, mirror, nodePeer, ok, scripted } from "./support.ts";

afterEach(endPeers);

describe("JSON", () => {
  test("a request goes out and comes back as the document says", async () => {
    const { url } = await nodePeer(mirror);
    const response = await http.request({
      method: "POST",
      url: `${url}/items?a=1&b=%20`,
      headers: { "X-Own": "yes" },
      body: { name: "Ünïcode", list: [1, null, true] },
    });
    expect(Object.keys(response)).toEqual(["status", "headers", "body"]);
    expect(response.status).toBe(200);
    expect(response.headers).toMatchObject({ "content-type": "application/json" });
    const { method, url: target, headers, body } = response.body as unknown as Mirrored;
    expect({ method, target }).toEqual({ method: "POST", target: "/items?a=1&b=%20" });
    expect(JSON.parse(body)).toEqual({ name: "Ünïcode", list: [1, null, true] });
    expect(headers).toMatchObject({
      "x-own": "yes",
      "content-type": "application/json",
      "content-length": `${Buffer.byteLength('{"name":"Ünïcode","list":[1,null,true]}')}`,
      host: url.slice(7),
    });
  });

  test.each([
    ["JSON", '{"a":[1,2]}', { a: [1, 2] }],
    ["a JSON text", '"x"', "x"],
    ["null", "null", null],
    ["other text", "hello, wörld", "hello, wörld"],
    ["almost JSON", "{a:1}", "{a:1}"],
    ["nothing", "", ""],
  ])("a body of %s", async (_, sent, expected) => {
    const { url } = await nodePeer((_request, response) => response.end(sent));
    expect((await http.request({ method: "GET", url })).body).toEqual(expected);
  });

  test.each([
    ["null", null, "null"],
    ["a text", 'a "b"', '"a \\"b\\""'],
    ["false", false, "false"],
  ])("%s is sent as JSON text", async (_, body, expected) => {
    const { url } = await nodePeer(mirror);
    const response = await http.request({ method: "PUT", url, body });
    expect((response.body as unknown as Mirrored).body).toBe(expected);
  });

  test("without a body there is none, and nothing is said of one", async () => {
    const { url } = await nodePeer(mirror);
    const { headers, body } = (await http.request({ method: "GET", url })).body as unknown as Mirrored;
    expect(body).toBe("");
    expect(Object.keys(headers).filter((name) => name.startsWith("content-"))).toEqual([]);
  });

  test("a Content-Type that is given, in whatever case, stays the only one", async () => {
    const { url } = await nodePeer((request, response) => response.end(JSON.stringify(request.rawHeaders)));
    const response = await http.request({ method: "POST", url, headers: { "CONTENT-type": "text/x" }, body: 1 });
    const names = response.body as string[];
    expect(names.filter((it) => /^content-type$/i.test(it))).toEqual(["CONTENT-type"]);
    expect(names).toContain("text/x");
  });

  test("fields that came several times are one text; Set-Cookie is a line each", async () => {
    const url = await scripted((_head, socket) =>
      socket.write(
        ok("", "X-A: 1\r\nx-a:\t2 \r\nSet-Cookie: a=1, b\r\nSet-Cookie: c=2\r\nproto: x\r\n__proto__: y\r\n"),
      ),
    );
    const { headers } = await http.request({ method: "GET", url });
    expect(headers).toMatchObject({ "x-a": "1, 2", "set-cookie": "a=1, b\nc=2", proto: "x" });
    expect(Object.entries(headers)).toContainEqual(["__proto__", "y"]);
    expect(({} as { y?: string }).y).toBeUndefined();
  });

  /* RFC 9110 6, 6.4.1: what a body is depends on the request. */
  test("HEAD, 204 and 304 have no body, whatever their fields say", async () => {
    const { url } = await nodePeer((request, response) => {
      if (request.method === "HEAD") response.setHeader("content-length", "5").end();
      else response.writeHead(request.url === "/204" ? 204 : 304).end();
    });
    const head = await http.request({ method: "HEAD", url });
    expect(head).toMatchObject({ status: 200, headers: { "content-length": "5" }, body: "" });
    expect(await http.request({ method: "GET", url: `${url}/204` })).toMatchObject({ status: 204, body: "" });
    expect(await http.request({ method: "GET", url: `${url}/304` })).toMatchObject({ status: 304, body: "" });
  });

  test("user and password of the URL are sent by Basic, unless there is an Authorization", async () => {
    const { url } = await nodePeer(mirror);
    const own = url.replace("//", "//us%3Aer:p%C3%A4ss@");
    const first = (await http.request({ method: "GET", url: own })).body as unknown as Mirrored;
    expect(first.headers).toMatchObject({ authorization: `Basic ${btoa("us:er:p\xc3\xa4ss")}` });
    const headers = { Authorization: "Bearer x" };
    const second = (await http.request({ method: "GET", url: own, headers })).body as unknown as Mirrored;
    expect(second.headers).toMatchObject({ authorization: "Bearer x" });
  });
});

describe("what is refused before anything is sent", () => {
  test.each([
    ["a line break in a value", { headers: { a: "b\r\nc: d" } }, "ERR_HEADER"],
    ["a wide character that ends in a line break's byte", { headers: { a: "b\u010d\u010ac: d" } }, "ERR_HEADER"],
    ["NUL in a value", { headers: { a: "b\0c\0d" } }, "ERR_HEADER"],
    ["a line break in a name", { headers: { "a\r\nb": "c" } }, "ERR_HEADER"],
    ["a colon in a name", { headers: { "a:b": "c" } }, "ERR_HEADER"],
    ["a value that is no text", { headers: { a: {} as string } }, "ERR_HEADER"],
    ["framing by hand", { headers: { "transfer-encoding": "chunked" } }, "ERR_HEADER"],
    [
      "a second host",
      {
        headers: [
          ["host", "a"],
          ["Host", "b"],
        ] as [string, string][],
      },
      "ERR_HEADER",
    ],
    ["a space in the method", { method: "GET /x" }, "ERR_HEADER"],
    ["NUL in the method", { method: "GET\0/x\0y" }, "ERR_HEADER"],
    ["a length that is not the body's", { headers: { "content-length": "3" }, body: [] }, "ERR_HTTP_LENGTH"],
    ["a body that is no JSON", { body: 1n }, "ERR_ARGUMENT"],
    ["a method that is no text", { method: 1 as unknown as string }, "ERR_ARGUMENT"],
    ["a tunnel", { method: "CONNECT" }, "ERR_ARGUMENT"],
    ["a URL that is none", { url: "nowhere" }, "ERR_URL"],
    ["another scheme", { url: "ftp://127.0.0.1/" }, "ERR_URL"],
  ])("%s", async (_, change, code) => {
    const seen: string[] = [];
    const { port } = await tcpPeer((socket) => socket.on("data", (data) => seen.push(`${data}`)));
    const request = { method: "POST", url: `http://127.0.0.1:${port}/`, ...change };
    expect((await failure(http.request(request))).code).toBe(code);
    await pause(20);
    expect(seen).toEqual([]);
  });

  test("no request at all, and options that are none", async () => {
    const nothing = null as unknown as Parameters<typeof http.request>[0];
    expect((await failure(http.request(nothing))).code).toBe("ERR_ARGUMENT");
    const request = { method: "GET", url: "http://127.0.0.1:1/" };
    for (const options of [{ timeoutMs: -1 }, { maxBody: 1.5 }, { maxRedirects: "1" as unknown as number }]) {
      expect((await failure(http.request(request, options))).code).toBe("ERR_ARGUMENT");
    }
  });
});

test.each(reachable)("a server on %s, as %s", async (host, name) => {
  const { port } = await tcpPeer(
    (socket) => socket.on("data", (data) => socket.write(ok(/host: (.*)\r/i.exec(`${data}`)?.[1] ?? ""))),
    { host },
  );
  const { body } = await http.request({ method: "GET", url: `http://${name}:${port}/` }, { keepAlive: false });
  expect(body).toBe(`${name}:${port}`);
});

describe("connections", () => {
  /* RFC 9112 9.2, 9.3: a response belongs to the one request that is under way. */
  test("are kept and used again, one for each request at a time", async () => {
    const { url, accepted } = await nodePeer((_request, response) => setTimeout(() => response.end("x"), 10));
    for (let count = 0; count < 5; count++) await http.request({ method: "GET", url });
    expect(accepted.length).toBe(1);
    await Promise.all(Array.from({ length: 4 }, () => http.request({ method: "GET", url })));
    expect(accepted.length).toBe(4);
  });

  /* RFC 9112 9.6 */
  test("are closed if that is asked for, by either side", async () => {
    const { url, accepted } = await nodePeer((request, response) => {
      if (request.url === "/close") response.setHeader("connection", "close");
      response.end(request.headers.connection ?? "");
    });
    const first = await http.request({ method: "GET", url }, { keepAlive: false });
    expect(first.body).toBe("close");
    await http.request({ method: "GET", url: `${url}/close` });
    await http.request({ method: "GET", url, headers: { connection: "close" } });
    await http.request({ method: "GET", url });
    expect(accepted.length).toBe(4);
    await until(() => accepted.filter((it) => it.destroyed).length === 3, "the end of three");
  });

  test("that the server closed meanwhile are not used", async () => {
    const { url, accepted } = await nodePeer((_request, response) => response.end());
    await http.request({ method: "POST", url });
    accepted[0]?.end();
    await within(once(accepted[0] as Socket, "close"), "the end of the first");
    await http.request({ method: "POST", url });
    expect(accepted.length).toBe(2);
  });

  test("that end under a request are tried again if that does no harm", async () => {
    const seen: string[] = [];
    const url = await scripted((head, socket, count) => {
      seen.push(head.split(" ")[0] as string);
      if (count % 2 === 1) socket.write(ok("1"));
      else socket.destroy();
    });
    await http.request({ method: "GET", url });
    expect((await http.request({ method: "GET", url })).body).toBe(1);
    expect(seen).toEqual(["GET", "GET", "GET"]);
    const error = await failure(http.request({ method: "POST", url }));
    expect(["ERR_UNEXPECTED_EOF", "ERR_RESET"]).toContain(error.code);
    expect(seen).toEqual(["GET", "GET", "GET", "POST"]);
  });

  test("are not kept longer than the server says", async () => {
    let connections = 0;
    const { port } = await tcpPeer((socket) => {
      connections += 1;
      socket.on("data", () => socket.write(ok("", "Keep-Alive: timeout=1\r\n")));
    });
    for (let count = 0; count < 3; count++) await http.request({ method: "GET", url: `http://127.0.0.1:${port}/` });
    expect(connections).toBe(3);
  });

  /* RFC 9112 6.3, 9.2: what comes without a request is no response. */
  test("on which bytes came that nobody asked for are not used", async () => {
    let connections = 0;
    const { port } = await tcpPeer((socket) => {
      connections += 1;
      socket.on("data", () => socket.write(`${ok("a")}${ok("stolen")}`));
    });
    const url = `http://127.0.0.1:${port}/`;
    expect((await http.request({ method: "GET", url })).body).toBe("a");
    expect((await http.request({ method: "GET", url })).body).toBe("a");
    expect(connections).toBe(2);
  });
});

describe("time and patience", () => {
  test.each([
    ["no answer", ""],
    ["half a head", "HTTP/1.1 200 OK\r\nConte"],
    ["half a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"],
  ])("a time-out ends it: %s", async (_, answer) => {
    const ends = new Inbox<boolean>("the end of the connection");
    const url = await scripted((_head, socket) => {
      socket.on("close", () => ends.push(true));
      socket.write(answer);
    });
    const error = await failure(http.request({ method: "GET", url: `${url}/a` }, { timeoutMs: 50 }));
    expect(facts(error)).toEqual({ code: "ERR_TIMEOUT", step: "receive", address: `${url}/a` });
    await ends.next();
  });

  test("a signal ends it, before, while it waits, and while the body comes", async () => {
    const url = await scripted((head, socket) => {
      if (head.startsWith("GET /body")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    });
    const reason = new Error("enough");
    const before = await failure(http.request({ method: "GET", url }, { signal: AbortSignal.abort(reason) }));
    expect(before).toMatchObject({ code: "ERR_ABORTED", cause: reason });
    const control = new AbortController();
    const waiting = failure(http.request({ method: "GET", url }, { signal: control.signal }));
    const response = await http.stream({ url: `${url}/body` }, { signal: control.signal });
    expect(Buffer.from((await response.body.next()) ?? "").toString()).toBe("ab");
    const rest = failure(response.body.next());
    control.abort(reason);
    expect(await waiting).toMatchObject({ code: "ERR_ABORTED", cause: reason });
    expect(await rest).toMatchObject({ code: "ERR_ABORTED", cause: reason });
  });

  test("nobody there", async () => {
    const { port, close } = await tcpPeer(() => {});
    await close();
    const error = await failure(http.request({ method: "GET", url: `http://127.0.0.1:${port}/` }));
    expect(facts(error)).toEqual({ code: "ERR_REFUSED", step: "connect", address: `127.0.0.1:${port}` });
  });

  test.each([
    ["a bare LF", "HTTP/1.1 200 OK\n\n", "ERR_HTTP"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "ERR_HTTP"],
    ["HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", "ERR_HTTP_VERSION"],
    ["another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "ERR_HTTP_CODING"],
    ["a head that is too large", `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(200)}\r\n`, "ERR_HEAD_TOO_LARGE"],
    ["a body that is too large", ok("abcdef"), "ERR_BODY_TOO_LARGE"],
    [
      "too large without saying so",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n",
      "ERR_BODY_TOO_LARGE",
    ],
    ["an odd chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "ERR_HTTP"],
    ["no HTTP", "220 mail ready\r\n", "ERR_HTTP"],
  ])("a server that sends %s", async (_, answer, code) => {
    const ends = new Inbox<boolean>("the end of the connection");
    const url = await scripted((_head, socket) => {
      socket.on("close", () => ends.push(true));
      socket.write(answer);
    });
    const error = await failure(http.request({ method: "GET", url }, { maxBody: 5 }));
    expect(error).toMatchObject({ code, step: "receive" });
    await ends.next();
  });

  test.each([
    ["before the head", "", "ERR_UNEXPECTED_EOF"],
    ["in the head", "HTTP/1.1 200", "ERR_ENDED"],
    ["in the body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "ERR_ENDED"],
    ["in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "ERR_ENDED"],
    ["between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "ERR_ENDED"],
  ])("a server that leaves %s", async (_, answer, code) => {
    const url = await scripted((_head, socket) => socket.end(answer));
    expect((await failure(http.request({ method: "GET", url }))).code).toBe(code);
  });

  test("a body that ends with the connection is whole", async () => {
    const url = await scripted((_head, socket) => socket.end("HTTP/1.0 200 OK\r\n\r\nall of it"));
    expect((await http.request({ method: "GET", url })).body).toBe("all of it");
  });
});

describe("redirects", () => {
  test("are answered as they are unless they are to be followed", async () => {
    const { url } = await nodePeer((_request, response) => response.writeHead(302, { location: "/b" }).end("gone"));
    expect(await http.request({ method: "GET", url })).toMatchObject({
      status: 302,
      headers: { location: "/b" },
      body: "gone",
    });
  });

  test.each([
    [301, "POST", "GET"],
    [302, "POST", "GET"],
    [303, "POST", "GET"],
    [307, "POST", "POST"],
    [308, "POST", "POST"],
    [301, "PUT", "PUT"],
    [303, "PUT", "GET"],
    [303, "HEAD", "HEAD"],
  ])("%d: %s becomes %s", async (status, method, expected) => {
    let last = "";
    const { url } = await nodePeer(async (request, response) => {
      if (request.url === "/a") {
        response.writeHead(status, { location: "b?c" }).end();
        return;
      }
      const body = (await bodyOf(request)).toString();
      last = `${request.method} ${request.url} ${body} ${request.headers["content-type"]}`;
      response.end(JSON.stringify(last));
    });
    const body = method === "HEAD" ? undefined : { a: 1 };
    await http.request({ method, url: `${url}/a`, body }, { maxRedirects: 1 });
    const kept = expected === method && body !== undefined;
    expect(last).toBe(`${expected} /b?c ${kept ? '{"a":1} application/json' : " undefined"}`);
  });

  test("what is secret stays with the origin it was meant for", async () => {
    const other = await nodePeer(mirror);
    const { url } = await nodePeer((request, response) => {
      if (request.url === "/same") return mirror(request, response);
      return response.writeHead(307, { location: request.url === "/a" ? "/same" : `${other.url}/there` }).end();
    });
    const headers = { authorization: "secret", cookie: "a=b", "x-own": "1", host: "fake.example" };
    const same = await http.request({ method: "GET", url: `${url}/a`, headers }, { maxRedirects: 1 });
    expect((same.body as unknown as Mirrored).headers).toMatchObject(headers);
    const away = await http.request({ method: "GET", url: `${url}/b`, headers }, { maxRedirects: 1 });
    const got = (away.body as unknown as Mirrored).headers;
    expect(got).toMatchObject({ "x-own": "1", host: other.url.slice(7) });
    expect(Object.keys(got)).not.toEqual(expect.arrayContaining(["authorization"]));
    expect(Object.keys(got)).not.toEqual(expect.arrayContaining(["cookie"]));
  });

  test("have an end", async () => {
    let count = 0;
    const { url } = await nodePeer((_request, response) => {
      count += 1;
      response.writeHead(302, { location: "/again" }).end();
    });
    expect(await failure(http.request({ method: "GET", url }, { maxRedirects: 3 }))).toMatchObject({
      code: "ERR_REDIRECT",
      detail: 302,
    });
    expect(count).toBe(4);
  });

  test.each(["http://", "ftp://127.0.0.1/", "http://a b/"])("to %s lead nowhere", async (location) => {
    const { url } = await nodePeer((_request, response) => response.writeHead(302, { location }).end());
    expect((await failure(http.request({ method: "GET", url }, { maxRedirects: 3 }))).code).toBe("ERR_REDIRECT");
  });
});
