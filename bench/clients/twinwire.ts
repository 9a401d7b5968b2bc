/** twinwire's handle API, as in its documentation. */
import { lastError, net, ws } from "twinwire/handles";
import type { EchoCase } from "../cases.ts";
import { type Connection, Flow } from "../flow.ts";
import { type Message, VARIETY } from "../payload.ts";
import type { Job, Measured, Ports } from "../protocol.ts";
import { StreamChecker } from "../stream.ts";

/** As Client.echo in client.ts. */
export async function echo(echoCase: EchoCase, job: Job): Promise<Measured> {
  const flow = new Flow(echoCase);
  const connection = echoCase.protocol === "ws" ? await wsEcho(flow, job.ports) : await netEcho(flow, job.ports);
  return flow.measure(connection, job);
}

async function wsEcho(flow: Flow, ports: Ports): Promise<Connection> {
  const conn = await openWs(ports);
  ws.on(conn, "message", (event) => flow.take(event.message));
  ws.on(conn, "error", (event) => flow.fail(event.error));
  ws.on(conn, "disconnected", () => flow.fail(new Error("the connection ended")));
  return new HandleConnection(conn, flow.messages, ws.send, () => ws.close(conn));
}

async function netEcho(flow: Flow, ports: Ports): Promise<Connection> {
  const sock = net.tcpConnect("127.0.0.1", ports.tcp);
  if (sock < 0) throw lastError();
  await new Promise<void>((resolve, reject) => {
    net.on(sock, "connected", () => resolve());
    net.on(sock, "error", (event) => reject(event.error));
  });
  const checker = new StreamChecker(flow, flow.messages as readonly Uint8Array[]);
  net.on(sock, "data", (event) => checker.take(event.data), { binary: true });
  net.on(sock, "error", (event) => flow.fail(event.error));
  net.on(sock, "disconnected", () => flow.fail(new Error("the connection ended")));
  return new HandleConnection(sock, flow.messages, net.send, () => net.close(sock));
}

class HandleConnection implements Connection {
  readonly #handle: number;
  readonly #messages: readonly Message[];
  readonly #send: (handle: number, message: Message) => number;
  readonly close: () => void;

  constructor(
    handle: number,
    messages: readonly Message[],
    send: (handle: number, message: Message) => number,
    close: () => void,
  ) {
    this.#handle = handle;
    this.#messages = messages;
    this.#send = send;
    this.close = close;
  }

  send(from: number, count: number): void {
    for (let index = from; index < from + count; index++) {
      const sent = this.#send(this.#handle, this.#messages[index % VARIETY] as Message);
      if (sent < 0) throw new Error("the outbound buffer is full");
    }
  }
}

/** As Client.openIdle in client.ts. */
export function openIdle(ports: Ports): Promise<unknown> {
  return openWs(ports);
}

async function openWs(ports: Ports): Promise<number> {
  const conn = ws.open(`ws://127.0.0.1:${ports.ws}/`);
  if (conn < 0) throw lastError();
  await new Promise<void>((resolve, reject) => {
    ws.on(conn, "connected", () => resolve());
    ws.on(conn, "error", (event) => reject(event.error));
  });
  return conn;
}
