/** A proxy before a broker: it can lose everything that is sent, refuse, and go to another one. */
import { connect, type Socket } from "node:net";
import { tcpPeer } from "../support/peers.ts";

export class BrokenNetwork {
  port = 0;
  #target: number;
  #isCut = false;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#target = target;
  }

  static async to(target: number): Promise<BrokenNetwork> {
    const proxy = new BrokenNetwork(target);
    const { port } = await tcpPeer((socket) => proxy.#accept(socket));
    proxy.port = port;
    return proxy;
  }

  /** Loses what is sent from now on, in both directions, and keeps the connections. */
  cut(): void {
    this.#isCut = true;
  }

  /** Drops the connections, which lack a part, and works again. */
  heal(): void {
    this.#isCut = false;
    this.#drop();
  }

  /** Drops the connections; new ones go to another port. */
  switchTo(target: number): void {
    this.#target = target;
    this.#drop();
  }

  #drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    const target = connect(this.#target, "127.0.0.1");
    this.#sockets.add(socket);
    target.on("error", () => {});
    target.on("close", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      target.destroy();
    });
    socket.on("data", (data) => {
      if (!this.#isCut) target.write(data);
    });
    target.on("data", (data) => {
      if (!this.#isCut) socket.write(data);
    });
  }
}
