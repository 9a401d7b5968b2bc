/** Who may connect, and what the others are answered. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { http, TcpServer, type TwinwireError, upgrade } from "twinwire";
import { WebSocket as WsClient } from "ws";
import { endPeers } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";
import { echo, handshake, nextOf, RawClient, serve, urlOf, wsClient } from "./support.ts";

afterEach(endPeers);

/** The status and the head with which a request is answered. */
async function ask(request: string, options = {}): Promise<{ status: number; head: string }> {
  const client = new RawClient(await serve(options));
  client.write(request);
  const head = await client.readTo("\r\n\r\n");
  return { status: Number(/^HTTP\/1\.1 (\d+) /.exec(head)?.[1]), head: head.toLowerCase() };
}

describe("what is no opening handshake", () => {
  test.each([
    [405, "POST", handshake({}, "POST / HTTP/1.1")],
    [426, "a plain request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    [426, "another protocol", handshake({ Upgrade: "h2c" })],
    [426, "another version", handshake({ "Sec-WebSocket-Version": "8" })],
    [400, "no key", handshake({ "Sec-WebSocket-Key": undefined })],
    [400, "a short key", handshake({ "Sec-WebSocket-Key": "AAAA" })],
    [400, "no version", handshake({ "Sec-WebSocket-Version": undefined })],
    [400, "no Host", handshake({ Host: undefined })],
    [400, "a line that is folded", handshake({ "X-A": "1\r\n 2" })],
    [400, "a bare line feed", handshake().replace("\r\nUpgrade", "\nUpgrade")],
    [505, "HTTP/2", handshake({}, "GET / HTTP/2.0")],
  ])("is answered by %i: %s", async (expected, _, request) => {
    const { status, head } = await ask(request);
    expect(status).toBe(expected);
    if (expected === 426) {
      expect(head).toContain("sec-websocket-version: 13");
      expect(head).toContain("upgrade: websocket");
    }
    if (expected === 405) expect(head).toContain("allow: get");
  });

  test("a head that is too large is answered by 431", async () => {
    expect(
      (await ask(handshake({ "X-A": "a".repeat(8_000), "X-B": "b".repeat(8_000), "X-C": "c".repeat(2_000) }))).status,
    ).toBe(431);
  });

  /* RFC 6455 7.2.2 */
  test("a head that never ends: 408, and the connection is closed", async () => {
    const client = new RawClient(await serve({ headTimeoutMs: 150 }));
    client.write("GET / HTTP/1.1\r\nHost: a\r\n");
    const drip = setInterval(() => client.write("X: y\r\n"), 20);
    const answer = await client.rest();
    clearInterval(drip);
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("a client that connects and says nothing is let go", async () => {
    const server = await serve({ idleTimeoutMs: 100 });
    const client = new RawClient(server);
    expect((await client.rest()).length).toBe(0);
  });
});

describe("who may come in", () => {
  test("by path", async () => {
    expect((await ask(handshake({}, "GET /other?x HTTP/1.1"), { path: "/chat" })).status).toBe(404);
    expect((await ask(handshake({}, "GET /chat?x HTTP/1.1"), { path: "/chat" })).status).toBe(101);
  });

  test("by origin; what is no browser is not asked", async () => {
    const origins = ["https://example.com"];
    expect((await ask(handshake({ Origin: "https://evil.example" }), { origins })).status).toBe(403);
    expect((await ask(handshake({ Origin: "https://example.com" }), { origins })).status).toBe(101);
    expect((await ask(handshake(), { origins })).status).toBe(101);
    expect((await ask(handshake({ Origin: "x" }), { origins: (origin: string) => origin === "x" })).status).toBe(101);
  });

  test("by authorization, which may take its time; what comes meanwhile waits", async () => {
    const server = await echo({
      authorize: async ({ headers }) => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        const { authorization } = headers;
        if (authorization === undefined) return { status: 401, headers: { "www-authenticate": "Basic" } };
        return authorization === "Basic secret";
      },
    });
    const refused = new RawClient(server);
    refused.write(handshake());
    expect(await refused.readTo("\r\n\r\n")).toMatch(/^HTTP\/1\.1 401 [\s\S]*www-authenticate: Basic/i);
    const forbidden = new RawClient(server);
    forbidden.write(handshake({ Authorization: "Basic guess" }));
    expect(await forbidden.readTo("\r\n\r\n")).toMatch(/^HTTP\/1\.1 403 /);
    const eager = new RawClient(server);
    eager.write(
      Buffer.concat([
        Buffer.from(handshake({ Authorization: "Basic secret" })),
        Buffer.from("818100000000", "hex"),
        Buffer.from("x"),
      ]),
    );
    expect(await eager.readTo("\r\n\r\n")).toMatch(/^HTTP\/1\.1 101 /);
    expect(await eager.readTo("x")).toBe("\x81\x01x");
  });

  test("with a subprotocol that both speak", async () => {
    const server = await serve({ protocols: ["superchat", "chat"], headers: { "x-served-by": "twinwire" } });
    const client = new WsClient(urlOf(server), ["other", "chat", "superchat"]);
    const headers = await within(
      new Promise<Record<string, unknown>>((resolve) =>
        client.once("upgrade", (response) => resolve(response.headers)),
      ),
      "the answer",
    );
    expect(headers["x-served-by"]).toBe("twinwire");
    expect((await nextOf(server)).protocol).toBe("chat");
    expect(client.protocol).toBe("chat");
    client.terminate();
    const none = await wsClient(urlOf(await serve({ protocols: (offered) => offered[1] })), ["a", "b"]);
    expect(none.protocol).toBe("b");
  });

  test("a choice that was not offered is the server's fault", async () => {
    const errors: unknown[] = [];
    const { status } = await ask(handshake({ "Sec-WebSocket-Protocol": "a" }), {
      protocols: () => "b",
      onError: (error: unknown) => errors.push(error),
    });
    expect(status).toBe(500);
    expect(errors).toMatchObject([{ code: "ERR_ARGUMENT" }]);
  });

  test.each([{ maxMessage: 0 }, { heartbeat: { intervalMs: 1, timeoutMs: 0 } }, { deflate: { level: 10 } }])(
    "an option that is none is refused at once: %j",
    async (options) => {
      await expect(serve(options)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
    },
  );
});

describe("beside HTTP", () => {
  test("requests that ask for nothing else are answered by onRequest", async () => {
    const server = await echo({ onRequest: ({ path }) => ({ body: `you asked for ${path}` }) });
    const response = await fetch(`http://${server.addr()}/page`);
    expect(await response.text()).toBe("you asked for /page");
    const client = await wsClient(urlOf(server));
    client.send("x");
    expect(String(await within(new Promise((resolve) => client.once("message", resolve)), "the echo"))).toBe("x");
  });

  test("a request that was read by hand becomes a WebSocket", async () => {
    const listener = new TcpServer("127.0.0.1", 0);
    await listener.opened;
    const opened = wsClient(`ws://${listener.addr()}/by-hand?x=1`);
    const conn = await listener.accept();
    const request = await http.receive(conn);
    expect(request.upgrade).toBe(true);
    const socket = upgrade(request);
    const client = await opened;
    expect(socket.request.query).toBe("x=1");
    expect(() => upgrade(request)).toThrow(expect.objectContaining({ code: "ERR_STATE" }));
    await expect(http.receive(request.conn)).rejects.toMatchObject({ code: "ERR_STATE" });
    await expect(http.respond(request.conn, { body: "late" })).rejects.toMatchObject({ code: "ERR_STATE" });
    await expect(request.conn.read(1)).rejects.toMatchObject({ code: "ERR_STATE" });
    await expect(conn.read(1)).rejects.toMatchObject({ code: "ERR_STATE" });
    /* Its handle is the WebSocket's, which has no such deadline. */
    for (const set of [conn.setDeadline, conn.setReadDeadline, conn.setWriteDeadline])
      expect(() => set.call(conn, -1)).toThrow(expect.objectContaining({ code: "ERR_STATE" }));
    client.send("hello");
    for await (const message of socket) {
      expect(message).toBe("hello");
      break;
    }
    socket.close(4000, "done");
    expect(await within(socket.closed, "the end")).toMatchObject({ code: 4000, wasClean: true });
    listener.close();
  });

  test("whoever reads or writes the connection while it becomes a WebSocket learns that, and so does whoever does later", async () => {
    const listener = new TcpServer("127.0.0.1", 0);
    await listener.opened;
    const opened = wsClient(`ws://${listener.addr()}/`);
    const conn = await listener.accept();
    const early = conn[Symbol.asyncIterator]();
    const request = await http.receive(conn);
    const codeOf = (error: TwinwireError): string => error.code;
    const waiting = [conn.read(1).catch(codeOf), conn.readExact(4).catch(codeOf)];
    const socket = upgrade(request);
    expect(await Promise.all(waiting)).toEqual(["ERR_STATE", "ERR_STATE"]);
    await expect(early.next()).rejects.toMatchObject({ code: "ERR_STATE", address: socket.remoteAddr() });
    await expect(conn.write("x")).rejects.toMatchObject({ code: "ERR_STATE" });
    await expect(conn.closeWrite()).rejects.toMatchObject({ code: "ERR_STATE" });
    expect([conn.canRead, conn.canWrite]).toEqual([true, true]);
    await conn.closed;
    conn.close();
    const client = await opened;
    const echoed = new Promise((resolve) => client.once("message", resolve));
    socket.send("still open");
    expect(String(await within(echoed, "the message"))).toBe("still open");
    client.terminate();
    listener.close();
  });

  test("a request that is none can still be answered", async () => {
    const listener = new TcpServer("127.0.0.1", 0);
    await listener.opened;
    const answered = fetch(`http://${listener.addr()}/`);
    const request = await http.receive(await listener.accept());
    expect(() => upgrade(request)).toThrow(expect.objectContaining({ code: "ERR_WS_HANDSHAKE", status: 426 }));
    await http.respond(request.conn, { body: "plain" });
    expect(await (await answered).text()).toBe("plain");
    listener.close();
  });
});
