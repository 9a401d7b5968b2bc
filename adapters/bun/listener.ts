import { isIP } from "node:net";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import { formatAddress } from "../shared/address.ts";
import { errorNumber } from "../shared/errors.ts";
import { resolve } from "../shared/resolve.ts";
import type { ListenerHandle, Place } from "../shared/sockets.ts";
import { connectError } from "./errors.ts";
import { Bun, type BunHandlers, type BunListener, type BunPlace, type BunSocket } from "./runtime.ts";
import { plainHandlers, type StreamSocket } from "./stream.ts";

/** A connection knows its listener until it has a stream. */
type Owner = Listener | StreamSocket | undefined;

const handlers = {
  ...plainHandlers,
  open: (socket: BunSocket<Owner>) => (socket.data as Listener).connection(socket),
} as BunHandlers<Owner>;

/** A server socket of one handle over Bun.listen. */
export class Listener implements ListenerHandle {
  readonly #place: Place;
  /** Makes the stream of a handle and has the port keep it. */
  readonly #adopt: (handle: number, socket: BunSocket<StreamSocket>) => void;
  readonly #reusePort: boolean;
  #path: string | undefined;
  #listener: BunListener | undefined;
  #kept = true;
  #closed = false;

  constructor(
    place: Place,
    local: BunPlace,
    reusePort: boolean,
    adopt: (handle: number, socket: BunSocket<StreamSocket>) => void,
  ) {
    this.#place = place;
    this.#reusePort = reusePort;
    this.#adopt = adopt;
    if ("unix" in local) {
      this.#path = local.unix;
      queueMicrotask(() => this.#listen([local]));
    } else if (local.hostname === "") {
      /* The first takes both families. It is missing where there is no IPv6. */
      queueMicrotask(() =>
        this.#listen([
          { ...local, hostname: "::" },
          { ...local, hostname: "0.0.0.0" },
        ]),
      );
    } else if (isIP(local.hostname) !== 0) queueMicrotask(() => this.#listen([local]));
    else void this.#find(local);
  }

  close(): void {
    this.#closed = true;
    this.#listener?.stop();
  }

  address(which: AddressOf): string | number {
    if (this.#listener === undefined || which === AddressOf.REMOTE) return Errors.ERR_STATE.value;
    return this.#path ?? formatAddress(this.#listener.hostname, this.#listener.port);
  }

  keep(on: boolean): void {
    this.#kept = on;
    if (on) this.#listener?.ref();
    else this.#listener?.unref();
  }

  /** Bun: somebody has connected. No byte comes before this has returned. */
  connection(socket: BunSocket<Owner>): void {
    const taken =
      !this.#closed &&
      this.#place.deliver.accepted(this.#place.handle, (handle) =>
        this.#adopt(handle, socket as BunSocket<StreamSocket>),
      );
    if (taken) return;
    socket.data = undefined;
    socket.terminate();
  }

  /** Bun itself would look the name up at once, and nothing else would go on meanwhile. */
  async #find({ hostname, port }: { hostname: string; port: number }): Promise<void> {
    const { error, addresses, cause } = await resolve(hostname, 0);
    if (error === 0) this.#listen([{ hostname: addresses[0] ?? "", port }]);
    else this.#failed(error, cause);
  }

  /** Listens at the first of these places that there is. */
  #listen([place, ...others]: BunPlace[]): void {
    if (this.#closed || place === undefined) return;
    try {
      this.#listener = Bun.listen<Owner>({
        ...place,
        reusePort: this.#reusePort,
        allowHalfOpen: true,
        data: this,
        socket: handlers,
      });
    } catch (error) {
      if (others.length > 0) this.#listen(others);
      else {
        const cause = connectError(error as Error, place);
        this.#failed(errorNumber(cause), cause);
      }
      return;
    }
    if (!this.#kept) this.#listener.unref();
    this.#place.deliver.connected(this.#place.handle);
  }

  #failed(error: number, cause: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    const { handle, deliver } = this.#place;
    this.#place.forget();
    deliver.closed(handle, error, cause);
  }
}
