import { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { Errors } from "../../wasm/abi.gen.ts";
import type { SocketOptions } from "../port.ts";
import type { ListenerHandle, Place } from "../shared/sockets.ts";
import { type ByteStream, configure, type Source } from "./connect.ts";
import type { StreamSocket } from "./stream.ts";

/** A listener of one handle that never listens: its connections are streams that the program has already. */
export class Adopter implements ListenerHandle {
  readonly #place: Place;
  readonly #options: SocketOptions;
  /** Makes the stream of a handle and has the port keep it. */
  readonly #adopt: (handle: number, source: Source) => StreamSocket;
  #closed = false;

  constructor(place: Place, options: SocketOptions, adopt: (handle: number, source: Source) => StreamSocket) {
    this.#place = place;
    this.#options = options;
    this.#adopt = adopt;
    queueMicrotask(() => {
      if (!this.#closed) this.#place.deliver.connected(this.#place.handle);
    });
  }

  /** As `Port.adopt`. Microtasks keep their order: by then the listener is ready. */
  take(socket: unknown, head: Uint8Array, refused: () => void): number {
    if (!(socket instanceof Duplex)) return Errors.ERR_ARGUMENT.value;
    if (!socket.readable || !socket.writable) return Errors.ERR_STATE.value;
    /* Nothing is read before the event loop goes on. */
    queueMicrotask(() => this.#begin(socket, head, refused));
    return 0;
  }

  close(): void {
    this.#closed = true;
  }

  address(): number {
    return Errors.ERR_STATE.value;
  }

  /** Nothing of it keeps a process alive. */
  keep(): void {}

  #begin(socket: ByteStream, head: Uint8Array, refused: () => void): void {
    let stream: StreamSocket | undefined;
    const taken =
      !this.#closed &&
      !socket.destroyed &&
      this.#place.deliver.accepted(this.#place.handle, (handle) => {
        socket.setTimeout?.(0); /* the patience of the server that had it */
        socket.allowHalfOpen = true; /* the core decides what the peer's end means */
        configure(socket, this.#options);
        if (head.length > 0) socket.unshift(head);
        const secure = socket instanceof TLSSocket ? socket : undefined;
        /* A Unix socket, whose path only its server knows, or a stream without addresses. */
        const path = socket.remoteAddress === undefined ? "" : undefined;
        stream = this.#adopt(handle, { accepted: socket, secure, path });
      });
    if (taken) stream?.start();
    else refused();
  }
}
