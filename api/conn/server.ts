import { SocketKind } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { AddressStats } from "../../wasm/memory.ts";
import type { Metric } from "../../wasm/metrics.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { isInt32, joinAddress, show } from "../internal/arguments.ts";
import type { Conn } from "./conn.ts";
import { Listener } from "./listener.ts";
import {
  type ServerOptions,
  serverOptions,
  type TlsServerOptions,
  tlsServerOptions,
  type WaitOptions,
  waiting,
} from "./options.ts";
import type { Stream } from "./stream.ts";
import { TcpConnection, TlsConnection } from "./tcp.ts";

/** The address at which a server listens: a host and port, or a path. @internal */
export interface Place {
  readonly kind: SocketKind;
  readonly name: string;
  readonly port: number;
  /** Whether it never listens: its connections are taken over from other servers. */
  readonly adopts?: boolean;
  /** A socket that listens already. */
  readonly inherited?: unknown;
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

/** Replaces the TLS of the connections that a server accepts from now on. */
let replaceTls: (server: Server<Conn>, tls: TlsOptions) => void;

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
      /* Without a backlog, it keeps room for as many waiting connections as the system allows. */
      const { inherited } = place;
      const { backlog } = options;
      if (inherited !== undefined) listener.options = { ...listener.options, inherited, backlog };
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
    replaceTls = (server, tls) => server.#listener.replaceTls(tls);
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

  /** Returns its counts, for `openMetrics`. */
  measure(): readonly Metric[] {
    return this.#listener.measure();
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

  /** Keeps the process alive while it is open, which is the default. */
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

  /**
   * Takes over a socket that listens already, so that a new process accepts before the old one ends.
   *
   * ```ts
   * const server = TcpServer.inherit(3); // the first socket of systemd's socket activation
   * process.once("message", (_, handle) => serve(TcpServer.inherit(handle))); // what process.send passed
   * ```
   *
   * @param socket a file descriptor, or a server of node:net. Node only; elsewhere `opened` is rejected with ERR_UNSUPPORTED.
   */
  static inherit(socket: number | object, options?: ServerOptions): TcpServer {
    return new TcpServer(inherited(socket), options);
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

  /**
   * Replaces `options.tls`, such as a certificate that is about to expire, for the connections that it accepts from now on.
   * Those that are open keep theirs. If the options are refused, the server keeps the old ones.
   *
   * ```ts
   * server.setTls({ cert: await readFile("cert.pem"), key: await readFile("key.pem") });
   * ```
   *
   * @throws TwinwireError ERR_ARGUMENT for a bad option; ERR_TLS_OPTIONS if the runtime refuses a certificate or key; ERR_STATE
   * after `close`.
   */
  setTls(tls: TlsOptions): void {
    const { tls: checked = {} } = tlsServerOptions.read("TlsServer.setTls", { tls }, "call");
    replaceTls(this, checked);
  }

  /** Listens at the path of a Unix socket, as `TcpServer.unix`. */
  static unix(path: string, options: TlsServerOptions): TlsServer {
    return new TlsServer({ kind: SocketKind.UNIX_LISTENER, name: path, port: 0 }, options);
  }

  /** Takes over a socket that listens already, as `TcpServer.inherit`. */
  static inherit(socket: number | object, options: TlsServerOptions): TlsServer {
    return new TlsServer(inherited(socket), options);
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

function inherited(socket: number | object): Place {
  return { kind: SocketKind.TCP_LISTENER, name: "", port: 0, inherited: socket };
}
