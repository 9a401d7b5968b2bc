/** The runtime's own WebSocket, as the web has it. */
import type { EchoCase } from "../cases.ts";
import { type Connection, Flow } from "../flow.ts";
import { type Message, VARIETY } from "../payload.ts";
import type { Job, Measured, Ports } from "../protocol.ts";

/** As Client.echo in client.ts. */
export function echo(echoCase: EchoCase, job: Job): Promise<Measured> {
  return echoBy(WebSocket, echoCase, job);
}

/** The same with a class of this shape. */
export async function echoBy(Class: typeof WebSocket, echoCase: EchoCase, job: Job): Promise<Measured> {
  const flow = new Flow(echoCase);
  const socket = await open(Class, job.ports);
  socket.addEventListener("error", () => flow.fail(new Error("the WebSocket failed")));
  socket.addEventListener("close", () => flow.fail(new Error("the connection ended")));
  if (echoCase.content === "binary") socket.onmessage = ({ data }) => flow.take(new Uint8Array(data as ArrayBuffer));
  else socket.onmessage = ({ data }) => flow.take(data as string);
  return flow.measure(new WebConnection(socket, flow.messages), job);
}

class WebConnection implements Connection {
  readonly #socket: WebSocket;
  readonly #messages: readonly Message[];

  constructor(socket: WebSocket, messages: readonly Message[]) {
    this.#socket = socket;
    this.#messages = messages;
  }

  send(from: number, count: number): void {
    for (let index = from; index < from + count; index++) {
      this.#socket.send(this.#messages[index % VARIETY] as string);
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** As Client.openIdle in client.ts. */
export function openIdle(ports: Ports): Promise<unknown> {
  return open(WebSocket, ports);
}

function open(Class: typeof WebSocket, ports: Ports): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new Class(`ws://127.0.0.1:${ports.ws}/`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => resolve(socket);
    socket.onerror = () => reject(new Error("the WebSocket did not open"));
  });
}
