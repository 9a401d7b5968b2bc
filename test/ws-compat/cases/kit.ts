/** What the programs of the table share: a library's server and client, raw peers, and what they observe. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestOptions, request, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { ClientOptions, ServerOptions, WebSocket, WebSocketServer } from "ws";
import { makeCertificates } from "../../api/certificates.ts";
import { atEnd } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";
import { type Library, shown } from "../libraries.ts";

export type { Library } from "../libraries.ts";
export { count, next, shown, thrown, watch } from "../libraries.ts";

/** Runs with either library, and returns what it observed. */
export type Program = (lib: Library) => unknown;

/** Programs by what the case of ws's suite checks. `differs`: why the outcome here is another one, on purpose. */
export type Cases = Readonly<Record<string, Program | { readonly run: Program; readonly differs: string }>>;

/** A server that listens; ends with the test. */
export async function serve(
  lib: Library,
  options: ServerOptions = {},
): Promise<{ server: WebSocketServer; url: string }> {
  const server = new lib.WebSocketServer({ port: 0, host: "127.0.0.1", ...options });
  atEnd(() => {
    for (const ws of server.clients ?? []) ws.terminate();
    server.close();
  });
  await within(once(server, "listening"), "listening");
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A client; ends with the test. Its errors are expected. */
export function open(lib: Library, url: string, options: ClientOptions = {}, protocols: string[] = []): WebSocket {
  const client = new lib.WebSocket(url, protocols, options);
  client.on("error", () => {});
  atEnd(() => client.terminate());
  return client;
}

/** Both ends of a connection. */
export interface Pair {
  readonly server: WebSocketServer;
  readonly url: string;
  /** The server's end. */
  readonly peer: WebSocket;
  readonly client: WebSocket;
  readonly request: IncomingMessage;
}

/** Both ends, open. */
export async function pair(lib: Library, options: ServerOptions = {}, client: ClientOptions = {}): Promise<Pair> {
  const { server, url } = await serve(lib, options);
  const ws = open(lib, url, client);
  const opened = within(once(ws, "open"), "open");
  const [peer, request] = (await within(once(server, "connection"), "connection")) as [WebSocket, IncomingMessage];
  peer.on("error", () => {});
  await opened;
  return { server, url, peer, client: ws, request };
}

/** The end of a WebSocket: its code and reason. */
export async function closed(ws: WebSocket): Promise<[code: number, reason: string]> {
  const end = new Promise<[number, string]>((resolve) => {
    ws.once("close", (code, reason) => resolve([code, String(reason)]));
  });
  return await within(end, "close");
}

/** The next error. */
export async function failed(ws: WebSocket): Promise<unknown> {
  return shown(await within(new Promise((resolve) => ws.once("error", resolve)), "an error"));
}

/** What a WebSocket that never opens reports: an error, and its end. */
export async function refused(ws: WebSocket): Promise<unknown> {
  const opened: string[] = [];
  ws.on("open", () => opened.push("open"));
  const [error, end] = await Promise.all([failed(ws), closed(ws)]);
  return [error, ...end, ...opened];
}

/** The values of the next event of that name. */
export async function event(emitter: NodeJS.EventEmitter, name: string): Promise<unknown[]> {
  return (await within(new Promise<unknown[]>((resolve) => emitter.once(name, (...all) => resolve(all))), name)).map(
    shown,
  );
}

/** What calls back: the argument of the callback. */
export async function called(call: (done: (value?: unknown) => void) => void): Promise<unknown> {
  return shown(await within(new Promise((resolve) => call((value) => resolve(value ?? "called"))), "a callback"));
}

/** The stream beneath a WebSocket. */
export function socketOf(ws: WebSocket): Socket {
  return (ws as unknown as { _socket: Socket })._socket;
}

const { good } = makeCertificates();
export const certificate = { cert: good.cert, key: good.key };

/** A server of node:http, or of node:https with `options`, that listens; ends with the test. */
export async function http(options?: object, path?: string): Promise<Server> {
  const server = options === undefined ? createServer() : (createSecureServer(options) as unknown as Server);
  server.on("connection", (socket) => socket.on("error", () => {}));
  server.on("upgrade", (_request, socket) => socket.on("error", () => {}));
  if (path === undefined) server.listen(0, "127.0.0.1");
  else server.listen(path);
  await once(server, "listening");
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

/** The URL of a server. */
export function urlOf(server: Server, scheme = "ws"): string {
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

let paths = 0;

/** A path for a Unix socket. */
export function socketPath(): string {
  paths += 1;
  return join(tmpdir(), `twinwire-${process.pid}-${paths}.sock`);
}

/** Answers each upgrade request by `lines`, in which `ACCEPT` stands for the right value. */
export async function answering(lines: readonly string[], body = "", end = true): Promise<string> {
  const server = await http();
  server.on("upgrade", (req: IncomingMessage, socket: Duplex) => {
    const key = `${req.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    const text = `${lines.join("\r\n").replace("ACCEPT", accept)}\r\n\r\n${body}`;
    atEnd(() => socket.destroy());
    if (end) socket.end(text, "latin1");
    else socket.write(text, "latin1");
  });
  return urlOf(server);
}

export const SWITCHING = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];

/** A response that accepts, with further lines. */
export function accepting(...lines: string[]): Promise<string> {
  return answering([...SWITCHING, "Sec-WebSocket-Accept: ACCEPT", ...lines]);
}

/** What a server responds to a request: status, body, and some headers. */
export async function responseTo(port: number, options: RequestOptions, ...names: string[]): Promise<unknown> {
  const req = request({ host: "127.0.0.1", port, ...options });
  req.on("error", () => {});
  req.end();
  const [res] = (await within(once(req, "response"), "a response")) as [IncomingMessage];
  let body = "";
  for await (const part of res) body += part;
  return [res.statusCode, body, ...names.map((name) => res.headers[name])];
}

export const HANDSHAKE = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": 13,
};

/** A frame by RFC 6455 5.2; `masked` by a key of zeros. */
export function frame(first: number, payload: string | Uint8Array = "", masked = false): Buffer {
  const bytes = Buffer.from(payload as string);
  const mask = masked ? 0x80 : 0;
  const size = bytes.length;
  const header = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10);
  header[0] = first;
  header[1] = mask | (size < 126 ? size : size < 65_536 ? 126 : 127);
  if (size >= 65_536) header.writeBigUInt64BE(BigInt(size), 2);
  else if (size >= 126) header.writeUInt16BE(size, 2);
  return Buffer.concat([header, masked ? Buffer.alloc(4) : Buffer.alloc(0), bytes]);
}

/** A raw TCP client of a server, with its handshake done: sends bytes, and collects what it receives. */
export async function rawClient(url: string, headers = ""): Promise<{ socket: Socket; received: () => Buffer }> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  atEnd(() => socket.destroy());
  const lines = ["GET / HTTP/1.1", "Host: localhost", ...Object.entries(HANDSHAKE).map(([a, b]) => `${a}: ${b}`)];
  socket.write(`${lines.join("\r\n")}\r\n${headers}\r\n`);
  let all = Buffer.alloc(0);
  let start = -1;
  await within(
    new Promise<void>((resolve) => {
      socket.on("data", (part) => {
        all = Buffer.concat([all, part]);
        if (start >= 0 || !all.includes("\r\n\r\n")) return;
        start = all.indexOf("\r\n\r\n") + 4;
        resolve();
      });
    }),
    "a response",
  );
  return { socket, received: () => all.subarray(start) };
}
