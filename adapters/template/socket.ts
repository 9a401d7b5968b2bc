/** What the port expects of a socket of any kind. A real adapter has a file for each kind. */
import type { AddressOf, Close, SocketKind } from "../../wasm/abi.gen.ts";
import type { PortEvents, PortMemory, SocketOptions, TlsOptions } from "../port.ts";

/** What a socket is given. */
export interface Place {
  readonly handle: number;
  readonly deliver: PortEvents;
  readonly memory: PortMemory;
  /** To be called before the socket's last delivery, `closed`: from then on the handle may belong to another. */
  readonly forget: () => void;
}

/** What is to be opened. */
export interface Request {
  /** A host, a path, or a local address, by the kind. */
  readonly name: string;
  readonly port: number;
  readonly options: SocketOptions;
  /** TLS will be asked for as soon as `connected` is delivered. A runtime that connects with TLS in one may begin here. */
  readonly tls: TlsOptions | undefined;
}

/** One socket. */
export interface TemplateSocket {
  /**
   * Returns how many bytes the runtime is done with. If that is fewer than all, exactly one `deliver.written` follows,
   * and until then nothing more is offered. `memory` of the pieces is the core's: no byte is read after it was reported.
   */
  write(pieces: readonly Uint8Array[]): number;
  /** UDP: all of it or an error. The bytes are borrowed for the call. */
  sendTo(address: string, port: number, data: Uint8Array): number;
  /** FIN. Reading goes on. */
  shutdown(): void;
  /** Off: no `received`, `ended`, `datagram` until it is on again. What the runtime hands on all the same is kept here. */
  read(on: boolean): void;
  /** Orderly: what was written, then FIN. Abort: RST if there is a way. Nothing is delivered any more. */
  close(how: Close): void;
  /** `"ip:port"`, `"[ipv6]:port"`, or an error. */
  address(which: AddressOf): string | number;
}

/**
 * Opens a socket; `undefined` for a kind that the runtime lacks.
 *
 * For TCP, in terms of an imagined runtime:
 *
 * ```ts
 * const socket = runtime.connect(request.name, request.port, {
 *   opened: () => place.deliver.connected(place.handle),
 *   data: (bytes) => {
 *     place.memory.received.set(bytes); // in pieces, if they are more than fit
 *     place.deliver.received(place.handle, bytes.length);
 *   },
 *   drained: () => place.deliver.written(place.handle, 0),
 *   ended: () => place.deliver.ended(place.handle),
 *   closed: (error) => {
 *     place.forget();
 *     place.deliver.closed(place.handle, error === undefined ? 0 : errorNumber(error), error);
 *   },
 * });
 * ```
 *
 * each of them only as long as the socket has not been closed from here. A listener calls
 * `place.deliver.accepted(place.handle, register)` for each connection, where `register` notes the handle that the engine
 * gives it; lets the connection's bytes come once that has returned true, and drops it if not.
 */
export function openSocket(_place: Place, _kind: SocketKind, _request: Request): TemplateSocket | undefined {
  return undefined;
}
