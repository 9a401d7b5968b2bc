/**
 * The port of Bun: Bun.connect, Bun.listen, Bun.udpSocket and their TLS. Of Node's modules only what Bun has nowhere else:
 * look-ups, random bytes, DEFLATE, certificates, diagnostics.
 */
import { channel } from "node:diagnostics_channel";
import { type AddressOf, Close, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { NodeClock } from "../node-api/clock.ts";
import { deflate } from "../node-api/deflate.ts";
import { readEnv } from "../node-api/env.ts";
import { errorNumber } from "../node-api/errors.ts";
import { RandomPool } from "../node-api/random.ts";
import { resolve } from "../node-api/resolve.ts";
import type { Port, PortEvents, PortMemory, Resolution, SocketOptions, TlsInfo, TlsOptions } from "../port.ts";
import { Listener } from "./listener.ts";
import type { Place } from "./place.ts";
import type { BunPlace } from "./runtime.ts";
import { StreamSocket } from "./stream.ts";
import { serverSide } from "./tls.ts";
import { UdpSocket } from "./udp.ts";

const STATE = Errors.ERR_STATE.value;

/** Makes Bun's port for a new engine. */
export function createPort(): Port {
  return new BunPort();
}

class BunPort implements Port {
  readonly name = "bun";
  readonly clock = new NodeClock();
  readonly diagnostics = { channel };
  readonly deflate = deflate;
  cause: unknown;
  readonly #streams = new Map<number, StreamSocket>();
  readonly #listeners = new Map<number, Listener>();
  readonly #udp = new Map<number, UdpSocket>();
  readonly #random = new RandomPool();
  #deliver: PortEvents | undefined;
  #memory: PortMemory | undefined;

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.#deliver = deliver;
    this.#memory = memory;
    this.clock.attach(deliver);
  }

  open(handle: number, kind: SocketKind, name: string, port: number, options: SocketOptions, tls?: TlsOptions): number {
    return this.#try(() => {
      switch (kind) {
        case SocketKind.TCP:
          this.#stream(handle, (place) => new StreamSocket(place, { hostname: name, port }, options, tls));
          break;
        case SocketKind.UNIX:
          this.#stream(handle, (place) => new StreamSocket(place, { unix: name }, options, tls));
          break;
        case SocketKind.UDP:
          this.#udp.set(handle, new UdpSocket(this.#place(handle, this.#udp), name, port));
          break;
        case SocketKind.TCP_LISTENER:
          this.#listen(handle, { hostname: name, port }, options, tls);
          break;
        case SocketKind.UNIX_LISTENER:
          this.#listen(handle, { unix: name }, options, tls);
          break;
      }
      return 0;
    });
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

  #find(handle: number): StreamSocket | UdpSocket | Listener | undefined {
    return this.#streams.get(handle) ?? this.#udp.get(handle) ?? this.#listeners.get(handle);
  }

  /** What every socket is handed; `all` are those of its kind. */
  #place(handle: number, all: Map<number, unknown>): Place {
    if (this.#deliver === undefined || this.#memory === undefined) throw new Error("the port is not attached");
    return { handle, deliver: this.#deliver, memory: this.#memory, forget: () => all.delete(handle) };
  }

  #stream(handle: number, make: (place: Place) => StreamSocket): StreamSocket {
    const stream = make(this.#place(handle, this.#streams));
    this.#streams.set(handle, stream);
    return stream;
  }

  #listen(handle: number, local: BunPlace, options: SocketOptions, tls?: TlsOptions): void {
    if (tls !== undefined) serverSide(tls); /* what is wrong with the options is known at once */
    const path = "unix" in local ? local.unix : undefined;
    const listener = new Listener(this.#place(handle, this.#listeners), local, (accepted, socket) =>
      this.#stream(accepted, (place) => new StreamSocket(place, { accepted: socket, path }, options)),
    );
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
