/** What the tests of WebSocket servers share. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type ServerSocket, WebSocketServer, type WebSocketServerOptions } from "twinwire";
import { WebSocket as WsClient } from "ws";
import { atEnd } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";

export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

/** The lines of a right handshake; those given replace or add to them, `undefined` leaves one out. */
export function handshake(changes: Record<string, string | undefined> = {}, start = "GET /chat HTTP/1.1"): string {
  const fields = {
    Host: "server.example.com",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    ...changes,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return `${[start, ...lines].join("\r\n")}\r\n\r\n`;
}

/** A server that listens; it is closed with the test. */
export async function serve(options: WebSocketServerOptions = {}): Promise<WebSocketServer> {
  const server = new WebSocketServer("127.0.0.1", 0, options);
  atEnd(() => server.close({ graceMs: 100 }));
  await within(server.opened, "listening");
  return server;
}

/** A server that answers each message by itself. */
export function echo(options: WebSocketServerOptions = {}): Promise<WebSocketServer> {
  return serve({
    ...options,
    onConnection: (socket, request) => {
      socket.binaryType = "arraybuffer";
      socket.addEventListener("message", ({ data }) => socket.send(data as string | ArrayBuffer));
      options.onConnection?.(socket, request);
    },
  });
}

export const urlOf = (server: WebSocketServer, path = "/"): string => `ws://${server.addr()}${path}`;

/** The next client of a server. */
export const nextOf = (server: WebSocketServer): Promise<ServerSocket> => within(server.accept(), "a client");

/** A client by `ws`, open. */
export async function wsClient(url: string, ...rest: unknown[]): Promise<WsClient> {
  const client = new WsClient(url, ...(rest as [string[]]));
  atEnd(async () => client.terminate());
  client.on("error", () => {});
  await within(once(client, "open"), "open");
  return client;
}

/** A client that writes bytes as they are. */
export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;

  constructor(server: { addr(): string }) {
    const [, port = ""] = /:(\d+)$/.exec(server.addr()) ?? [];
    this.socket = connect(Number(port), "127.0.0.1");
    this.socket.on("data", (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.#ended = true;
    });
    this.socket.on("end", () => {
      this.#ended = true;
    });
    atEnd(async () => {
      this.socket.destroy();
    });
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** What came up to and with this text, which is taken off. */
  async readTo(end: string): Promise<string> {
    return await within(
      (async () => {
        for (;;) {
          const at = this.#received.indexOf(end);
          if (at >= 0) {
            const taken = this.#received.subarray(0, at + end.length).toString("latin1");
            this.#received = this.#received.subarray(at + end.length);
            return taken;
          }
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      })(),
      `"${end}"`,
    );
  }

  /** All that comes until the server ends. */
  async rest(ms?: number): Promise<Buffer> {
    await within(
      (async () => {
        while (!this.#ended) await new Promise((resolve) => setTimeout(resolve, 2));
      })(),
      "the end",
      ms,
    );
    return this.#received;
  }

  /** Opens a WebSocket. */
  async open(): Promise<void> {
    this.write(handshake());
    const head = await this.readTo("\r\n\r\n");
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`refused: ${head}`);
  }
}

/** A client's frame, masked with zeros: the payload is as it is. */
export function masked(first: number, payload: Uint8Array | string): Buffer {
  const bytes = Buffer.from(payload);
  const length =
    bytes.length < 126
      ? Buffer.from([0x80 | bytes.length])
      : Buffer.from([0x80 | 126, bytes.length >> 8, bytes.length & 255]);
  return Buffer.concat([Buffer.from([first]), length, Buffer.alloc(4), bytes]);
}
