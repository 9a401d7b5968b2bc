import type { Conn } from "../conn/conn.ts";
import { TcpServer } from "../conn/server.ts";
import { TcpConnection } from "../conn/tcp.ts";
import { splitAddress } from "../internal/address.ts";
import { bytesOf } from "../internal/arguments.ts";
import { attempt, attemptNow, Blocking, type Result } from "./result.ts";

/**
 * A TCP server whose calls return results.
 *
 * ```ts
 * const listener = unwrap(await TcpListener.bind("127.0.0.1:0"));
 * const stream = unwrap(await listener.accept());
 * ```
 */
export class TcpListener {
  /** The same server as an object of `twinwire`. */
  readonly server: TcpServer;
  readonly #blocking = new Blocking();

  /** The listener of a server of `twinwire`. */
  constructor(server: TcpServer) {
    this.server = server;
  }

  /** Listens at `"host:port"` or `"[ipv6]:port"`; port 0 is any free one. */
  static bind(addr: string): Promise<Result<TcpListener>> {
    return attempt(async () => {
      const { host, port } = splitAddress(addr);
      const server = new TcpServer(host, port);
      await server.opened;
      return new TcpListener(server);
    });
  }

  /** Waits for a connection. */
  accept(): Promise<Result<TcpStream>> {
    const { server } = this;
    return this.#blocking.attempt(
      () => server.canAccept,
      async () => new TcpStream(await server.accept()),
    );
  }

  /** Where it listens. */
  local_addr(): Result<string> {
    return attemptNow(() => this.server.addr());
  }

  /** In non-blocking mode `accept` is settled at once, with `"would block"` if no connection waits to be accepted. */
  set_nonblocking(enabled: boolean): Result<void> {
    return this.#blocking.set(enabled, () => this.server.addr());
  }

  /** Stops listening. */
  close(): void {
    this.server.close();
  }
}

/**
 * A TCP connection whose calls return results.
 *
 * ```ts
 * const stream = unwrap(await TcpStream.connect("127.0.0.1:8080"));
 * const written = await stream.write([104, 105]);
 * const got = await stream.read(1024);
 * if (got.ok) console.log(got.value);
 * stream.close();
 * ```
 */
export class TcpStream {
  /** The same connection as an object of `twinwire`. */
  readonly conn: Conn;
  readonly #blocking = new Blocking();

  /** The stream of a connection of `twinwire`. */
  constructor(conn: Conn) {
    this.conn = conn;
  }

  /** Connects to `"host:port"` or `"[ipv6]:port"`. */
  static connect(addr: string): Promise<Result<TcpStream>> {
    return attempt(async () => {
      const { host, port } = splitAddress(addr);
      const conn = new TcpConnection(host, port);
      await conn.opened;
      return new TcpStream(conn);
    });
  }

  /** Reads 1 to `size` bytes, or none at the end of the stream. `Array.from` makes a list of them. */
  read(size: number): Promise<Result<Uint8Array>> {
    const { conn } = this;
    return this.#blocking.attempt(
      () => conn.canRead,
      () => conn.read(size),
    );
  }

  /** Writes as much as fits, at least one byte. The number of bytes written. */
  write(data: Uint8Array | readonly number[]): Promise<Result<number>> {
    const { conn } = this;
    return this.#blocking.attempt(
      () => conn.canWrite,
      async () => conn.write(bytesOf(data)),
    );
  }

  /** Closes it. What was written still goes out. */
  close(): void {
    this.conn.close();
  }

  /** In non-blocking mode `read` and `write` are settled at once, with `"would block"` if they would have to wait. */
  set_nonblocking(enabled: boolean): Result<void> {
    return this.#blocking.set(enabled, () => this.conn.localAddr());
  }

  /** The peer's address; an error once the connection is closed. */
  peer_addr(): Result<string> {
    return attemptNow(() => this.conn.remoteAddr());
  }

  /** This end's address; an error once the connection is closed. */
  local_addr(): Result<string> {
    return attemptNow(() => this.conn.localAddr());
  }
}
