/** Servers whose calls wait. */
import type { AddressStats } from "../../wasm/memory.ts";
import { type Conn, Link, TcpConnection, TlsConnection } from "./conn.ts";
import type { ServerOptions, TlsServerOptions, WaitOptions } from "./options.ts";
import { Op, pack } from "./protocol.ts";

/** The link of a server. @internal */
export let serverLinkOf: (server: Server<Conn>) => Link;

/** The common base of `TcpServer` and `TlsServer`. */
export abstract class Server<C extends Conn> {
  readonly #link: Link;
  readonly #wrap: (link: Link) => C;

  static {
    serverLinkOf = (server) => server.#link;
  }

  /** @internal */
  constructor(link: Link, wrap: (link: Link) => C) {
    this.#link = link;
    this.#wrap = wrap;
  }

  /**
   * Waits for the next connection and returns it, open. The caller has to close it.
   *
   * @throws TwinwireError ERR_DEADLINE after `timeoutMs`; ERR_STATE after `close`.
   */
  accept(options?: WaitOptions): C {
    const { number } = this.#link.call(Op.ACCEPT, { args: [pack("accept", options)] });
    return this.#wrap(new Link(this.#link.caller, number, this.#link.tls));
  }

  /** Whether `accept` would return without waiting. */
  get canAccept(): boolean {
    return this.#link.get("canAccept");
  }

  /** Returns the address at which it listens: `"ip:port"`, `"[ipv6]:port"` or the path; ERR_STATE after `close`. */
  addr(): string {
    return this.#link.get("addr");
  }

  /** Returns what the limits of `perAddress` have done so far; all 0 without limits. */
  addressStats(): AddressStats {
    return this.#link.get("addressStats");
  }

  /** Stops listening. Accepted connections stay open. A second call has no effect. */
  close(): void {
    const { caller, handle } = this.#link;
    caller.stopHandling(handle);
    caller.call(Op.CLOSE, { handle });
  }

  /** Iterates over the connections. `break` leaves the server open. */
  *[Symbol.iterator](): Generator<C, void, undefined> {
    for (;;) yield this.accept();
  }

  /** Calls `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * A TCP server.
 *
 * ```ts
 * const server = new TcpServer("0.0.0.0", 9000);
 * for (const client of server) {
 *   client.writeAll(client.read());
 *   client.close();
 * }
 * ```
 */
export class TcpServer extends Server<TcpConnection> {
  /**
   * Listens.
   *
   * @param host a local name or address: `"127.0.0.1"`, `"0.0.0.0"`, `"::"`; `""`: every address.
   * @param port 0 to 65535; 0: any free port.
   * @throws TwinwireError ERR_ARGUMENT, ERR_PORT, ERR_IN_USE, ERR_ACCESS, ERR_LIMIT.
   */
  constructor(host: string, port: number, options?: ServerOptions);
  /** @internal */
  constructor(link: Link);
  constructor(where: string | Link, port?: number, options?: ServerOptions) {
    super(
      where instanceof Link ? where : Link.open("TcpServer", "TcpServer", [where, port ?? null, options]),
      (link) => new TcpConnection(link),
    );
  }

  /** Listens at the path of a Unix socket; ERR_PATH, ERR_IN_USE (the path exists), ERR_UNSUPPORTED. */
  static unix(path: string, options?: ServerOptions): TcpServer {
    return new TcpServer(Link.open("TcpServer", "TcpServer.unix", [path, "unix", options]));
  }
}

/** A TCP server whose connections use TLS from the first byte. A connection whose handshake fails is not accepted. */
export class TlsServer extends Server<TlsConnection> {
  /** Listens, as `new TcpServer`. `options.tls` needs `cert` and `key`. */
  constructor(host: string, port: number, options: TlsServerOptions);
  /** @internal */
  constructor(link: Link);
  constructor(where: string | Link, port?: number, options?: TlsServerOptions) {
    super(
      where instanceof Link ? where : Link.open("TlsServer", "TlsServer", [where, port ?? null, options]),
      (link) => new TlsConnection(link),
    );
  }

  /** Listens at the path of a Unix socket, as `TcpServer.unix`. */
  static unix(path: string, options: TlsServerOptions): TlsServer {
    return new TlsServer(Link.open("TlsServer", "TlsServer.unix", [path, "unix", options]));
  }
}
