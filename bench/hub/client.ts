/** A client of a node, by `ws`, which does no more than the protocol of its contender demands. */
import { WebSocket } from "ws";
import { Contender } from "../contenders.ts";
import { JOINED, MARK, type Request, write } from "./protocol.ts";

/** How a contender's clients speak. */
interface Wire {
  readonly path: string;
  /** Whether a client has something to send first, and waits for an answer. */
  readonly greeting: string | undefined;
  encode(text: string): string;
}

const hub: Wire = { path: "/", greeting: undefined, encode: (text) => text };
/* Engine.IO 4 over a WebSocket: "40" opens the namespace, "42" precedes an event, "2" and "3" are ping and pong. */
const socketIo: Wire = {
  path: "/socket.io/?EIO=4&transport=websocket",
  greeting: "40",
  encode: (text) => `42${JSON.stringify(["r", text])}`,
};

const wireOf = (contender: Contender): Wire => (contender === Contender.SOCKET_IO ? socketIo : hub);

/** Called with each message, its fields as `MARK` separates them. */
type Receive = (fields: readonly string[]) => void;

export class BenchClient {
  onMessage: Receive = () => {};
  readonly #socket: WebSocket;
  readonly #wire: Wire;
  #joined: (() => void) | undefined;

  private constructor(socket: WebSocket, wire: Wire) {
    this.#socket = socket;
    this.#wire = wire;
  }

  /** Connects to a node, and resolves when it may send requests. */
  static connect(contender: Contender, port: number): Promise<BenchClient> {
    const wire = wireOf(contender);
    const socket = new WebSocket(`ws://127.0.0.1:${port}${wire.path}`, { perMessageDeflate: false });
    const client = new BenchClient(socket, wire);
    return new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("open", () => {
        if (wire.greeting === undefined) resolve(client);
        else socket.send(wire.greeting);
      });
      socket.on("message", (data: Buffer) => {
        const text = data.toString();
        if (text.startsWith("40")) resolve(client);
        else if (text === "2") socket.send("3");
        else client.#receive(text);
      });
    });
  }

  send(request: Request): void {
    this.#socket.send(this.#wire.encode(write(request)));
  }

  /** Joins some topics, and resolves once it is a member of each. */
  join(topic: number, count: number, member: string): Promise<void> {
    return new Promise((resolve) => {
      this.#joined = resolve;
      this.send({ kind: "join", topic, count, member });
    });
  }

  end(): void {
    this.#socket.terminate();
  }

  #receive(text: string): void {
    const at = text.indexOf(MARK);
    if (at < 0) return; /* A frame about a position, or of the opening. */
    if (text.startsWith(JOINED, at)) this.#joined?.();
    else this.onMessage(text.slice(at + 1).split(MARK));
  }
}
