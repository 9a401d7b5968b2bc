/** Servers that answer the handshake as they should not, and those that may. */
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ws } from "twinwire/handles";
import { endPeers, freePort, reachable, readHead, switching, type TcpPeer, tcpPeer } from "../support/peers.ts";
import { WsClient } from "./client.ts";
import { dribble, frame, Op } from "./frames.ts";

afterEach(endPeers);

/** A server that does this once it has a request. */
function answering(answer: (socket: Socket, head: string) => void): Promise<TcpPeer> {
  return tcpPeer((socket) => readHead(socket, (head) => answer(socket, head)));
}

function url({ port }: TcpPeer): string {
  return `ws://127.0.0.1:${port}/chat`;
}

const OK = "Upgrade: websocket\r\nConnection: Upgrade\r\n";

describe("answers that refuse", () => {
  test.each([
    [200, "OK"],
    [301, "Moved Permanently"],
    [401, "Unauthorized"],
    [404, "Not Found"],
    [429, "Too Many Requests"],
    [503, "Service Unavailable"],
  ])("HTTP %i", async (status, text) => {
    const peer = await answering((socket) => {
      socket.end(`HTTP/1.1 ${status} ${text}\r\nLocation: http://[::1]/\r\nContent-Length: 4\r\n\r\nbody`);
    });
    const client = new WsClient(url(peer));
    const { code, message, error } = await client.errors.next();
    expect([code, error.detail]).toEqual(["ERR_WS_REFUSED", status]);
    expect(message).toContain(`${status}`);
    expect(message).toContain(url(peer));
    expect(await client.disconnected.next()).toMatchObject({ code: 1006, clean: false, retryMs: -1 });
    expect(client.connected.all).toEqual([]);
    expect(ws.state(client.handle)).toBe("closed");
  });
});

describe("answers that are none", () => {
  test.each<[string, string, (socket: Socket, head: string) => void]>([
    ["it closes", "ERR_ENDED", (socket) => socket.end()],
    ["it closes inside the head", "ERR_ENDED", (socket, head) => socket.end(switching(head).slice(0, 40))],
    ["it resets", "ERR_RESET", (socket) => socket.resetAndDestroy()],
    ["another protocol", "ERR_HTTP", (socket) => socket.end("220 mail.example ESMTP\r\n")],
    ["a redirect without HTTP", "ERR_HTTP", (socket) => socket.end("<html>hello</html>\r\n\r\n")],
    ["a wrong key", "ERR_WS_HANDSHAKE", (socket) => socket.write(switching("Sec-WebSocket-Key: other\r\n\r\n"))],
    ["no key", "ERR_WS_HANDSHAKE", (socket) => socket.write(`HTTP/1.1 101 Switching Protocols\r\n${OK}\r\n`)],
    ["HTTP/1.0", "ERR_WS_HANDSHAKE", (socket, head) => socket.write(switching(head).replace("1.1", "1.0"))],
    [
      "another upgrade",
      "ERR_WS_HANDSHAKE",
      (socket, head) => socket.write(switching(head).replace("websocket", "h2c")),
    ],
    [
      "no connection header",
      "ERR_WS_HANDSHAKE",
      (socket, head) => socket.write(switching(head).replace("Connection: Upgrade", "Connection: close")),
    ],
    [
      "a subprotocol that was not offered",
      "ERR_WS_HANDSHAKE",
      (socket, head) => socket.write(switching(head, "Sec-WebSocket-Protocol: chat\r\n")),
    ],
    [
      "an extension that was not offered",
      "ERR_WS_HANDSHAKE",
      (socket, head) => socket.write(switching(head, "Sec-WebSocket-Extensions: permessage-deflate\r\n")),
    ],
    [
      "a head without an end",
      "ERR_HEAD_TOO_LARGE",
      (socket) => socket.write(`HTTP/1.1 101 Switching Protocols\r\nX: ${"x".repeat(70_000)}`),
    ],
  ])("%s: %s", async (_, expected, answer) => {
    const client = new WsClient(url(await answering(answer)));
    expect((await client.errors.next()).code).toBe(expected);
    expect(await client.disconnected.next()).toMatchObject({ code: 1006, clean: false, retryMs: -1 });
    expect(client.connected.all).toEqual([]);
  });

  test("no server listens", async () => {
    const client = new WsClient(`ws://127.0.0.1:${await freePort()}/`);
    expect((await client.errors.next()).code).toBe("ERR_REFUSED");
    expect(await client.disconnected.next()).toMatchObject({ code: 1006, retryMs: -1 });
  });
});

describe("answers that are right", () => {
  test("byte by byte", async () => {
    const peer = await answering((socket, head) => {
      dribble(socket, Buffer.concat([Buffer.from(switching(head)), frame(Op.TEXT, "hello")]));
    });
    expect(await new WsClient(url(peer)).messages.next()).toBe("hello");
  });

  test("other case, more white space, more headers, an interim answer first", async () => {
    const peer = await answering((socket, head) => {
      const accept = /Accept: (.*)\r/.exec(switching(head))?.[1];
      socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n`);
      socket.write(
        `HTTP/1.1 101 \r\nX-Long: ${"x".repeat(5000)}\r\nuPGRADE:\tWebSocket \r\nCONNECTION: keep-alive ,  UPGRADE\r\n` +
          `sec-websocket-accept:${accept}\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n`,
      );
      socket.write(frame(Op.TEXT, "hello"));
    });
    expect(await new WsClient(url(peer)).messages.next()).toBe("hello");
  });

  /* RFC 9110 7.6.1, 7.8 */
  test("the request is what RFC 6455 4.1 asks for", async () => {
    const peer = await answering((socket, head) => {
      socket.write(switching(head, "Sec-WebSocket-Protocol: b\r\n"));
      socket.write(frame(Op.TEXT, head));
    });
    const client = new WsClient(url(peer), { protocols: ["a", "b"], headers: { Origin: "http://here" } });
    const [line, ...fields] = String(await client.messages.next())
      .trimEnd()
      .split("\r\n");
    expect(line).toBe("GET /chat HTTP/1.1");
    const names = fields.map((field) => field.replace(/^(Sec-WebSocket-Key: )[A-Za-z0-9+/]{22}==$/, "$1ok"));
    expect(names.sort()).toEqual(
      [
        `Host: 127.0.0.1:${peer.port}`,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: ok",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: a, b",
        "Origin: http://here",
      ].sort(),
    );
  });

  test("each handshake has a key of its own", async () => {
    const keys = new Set<string>();
    const peer = await answering((socket, head) => {
      keys.add(/Sec-WebSocket-Key: (.*)\r/.exec(head)?.[1] ?? "");
      socket.write(switching(head));
    });
    for (let count = 0; count < 20; count++) await WsClient.open(url(peer));
    expect(keys.size).toBe(20);
  });
});

describe("names and families", () => {
  test.each(reachable)("a server on %s alone is found as %s", async (host, name) => {
    const peer = await tcpPeer(
      (socket) =>
        readHead(socket, (head) => socket.write(Buffer.concat([Buffer.from(switching(head)), frame(1, head)]))),
      { host },
    );
    const client = new WsClient(`ws://${name}:${peer.port}/`);
    expect(await client.messages.next()).toContain(`\r\nHost: ${name}:${peer.port}\r\n`);
  });

  test("a name that does not exist", async () => {
    const client = new WsClient("ws://no-such-host.invalid/");
    expect((await client.errors.next()).code).toMatch(/^ERR_NAME_(NOT_FOUND|FAILED)$/);
    expect(await client.disconnected.next()).toMatchObject({ code: 1006, retryMs: -1 });
  });
});
