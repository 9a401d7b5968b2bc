/**
 * twinwire/result: sockets whose calls never throw. Each returns `{ ok: true, value }` or `{ ok: false, error }`, with the
 * error as one text that begins with its code.
 *
 * @module
 */
import type { Conn } from "./conn/conn.ts";
import type { WaitOptions } from "./conn/options.ts";
import { TcpServer } from "./conn/server.ts";
import { TcpConnection } from "./conn/tcp.ts";
import { UdpSocket as MainUdpSocket } from "./conn/udp.ts";
import { http as main } from "./http/http.ts";
import type {
  HttpConn,
  HttpRequest,
  HttpRequestOptions,
  HttpResponse,
  HttpServerRequest,
  HttpServerResponse,
  ReadRequestOptions,
} from "./http/types.ts";
import { bytesOf, splitAddress } from "./internal/arguments.ts";

export type {
  Headers as HttpHeaders,
  HttpConn,
  HttpRequest,
  HttpRequestOptions,
  HttpResponse,
  HttpServerRequest,
  HttpServerResponse,
  Json,
  ReadRequestOptions,
} from "./http/types.ts";

/** The result of a call of this API: a value, or the reason why there is none. */
export type Result<T, E = string> = Ok<T> | Err<E>;

/** A call that did it. */
export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
}

/** A call that did not. */
export interface Err<E = string> {
  readonly ok: false;
  readonly error: E;
}

/** A result that is a value. */
export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

/** A result that is an error. */
export function err<E = string>(error: E): Err<E> {
  return { ok: false, error };
}

/**
 * The value of a result.
 *
 * @throws Error with the result's error as its message.
 */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Error(result.error);
}

/** The error of a call in non-blocking mode that would have to wait. */
export const WOULD_BLOCK = "would block";

/** A call of the connection API as a result: ok exactly if it does not throw or reject. */
async function attempt<T>(call: () => T | Promise<T>): Promise<Result<T>> {
  try {
    return ok(await call());
  } catch (error) {
    return err(textOf(error));
  }
}

/** As `attempt`, for a call that answers at once. */
function attemptNow<T>(call: () => T): Result<T> {
  try {
    return ok(call());
  } catch (error) {
    return err(textOf(error));
  }
}

/** How a socket of this API waits: until there is an answer, or not at all. */
class Blocking {
  #nonblocking = false;

  /** As `attempt`; in non-blocking mode only if the answer is there. */
  attempt<T>(ready: () => boolean, call: () => Promise<T>): Promise<Result<T>> {
    return this.#nonblocking && !ready() ? Promise.resolve(err(WOULD_BLOCK)) : attempt(call);
  }

  /** Sets the mode; `check` throws once the socket is closed. */
  set(enabled: boolean, check: () => unknown): Result<void> {
    return attemptNow(() => {
      check();
      this.#nonblocking = Boolean(enabled);
    });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

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

/**
 * A UDP socket whose calls return results.
 *
 * ```ts
 * const socket = unwrap(await UdpSocket.bind("127.0.0.1:0"));
 * await socket.send_to([1, 2, 3], "127.0.0.1:5353");
 * const [data, from] = unwrap(await socket.recv_from(1500));
 * ```
 */
export class UdpSocket {
  /** The same socket as an object of `twinwire`. */
  readonly socket: MainUdpSocket;
  readonly #blocking = new Blocking();

  /** The socket of one of `twinwire`. */
  constructor(socket: MainUdpSocket) {
    this.socket = socket;
  }

  /** Binds `"ip:port"` or `"[ipv6]:port"`; port 0 is any free one. */
  static bind(addr: string): Promise<Result<UdpSocket>> {
    return attempt(async () => {
      const { host, port } = splitAddress(addr);
      const socket = new MainUdpSocket(host, port);
      await socket.opened;
      return new UdpSocket(socket);
    });
  }

  /** Fixes the peer, so that `peer_addr` has a result and datagrams of others are ignored. */
  connect(addr: string): Promise<Result<void>> {
    return attempt(async () => {
      const { host, port } = splitAddress(addr);
      await this.socket.connect(host, port);
    });
  }

  /** Sends one datagram. The number of its bytes. */
  send_to(data: Uint8Array | readonly number[], addr: string): Promise<Result<number>> {
    return attempt(async () => {
      const { host, port } = splitAddress(addr);
      return this.socket.sendTo(bytesOf(data), host, port);
    });
  }

  /** Waits for a datagram: its first `size` bytes, and who sent it. */
  recv_from(size: number): Promise<Result<[Uint8Array, string]>> {
    const { socket } = this;
    return this.#blocking.attempt(
      () => socket.canReceive,
      async () => {
        const { data, address } = await socket.recvFrom(size);
        return [data, address] as [Uint8Array, string];
      },
    );
  }

  /** Closes it. */
  close(): void {
    this.socket.close();
  }

  /** In non-blocking mode `recv_from` is settled at once, with `"would block"` if there is no datagram. */
  set_nonblocking(enabled: boolean): Result<void> {
    return this.#blocking.set(enabled, () => this.socket.localAddr());
  }

  /** The peer that `connect` fixed; an error without one and once the socket is closed. */
  peer_addr(): Result<string> {
    return attemptNow(() => this.socket.remoteAddr());
  }

  /** Where it is bound; an error once the socket is closed. */
  local_addr(): Result<string> {
    return attemptNow(() => this.socket.localAddr());
  }
}

/**
 * HTTP/1.1 with results; JSON in and out. `http` of `twinwire` documents what the calls do.
 *
 * ```ts
 * const response = unwrap(await http.request({ method: "GET", url: "http://127.0.0.1:8080/" }));
 * console.log(response.status, response.body);
 * ```
 */
export const http = {
  /** Sends a request and waits for the response. */
  request(req: HttpRequest, options?: HttpRequestOptions): Promise<Result<HttpResponse>> {
    return attempt(() => main.request(req, options));
  },

  /** Reads one request from a connected stream. */
  read_request(stream: HttpConn, options?: ReadRequestOptions): Promise<Result<HttpServerRequest>> {
    return attempt(() => main.read_request(stream, options));
  },

  /** Writes a response: its body as JSON, `content-type` `application/json` unless `headers` have one. */
  write_response(stream: HttpConn, response: HttpServerResponse, options?: WaitOptions): Promise<Result<void>> {
    return attempt(() => main.write_response(stream, response, options));
  },
} as const;
