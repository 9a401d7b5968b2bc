/** What connections, bodies and user code do at their worst moment: each is an error of one request, and of no other. */
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type HttpReply, http, type TwinwireError } from "twinwire";
import { endPeers, tcpPeer } from "../../support/peers.ts";
import { Inbox, pause, until, within } from "../../support/wait.ts";
import { failure } from "../support.ts";
import { nodePeer, raw, scripted, serve } from "./support.ts";

afterEach(endPeers);

const get = (target: string, fields = ""): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

describe("kept connections", () => {
  test("carry one request at a time, also when the response is over with its head", async () => {
    const { url, server } = await serve(async (request) => ({ body: await request.body.bytes() }));
    let next = 0;
    const client = async (): Promise<void> => {
      for (let count = 0; count < 50; count++) {
        const body = `message ${++next}`;
        const response = await http.stream({ method: "POST", url, body });
        expect(await response.body.text()).toBe(body);
      }
    };
    await within(Promise.all([client(), client(), client(), client()]), "all answers");
    expect(server.connections).toBeLessThanOrEqual(4);
  });

  test("carry the next request although a whole body was not read, which can still be", async () => {
    const sockets = new Set<Socket>();
    const url = await scripted((_, socket) => {
      sockets.add(socket);
      socket.write(hello);
    });
    const first = await http.stream({ url });
    await pause(30);
    const second = await http.stream({ method: "POST", url, body: "pay" });
    const third = await http.request({ method: "GET", url });
    expect(third.body).toBe("hello");
    expect(await first.body.text()).toBe("hello");
    expect(await second.body.text()).toBe("hello");
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  test("do not shrink by bodies that nobody reads", async () => {
    const body = "x".repeat(40_000);
    const { url, accepted } = await nodePeer((_, response) => response.end(body));
    const all = [];
    for (let count = 0; count < 20; count++) {
      const response = await within(http.stream({ url }), `response ${count}`);
      await pause(5);
      all.push(response);
    }
    for (const { body: part } of all) expect((await part.bytes()).length).toBe(40_000);
    expect(accepted.length).toBeLessThanOrEqual(3);
  });

  test("a body that nobody reads gives its connection up after timeoutMs", async () => {
    const closed = new Inbox<void>("the end of the connection");
    const url = await scripted((_, socket) => {
      socket.on("close", () => closed.push());
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n");
      socket.write(Buffer.alloc(500_000));
    });
    const response = await http.stream({ url }, { timeoutMs: 1_000 });
    await closed.next();
    expect((await failure(response.body.bytes())).code).toBe("ERR_TIMEOUT");
  });

  test("a reader that is slow, but within timeoutMs from part to part, gets all", async () => {
    const { url } = await nodePeer((_, response) => response.end(Buffer.alloc(300_000)));
    const response = await http.stream({ url }, { timeoutMs: 5_000 });
    let size = 0;
    for await (const part of response.body) {
      size += part.length;
      await pause(20);
    }
    expect(size).toBe(300_000);
  });
});

describe("what a body says", () => {
  test("json() of what is no JSON is a 400 for the client, and an error with a code", async () => {
    const { url } = await serve(async (request) => ({ json: await request.body.json() }), { onError: () => {} });
    for (const body of ["{bad", "", "undefined"]) {
      const response = await fetch(url, { method: "POST", body });
      expect([body, response.status]).toEqual([body, 400]);
      await response.text();
    }
    const { url: other } = await nodePeer((_, response) => response.end("<html>"));
    const error = await failure((await http.stream({ url: other })).body.json());
    expect([error.code, error.status]).toEqual(["ERR_JSON", 0]);
  });

  test("a byte order mark may stand before JSON", async () => {
    const { url } = await nodePeer((_, response) => response.end('\ufeff{"a":1}'));
    expect((await http.request({ method: "GET", url })).body).toEqual({ a: 1 });
    expect(await (await http.stream({ url })).body.json()).toEqual({ a: 1 });
  });
});

test("a Location in UTF-8 is followed", async () => {
  const url = await scripted((_, socket, count) => {
    if (count > 1) socket.end(hello);
    else socket.write(Buffer.from("HTTP/1.1 302 Found\r\nLocation: /grüße€\r\nContent-Length: 0\r\n\r\n"));
  });
  const response = await http.stream({ url }, { maxRedirects: 1 });
  expect([response.url, await response.body.text()]).toEqual([`${url}/gr%C3%BC%C3%9Fe%E2%82%AC`, "hello"]);
});

describe("onInterim", () => {
  const failing: [string, () => unknown][] = [
    [
      "throws",
      () => {
        throw new Error("no hints");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no hints"))],
  ];

  test.each(failing)("that %s fails its request, and no other", async (_, onInterim) => {
    const url = await scripted(async (_, socket) => {
      socket.write("HTTP/1.1 103 Early Hints\r\n\r\n");
      await pause(30);
      socket.write(hello);
    });
    const error = await failure(http.request({ method: "GET", url }, { onInterim: onInterim as () => void }));
    expect([error.code, (error.cause as Error).message]).toEqual(["ERR_CALLBACK", "no hints"]);
    expect((await http.request({ method: "GET", url })).body).toBe("hello");
  });

  test("that throws when the final response comes right behind", async () => {
    const url = await scripted((_, socket) => socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${hello}`));
    const onInterim = (): void => {
      throw new Error("no hints");
    };
    expect((await failure(http.request({ method: "GET", url }, { onInterim }))).code).toBe("ERR_CALLBACK");
  });
});

/* RFC 9110 15.2 */
test("no interim response goes to an HTTP/1.0 client", async () => {
  const { port } = await serve(async (request) => {
    await http.respond(request.conn, { status: 103, headers: { link: "</a.css>" } });
    return { body: await request.body.bytes() };
  });
  const old = raw(port, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab");
  expect(await old.all()).toMatch(/^HTTP\/1\.1 200 /);
  const current = raw(port, get("/", "Connection: close\r\n"));
  expect(await current.all()).toMatch(/^HTTP\/1\.1 103 Early Hints\r\n/);
});

describe("a client that leaves", () => {
  /** A body that says one thing and then waits for ever. */
  const endless = (returned: () => void): HttpReply["body"] => ({
    [Symbol.asyncIterator]: () => {
      let first = true;
      return {
        next: () => {
          if (!first) return new Promise(() => {});
          first = false;
          return Promise.resolve({ value: ": hi\n\n", done: false as const });
        },
        return: () => {
          returned();
          return Promise.resolve({ value: undefined, done: true as const });
        },
      };
    },
  });

  test.each(["ends its half", "resets"])("%s while a response waits: the handler learns of it", async (how) => {
    const events: string[] = [];
    const { port, server } = await serve(
      (request) => {
        request.signal.addEventListener("abort", () => events.push("signal"));
        request.conn.closed.then(() => events.push("closed"));
        return { body: endless(() => events.push("return")) };
      },
      { onError: (error) => events.push((error as TwinwireError).code) },
    );
    const client = raw(port, get("/"));
    await client.until(/: hi/);
    if (how === "resets") client.socket.resetAndDestroy();
    else client.socket.end();
    await until(
      () => server.connections === 0 && ["return", "closed"].every((it) => events.includes(it)),
      "the end of the response",
    );
    expect(events).toEqual(expect.arrayContaining(["signal", "closed", "return"]));
  });

  test("a client that only ends its half after the request is answered, also slowly", async () => {
    const slow = await serve(async () => {
      await pause(100);
      return {
        body: (async function* () {
          for (let count = 0; count < 4; count++) {
            await pause(300);
            yield `part ${count}\n`;
          }
        })(),
      };
    });
    const client = raw(slow.port);
    client.socket.end(get("/", "Connection: close\r\n"));
    expect(await client.all()).toContain("part 3\n");
  });
});

describe("handlers that go wrong", () => {
  test.each<[string, unknown, number]>([
    ["a forgotten return", () => undefined, 500],
    ["a number", () => 7, 500],
    [
      "headers that throw",
      () => ({
        headers: {
          [Symbol.iterator]() {
            throw new Error("no");
          },
        },
      }),
      500,
    ],
    ["a body that is none", () => ({ body: 7 }), 500],
    [
      "JSON that throws",
      () => ({
        json: {
          toJSON() {
            throw new Error("no");
          },
        },
      }),
      500,
    ],
    [
      "a getter that throws",
      () => ({
        get status() {
          throw new Error("no");
        },
      }),
      500,
    ],
    ["a status that is none", () => ({ status: 99 }), 500],
  ])("%s", async (_, handler, status) => {
    const errors: unknown[] = [];
    const { port } = await serve(handler as () => undefined, { onError: (error) => errors.push(error) });
    const client = raw(port, get("/", "Connection: close\r\n"));
    expect(await client.all()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(errors).toHaveLength(1);
  });

  test.each<[string, () => unknown]>([
    [
      "throws at once",
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: () => {
            throw new Error("no");
          },
        }),
      }),
    ],
    ["rejects", () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("no")) }) })],
    ["returns no result", () => ({ [Symbol.asyncIterator]: () => ({ next: () => 7 }) })],
    ["has no iterator", () => ({ [Symbol.asyncIterator]: () => undefined })],
    ["gives a part that is none", () => [{}]],
  ])("a body that %s ends its connection, and the server goes on", async (_, body) => {
    const errors: unknown[] = [];
    const { port } = await serve((request) => (request.path === "/" ? { body: body() as never } : { body: "fine" }), {
      onError: (error) => errors.push(error),
    });
    await raw(port, get("/")).all();
    expect(await raw(port, get("/fine", "Connection: close\r\n")).all()).toContain("fine");
    expect(errors.length).toBeGreaterThan(0);
  });
});

describe("joined or split", () => {
  const requests = [
    get("/1"),
    "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    get("/4", "Connection: close\r\n"),
  ];
  const ways: [string, string[]][] = [
    ["each request by itself", requests],
    ["all in one segment", [requests.join("")]],
    ["byte by byte", [...requests.join("")]],
  ];

  test.each(ways)("a client sends %s, and its end behind it", async (_, segments) => {
    const { port } = await serve(async (request) => ({
      headers: { date: "x" },
      body: `${request.method} ${request.path} ${await request.body.text()};`,
    }));
    const client = raw(port);
    client.socket.setNoDelay(true);
    for (const segment of segments) {
      client.socket.write(segment);
      if (segments.length > 1) await pause(segments.length > 10 ? 0 : 10);
    }
    client.socket.end();
    const bodies = [...(await client.all()).matchAll(/\r\n\r\n([^;]*);/g)].map((it) => it[1]);
    expect(bodies).toEqual(["GET /1 ", "POST /2 abc", "POST /3 abc", "GET /4 "]);
  });

  const response =
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n";
  const untilClose = "HTTP/1.1 200 OK\r\n\r\nabc";

  test.each([
    ["joined", 1e9, response],
    ["split", 1, response],
    ["joined", 1e9, untilClose],
    ["split", 1, untilClose],
  ])("a server's response with its end, %s", async (_, size, text) => {
    const { port } = await tcpPeer((socket) => {
      socket.setNoDelay(true);
      socket.once("data", async () => {
        for (let at = 0; at < text.length; at += size) {
          socket.write(text.slice(at, at + size));
          if (size < text.length) await pause(1);
        }
        socket.end();
      });
    });
    const url = `http://127.0.0.1:${port}/`;
    expect((await http.request({ method: "GET", url })).body).toBe("abc");
    const { status, body } = await http.stream({ url });
    expect([status, await body.text()]).toEqual([200, "abc"]);
  });
});
