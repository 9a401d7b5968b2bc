/** The peers of the suites, as tests in workerd have them: test/support/peers.ts, with sockets that are in Node. */
import type { Call, Report } from "./peer-protocol.ts";

/** The end of the channel that is in workerd. */
interface Channel {
  send(message: string | Uint8Array): void;
}

type Listener = (value: unknown) => void;

let channel: Channel | undefined;
let calls = 0;
const answers = new Map<number, (value: number) => void>();
const servers = new Map<number, (socket: RemoteSocket) => void>();
const sockets = new Map<number, RemoteSocket>();
const endings: (() => unknown)[] = [];
/** The socket whose bytes are the next message. */
let receiver: RemoteSocket | undefined;

function send(call: Call): void {
  channel?.send(JSON.stringify(call));
}

function ask(call: "listen" | "free-port" | "end-all", options: object = {}): Promise<number> {
  const id = ++calls;
  return new Promise((resolve) => {
    answers.set(id, resolve);
    send(call === "listen" ? { call, id, options } : { call, id });
  });
}

/** A socket of a peer. */
class RemoteSocket {
  readonly remotePort: number;
  writableLength = 0;
  readonly #id: number;
  readonly #listeners = new Map<string, Listener[]>();

  constructor(id: number, remotePort: number) {
    this.#id = id;
    this.remotePort = remotePort;
  }

  on(event: string, listener: Listener): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    if (event === "data") send({ call: "data", socket: this.#id });
    return this;
  }

  emit(event: string, value?: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(value);
  }

  pause(): void {
    send({ call: "pause", socket: this.#id });
  }

  resume(): void {
    send({ call: "resume", socket: this.#id });
  }

  /** To itself, which is all that the suites do. */
  pipe(): void {
    send({ call: "echo", socket: this.#id });
  }

  write(data: string | Uint8Array): void {
    this.#give("write", data);
  }

  end(data: string | Uint8Array = ""): void {
    this.#give("end", data);
  }

  resetAndDestroy(): void {
    send({ call: "reset", socket: this.#id });
  }

  #give(call: "write" | "end", data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const [fill] = bytes;
    /* What is the same byte throughout need not be sent as it is: tests write megabytes of zeros. */
    if (fill !== undefined && bytes.every((it) => it === fill)) {
      send({ call, socket: this.#id, size: bytes.length, fill });
      return;
    }
    send({ call, socket: this.#id, size: bytes.length });
    if (bytes.length > 0) channel?.send(bytes);
  }
}

/** Has the peers of a test at the other end of a channel. */
export function usePeers(given: Channel): void {
  channel = given;
}

/** Takes a message of the channel. */
export function takeMessage(data: string | ArrayBuffer): void {
  if (typeof data !== "string") {
    receiver?.emit("data", Buffer.from(data));
    return;
  }
  const report = JSON.parse(data) as Report;
  if (report.report === "answer") {
    answers.get(report.id)?.(report.value);
    answers.delete(report.id);
    return;
  }
  if (report.report === "connection") {
    const socket = new RemoteSocket(report.socket, report.remotePort);
    sockets.set(report.socket, socket);
    servers.get(report.server)?.(socket);
    return;
  }
  const socket = sockets.get(report.socket);
  if (report.report === "data") receiver = socket;
  else if (report.report === "error") socket?.emit("error", { code: report.code });
  else if (report.report === "waiting") Object.assign(socket ?? {}, { writableLength: report.size });
  else socket?.emit(report.report);
}

export function atEnd(end: () => unknown): void {
  endings.push(end);
}

export async function endPeers(): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end();
  await ask("end-all");
}

/** A server in Node. Its number is its port. */
export async function tcpPeer(accept: (socket: RemoteSocket) => void, options: object = {}): Promise<{ port: number }> {
  const port = await ask("listen", options);
  servers.set(port, accept);
  return { port };
}

export function freePort(): Promise<number> {
  return ask("free-port");
}

/** workerd has no UDP. */
export function udpPeer(): never {
  throw new Error("no UDP peers for workerd");
}

/** Those of the suites that do not run in workerd. */
export { udpPeer as gate };
