/** The peers of a test that runs in workerd: servers of node:net, moved by what the test sends. */
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { endPeers, freePort, tcpPeer } from "../support/peers.ts";
import { PATIENCE, within } from "../support/wait.ts";
import type { Call, Report, Send } from "./peer-protocol.ts";

/** More than the waits inside of a test, whose errors say more. */
const LONGER_MS = PATIENCE + 10_000;

/** How often it is looked how much of what a socket writes still waits, in ms. */
const LOOK_MS = 5;

class PeerHost {
  readonly #channel: WebSocket;
  readonly #sockets: Socket[] = [];
  readonly #waiting = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  /** What takes the bytes of the next message. */
  #bytes: ((bytes: Buffer) => void) | undefined;
  readonly result: Promise<string | null>;

  constructor(url: string) {
    this.#channel = new WebSocket(url);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.result = new Promise((resolve, reject) => {
      this.#channel.on("message", (data: Buffer, isBinary) => {
        if (isBinary) {
          this.#bytes?.(data);
          return;
        }
        const call = JSON.parse(data.toString()) as Call;
        if (call.call === "result") resolve(call.error);
        else this.#take(call).catch(reject);
      });
      this.#channel.on("error", reject);
      this.#channel.on("close", () => reject(new Error("workerd closed the channel of the test")));
    });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#channel.terminate();
  }

  #report(report: Report): void {
    if (this.#channel.readyState === WebSocket.OPEN) this.#channel.send(JSON.stringify(report));
  }

  async #take(call: Exclude<Call, { call: "result" }>): Promise<void> {
    if ("id" in call) {
      this.#report({ report: "answer", id: call.id, value: await this.#answer(call) });
      return;
    }
    const socket = this.#sockets[call.socket];
    if (socket === undefined) throw new Error(`${call.call}: there is no socket ${call.socket}`);
    if ("size" in call) this.#write(socket, call);
    else if (call.call === "pause") socket.pause();
    else if (call.call === "resume") socket.resume();
    else if (call.call === "echo") socket.pipe(socket);
    else if (call.call === "reset") socket.resetAndDestroy();
    else this.#forward(call.socket, socket);
  }

  #write(socket: Socket, { call, size, fill }: Send): void {
    if (fill !== undefined) socket[call](Buffer.alloc(size, fill));
    else if (size === 0) socket[call]("");
    else this.#bytes = (bytes) => socket[call](bytes);
  }

  async #answer(call: Extract<Call, { id: number }>): Promise<number> {
    if (call.call === "free-port") return freePort();
    if (call.call === "end-all") {
      await endPeers();
      return 0;
    }
    const server = await tcpPeer((socket) => this.#connected(server.port, socket), call.options);
    return server.port;
  }

  #connected(server: number, socket: Socket): void {
    const id = this.#sockets.push(socket) - 1;
    this.#report({ report: "connection", server, socket: id, remotePort: socket.remotePort ?? 0 });
    socket.on("end", () => this.#report({ report: "end", socket: id }));
    socket.on("close", () => this.#report({ report: "close", socket: id }));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      this.#report({ report: "error", socket: id, code: error.code ?? "" }),
    );
  }

  #forward(id: number, socket: Socket): void {
    socket.on("data", (data) => {
      this.#report({ report: "data", socket: id });
      this.#channel.send(data);
    });
  }

  #look(): void {
    for (const [id, { writableLength }] of this.#sockets.entries()) {
      if ((this.#waiting.get(id) ?? 0) === writableLength) continue;
      this.#waiting.set(id, writableLength);
      this.#report({ report: "waiting", socket: id, size: writableLength });
    }
  }
}

/** Runs a test in workerd, and returns what went wrong in it, or `null`. */
export async function runInWorkerd(url: string, test: string): Promise<string | null> {
  const host = new PeerHost(`${url.replace("http:", "ws:")}?test=${encodeURIComponent(test)}`);
  try {
    return await within(host.result, test, LONGER_MS);
  } finally {
    host.close();
    await endPeers();
  }
}
