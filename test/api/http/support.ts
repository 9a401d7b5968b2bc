/** What the tests of HTTP share. */
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import {
  type HttpHandler,
  type HttpServer,
  http,
  type ServerOptions as Listening,
  type ServeOptions,
  type TcpConnection,
  TcpServer,
} from "twinwire";
import { atEnd, tcpPeer } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";

/** A server of node:http. */
export interface NodePeer {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Connections that it has accepted so far. */
  readonly accepted: Socket[];
}

/** Starts a server of node:http. */
export async function nodePeer(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  options: ServerOptions = {},
): Promise<NodePeer> {
  const server = createServer(options, (request, response) => {
    Promise.resolve(answer(request, response)).catch(() => response.destroy());
  });
  const accepted: Socket[] = [];
  server.on("connection", (socket: Socket) => accepted.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(async () => {
    server.close();
    for (const socket of accepted) socket.destroy();
    await once(server, "close");
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, server, accepted };
}

/** What a server of node:http got. */
export async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Answers with what it got, as JSON. */
export async function mirror(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = (await bodyOf(request)).toString();
  const { method, url, headers } = request;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ method, url, headers, body }));
}

/** What `mirror` answers. */
export interface Mirrored {
  readonly method: string;
  readonly url: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

/** A server of ours. */
export interface OwnPeer {
  readonly url: string;
  readonly port: number;
  readonly server: HttpServer;
}

/** Starts a server of ours. */
export async function serve(
  handler: HttpHandler,
  options: ServeOptions = {},
  listening: Listening = {},
): Promise<OwnPeer> {
  const listener = new TcpServer("127.0.0.1", 0, listening);
  await within(listener.opened, "listening");
  const server = http.serve(listener, handler, options);
  const port = Number(listener.addr().split(":")[1]);
  atEnd(() => server.close({ graceMs: 0 }));
  return { url: `http://127.0.0.1:${port}`, port, server };
}

/** A client that writes bytes. */
export interface RawClient {
  readonly socket: Socket;
  /** All that has come. */
  got(): string;
  /** Waits until so much of it matches. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Waits for the end of the stream; what came until then. */
  all(): Promise<string>;
}

/** Connects, and sends `text`. */
export function raw(port: number, text: string | Buffer = ""): RawClient {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const parts: Buffer[] = [];
  let ended = false;
  socket.on("data", (part: Buffer) => parts.push(part));
  socket.on("error", () => {});
  const end = once(socket, "end").then(() => {
    ended = true;
  });
  end.catch(() => {});
  atEnd(() => socket.destroy());
  if (text.length > 0) socket.write(text);
  const got = (): string => Buffer.concat(parts).toString("latin1");
  const search = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(got());
      if (found !== null) return found;
      if (ended) throw new Error(`the stream ended with ${JSON.stringify(got())}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  return {
    socket,
    got,
    until: (pattern) => within(search(pattern), `${pattern} in ${JSON.stringify(got().slice(0, 300))}`),
    all: async () => {
      await within(end, "the end of the stream");
      return got();
    },
  };
}

/** A client that writes bytes, and the server's end of its connection. */
export async function accepted(sent: string | Buffer = ""): Promise<{ conn: TcpConnection; client: RawClient }> {
  const server = new TcpServer("127.0.0.1", 0);
  await within(server.opened, "listening");
  const client = raw(Number(server.addr().split(":")[1]), sent);
  const conn = await within(server.accept(), "a connection");
  server.close();
  atEnd(() => conn.close());
  return { conn, client };
}

export const get = (path: string, fields = ""): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
export const post = (body: string, fields = ""): string =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${fields}\r\n${body}`;

/** A response as a client sees it, without its date. */
export const withoutDate = (response: string): string => response.replace(/date: [^\r]*\r\n/gi, "");

/** A response as a server writes it. */
export const ok = (body: string, fields = ""): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${fields}\r\n${body}`;

/** A server that answers each request by bytes; `answer` gets the request, up to its empty line. */
export async function scripted(answer: (head: string, socket: Socket, count: number) => unknown): Promise<string> {
  let count = 0;
  const { port } = await tcpPeer((socket) => {
    let text = "";
    socket.on("data", (data) => {
      text += data.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const head = text.slice(0, end + 4);
        text = text.slice(end + 4);
        count += 1;
        answer(head, socket, count);
      }
    });
  });
  return `http://127.0.0.1:${port}`;
}
