import { createServer, type Server, type Socket } from "node:net";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { SocketOptions } from "../port.ts";
import { formatAddress } from "../shared/address.ts";
import { errorNumber } from "../shared/errors.ts";
import type { ListenerHandle, Place, Target } from "../shared/sockets.ts";
import { configure, type Source } from "./connect.ts";
import type { StreamSocket } from "./stream.ts";

/** The longest queue that there is; the system's own limit is mostly lower. */
const MOST_BACKLOG = 65_535;

/** A server socket of one handle over node:net. */
export class Listener implements ListenerHandle {
  readonly #place: Place;
  readonly #server: Server;
  readonly #options: SocketOptions;
  /** Makes the stream of a handle and has the port keep it. */
  readonly #accept: (handle: number, source: Source) => StreamSocket;
  readonly #path: string | undefined;
  #listening = false;
  #closed = false;

  /** @throws the error with which Node refuses the options. */
  constructor(
    place: Place,
    local: Target,
    options: SocketOptions,
    accept: (handle: number, source: Source) => StreamSocket,
  ) {
    this.#place = place;
    this.#accept = accept;
    this.#path = local.path;
    this.#server = createServer({
      allowHalfOpen: true,
      /* Nothing may come before the engine has the connection; and while it does not read, Node is to keep little. */
      pauseOnConnect: true,
      highWaterMark: 1,
    });
    this.#options = options;
    this.#server.on("listening", () => this.#opened());
    this.#server.on("connection", (socket) => this.#connection(socket));
    this.#server.on("error", (error) => this.#failed(error));
    const where =
      local.path !== undefined
        ? { path: local.path }
        : { port: local.port, ...(local.host === "" ? {} : { host: local.host }) };
    const { inherited, backlog, reusePort = false } = options;
    if (inherited === undefined) {
      this.#server.listen({
        ...where,
        ...(reusePort ? { reusePort } : {}),
        ...(backlog === undefined ? {} : { backlog }),
      });
    } else {
      /* Node calls listen(2) again, for all processes that share the socket: who opened it may have chosen a longer queue. */
      this.#server.listen(typeof inherited === "number" ? { fd: inherited } : inherited, backlog ?? MOST_BACKLOG);
    }
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
  }

  address(which: AddressOf): string | number {
    const address = this.#server.address();
    if (address === null || which === AddressOf.REMOTE) return Errors.ERR_STATE.value;
    return typeof address === "string" ? address : formatAddress(address.address, address.port);
  }

  keep(on: boolean): void {
    if (on) this.#server.ref();
    else this.#server.unref();
  }

  #opened(): void {
    this.#listening = true;
    if (this.#closed) this.#server.close();
    else this.#place.deliver.connected(this.#place.handle);
  }

  #connection(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#closed) {
      socket.destroy();
      return;
    }
    /* Deno does not do it by the server's options. */
    configure(socket, this.#options);
    let stream: StreamSocket | undefined;
    const taken = this.#place.deliver.accepted(this.#place.handle, (handle) => {
      stream = this.#accept(handle, { accepted: socket, path: this.#path });
    });
    if (taken) stream?.start();
    else socket.destroy();
  }

  #failed(error: Error): void {
    if (this.#closed) return;
    const { handle, deliver } = this.#place;
    if (this.#listening) {
      deliver.failed(handle, errorNumber(error), error); /* one connection less; it still listens */
      return;
    }
    this.#closed = true;
    this.#place.forget();
    deliver.closed(handle, errorNumber(error), error);
  }
}
