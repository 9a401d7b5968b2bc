import { AddressOf, type ErrorCode, Kind, SocketKind } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { type ErrorFacts, errorCode, TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { type AddressStats, NO_ADDRESS_STATS } from "../../wasm/memory.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { report } from "../../wasm/report.ts";
import { afterMicrotasks } from "../../wasm/timing.ts";
import { isInt32, joinAddress, show } from "../internal/arguments.ts";
import { Waiter, WaitingList } from "../internal/waiting.ts";
import type { Conn } from "./conn.ts";
import {
  type AddressLimits,
  backlogOf,
  type ServerOptions,
  serverOptions,
  socketOptions,
  type TlsServerOptions,
  tlsServerOptions,
  type WaitOptions,
  waiting,
  windowOf,
} from "./options.ts";
import { Stream } from "./stream.ts";
import { TcpConnection, TlsConnection } from "./tcp.ts";

/** An accepted connection. */
interface Accepted {
  close(): void;
}

/** The endpoint of a listening socket: connections that wait to be accepted, and calls that wait for connections. */
export class Listener<C extends Accepted> extends Endpoint {
  readonly #engine: Engine;
  readonly #wrap: (stream: Stream) => C;
  readonly #onError: ((error: TwinwireError) => void) | undefined;
  readonly #window: number;
  readonly #backlog: number;
  readonly #acceptors = new WaitingList<Waiter<C>>();
  readonly #opened = new Waiter<void>();
  /** Open, and not yet accepted. */
  #ready: C[] = [];
  /** In the middle of a TLS handshake. */
  readonly #pending = new Set<Stream>();
  /** Whether the application has asked for something that reports a failure to listen. */
  observed = false;
  #listening = false;
  #addressStats = NO_ADDRESS_STATS;
  /** Why it accepts no more. */
  #end: TwinwireError | undefined;
  #failure: TwinwireError | undefined;

  constructor(engine: Engine, address: string, options: ServerOptions, wrap: (stream: Stream) => C) {
    super(Kind.LISTENER, address);
    this.#engine = engine;
    this.#wrap = wrap;
    this.#onError = options.onError;
    this.#window = windowOf(options);
    this.#backlog = backlogOf(options);
    this.options = socketOptions({ ...options, backlog: this.#backlog });
    /* `#failed` reports a failure that no one observes. */
    this.#opened.promise.catch(() => {});
  }

  get opened(): Promise<void> {
    this.observed = true;
    return this.#opened.promise;
  }

  /** Whether `accept` would be settled immediately. */
  get hasReady(): boolean {
    return this.#end !== undefined || (this.#ready.length > 0 && this.#acceptors.length === 0);
  }

  fault(code: ErrorCode | number, facts: ErrorFacts): TwinwireError {
    return new TwinwireError(typeof code === "number" ? errorCode(code) : code, { address: this.address, ...facts });
  }

  /** What opening it returned. */
  begun(result: number): void {
    if (result < 0) this.failed(this.fault(result, { step: "open", cause: this.#engine.cause }));
  }

  /** Takes the next connection. */
  accept(signal: AbortSignal | undefined): Promise<C> {
    const aborted = (): TwinwireError => this.fault("ERR_ABORTED", { step: "accept", cause: signal?.reason });
    if (signal?.aborted) return Promise.reject(aborted());
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const next = this.#acceptors.length === 0 ? this.#ready.shift() : undefined;
    if (next !== undefined) return Promise.resolve(next);
    const waiter = new Waiter<C>();
    this.#acceptors.add(waiter);
    waiter.until(signal, () => {
      this.#acceptors.remove(waiter);
      waiter.reject(aborted());
    });
    return waiter.promise;
  }

  /** Where it listens. */
  localAddress(): string {
    this.observed = true;
    if (this.#end !== undefined) throw this.#end;
    const found = this.#engine.address(this.handle, AddressOf.LOCAL);
    if (typeof found === "string") return found;
    throw this.fault("ERR_STATE", { reason: "it does not listen yet: await opened first" });
  }

  limitAddresses({ connections = 0, handshakesPerSecond = 0, messagesPerSecond = 0 }: AddressLimits): void {
    if (this.handle < 0) return;
    const { listeners } = this.#engine;
    const result = listeners.limitAddresses(this.handle, connections, handshakesPerSecond, messagesPerSecond);
    if (result >= 0) return;
    const reason = "limits().addresses is 0, so there is no room for perAddress";
    this.#engine.close(this);
    this.failed(this.fault(result, { step: "open", reason }));
  }

  /** What the limits per address have done; also after the end. */
  addressStats(): AddressStats {
    const now = this.handle < 0 || this.released ? undefined : this.#engine.listeners.addressStats(this.handle);
    this.#addressStats = now ?? this.#addressStats;
    return this.#addressStats;
  }

  keep(on: boolean): void {
    if (this.handle >= 0 && !this.released) this.#engine.keep(this, on);
  }

  override connected(): void {
    this.#listening = true;
    this.#opened.resolve();
  }

  override accepted(handle: number): Endpoint | undefined {
    const peer = this.#engine.address(handle, AddressOf.REMOTE);
    const address = typeof peer === "string" && peer !== "" ? peer : this.address;
    if (this.#ready.length + this.#pending.size >= this.#backlog) {
      const reason = `${this.#backlog} connections wait for accept already`;
      this.#reportError(new TwinwireError("ERR_LIMIT", { step: "accept", address, reason }));
      return undefined;
    }
    const stream = new Stream(this.#engine, address, this.#window);
    this.#pending.add(stream);
    stream.onSettled = this.#settled;
    return stream;
  }

  override error(make: () => TwinwireError): void {
    this.#failure = make();
    if (this.#listening) this.#reportError(this.#failure);
  }

  override disconnected(_ending: Ending): void {
    if (!this.released) this.#engine.close(this);
    this.failed(this.#failure ?? this.fault("ERR_STATE", { step: "accept", reason: "the server has ended" }));
  }

  /**
   * Stops because it can't listen, or no longer. As with node:net, that is never silent: unless the application asks for it
   * within this loop iteration, it is an uncaught exception.
   */
  failed(error: TwinwireError): void {
    if (this.#end !== undefined) return;
    this.stop(error);
    afterMicrotasks(() => {
      if (!this.observed) report(error);
    });
  }

  /** Stops accepting. Connections that were not accepted are closed. */
  stop(error: TwinwireError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    if (this.handle >= 0 && !this.released) this.#engine.close(this);
    this.#opened.reject(error);
    this.#acceptors.rejectAll(() => error);
    for (const stream of this.#pending) stream.close();
    for (const conn of this.#ready) conn.close();
    this.#ready = [];
  }

  readonly #settled = (stream: Stream, error: TwinwireError | undefined): void => {
    this.#pending.delete(stream);
    if (error !== undefined) {
      if (this.#end === undefined) this.#reportError(error);
      return;
    }
    const conn = this.#wrap(stream);
    const waiter = this.#acceptors.shift();
    if (waiter === undefined) this.#ready.push(conn);
    else waiter.resolve(conn);
  };

  #reportError(error: TwinwireError): void {
    try {
      this.#onError?.(error);
    } catch (thrown) {
      report(thrown);
    }
  }
}

/** The address at which a server listens: a host and port, or a path. @internal */
export interface Place {
  readonly kind: SocketKind;
  readonly name: string;
  readonly port: number;
  /** Whether it never listens: its connections are taken over from other servers. */
  readonly adopts?: boolean;
}

/** Marks a failure to listen as observed, so that it is not reported as an uncaught exception. @internal */
export let observe: (server: Server<Conn>) => void;

/**
 * Has a server take over a connected socket of the runtime's own; `head`: bytes that were read from it already. `refused` is
 * called if there is no place for it. Returns 0 or an error number. @internal
 */
export let adoptInto: (server: Server<Conn>, socket: unknown, head: Uint8Array, refused: () => void) => number;

/** Iterates over the connections of a server without marking a failure to listen as observed. @internal */
export let connectionsOf: <C extends Conn>(server: Server<C>) => AsyncGenerator<C, void, undefined>;

/** The common base of `TcpServer` and `TlsServer`. */
export abstract class Server<C extends Conn> {
  readonly #listener: Listener<C>;
  #closed = false;

  /** @internal */
  constructor(place: Place, options: ServerOptions, tls: TlsOptions | undefined, wrap: (stream: Stream) => C) {
    const { kind, name, port } = place;
    const path = kind === SocketKind.UNIX_LISTENER;
    const engine = defaultEngine();
    const address = path || typeof name !== "string" ? String(name) : joinAddress(name, String(port));
    const listener = new Listener(engine, address, options, wrap);
    this.#listener = listener;
    const step = "open";
    if (typeof name !== "string") {
      listener.failed(listener.fault("ERR_ARGUMENT", { step, reason: `${path ? "path" : "host"} ${show(name)}` }));
    } else if (!isInt32(port)) {
      listener.failed(listener.fault("ERR_PORT", { step, reason: `port ${show(port)}` }));
    } else {
      if (tls !== undefined) engine.setTls(listener, tls);
      const { listeners } = engine;
      listener.begun(
        place.adopts ? listeners.listenForAdopted(listener) : listeners.listen(listener, kind, name, port),
      );
      if (options.perAddress !== undefined) listener.limitAddresses(options.perAddress);
    }
  }

  static {
    observe = (server) => {
      server.#listener.observed = true;
    };
    connectionsOf = (server) => server.#connections();
    adoptInto = (server, ...given) => defaultEngine().listeners.adoptStream(server.#listener, ...given);
  }

  /**
   * Fulfilled when the server listens; rejected if it can't. If the program uses neither this nor `accept`, `addr` or a loop,
   * a failure to listen is reported as an uncaught exception.
   */
  get opened(): Promise<void> {
    return this.#listener.opened;
  }

  /** The handle in `twinwire/handles`; -1 if the arguments were refused. */
  get handle(): number {
    return this.#listener.handle;
  }

  /**
   * Waits for the next connection and returns it, open. The caller has to close it.
   *
   * @throws TwinwireError the error of `opened`; ERR_STATE after `close`; ERR_ABORTED.
   */
  accept(options?: WaitOptions): Promise<C> {
    this.#listener.observed = true;
    if (options === undefined) return this.#listener.accept(undefined);
    return waiting("accept", options, (signal) => this.#listener.accept(signal));
  }

  /** Whether `accept` would be settled at once. */
  get canAccept(): boolean {
    return this.#listener.hasReady;
  }

  /**
   * Returns the address at which it listens: `"ip:port"`, `"[ipv6]:port"` or the path. Await `opened` first.
   *
   * @throws TwinwireError ERR_STATE before it listens and after `close`; the error of `opened`.
   */
  addr(): string {
    return this.#listener.localAddress();
  }

  /** Returns what the limits of `perAddress` have done so far; all 0 without limits. */
  addressStats(): AddressStats {
    return this.#listener.addressStats();
  }

  /**
   * Stops listening. Accepted connections stay open; those that no one accepted are closed. Waiting calls are rejected with
   * ERR_STATE. A second call has no effect.
   */
  close(): void {
    this.#closed = true;
    this.#listener.addressStats(); /* the last ones stay */
    this.#listener.stop(this.#listener.fault("ERR_STATE", { step: "accept", reason: "close was called" }));
  }

  /** Keeps the process alive while it is open. Default: it does. */
  ref(): this {
    this.#listener.keep(true);
    return this;
  }

  /** Lets the process end while the server listens. */
  unref(): this {
    this.#listener.keep(false);
    return this;
  }

  /**
   * Iterates over the connections until the server is closed. `break` leaves the server open.
   *
   * ```ts
   * for await (const conn of server) serve(conn);
   * ```
   */
  [Symbol.asyncIterator](): AsyncGenerator<C, void, undefined> {
    this.#listener.observed = true;
    return this.#connections();
  }

  async *#connections(): AsyncGenerator<C, void, undefined> {
    for (;;) {
      const conn = await this.#listener.accept(undefined).catch((error: TwinwireError) => this.#unlessClosed(error));
      if (conn === undefined) return;
      yield conn;
    }
  }

  /** Calls `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #unlessClosed(error: TwinwireError): undefined {
    if (!this.#closed) throw error;
  }
}

/**
 * A TCP server.
 *
 * ```ts
 * const server = new TcpServer("0.0.0.0", 9000);
 * for await (const client of server) client.readable.pipeTo(client.writable);
 * ```
 */
export class TcpServer extends Server<TcpConnection> {
  /**
   * Starts to listen and returns immediately; `opened` reports the result.
   *
   * @param host a local name or address: `"127.0.0.1"`, `"0.0.0.0"`, `"::"`; `""`: every address.
   * @param port 0 to 65535; 0: any free port.
   * @throws TwinwireError ERR_ARGUMENT for a bad option. All other errors are reported by `opened`: ERR_ARGUMENT, ERR_PORT,
   * ERR_IN_USE, ERR_ACCESS, ERR_LIMIT.
   */
  constructor(host: string, port: number, options?: ServerOptions);
  /** @internal */
  constructor(place: Place, options: ServerOptions | undefined);
  constructor(where: string | Place, second?: number | ServerOptions, third?: ServerOptions) {
    const [place, options] = placeOf(where, second, third);
    super(place, serverOptions.read("TcpServer", options), undefined, (stream) => new TcpConnection(stream));
  }

  /**
   * Listens at the path of a Unix socket. `opened` is rejected with ERR_PATH (length), ERR_IN_USE (the path exists) or
   * ERR_UNSUPPORTED.
   */
  static unix(path: string, options?: ServerOptions): TcpServer {
    return new TcpServer({ kind: SocketKind.UNIX_LISTENER, name: path, port: 0 }, options);
  }
}

/**
 * A TCP server whose connections use TLS from the first byte. Errors of handshakes are passed to `onError`.
 *
 * ```ts
 * const server = new TlsServer("0.0.0.0", 8443, { tls: { cert, key } });
 * ```
 */
export class TlsServer extends Server<TlsConnection> {
  /** Starts to listen, as `new TcpServer`. `options.tls` needs `cert` and `key`. */
  constructor(host: string, port: number, options: TlsServerOptions);
  /** @internal */
  constructor(place: Place, options: TlsServerOptions);
  constructor(where: string | Place, second?: number | TlsServerOptions, third?: TlsServerOptions) {
    const [place, options] = placeOf(where, second, third);
    const checked = tlsServerOptions.read("TlsServer", options);
    super(place, checked, checked.tls ?? {}, (stream) => new TlsConnection(stream));
  }

  /** Listens at the path of a Unix socket, as `TcpServer.unix`. */
  static unix(path: string, options: TlsServerOptions): TlsServer {
    return new TlsServer({ kind: SocketKind.UNIX_LISTENER, name: path, port: 0 }, options);
  }
}

function placeOf<O>(
  where: string | Place,
  second: number | O | undefined,
  third: O | undefined,
): [Place, O | undefined] {
  if (typeof where === "object" && where !== null) return [where, second as O | undefined];
  return [{ kind: SocketKind.TCP_LISTENER, name: where, port: (second ?? 0) as number }, third];
}
