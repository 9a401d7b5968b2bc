/** Bodies of requests and responses on a server, part by part, against clients that write bytes. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { http } from "twinwire";
import { endPeers } from "../../support/peers.ts";
import { atRest, pause, within } from "../../support/wait.ts";
import { failure, pattern, text } from "../support.ts";
import { accepted, get, post, raw, serve, withoutDate } from "./support.ts";

afterEach(endPeers);

describe("bodies in time", () => {
  test("a request, part by part and with trailers", async () => {
    const { conn, client } = await accepted(get("/", "Transfer-Encoding: chunked\r\n").replace("GET", "POST"));
    const request = await http.receive(conn);
    expect({ method: request.method, target: request.target, keepAlive: request.keepAlive }).toEqual({
      method: "POST",
      target: "/",
      keepAlive: true,
    });
    client.socket.write("3\r\nabc\r\n");
    expect(text((await within(request.body.next(), "a part")) ?? Buffer.alloc(0))).toBe("abc");
    expect((await failure(http.receive(conn))).code).toBe("ERR_STATE");
    client.socket.write("2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
    expect(await within(request.body.text(), "the rest")).toBe("de");
    expect(request.body.trailers).toEqual({ "x-sum": "5" });
    expect(await request.body.next()).toBeUndefined();
  });

  test("a response, part by part and with trailers", async () => {
    const { conn, client } = await accepted(get("/") + get("/2"));
    await http.receive(conn);
    await http.respond(conn, {
      headers: { trailer: "x-sum" },
      body: (async function* () {
        yield "ab";
        yield Buffer.from("c");
      })(),
      trailers: () => ({ "X-Sum": 3 }),
    });
    await http.receive(conn);
    await http.respond(conn, { status: 404, body: "no" });
    conn.close();
    expect(withoutDate(await client.all())).toBe(
      "HTTP/1.1 200 OK\r\ntrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n" +
        "2\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 3\r\n\r\n" +
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    );
  });

  test("for a client of HTTP/1.0 they end with the connection", async () => {
    const { conn, client } = await accepted("GET / HTTP/1.0\r\n\r\n");
    await http.receive(conn);
    await http.respond(conn, { body: ["ab", "c"] });
    expect(withoutDate(await client.all())).toBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
  });

  test("a client of HTTP/1.0 that wants to be kept is answered so", async () => {
    const { conn, client } = await accepted("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    await http.receive(conn);
    await http.respond(conn, { body: "x" });
    await client.until(/\r\nconnection: keep-alive\r\n[\s\S]*x$/);
  });

  test("a request that is not read slows the client down", async () => {
    const { conn, client } = await accepted(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n`);
    const request = await http.receive(conn);
    const chunk = Buffer.alloc(65_536, "x");
    let sent = 0;
    const more = (): void => {
      while (client.socket.write(chunk)) sent += chunk.length;
    };
    client.socket.on("drain", more);
    more();
    await atRest(() => sent, "what is sent");
    expect(conn.stats().received).toBeLessThan(200_000);
    let read = 0;
    for await (const part of request.body) {
      read += part.length;
      if (read > 2_000_000) break;
    }
    expect((await failure(http.receive(conn))).code).toBe("ERR_STATE");
  });

  test("a client that does not read slows the response down", async () => {
    const { conn, client } = await accepted(get("/"));
    await http.receive(conn);
    client.socket.pause();
    let made = 0;
    const parts = (async function* () {
      for (;;) {
        made += 65_536;
        yield Buffer.alloc(65_536);
      }
    })();
    const failed = failure(http.respond(conn, { body: parts }));
    await atRest(() => made, "what is made");
    client.socket.destroy();
    expect(["ERR_RESET", "ERR_STATE", "ERR_ENDED"]).toContain((await failed).code);
  });

  test("a large body in one piece", async () => {
    const { conn, client } = await accepted(get("/"));
    await http.receive(conn);
    const body = pattern(20_000_000);
    await Promise.all([http.respond(conn, { body }), client.until(/\r\n\r\n/)]);
    conn.close();
    const all = Buffer.from(await client.all(), "latin1");
    expect(all.subarray(all.indexOf("\r\n\r\n") + 4).equals(body)).toBe(true);
    expect(client.got().slice(0, 300)).toMatch(/\r\ncontent-length: 20000000\r\n/);
  });

  /* RFC 9112 8: an end in the middle of chunks is no end of the body. */
  test("a body that throws leaves the client with a body that is not whole", async () => {
    const { conn, client } = await accepted(get("/"));
    await http.receive(conn);
    const parts = (async function* () {
      yield "ab";
      throw new RangeError("no more");
    })();
    await expect(http.respond(conn, { body: parts })).rejects.toThrow(new RangeError("no more"));
    expect(await client.all()).toMatch(/\r\n\r\n2\r\nab\r\n$/);
  });
});

describe("100 (Continue)", () => {
  const asking = post("abc", "Expect: 100-continue\r\n");
  const head = asking.slice(0, -3);

  test("read_request asks for the body", async () => {
    const { conn, client } = await accepted(head);
    const request = http.read_request(conn);
    expect((await client.until(/\r\n\r\n/)).input).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    client.socket.write("abc");
    expect((await within(request, "the request")).body).toBe("abc");
  });

  test("receive asks for it when it is to be read, and not before", async () => {
    const { conn, client } = await accepted(head);
    const request = await http.receive(conn);
    await pause(20);
    expect(client.got()).toBe("");
    const body = request.body.text();
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.socket.write("abc");
    expect(await body).toBe("abc");
  });

  test("a server that answers instead ends the connection", async () => {
    const { port } = await serve(() => ({ status: 403, body: "no" }));
    const client = raw(port, head);
    expect(withoutDate(await client.all())).toBe(
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
    );
  });
});
