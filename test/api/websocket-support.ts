/** What the tests of WebSocket share. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocket, type WebSocketOptions } from "twinwire";
import type { WebSocket as Peer } from "ws";
import { atEnd, wsPeer } from "../support/peers.ts";
import { Inbox } from "../support/wait.ts";

/** A WebSocket that is closed when the test is over. */
export function open(url: string, options: WebSocketOptions = {}): WebSocket {
  const ws = new WebSocket(url, options);
  atEnd(() => {
    ws.close();
    /* A peer that does not answer is ended before this is waited for. */
    atEnd(() => ws.closed);
  });
  return ws;
}

/** What happened, in order. */
export function record(ws: WebSocket): string[] {
  const log: string[] = [];
  ws.addEventListener("open", () => log.push("open"));
  ws.addEventListener("message", ({ data }) => log.push(`message ${data}`));
  ws.addEventListener("error", ({ error }) => log.push(error.code));
  ws.addEventListener("close", ({ code }) => log.push(`close ${code}`));
  return log;
}

/** A server of `ws` that sends back what it gets. */
export async function echo(): Promise<{ url: string; sockets: Inbox<Peer>; requests: Inbox<IncomingMessage> }> {
  const sockets = new Inbox<Peer>("a connection");
  const requests = new Inbox<IncomingMessage>("a request");
  const { url } = await wsPeer((socket, request) => {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
    sockets.push(socket);
    requests.push(request);
  });
  return { url, sockets, requests };
}

/** A server of node:http that answers every request, those for a WebSocket too, as instructed. */
export async function httpServer(
  answer: (request: IncomingMessage) => [number, Record<string, string>],
): Promise<Server> {
  const server = createServer((request, response) => {
    const [status, headers] = answer(request);
    response.writeHead(status, headers).end("no");
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    socket.on("error", () => {}); /* whoever is refused goes without a word */
    const [status, headers] = answer(request);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} Because\r\n${lines.join("")}content-length: 0\r\n\r\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return server;
}

/** Where it listens. */
export const portOf = (server: Server): number => (server.address() as AddressInfo).port;
