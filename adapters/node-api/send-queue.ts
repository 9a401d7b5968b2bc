import type { Socket } from "node:dgram";

/** What node:dgram calls when a datagram has left, or could not. */
export type Sent = (error: Error | null) => void;

/** Where a datagram goes; `undefined`: to the socket's peer. */
export type Destination = { readonly address: string; readonly port: number } | undefined;

/** Datagrams on their way to the kernel. */
export interface SendQueue {
  /** The bytes that wait. */
  readonly size: number;
  /** Sends a datagram, which the queue may keep. A failure is thrown or passed to `sent`. */
  send(data: Uint8Array, to: Destination, sent: Sent): void;
}

function send(socket: Socket, data: Uint8Array, to: Destination, sent: Sent): void {
  if (to === undefined) socket.send(data, sent);
  else socket.send(data, to.port, to.address, sent);
}

/** The queue that the runtime has. */
export class RuntimeQueue implements SendQueue {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get size(): number {
    return this.#socket.getSendQueueSize();
  }

  send(data: Uint8Array, to: Destination, sent: Sent): void {
    send(this.#socket, data, to, sent);
  }
}

/** A queue for a runtime that has none: two datagrams that it is given together may overtake each other, so it gets one. */
export class OwnQueue implements SendQueue {
  readonly #socket: Socket;
  readonly #waiting: [Uint8Array, Destination, Sent][] = [];
  #size = 0;
  #busy = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get size(): number {
    return this.#size;
  }

  send(data: Uint8Array, to: Destination, sent: Sent): void {
    this.#size += data.length;
    if (this.#busy) this.#waiting.push([data, to, sent]);
    else this.#start(data, to, sent);
  }

  #start(data: Uint8Array, to: Destination, sent: Sent): void {
    const done: Sent = (error) => {
      this.#busy = false;
      this.#size -= data.length;
      const next = this.#waiting.shift();
      if (next !== undefined) this.#start(...next);
      sent(error);
    };
    this.#busy = true;
    try {
      send(this.#socket, data, to, done);
    } catch (error) {
      queueMicrotask(() => done(error as Error));
    }
  }
}
