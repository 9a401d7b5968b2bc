/**
 * twinwire/result: sockets whose calls never throw. Each returns `{ ok: true, value }` or `{ ok: false, error }`, with the
 * error as one text that begins with its code.
 *
 * @module
 */
import type { ReceivedBytes } from "../wasm/port-types.ts";
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
import { attempt, Blocking, err, failed, ok, type Result, WOULD_BLOCK } from "./internal/result.ts";

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
export { type Err, err, type Ok, ok, type Result, unwrap, WOULD_BLOCK } from "./internal/result.ts";

/** Returns the result of a call that may throw or reject. */
async function settle<T>(call: () => T | Promise<T>): Promise<Result<T>> {
  try {
    return ok(await call());
  } catch (error) {
    return failed(error);
  }
}

/** Calls `call`; in non-blocking mode only if it would not have to wait. */
async function unlessBlocked<T>(blocking: Blocking, ready: () => boolean, call: () => Promise<T>): Promise<Result<T>> {
  const refused = blocking.refuses(ready);
  return refused.ok && refused.value ? err(WOULD_BLOCK) : settle(call);
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
  /** The server, as an object of `twinwire`. */
  readonly server: TcpServer;
  readonly #blocking = new Blocking();

  /** Wraps a server of `twinwire`. */
  constructor(server: TcpServer) {
    this.server = server;
  }

  /** Listens at `"host:port"` or `"[ipv6]:port"`; port 0: any free port. */
  static bind(addr: string): Promise<Result<TcpListener>> {
    return settle(async () => {
      const { host, port } = splitAddress(addr);
      const server = new TcpServer(host, port);
      await server.opened;
      return new TcpListener(server);
    });
  }

  /** Waits for the next connection and accepts it. */
  accept(): Promise<Result<TcpStream>> {
    const { server } = this;
    return unlessBlocked(
      this.#blocking,
      () => server.canAccept,
      async () => new TcpStream(await server.accept()),
    );
  }

  /** Returns the address at which it listens; an error after `close`. */
  local_addr(): Result<string> {
    return attempt(() => this.server.addr());
  }

  /** Sets non-blocking mode, in which `accept` fails with `"would block"` if no connection waits. Default: false. */
  set_nonblocking(enabled: boolean): Result<void> {
    return this.#blocking.set(enabled, () => this.server.addr());
  }

  /** Alias of `local_addr`. */
  localAddr(): Result<string> {
    return this.local_addr();
  }

  /** Alias of `set_nonblocking`. */
  setNonblocking(enabled: boolean): Result<void> {
    return this.set_nonblocking(enabled);
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
  /** The connection, as an object of `twinwire`. */
  readonly conn: Conn;
  readonly #blocking = new Blocking();

  /** Wraps a connection of `twinwire`. */
  constructor(conn: Conn) {
    this.conn = conn;
  }

  /** Connects to `"host:port"` or `"[ipv6]:port"`. */
  static connect(addr: string): Promise<Result<TcpStream>> {
    return settle(async () => {
      const { host, port } = splitAddress(addr);
      const conn = new TcpConnection(host, port);
      await conn.opened;
      return new TcpStream(conn);
    });
  }

  /** Reads what has arrived, or waits for it: 1 to `size` bytes, or none at the end of the stream. */
  read(size: number): Promise<Result<ReceivedBytes>> {
    const { conn } = this;
    return unlessBlocked(
      this.#blocking,
      () => conn.canRead,
      () => conn.read(size),
    );
  }

  /** Writes as much as fits, at least one byte. Returns the number of bytes. */
  write(data: Uint8Array | readonly number[]): Promise<Result<number>> {
    const { conn } = this;
    return unlessBlocked(
      this.#blocking,
      () => conn.canWrite,
      async () => conn.write(bytesOf(data)),
    );
  }

  /** Closes the connection. What was written is still sent. */
  close(): void {
    this.conn.close();
  }

  /** Sets non-blocking mode, in which `read` and `write` fail with `"would block"` instead of waiting. Default: false. */
  set_nonblocking(enabled: boolean): Result<void> {
    return this.#blocking.set(enabled, () => this.conn.localAddr());
  }

  /** Returns the peer's address; an error after `close`. */
  peer_addr(): Result<string> {
    return attempt(() => this.conn.remoteAddr());
  }

  /** Returns the local address; an error after `close`. */
  local_addr(): Result<string> {
    return attempt(() => this.conn.localAddr());
  }

  /** Alias of `set_nonblocking`. */
  setNonblocking(enabled: boolean): Result<void> {
    return this.set_nonblocking(enabled);
  }

  /** Alias of `peer_addr`. */
  peerAddr(): Result<string> {
    return this.peer_addr();
  }

  /** Alias of `local_addr`. */
  localAddr(): Result<string> {
    return this.local_addr();
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
  /** The socket, as an object of `twinwire`. */
  readonly socket: MainUdpSocket;
  readonly #blocking = new Blocking();

  /** Wraps a socket of `twinwire`. */
  constructor(socket: MainUdpSocket) {
    this.socket = socket;
  }

  /** Binds `"ip:port"` or `"[ipv6]:port"`; port 0: any free port. */
  static bind(addr: string): Promise<Result<UdpSocket>> {
    return settle(async () => {
      const { host, port } = splitAddress(addr);
      const socket = new MainUdpSocket(host, port);
      await socket.opened;
      return new UdpSocket(socket);
    });
  }

  /** Sets the peer: datagrams of others are ignored, and `peer_addr` returns it. */
  connect(addr: string): Promise<Result<void>> {
    return settle(async () => {
      const { host, port } = splitAddress(addr);
      await this.socket.connect(host, port);
    });
  }

  /** Sends one datagram. Returns the number of its bytes. */
  send_to(data: Uint8Array | readonly number[], addr: string): Promise<Result<number>> {
    return settle(async () => {
      const { host, port } = splitAddress(addr);
      return this.socket.sendTo(bytesOf(data), host, port);
    });
  }

  /** Waits for a datagram. Returns its first `size` bytes and the sender's address. */
  recv_from(size: number): Promise<Result<[ReceivedBytes, string]>> {
    const { socket } = this;
    return unlessBlocked(
      this.#blocking,
      () => socket.canReceive,
      async () => {
        const { data, address } = await socket.recvFrom(size);
        return [data, address] as [ReceivedBytes, string];
      },
    );
  }

  /** Closes the socket. */
  close(): void {
    this.socket.close();
  }

  /** Sets non-blocking mode, in which `recv_from` fails with `"would block"` if no datagram waits. Default: false. */
  set_nonblocking(enabled: boolean): Result<void> {
    return this.#blocking.set(enabled, () => this.socket.localAddr());
  }

  /** Returns the address of the peer that `connect` set; an error without one and after `close`. */
  peer_addr(): Result<string> {
    return attempt(() => this.socket.remoteAddr());
  }

  /** Returns the local address; an error after `close`. */
  local_addr(): Result<string> {
    return attempt(() => this.socket.localAddr());
  }

  /** Alias of `send_to`. */
  sendTo(data: Uint8Array | readonly number[], addr: string): Promise<Result<number>> {
    return this.send_to(data, addr);
  }

  /** Alias of `recv_from`. */
  recvFrom(size: number): Promise<Result<[ReceivedBytes, string]>> {
    return this.recv_from(size);
  }

  /** Alias of `set_nonblocking`. */
  setNonblocking(enabled: boolean): Result<void> {
    return this.set_nonblocking(enabled);
  }

  /** Alias of `peer_addr`. */
  peerAddr(): Result<string> {
    return this.peer_addr();
  }

  /** Alias of `local_addr`. */
  localAddr(): Result<string> {
    return this.local_addr();
  }
}

const calls = {
  /** Sends a request and waits for the response, as `http.request` of `twinwire`. */
  request(req: HttpRequest, options?: HttpRequestOptions): Promise<Result<HttpResponse>> {
    return settle(() => main.request(req, options));
  },

  /** Reads one request from a connected stream. */
  read_request(stream: HttpConn, options?: ReadRequestOptions): Promise<Result<HttpServerRequest>> {
    return settle(() => main.read_request(stream, options));
  },

  /** Writes a response with a JSON body; `content-type` is `application/json` unless `headers` has another one. */
  write_response(stream: HttpConn, response: HttpServerResponse, options?: WaitOptions): Promise<Result<void>> {
    return settle(() => main.write_response(stream, response, options));
  },
} as const;

/**
 * HTTP/1.1 with results, and with JSON bodies. The calls are those of `http` of `twinwire`.
 *
 * ```ts
 * const response = unwrap(await http.request({ method: "GET", url: "http://127.0.0.1:8080/" }));
 * console.log(response.status, response.body);
 * ```
 */
export const http = {
  ...calls,
  /** Alias of `read_request`. */
  readRequest: calls.read_request,
  /** Alias of `write_response`. */
  writeResponse: calls.write_response,
} as const;
