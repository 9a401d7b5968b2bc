/** Handlers of the Fetch standard, server-sent events, objects as bodies, HEAD as GET; content codings of responses. */
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Hono } from "hono";
import { http, TcpConnection } from "twinwire";
import { atEnd, endPeers } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";
import { failure, text } from "../support.ts";
import { nodePeer, serve } from "./support.ts";

afterEach(endPeers);

/** What a server sends in response to these bytes. */
async function raw(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const conn = new TcpConnection(hostname, Number(port));
  atEnd(() => conn.close());
  await conn.writeAll(request);
  let all = "";
  for await (const chunk of conn) all += text(chunk);
  return all;
}

describe("http.fetchHandler", () => {
  test("an application of hono answers: paths, queries, bodies, headers, cookies, HEAD, streams", async () => {
    const app = new Hono()
      .get("/hello/:name", (c) => c.text(`hello ${c.req.param("name")} ${c.req.query("q")}`, 200, { "x-a": "1" }))
      .post("/echo", async (c) => c.json({ got: await c.req.json(), type: c.req.header("content-type") }, 201))
      .get("/cookies", () => {
        const headers = new Headers([
          ["set-cookie", "a=1"],
          ["set-cookie", "b=2, c"],
        ]);
        return new Response(null, { status: 204, headers });
      })
      .get("/stream", () => {
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            for (const part of ["one ", "two"]) controller.enqueue(new TextEncoder().encode(part));
            controller.close();
          },
        });
        return new Response(body);
      });
    const { url } = await serve(http.fetchHandler(app.fetch));
    const hello = await http.request({ url: `${url}/hello/world?q=%C3%A9` });
    expect([hello.status, hello.body, hello.headers["x-a"]]).toEqual([200, "hello world é", "1"]);
    const echo = await http.request({ method: "POST", url: `${url}/echo`, body: { n: [1, 2] } });
    expect([echo.status, echo.body]).toEqual([201, { got: { n: [1, 2] }, type: "application/json" }]);
    const cookies = await http.stream({ url: `${url}/cookies` });
    expect([cookies.status, cookies.headers["set-cookie"]]).toEqual([204, "a=1\nb=2, c"]);
    expect((await http.request({ url: `${url}/stream` })).body).toBe("one two");
    expect(await http.request({ method: "HEAD", url: `${url}/hello/x` })).toMatchObject({ status: 200, body: "" });
    expect((await http.request({ url: `${url}/none` })).status).toBe(404);
  });

  test("what throws is 500, a method that a Request can't have 501, an invalid Host 400", async () => {
    const errors: unknown[] = [];
    const handler = http.fetchHandler(() => {
      throw new Error("broken");
    });
    const { url } = await serve(handler, { onError: (error) => errors.push(error) });
    expect((await http.request({ url })).status).toBe(500);
    expect(errors).toMatchObject([{ message: "broken" }]);
    const close = "Connection: close\r\n\r\n";
    expect(await raw(url, `TRACE / HTTP/1.1\r\nHost: a\r\n${close}`)).toMatch(/^HTTP\/1\.1 501 /);
    expect(await raw(url, `GET / HTTP/1.1\r\nHost: a b\r\n${close}`)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("the request's signal aborts when the client leaves", async () => {
    let left = (): void => {};
    const aborted = new Promise<void>((resolve) => {
      left = resolve;
    });
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const { url } = await serve(
      http.fetchHandler((request) => {
        request.signal.addEventListener("abort", left);
        begin();
        return new Promise(() => {});
      }),
    );
    const { hostname, port } = new URL(url);
    const conn = new TcpConnection(hostname, Number(port));
    await conn.writeAll("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await within(begun, "the request");
    conn.close();
    await within(aborted, "the abort");
  });
});

describe("http.serve", () => {
  test("a plain object is sent as JSON, with the content type of the handler if it has one", async () => {
    const { url } = await serve((request) =>
      request.path === "/own"
        ? { headers: { "Content-Type": "application/problem+json" }, body: { title: "no" } }
        : { body: { a: [1, null] } },
    );
    const plain = await http.request({ url });
    expect([plain.headers["content-type"], plain.body]).toEqual(["application/json", { a: [1, null] }]);
    const own = await http.request({ url: `${url}/own` });
    expect([own.headers["content-type"], own.body]).toEqual(["application/problem+json", { title: "no" }]);
  });

  test("with headAsGet a handler of GET answers HEAD, and the body is left out", async () => {
    const methods: string[] = [];
    const { url } = await serve(
      (request) => {
        methods.push(request.method);
        return { body: "12345" };
      },
      { headAsGet: true },
    );
    const { hostname, port } = new URL(url);
    const conn = new TcpConnection(hostname, Number(port));
    await conn.writeAll("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const [head, get] = [await conn.readUntil("\r\n\r\n"), await conn.readUntil("\r\n\r\n")];
    expect([text(head).toLowerCase(), text(get).toLowerCase()]).toEqual([
      expect.stringContaining("content-length: 5\r\n"),
      expect.stringContaining("content-length: 5\r\n"),
    ]);
    expect([text(await conn.readExact(5)), methods]).toEqual(["12345", ["GET", "GET"]]);
    conn.close();
  });

  test("http.eventStream sends events with type, position and delay; the iteration ends when the client leaves", async () => {
    let ended = (): void => {};
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    async function* events(since: string | undefined, signal: AbortSignal) {
      yield { data: "a\nb", event: "news\nx", id: "7", retryMs: 500 };
      yield `since ${since}`;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      ended();
    }
    const { url } = await serve((request) =>
      http.eventStream(events(request.headers["last-event-id"], request.signal)),
    );
    const response = await http.stream({ url, headers: { "Last-Event-ID": "6" } });
    expect(response.headers["content-type"]).toBe("text/event-stream");
    let got = "";
    while (!got.includes("since")) got += text((await response.body.next()) ?? new Uint8Array(0));
    expect(got).toBe("event: news x\nid: 7\nretry: 500\ndata: a\ndata: b\n\ndata: since 6\n\n");
    response.body.cancel();
    await within(end, "the end");
  });
});

describe("decompress", () => {
  const body = "hello ".repeat(5000);
  const gzipped = gzipSync(body);
  const coded: Record<string, Buffer> = {
    gzip: gzipped,
    deflate: deflateSync(body),
    br: brotliCompressSync(body),
    "gzip, br": brotliCompressSync(gzipped),
  };

  test("gzip, deflate, br and chains of them are decoded; what is offered is said; others stay as they are", async () => {
    const { url } = await nodePeer((request, response) => {
      const coding = decodeURIComponent(request.url?.slice(1) ?? "");
      if (coding !== "") response.setHeader("content-encoding", coding);
      response.end(coded[coding] ?? request.headers["accept-encoding"] ?? "nothing");
    });
    for (const coding of Object.keys(coded)) {
      const where = `${url}/${encodeURIComponent(coding)}`;
      const whole = await http.request({ url: where }, { decompress: true });
      expect([coding, whole.body === body, whole.headers["content-encoding"]]).toEqual([coding, true, coding]);
      const stream = await http.stream({ url: where }, { decompress: true });
      expect(await stream.body.text()).toBe(body);
      const asItIs = await http.stream({ url: where });
      expect(Buffer.from(await asItIs.body.bytes()).equals(coded[coding] as Buffer)).toBe(true);
      expect((await http.request({ method: "HEAD", url: where }, { decompress: true })).body).toBe("");
    }
    expect((await http.request({ url }, { decompress: true })).body).toBe("gzip, deflate, br");
    expect((await http.request({ url: `${url}/zstd` }, { decompress: true })).status).toBe(200);
    expect((await http.request({ url })).body).toBe("nothing");
  });

  test("a bomb ends at maxBody, and broken or incomplete data is an error; connections go on or are closed", async () => {
    const bomb = gzipSync(Buffer.alloc(8_000_000));
    const { url } = await nodePeer((request, response) => {
      response.setHeader("content-encoding", "gzip");
      if (request.url === "/bomb") response.end(bomb);
      else if (request.url === "/cut") response.end(gzipped.subarray(0, 40));
      else response.end("not gzip");
    });
    const options = { decompress: true, maxBody: 100_000 };
    expect((await failure(http.request({ url: `${url}/bomb` }, options))).code).toBe("ERR_BODY_TOO_LARGE");
    const stream = await http.stream({ url: `${url}/bomb` }, options);
    expect((await failure(stream.body.bytes())).code).toBe("ERR_BODY_TOO_LARGE");
    expect((await failure(http.request({ url: `${url}/cut` }, options))).code).toBe("ERR_HTTP_CODING");
    expect((await failure(http.request({ url: `${url}/bad` }, options))).code).toBe("ERR_HTTP_CODING");
  });

  test("timeoutMs and a signal end a body that does not end", async () => {
    const { url } = await nodePeer((_, response) => {
      response.setHeader("content-encoding", "gzip");
      response.write(gzipped.subarray(0, 20));
    });
    expect((await failure(http.request({ url }, { decompress: true, timeoutMs: 100 }))).code).toBe("ERR_TIMEOUT");
    const aborter = new AbortController();
    const request = http.request({ url }, { decompress: true, signal: aborter.signal });
    setTimeout(() => aborter.abort(), 50);
    expect((await failure(request)).code).toBe("ERR_ABORTED");
  });
});
