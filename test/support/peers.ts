/**
 * Peers that were not written here, on loopback, at ports that the system chose. Whatever is started here is ended by
 * `endPeers`, child processes by their own id.
 */
import { createHash } from "node:crypto";
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type ServerOpts, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import { differs } from "./host.ts";
import { within } from "./wait.ts";

const LOOPBACK = "127.0.0.1";

/**
 * Servers on one family alone and the names by which this machine finds them: [address, name]. What "localhost" means
 * differs from machine to machine, and so does whether there is IPv6.
 */
export const reachable: readonly (readonly [string, string])[] = [
  ...(await lookup("localhost", { all: true })).map(({ address }) => [address, "localhost"] as const),
  ...Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => internal && (address === "::1" || address === LOOPBACK))
    .map(({ address }) => [address, address.includes(":") ? `[${address}]` : address] as const),
];

let endings: (() => unknown)[] = [];

/** Has `endPeers` call it. */
export function atEnd(end: () => unknown): void {
  endings.push(end);
}

/** Ends all that was started since the last call, the latest first; what an ending gives to `atEnd` comes behind all. */
export async function endPeers(): Promise<void> {
  while (endings.length > 0) {
    const all = endings.reverse();
    endings = [];
    for (const end of all) await within(Promise.resolve(end()), "the end of a peer");
  }
}

/** A TCP server and the connections it has. */
export interface TcpPeer {
  readonly port: number;
  readonly sockets: Set<Socket>;
  /** Stops listening and drops every connection. */
  close(): Promise<void>;
}

/** A server of node:net that listens at once. Errors of its connections are expected. */
export async function tcpPeer(
  accept: (socket: Socket) => void,
  { host = LOOPBACK, port = 0, ...options }: ServerOpts & { host?: string; port?: number } = {},
): Promise<TcpPeer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, ...options }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    accept(socket);
  });
  server.listen({ host, port, backlog: 1024, ipv6Only: host.includes(":") });
  await once(server, "listening");
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await closed(server);
  };
  atEnd(close);
  return { port: portOf(server), sockets, close };
}

/** What stands before a server on loopback, and can stop taking from its clients. */
export interface Gate {
  readonly port: number;
  shut(): void;
  open(): void;
}

/** Puts one before the server at `port`. Not every runtime's TLS leaves bytes in the system when no one reads them. */
export async function gate(port: number): Promise<Gate> {
  let isOpen = true;
  const { port: own, sockets } = await tcpPeer((socket) => {
    const server = connect(port, LOOPBACK);
    server.on("error", () => {});
    server.on("close", () => socket.destroy());
    socket.on("close", () => server.destroy());
    server.pipe(socket);
    socket.on("data", (data) => {
      if (!server.write(data)) socket.pause();
    });
    server.on("drain", () => isOpen && socket.resume());
  });
  const set = (on: boolean): void => {
    isOpen = on;
    for (const socket of sockets)
      if (on) socket.resume();
      else socket.pause();
  };
  return { port: own, shut: () => set(false), open: () => set(true) };
}

/** A WebSocket server of npm `ws`. */
export interface WsPeer {
  readonly url: string;
  readonly port: number;
  readonly server: WebSocketServer;
  /** Stops listening and drops every connection. */
  close(): Promise<void>;
}

/** A server of npm `ws` that listens at once. */
export async function wsPeer(
  accept: (socket: WebSocket, request: IncomingMessage) => void,
  options: ServerOptions = {},
): Promise<WsPeer> {
  const server = new WebSocketServer({ host: LOOPBACK, port: 0, backlog: 1024, maxPayload: 1 << 30, ...options });
  server.on("connection", (socket, request) => {
    socket.on("error", () => {});
    accept(socket, request);
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    for (const socket of server.clients) socket.terminate();
    await closed(server);
  };
  atEnd(close);
  return { url: `ws://${LOOPBACK}:${port}/`, port, server, close };
}

/**
 * A server that is `ws` for the handshake by hand and bytes from then on. `head` is the request; `more`: further lines of
 * the answer.
 */
export function rawWsPeer(accept: (socket: Socket, head: string) => void, more = ""): Promise<TcpPeer> {
  return tcpPeer((socket) => {
    readHead(socket, (head) => {
      socket.write(switching(head, more));
      accept(socket, head);
    });
  });
}

/** Calls back with the head of a request, without what follows it. */
export function readHead(socket: Socket, done: (head: string) => void): void {
  let head = "";
  const read = (chunk: Buffer): void => {
    head += chunk.toString("latin1");
    if (!head.includes("\r\n\r\n")) return;
    socket.off("data", read);
    done(head);
  };
  socket.on("data", read);
}

/** The answer that accepts a handshake, RFC 6455 4.2.2. */
export function switching(head: string, more = ""): string {
  const key = /^sec-websocket-key: *(.*)\r$/im.exec(head)?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  return `${lines.join("\r\n")}\r\nSec-WebSocket-Accept: ${accept}\r\n${more}\r\n`;
}

/** A UDP socket that is bound. */
export async function udpPeer(
  receive: (data: Buffer, from: RemoteInfo, socket: UdpSocket) => void,
  host = LOOPBACK,
): Promise<{ port: number; socket: UdpSocket }> {
  const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4", recvBufferSize: 1 << 21 });
  socket.on("message", (data, from) => receive(data, from, socket));
  socket.on("error", () => {});
  if (differs("udp-order")) keepOrder(socket);
  socket.bind(0, host);
  await once(socket, "listening");
  atEnd(() => new Promise<void>((resolve) => socket.close(resolve)));
  return { port: socket.address().port, socket };
}

/** Makes a socket send each datagram when the one before has left. */
function keepOrder(socket: UdpSocket): void {
  const send = socket.send.bind(socket) as (...values: unknown[]) => void;
  let last = Promise.resolve();
  const inOrder = (...values: unknown[]): void => {
    const callback =
      typeof values.at(-1) === "function" ? (values.pop() as (...results: unknown[]) => void) : undefined;
    last = last.then(
      () =>
        new Promise((resolve) => {
          send(...values, (...results: unknown[]) => {
            callback?.(...results);
            resolve();
          });
        }),
    );
  };
  Object.assign(socket, { send: inOrder });
}

/** A port that was free a moment ago, for peers that can't choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, LOOPBACK);
  await once(server, "listening");
  const port = portOf(server);
  await closed(server);
  return port;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function closed(server: { close(done: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
