/**
 * Sockets whose calls wait and never throw. Each returns `{ ok: true, value }` or `{ ok: false, error }`, with the error as one
 * text that begins with its code.
 */
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import type { HttpRequest, HttpResponse, HttpServerRequest, HttpServerResponse } from "../http/types.ts";
import { bytesOf, splitAddress } from "../internal/arguments.ts";
import { attempt, Blocking, err, type Result, WOULD_BLOCK } from "../internal/result.ts";
import { type Conn, TcpConnection } from "./conn.ts";
import { type HttpConn, type HttpRequestOptions, http as main, type ReadRequestOptions } from "./http.ts";
import { TcpServer } from "./server.ts";
import { UdpSocket as MainUdpSocket } from "./udp.ts";

export { type Err, err, type Ok, ok, type Result, unwrap, WOULD_BLOCK } from "../internal/result.ts";

/** Calls `call`; in non-blocking mode only if it would not have to wait. */
function unlessBlocked<T>(blocking: Blocking, ready: () => boolean, call: () => T): Result<T> {
  const refused = blocking.refuses(ready);
  return refused.ok && refused.value ? err(WOULD_BLOCK) : attempt(call);
}

/**
 * A TCP server whose calls return results.
 *
 * ```ts
 * const listener = unwrap(TcpListener.bind("127.0.0.1:0"));
 * const stream = unwrap(listener.accept());
 * ```
 */
export class TcpListener {
  /** The server, as an object of `twinwire/sync`. */
  readonly server: TcpServer;
  readonly #blocking = new Blocking();

  /** Wraps a server of `twinwire/sync`. */
  constructor(server: TcpServer) {
    this.server = server;
  }

  /** Listens at `"host:port"` or `"[ipv6]:port"`; port 0: any free port. */
  static bind(addr: string): Result<TcpListener> {
    return attempt(() => {
      const { host, port } = splitAddress(addr);
      return new TcpListener(new TcpServer(host, port));
    });
  }

  /** Waits for the next connection and accepts it. */
  accept(): Result<TcpStream> {
    const { server } = this;
    return unlessBlocked(
      this.#blocking,
      () => server.canAccept,
      () => new TcpStream(server.accept()),
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
 * const stream = unwrap(TcpStream.connect("127.0.0.1:8080"));
 * stream.write([104, 105]);
 * const got = stream.read(1024);
 * if (got.ok) console.log(got.value);
 * stream.close();
 * ```
 */
export class TcpStream {
  /** The connection, as an object of `twinwire/sync`. */
  readonly conn: Conn;
  readonly #blocking = new Blocking();

  /** Wraps a connection of `twinwire/sync`. */
  constructor(conn: Conn) {
    this.conn = conn;
  }

  /** Connects to `"host:port"` or `"[ipv6]:port"`. */
  static connect(addr: string): Result<TcpStream> {
    return attempt(() => {
      const { host, port } = splitAddress(addr);
      return new TcpStream(new TcpConnection(host, port));
    });
  }

  /** Reads what has arrived, or waits for it: 1 to `size` bytes, or none at the end of the stream. */
  read(size: number): Result<ReceivedBytes> {
    const { conn } = this;
    return unlessBlocked(
      this.#blocking,
      () => conn.canRead,
      () => conn.read(size),
    );
  }

  /** Writes as much as fits, at least one byte. Returns the number of bytes. */
  write(data: Uint8Array | readonly number[]): Result<number> {
    const { conn } = this;
    return unlessBlocked(
      this.#blocking,
      () => conn.canWrite,
      () => conn.write(bytesOf(data)),
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
 * const socket = unwrap(UdpSocket.bind("127.0.0.1:0"));
 * socket.send_to([1, 2, 3], "127.0.0.1:5353");
 * const [data, from] = unwrap(socket.recv_from(1500));
 * ```
 */
export class UdpSocket {
  /** The socket, as an object of `twinwire/sync`. */
  readonly socket: MainUdpSocket;
  readonly #blocking = new Blocking();

  /** Wraps a socket of `twinwire/sync`. */
  constructor(socket: MainUdpSocket) {
    this.socket = socket;
  }

  /** Binds `"ip:port"` or `"[ipv6]:port"`; port 0: any free port. */
  static bind(addr: string): Result<UdpSocket> {
    return attempt(() => {
      const { host, port } = splitAddress(addr);
      return new UdpSocket(new MainUdpSocket(host, port));
    });
  }

  /** Sets the peer: datagrams of others are ignored, and `peer_addr` returns it. */
  connect(addr: string): Result<void> {
    return attempt(() => {
      const { host, port } = splitAddress(addr);
      this.socket.connect(host, port);
    });
  }

  /** Sends one datagram. Returns the number of its bytes. */
  send_to(data: Uint8Array | readonly number[], addr: string): Result<number> {
    return attempt(() => {
      const { host, port } = splitAddress(addr);
      return this.socket.sendTo(bytesOf(data), host, port);
    });
  }

  /** Waits for a datagram. Returns its first `size` bytes and the sender's address. */
  recv_from(size: number): Result<[ReceivedBytes, string]> {
    const { socket } = this;
    return unlessBlocked(
      this.#blocking,
      () => socket.canReceive,
      () => {
        const { data, address } = socket.recvFrom(size);
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
  sendTo(data: Uint8Array | readonly number[], addr: string): Result<number> {
    return this.send_to(data, addr);
  }

  /** Alias of `recv_from`. */
  recvFrom(size: number): Result<[ReceivedBytes, string]> {
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
  /** Sends a request and waits for the response. */
  request(req: HttpRequest, options?: HttpRequestOptions): Result<HttpResponse> {
    return attempt(() => main.request(req, options));
  },

  /** Reads one request from a connected stream. */
  read_request(stream: HttpConn, options?: ReadRequestOptions): Result<HttpServerRequest> {
    return attempt(() => main.read_request(stream, options));
  },

  /** Writes a response with a JSON body; `content-type` is `application/json` unless `headers` has another one. */
  write_response(stream: HttpConn, response: HttpServerResponse): Result<void> {
    return attempt(() => main.write_response(stream, response));
  },
} as const;

/** HTTP/1.1 with results, and with JSON bodies. */
export const http = {
  ...calls,
  /** Alias of `read_request`. */
  readRequest: calls.read_request,
  /** Alias of `write_response`. */
  writeResponse: calls.write_response,
} as const;
