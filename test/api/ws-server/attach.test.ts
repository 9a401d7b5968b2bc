/** WebSocketServer.attach: WebSockets on a server of node:http. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { http, WebSocket, WebSocketServer } from "twinwire";
import { host } from "../../support/host.ts";
import { atEnd, endPeers } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";
import { makeCertificates } from "../certificates.ts";
import { thrown } from "../support.ts";
import { wsClient } from "./support.ts";

afterEach(endPeers);

async function listen(server: Server | SecureServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(async () => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => response.end(`plain ${request.url}`));
  return { server, port: await listen(server) };
}

test("what is no server is refused", () => {
  expect(thrown(() => WebSocketServer.attach({} as never)).code).toBe("ERR_ARGUMENT");
});

if (host === "bun") {
  test("on Bun, sockets of node:http can't be taken over", async () => {
    const { server } = await listening();
    expect(thrown(() => WebSocketServer.attach(server)).code).toBe("ERR_UNSUPPORTED");
  });
} else {
  describe("attached to a server of node:http", () => {
    test("plain requests go to its handler, upgrades become clients with their request; messages and broadcasts work", async () => {
      const { server, port } = await listening();
      const sockets = WebSocketServer.attach<{ name: string }>(server, {
        protocols: ["chat"],
        onConnection: (socket, request) => {
          socket.data = { name: request.headers["x-name"] ?? "" };
        },
        onMessage: (socket, message) => socket.send(`${socket.data.name}: ${message}`),
      });
      atEnd(() => sockets.close({ graceMs: 100 }));
      const client = await wsClient(`ws://127.0.0.1:${port}/a?b=c`, ["chat"], { headers: { "X-Name": "ann" } });
      const [socket] = sockets.clients;
      expect([socket?.request.target, socket?.protocol, socket?.url]).toEqual([
        "/a?b=c",
        "chat",
        `ws://127.0.0.1:${port}/a?b=c`,
      ]);
      expect(socket?.remoteAddr()).toMatch(/^127\.0\.0\.1:\d+$/);
      const answer = once(client, "message");
      client.send("hi");
      expect(String((await within(answer, "the answer"))[0])).toBe("ann: hi");
      const large = "x".repeat(200_000);
      const broadcast = once(client, "message");
      expect(sockets.broadcast(large).sent).toBe(1);
      expect(String((await within(broadcast, "the broadcast"))[0])).toBe(large);
      expect((await http.request({ url: `http://127.0.0.1:${port}/p` })).body).toBe("plain /p");
      const closed = once(client, "close");
      client.close(4000, "bye");
      expect((await within(closed, "the end"))[0]).toBe(4000);
    });

    test("clients of a server of node:https have TLS", async () => {
      const { ca, good } = makeCertificates();
      const server = createSecureServer({ cert: good.cert, key: good.key });
      const port = await listen(server);
      const sockets = WebSocketServer.attach(server);
      atEnd(() => sockets.close({ graceMs: 100 }));
      const client = new WebSocket(`wss://127.0.0.1:${port}/`, { tls: { ca, servername: "localhost" } });
      await within(client.opened, "the client is open");
      const [socket] = sockets.clients;
      expect(socket?.url).toBe(`wss://127.0.0.1:${port}/`);
      expect(socket?.request.conn.isTLS()).toBe(true);
      client.close();
    });

    test("a message in the segment of the handshake arrives; close ends the clients, and the server goes on", async () => {
      const { server, port } = await listening();
      const sockets = WebSocketServer.attach(server, {
        onMessage: (socket, message) => socket.send(message as string),
      });
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, { queue: { maxBytes: 1000 } });
      socket.send("early");
      const event = await within(
        new Promise<{ data: unknown }>((resolve) => {
          socket.onmessage = resolve;
        }),
        "the message",
      );
      expect(event.data).toBe("early");
      await within(sockets.close(), "the end of the clients");
      expect((await within(socket.closed, "the end")).code).toBe(1001);
      expect((await http.request({ url: `http://127.0.0.1:${port}/p` })).body).toBe("plain /p");
      expect(server.listenerCount("upgrade")).toBe(0);
    });

    test("with a path, others are refused, or left to other listeners", async () => {
      const { server, port } = await listening();
      const sockets = WebSocketServer.attach(server, { path: "/mine" });
      atEnd(() => sockets.close({ graceMs: 100 }));
      const refused = new WebSocket(`ws://127.0.0.1:${port}/other`);
      expect((await within(refused.closed, "the refusal")).error).toMatchObject({
        code: "ERR_WS_REFUSED",
        detail: 404,
      });
      server.on("upgrade", (request, socket) => {
        if (request.url?.startsWith("/mine")) return;
        socket.on("error", () => {});
        socket.end("HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n");
      });
      const left = new WebSocket(`ws://127.0.0.1:${port}/other`);
      expect((await within(left.closed, "the refusal")).error).toMatchObject({ code: "ERR_WS_REFUSED", detail: 418 });
      const mine = await wsClient(`ws://127.0.0.1:${port}/mine?x`);
      expect(mine.readyState).toBe(1);
    });
  });
}
