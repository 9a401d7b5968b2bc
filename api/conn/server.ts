import { SocketKind } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { TlsOptions } from "../../wasm/socket-options.ts";
import { joinAddress } from "../internal/address.ts";
import { isInt32, show } from "../internal/arguments.ts";
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

/** Where a server listens: at a host and port, or at a path. @internal */
export interface Place {
  readonly kind: SocketKind;
  readonly name: string;
  readonly port: number;
}

/** Marks a failure to listen as asked for. @internal */
export let observe: (server: Server<Conn>) => void;

/** The connections of a server, for another one that serves them; a failure to listen is not asked for by that. @internal */
export let connectionsOf: <C extends Conn>(server: Server<C>) => AsyncGenerator<C, void, undefined>;

/** A server: `TcpServer` or `TlsServer`. */
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
      listener.begun(engine.listen(listener, kind, name, port));
    }
  }

  static {
    observe = (server) => {
      server.#listener.observed = true;
    };
    connectionsOf = (server) => server.#connections();
  }

  /**
   * Fulfilled once it listens, rejected if it can't. If neither this, `accept`, `addr` nor a loop is asked for, a failure to
   * listen is an uncaught exception.
   */
  get opened(): Promise<void> {
    return this.#listener.opened;
  }

  /** Its number, as `twinwire/handles` knows it; -1 if it could not even begin. */
  get handle(): number {
    return this.#listener.handle;
  }

  /**
   * Takes the next connection, which is open and yours to close. Waits until there is one.
   *
   * @throws TwinwireError what kept it from listening; ERR_STATE once it is closed; ERR_ABORTED.
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
   * Where it listens, as `"ip:port"`, `"[ipv6]:port"` or the path. Known once it is `opened`.
   *
   * @throws TwinwireError ERR_STATE before that and once it is closed; what kept it from listening.
   */
  addr(): string {
    return this.#listener.localAddress();
  }

  /**
   * Stops listening. Connections that were accepted live on; those that wait to be are closed, and calls that wait are
   * rejected with ERR_STATE. To close it again does nothing.
   */
  close(): void {
    this.#closed = true;
    this.#listener.stop(this.#listener.fault("ERR_STATE", { step: "accept", reason: "close was called" }));
  }

  /** Lets it keep the process alive, as it does at first. */
  ref(): this {
    this.#listener.keep(true);
    return this;
  }

  /** Lets the process end although it listens. */
  unref(): this {
    this.#listener.keep(false);
    return this;
  }

  /**
   * The connections, one by one, until it is closed. A loop that is left early leaves it open.
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

  /** As `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** As `close`. */
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
   * Starts to listen; `opened` and every method report the result.
   *
   * @param host a local name or address: `"127.0.0.1"`, `"0.0.0.0"`, `"::"`; `""` for every one.
   * @param port 0 to 65535; 0 for any free one.
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

  /** Listens at a Unix socket's path. ERR_PATH, ERR_IN_USE if something is there, ERR_UNSUPPORTED. */
  static unix(path: string, options?: ServerOptions): TcpServer {
    return new TcpServer({ kind: SocketKind.UNIX_LISTENER, name: path, port: 0 }, options);
  }
}

/** A TCP server whose connections are protected by TLS from their first byte. Handshakes that fail go to `onError`. */
export class TlsServer extends Server<TlsConnection> {
  /** As that of `TcpServer`; `options.tls` has at least `cert` and `key`. */
  constructor(host: string, port: number, options: TlsServerOptions);
  /** @internal */
  constructor(place: Place, options: TlsServerOptions);
  constructor(where: string | Place, second?: number | TlsServerOptions, third?: TlsServerOptions) {
    const [place, options] = placeOf(where, second, third);
    const checked = tlsServerOptions.read("TlsServer", options);
    super(place, checked, checked.tls ?? {}, (stream) => new TlsConnection(stream));
  }

  /** As `TcpServer.unix`, with TLS. */
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
