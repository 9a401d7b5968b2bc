/**
 * What node:net can do at best with this traffic: frames that were made and masked beforehand, answers that are counted
 * by their bytes, one write for all that came. It decodes nothing and hands out no message, so it is no peer but a bound.
 */
import { connect, type Socket } from "node:net";
import type { EchoCase } from "../cases.ts";
import { type Connection, Flow } from "../flow.ts";
import { clientFrame, serverFrame, VARIETY } from "../payload.ts";
import type { Job, Measured, Ports } from "../protocol.ts";
import { StreamChecker } from "../stream.ts";

/** As Client.echo in client.ts. */
export async function echo(echoCase: EchoCase, job: Job): Promise<Measured> {
  const flow = new Flow(echoCase);
  const socket = await open(job.ports);
  const checker = new StreamChecker(flow, flow.messages.map(serverFrame));
  socket.on("error", (error) => flow.fail(error));
  socket.on("close", () => flow.fail(new Error("the connection ended")));
  socket.on("data", (chunk) => checker.take(chunk));
  return flow.measure(new RawConnection(socket, flow.messages.map(clientFrame)), job);
}

class RawConnection implements Connection {
  readonly #socket: Socket;
  /** The frames, repeated: any sequence of them that is sent at once is one piece. */
  #frames = Buffer.alloc(0);
  readonly #cycle: Buffer;
  readonly #frameSize: number;

  constructor(socket: Socket, frames: readonly Buffer[]) {
    this.#socket = socket;
    this.#cycle = Buffer.concat(frames);
    this.#frameSize = this.#cycle.length / frames.length;
  }

  send(from: number, count: number): void {
    const start = (from % VARIETY) * this.#frameSize;
    const end = start + count * this.#frameSize;
    while (this.#frames.length < end) this.#frames = Buffer.concat([this.#frames, this.#cycle]);
    this.#socket.write(this.#frames.subarray(start, end));
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
    const socket = connect({ host: "127.0.0.1", port: ports.ws, noDelay: true });
    let head = "";
    socket.once("error", reject);
    socket.write(
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    socket.on("data", function onHead(chunk) {
      head += chunk.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      socket.off("data", onHead);
      socket.off("error", reject);
      if (head.startsWith("HTTP/1.1 101 ")) resolve(socket);
      else reject(new Error(`the server answered ${head.slice(0, head.indexOf("\r\n"))}`));
    });
  });
}
