import type { Socket } from "node:dgram";

/** What node:dgram calls when a datagram has left, or could not. */
export type Sent = (error: Error | null) => void;

/** The bytes of UDP sockets that wait for the kernel. Deno does not tell, so what it has not yet sent is counted here. */
export class SendQueue {
  readonly #sizes = new WeakMap<Socket, number>();

  size(socket: Socket): number {
    return tells(socket) ? socket.getSendQueueSize() : (this.#sizes.get(socket) ?? 0);
  }

  /** The call-back to send `size` bytes with: `done`, and what has to be noted. */
  watch(socket: Socket, size: number, done: Sent): Sent {
    if (tells(socket)) return done;
    this.#sizes.set(socket, this.size(socket) + size);
    return (error) => {
      this.#sizes.set(socket, this.size(socket) - size);
      done(error);
    };
  }
}

function tells(socket: Partial<Socket>): socket is Pick<Socket, "getSendQueueSize"> {
  return socket.getSendQueueSize !== undefined;
}
