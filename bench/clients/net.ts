/** node:net, as one would use it: a 'data' listener, and a corked write of what it brings about. */
import { connect, type Socket } from "node:net";
import type { EchoCase } from "../cases.ts";
import { type Connection, Flow } from "../flow.ts";
import { Gatherer } from "../gatherer.ts";
import { type Message, VARIETY } from "../payload.ts";
import type { Job, Measured, Ports } from "../protocol.ts";
import { StreamChecker } from "../stream.ts";

/** As Client.echo in client.ts. */
export async function echo(echoCase: EchoCase, job: Job): Promise<Measured> {
  const flow = new Flow(echoCase);
  const socket = await open(job.ports);
  const { messages } = flow as { messages: readonly Uint8Array[] };
  /* A reader of exact sizes has each message in one piece, so it is gathered here, too. */
  const taker =
    echoCase.protocol === "conn"
      ? new Gatherer(echoCase.size, (message) => flow.take(message))
      : new StreamChecker(flow, messages);
  socket.on("error", (error) => flow.fail(error));
  socket.on("close", () => flow.fail(new Error("the connection ended")));
  socket.on("data", (chunk) => {
    /* What one chunk brings about goes out in one write. */
    socket.cork();
    taker.take(chunk);
    socket.uncork();
  });
  return flow.measure(new NetConnection(socket, messages), job);
}

class NetConnection implements Connection {
  readonly #socket: Socket;
  readonly #messages: readonly Message[];

  constructor(socket: Socket, messages: readonly Message[]) {
    this.#socket = socket;
    this.#messages = messages;
  }

  send(from: number, count: number): void {
    this.#socket.cork();
    for (let index = from; index < from + count; index++) {
      this.#socket.write(this.#messages[index % VARIETY] as Uint8Array);
    }
    this.#socket.uncork();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** As Client.openIdle in client.ts. */
export function openIdle(ports: Ports): Promise<unknown> {
  return open(ports);
}

function open(ports: Ports): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: ports.tcp, noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
