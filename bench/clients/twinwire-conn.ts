/** twinwire's connection API, as in its documentation: awaits each write and each read. */
import { TcpConnection } from "twinwire";
import type { EchoCase } from "../cases.ts";
import { type Connection, Flow } from "../flow.ts";
import { type Message, VARIETY } from "../payload.ts";
import type { Job, Measured, Ports } from "../protocol.ts";

/** As Client.echo in client.ts. */
export async function echo(echoCase: EchoCase, job: Job): Promise<Measured> {
  const flow = new Flow(echoCase);
  return flow.measure(new PromiseConnection(await open(job.ports), flow), job);
}

class PromiseConnection implements Connection {
  readonly #conn: TcpConnection;
  readonly #flow: Flow;
  readonly #messages: readonly Message[];

  constructor(conn: TcpConnection, flow: Flow) {
    this.#conn = conn;
    this.#flow = flow;
    this.#messages = flow.messages;
  }

  send(from: number, count: number): void {
    for (let index = from; index < from + count; index++) void this.#exchange(index);
  }

  close(): void {
    this.#conn.close();
  }

  async #exchange(index: number): Promise<void> {
    try {
      const message = this.#messages[index % VARIETY] as Uint8Array;
      await this.#conn.writeAll(message);
      this.#flow.take(await this.#conn.readExact(message.length));
    } catch (error) {
      this.#flow.fail(error as Error);
    }
  }
}

/** As Client.openIdle in client.ts. */
export function openIdle(ports: Ports): Promise<unknown> {
  return open(ports);
}

async function open(ports: Ports): Promise<TcpConnection> {
  const conn = new TcpConnection("127.0.0.1", ports.tcp);
  await conn.opened;
  return conn;
}
