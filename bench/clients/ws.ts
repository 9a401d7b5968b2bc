/** The npm package `ws`, as its documentation advises for speed: no compression, no event objects. */
import WebSocket from "ws";
import type { EchoCase } from "../cases.ts";
import { type Connection, Flow } from "../flow.ts";
import { type Message, VARIETY } from "../payload.ts";
import type { Job, Measured, Ports } from "../protocol.ts";

/** As Client.echo in client.ts. */
export async function echo(echoCase: EchoCase, job: Job): Promise<Measured> {
  const flow = new Flow(echoCase);
  const socket = await open(job.ports);
  socket.on("error", (error) => flow.fail(error));
  socket.on("close", () => flow.fail(new Error("the connection ended")));
  if (echoCase.content === "binary") socket.on("message", (data) => flow.take(data as Buffer));
  /* Text comes as bytes, too; an application that wants text makes a string of them. */ else
    socket.on("message", (data) => flow.take((data as Buffer).toString()));
  return flow.measure(new WsConnection(socket, flow.messages), job);
}

class WsConnection implements Connection {
  readonly #socket: WebSocket;
  readonly #messages: readonly Message[];

  constructor(socket: WebSocket, messages: readonly Message[]) {
    this.#socket = socket;
    this.#messages = messages;
  }

  send(from: number, count: number): void {
    for (let index = from; index < from + count; index++) this.#socket.send(this.#messages[index % VARIETY] as Message);
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** As Client.openIdle in client.ts. */
export function openIdle(ports: Ports): Promise<unknown> {
  return open(ports);
}

function open(ports: Ports): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${ports.ws}/`, { perMessageDeflate: false });
    socket.once("open", () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}
