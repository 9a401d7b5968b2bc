/** Bodies of requests and responses of a client, part by part, and interim responses. */
import { createHash } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import { http } from "twinwire";
import { endPeers, tcpPeer } from "../../support/peers.ts";
import { atRest, Inbox, pause, until } from "../../support/wait.ts";
import { failure, pattern } from "../support.ts";
import { bodyOf, type Mirrored, mirror, nodePeer, ok, scripted } from "./support.ts";

afterEach(endPeers);

describe("bodies in time", () => {
  test("a response part by part, with its trailers", async () => {
    const { url, accepted } = await nodePeer(async (_request, response) => {
      response.writeHead(200, { trailer: "x-sum" });
      for (const part of ["one ", "two ", "three"]) {
        response.write(part);
        await pause(5);
      }
      response.addTrailers({ "x-sum": "3" });
      response.end();
    });
    const response = await http.stream({ url });
    expect({ status: response.status, reason: response.reason, url: response.url }).toEqual({
      status: 200,
      reason: "OK",
      url: `${url}/`,
    });
    let text = "";
    for await (const part of response.body) text += Buffer.from(part).toString();
    expect(text).toBe("one two three");
    expect(response.body.trailers).toEqual({ "x-sum": "3" });
    expect(await (await http.stream({ url })).body.text()).toBe("one two three");
    expect(accepted.length).toBe(1);
  });

  test("as a stream of the web", async () => {
    const { url } = await nodePeer((_request, response) => response.end(pattern(300_000)));
    const response = await http.stream({ url });
    const parts: Uint8Array[] = [];
    const reader = response.body.stream.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value);
    expect(Buffer.concat(parts).equals(pattern(300_000))).toBe(true);
  });

  test("a request part by part, chunked, with trailers", async () => {
    const trailers = new Inbox<NodeJS.Dict<string>>("trailers");
    const { url } = await nodePeer(async (request, response) => {
      const body = (await bodyOf(request)).toString();
      trailers.push(request.trailers);
      response.end(JSON.stringify([request.headers["transfer-encoding"], body]));
    });
    async function* parts(): AsyncGenerator<string | Uint8Array> {
      yield "one ";
      await pause(5);
      yield Buffer.from("two ");
      yield "";
      yield "three";
    }
    const request = { method: "POST", url, body: parts(), trailers: () => ({ "x-sum": 3 }) };
    expect(await (await http.stream(request)).body.json()).toEqual(["chunked", "one two three"]);
    expect(await trailers.next()).toEqual({ "x-sum": "3" });
  });

  test("a request whose length is said is not chunked, and has to keep it", async () => {
    const { url } = await nodePeer(mirror);
    const make = (...body: string[]) => ({ method: "POST", url, headers: { "content-length": 6 }, body });
    const response = await http.stream(make("abc", "def"));
    const { headers, body } = (await response.body.json()) as unknown as Mirrored;
    expect(body).toBe("abcdef");
    expect(headers["transfer-encoding"]).toBeUndefined();
    expect((await failure(http.stream(make("abc", "defg")))).code).toBe("ERR_HTTP_LENGTH");
    expect((await failure(http.stream(make("abc")))).code).toBe("ERR_HTTP_LENGTH");
  });

  test("a body that throws ends the request and the connection", async () => {
    const { url, accepted } = await nodePeer(mirror);
    async function* parts(): AsyncGenerator<string> {
      yield "one";
      throw new RangeError("no more");
    }
    await expect(http.stream({ method: "POST", url, body: parts() })).rejects.toThrow(new RangeError("no more"));
    await until(() => accepted.every((it) => it.destroyed), "the end of the connection");
  });

  test("large bodies both ways arrive whole", async () => {
    const { url } = await nodePeer(async (request, response) => {
      const hash = createHash("sha256");
      for await (const part of request) hash.update(part as Buffer);
      response.setHeader("x-hash", hash.digest("hex"));
      response.end(pattern(20_000_000));
    });
    const sent = pattern(30_000_000);
    const response = await http.stream({ method: "POST", url, body: sent });
    expect(response.headers).toMatchObject({ "x-hash": createHash("sha256").update(sent).digest("hex") });
    expect(Buffer.compare(await response.body.bytes(), pattern(20_000_000))).toBe(0);
  });

  test("a response that is not read slows the server down", async () => {
    let sent = 0;
    const { url } = await nodePeer((_request, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      response.on("drain", more).on("error", () => {});
      more();
    });
    const response = await http.stream({ url });
    await atRest(() => sent, "what is sent");
    response.body.cancel();
    expect((await failure(response.body.next())).code).toBe("ERR_STATE");
  });

  test("a peer that does not read slows the request's body down", async () => {
    const { port } = await tcpPeer((socket) => socket.pause());
    let made = 0;
    async function* parts(): AsyncGenerator<Uint8Array> {
      for (;;) {
        made += 65_536;
        yield Buffer.alloc(65_536);
      }
    }
    const control = new AbortController();
    const url = `http://127.0.0.1:${port}/`;
    const failed = failure(http.stream({ method: "POST", url, body: parts() }, { signal: control.signal }));
    await atRest(() => made, "what is made");
    control.abort();
    expect((await failed).code).toBe("ERR_ABORTED");
  });

  test("a server that answers before it has all of it", async () => {
    const url = await scripted((_head, socket) => {
      socket.pause();
      socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    });
    async function* parts(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(65_536);
    }
    const response = await http.stream({ method: "POST", url, body: parts() });
    expect(response.status).toBe(413);
    expect(await response.body.text()).toBe("no");
  });
});

describe("interim responses", () => {
  /* RFC 9110 10.1.1 */
  test("100 is waited for before the body goes out", async () => {
    const events: string[] = [];
    const { url, server } = await nodePeer(mirror);
    server.on("checkContinue", async (request, response) => {
      events.push("asked");
      await pause(20);
      events.push("permitted");
      response.writeContinue();
      await mirror(request, response);
    });
    async function* parts(): AsyncGenerator<string> {
      events.push("sent");
      yield "abc";
    }
    const response = await http.stream({ method: "POST", url, body: parts() }, { expectContinue: true });
    expect(((await response.body.json()) as unknown as Mirrored).body).toBe("abc");
    expect(events).toEqual(["asked", "permitted", "sent"]);
  });

  test("a server that refuses instead gets no body", async () => {
    const { url, server } = await nodePeer(mirror);
    server.on("checkContinue", (_request, response) => response.writeHead(417).end("no"));
    let sent = false;
    async function* parts(): AsyncGenerator<string> {
      sent = true;
      yield "abc";
    }
    const response = await http.stream({ method: "POST", url, body: parts() }, { expectContinue: true });
    expect([response.status, await response.body.text(), sent]).toEqual([417, "no", false]);
  });

  test("a server that does not know of it gets the body all the same", async () => {
    let text = "";
    const { port } = await tcpPeer((socket) => {
      socket.on("data", (data) => {
        text += data;
        if (text.endsWith('{"a":1}')) socket.write(ok("done"));
      });
    });
    const request = { method: "POST", url: `http://127.0.0.1:${port}/`, body: { a: 1 } };
    expect((await http.request(request, { expectContinue: true })).body).toBe("done");
    expect(text).toMatch(/^expect: 100-continue\r$/im);
  });

  /* RFC 9110 15.2 */
  test("others are reported, and the last response follows", async () => {
    const url = await scripted((_head, socket) => {
      socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${ok("end")}`);
    });
    const reported: unknown[] = [];
    const onInterim = (status: number, headers: unknown): void => void reported.push([status, headers]);
    expect((await http.request({ method: "GET", url }, { onInterim })).body).toBe("end");
    expect(reported).toEqual([
      [103, { link: "</a>" }],
      [102, {}],
    ]);
    expect((await http.request({ method: "GET", url })).body).toBe("end");
  });
});
