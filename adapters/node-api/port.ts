/**
 * A port over Node's modules (node:net, node:tls, node:dgram, node:dns, node:crypto, node:diagnostics_channel), for the
 * adapters of the runtimes that have them. This folder is no adapter itself: it makes a port for nobody.
 */
import { channel } from "node:diagnostics_channel";
import { type AddressOf, Close, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import type { Port, PortEvents, PortMemory, Resolution, SocketOptions, TlsInfo, TlsOptions } from "../port.ts";
import { Adopter } from "./adopter.ts";
import { NodeClock } from "./clock.ts";
import type { Source } from "./connect.ts";
import { deflate } from "./deflate.ts";
import { readEnv } from "./env.ts";
import { errorNumber } from "./errors.ts";
import { Listener } from "./listener.ts";
import type { Place, Traits } from "./place.ts";
import { RandomPool } from "./random.ts";
import { resolve } from "./resolve.ts";
import { StreamSocket } from "./stream.ts";
import { secureServer } from "./tls.ts";
import { UdpSocket } from "./udp.ts";

const STATE = Errors.ERR_STATE.value;

/** The port of one runtime over Node's modules. */
export class NodeApiPort implements Port {
  readonly name: string;
  readonly clock = new NodeClock();
  readonly diagnostics = { channel };
  readonly deflate = deflate;
  cause: unknown;
  readonly #streams = new Map<number, StreamSocket>();
  readonly #listeners = new Map<number, Listener | Adopter>();
  readonly #udp = new Map<number, UdpSocket>();
  readonly #random = new RandomPool();
  readonly #traits: Traits;
  #deliver: PortEvents | undefined;
  #memory: PortMemory | undefined;

  constructor(traits: Traits) {
    this.name = traits.name;
    this.#traits = traits;
  }

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.#deliver = deliver;
    this.#memory = memory;
    this.clock.attach(deliver);
  }

  open(handle: number, kind: SocketKind, name: string, port: number, options: SocketOptions, tls?: TlsOptions): number {
    return this.#try(() => {
      switch (kind) {
        case SocketKind.TCP:
          this.#stream(handle, (place) => new StreamSocket(place, { host: name, port }, options, tls));
          break;
        case SocketKind.UNIX:
          this.#stream(handle, (place) => new StreamSocket(place, { path: name }, options, tls));
          break;
        case SocketKind.UDP:
          this.#udp.set(handle, new UdpSocket(this.#place(handle, this.#udp), name, port));
          break;
        case SocketKind.TCP_LISTENER:
          this.#listen(handle, { host: name, port }, options, tls);
          break;
        case SocketKind.UNIX_LISTENER:
          this.#listen(handle, { path: name }, options, tls);
          break;
      }
      return 0;
    });
  }

  adopt(listener: number, socket: unknown, head: Uint8Array, refused: () => void): number {
    const adopter = this.#listeners.get(listener);
    return adopter instanceof Adopter ? adopter.take(socket, head, refused) : STATE;
  }

  write(handle: number, pieces: readonly Uint8Array[]): number {
    return this.#streams.get(handle)?.write(pieces) ?? STATE;
  }

  sendTo(handle: number, address: string, port: number, data: Uint8Array): number {
    return this.#try(() => this.#udp.get(handle)?.sendTo(address, port, data) ?? STATE);
  }

  shutdown(handle: number): void {
    this.#streams.get(handle)?.shutdown();
  }

  connectUdp(handle: number, address: string, port: number): number {
    return this.#try(() => this.#udp.get(handle)?.connect(address, port) ?? STATE);
  }

  startTls(handle: number, name: string, options: TlsOptions): number {
    return this.#try(() => this.#streams.get(handle)?.startTls(name, options) ?? STATE);
  }

  tlsInfo(handle: number): TlsInfo | undefined {
    return this.#streams.get(handle)?.tlsInfo();
  }

  resolve(host: string, family: 0 | 4 | 6): Promise<Resolution> {
    return resolve(host, family);
  }

  read(handle: number, on: boolean): void {
    (this.#streams.get(handle) ?? this.#udp.get(handle))?.read(on);
  }

  close(handle: number, how: Close): void {
    const stream = this.#streams.get(handle);
    if (stream !== undefined) {
      this.#streams.delete(handle);
      if (how === Close.ABORT) stream.abort();
      else stream.end();
      return;
    }
    (this.#udp.get(handle) ?? this.#listeners.get(handle))?.close();
    this.#udp.delete(handle);
    this.#listeners.delete(handle);
  }

  address(handle: number, which: AddressOf): string | number {
    return this.#find(handle)?.address(which) ?? STATE;
  }

  random(target: Uint8Array): void {
    this.#random.fill(target);
  }

  keep(handle: number, on: boolean): void {
    this.#find(handle)?.keep(on);
  }

  isUp(): boolean {
    return true;
  }

  env(name: string): string | undefined {
    return readEnv(name);
  }

  #find(handle: number): StreamSocket | UdpSocket | Listener | Adopter | undefined {
    return this.#streams.get(handle) ?? this.#udp.get(handle) ?? this.#listeners.get(handle);
  }

  /** What every socket is handed; `all` are those of its kind. */
  #place(handle: number, all: Map<number, unknown>): Place {
    if (this.#deliver === undefined || this.#memory === undefined) throw new Error("the port is not attached");
    const forget = (): boolean => all.delete(handle);
    return { handle, deliver: this.#deliver, memory: this.#memory, forget, traits: this.#traits };
  }

  #stream(handle: number, make: (place: Place) => StreamSocket): StreamSocket {
    const stream = make(this.#place(handle, this.#streams));
    this.#streams.set(handle, stream);
    return stream;
  }

  #listen(
    handle: number,
    local: { host: string; port: number } | { path: string },
    options: SocketOptions,
    tls?: TlsOptions,
  ): void {
    if (tls !== undefined) secureServer(tls); /* what is wrong with the options is known at once */
    const path = "path" in local ? local.path : undefined;
    const place = this.#place(handle, this.#listeners);
    const make = (accepted: number, source: Source): StreamSocket =>
      this.#stream(accepted, (its) => new StreamSocket(its, source, options));
    const listener =
      options.adopts === true
        ? new Adopter(place, options, make)
        : new Listener(place, local, options, (accepted, socket) => make(accepted, { accepted: socket, path }));
    this.#listeners.set(handle, listener);
  }

  /** Runs a call whose failure the application may ask about. */
  #try(call: () => number): number {
    this.cause = undefined;
    try {
      return call();
    } catch (error) {
      this.cause = error;
      return errorNumber(error);
    }
  }
}
