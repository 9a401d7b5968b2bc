import { channel } from "node:diagnostics_channel";
import { type AddressOf, Close, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import type {
  Port,
  PortEvents,
  PortMemory,
  Resolution,
  SocketOptions,
  TlsInfo,
  TlsOptions,
  UdpOption,
} from "../port.ts";
import { NodeClock } from "./clock.ts";
import { decode } from "./decode.ts";
import { deflate } from "./deflate.ts";
import { errorNumber } from "./errors.ts";
import { readEnv } from "./process.ts";
import { RandomPool } from "./random.ts";
import { resolve } from "./resolve.ts";
import type { ListenerHandle, Place, StreamHandle, Target, UdpHandle } from "./sockets.ts";

const STATE = Errors.ERR_STATE.value;

/** The place of a socket among those of its kind. */
class KnownPlace implements Place {
  readonly handle: number;
  readonly deliver: PortEvents;
  readonly memory: PortMemory;
  readonly #all: Map<number, unknown>;

  constructor(handle: number, deliver: PortEvents, memory: PortMemory, all: Map<number, unknown>) {
    this.handle = handle;
    this.deliver = deliver;
    this.memory = memory;
    this.#all = all;
  }

  forget(): void {
    this.#all.delete(this.handle);
  }
}

/**
 * The port of a JavaScript runtime that has Node's modules for everything but sockets: it keeps the sockets by handle, and
 * turns exceptions into error numbers. A host extends it by what makes sockets.
 */
export abstract class JavaScriptPort<Stream extends StreamHandle> implements Port {
  abstract readonly name: string;
  readonly clock = new NodeClock();
  readonly diagnostics = { channel };
  readonly deflate = deflate;
  readonly decode = decode;
  cause: unknown;
  protected readonly listeners = new Map<number, ListenerHandle>();
  readonly #streams = new Map<number, Stream>();
  readonly #udp = new Map<number, UdpHandle>();
  readonly #random = new RandomPool();
  #deliver: PortEvents | undefined;
  #memory: PortMemory | undefined;

  /** Begins to connect. @throws the error with which the runtime refuses the options. */
  protected abstract connect(place: Place, target: Target, options: SocketOptions, tls: TlsOptions | undefined): Stream;

  /** Begins to listen. @throws the error with which the runtime refuses the options. */
  protected abstract listen(
    place: Place,
    local: Target,
    options: SocketOptions,
    tls: TlsOptions | undefined,
  ): ListenerHandle;

  /** Prepares TLS for servers. @throws the error with which the runtime refuses the options. */
  protected abstract prepareTls(tls: TlsOptions): void;

  /** Binds a UDP socket. @throws the error with which that failed. */
  protected abstract bind(place: Place, address: string, port: number, options: SocketOptions): UdpHandle;

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.#deliver = deliver;
    this.#memory = memory;
    this.clock.attach(deliver);
  }

  open(handle: number, kind: SocketKind, name: string, port: number, options: SocketOptions, tls?: TlsOptions): number {
    return this.#try(() => {
      switch (kind) {
        case SocketKind.TCP:
          this.keepStream(handle, (place) => this.connect(place, { host: name, port }, options, tls));
          break;
        case SocketKind.UNIX:
          this.keepStream(handle, (place) => this.connect(place, { path: name }, options, tls));
          break;
        case SocketKind.UDP:
          this.#udp.set(handle, this.bind(this.#place(handle, this.#udp), name, port, options));
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

  setUdpOption(handle: number, option: UdpOption): number {
    return this.#try(() => this.#udp.get(handle)?.setOption(option) ?? STATE);
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
    (this.#udp.get(handle) ?? this.listeners.get(handle))?.close();
    this.#udp.delete(handle);
    this.listeners.delete(handle);
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

  checkTls(tls: TlsOptions): number {
    return this.#try(() => {
      this.prepareTls(tls);
      return 0;
    });
  }

  env(name: string): string | undefined {
    return readEnv(name);
  }

  /** The stream of a handle, if it has one. */
  protected streamOf(handle: number): Stream | undefined {
    return this.#streams.get(handle);
  }

  /** Makes the stream of a handle, one that a listener accepted or one that connects, and keeps it. */
  protected keepStream(handle: number, make: (place: Place) => Stream): Stream {
    const stream = make(this.#place(handle, this.#streams));
    this.#streams.set(handle, stream);
    return stream;
  }

  #listen(handle: number, local: Target, options: SocketOptions, tls: TlsOptions | undefined): void {
    this.listeners.set(handle, this.listen(this.#place(handle, this.listeners), local, options, tls));
  }

  #find(handle: number): StreamHandle | UdpHandle | ListenerHandle | undefined {
    return this.#streams.get(handle) ?? this.#udp.get(handle) ?? this.listeners.get(handle);
  }

  /** What the socket of a handle is given; `all` are those of its kind. */
  #place(handle: number, all: Map<number, unknown>): Place {
    if (this.#deliver === undefined || this.#memory === undefined) throw new Error("the port is not attached");
    return new KnownPlace(handle, this.#deliver, this.#memory, all);
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
