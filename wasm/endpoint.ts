import type { ReceivedBytes, SocketOptions, TlsOptions } from "../adapters/port.ts";
import { type Deadline, type Kind, NONE } from "./abi.gen.ts";
import type { TwinwireError } from "./errors.ts";

/** How an open connection ended. */
export interface Ending {
  /** WebSocket: the close code. TCP: 0, or the number of an error. */
  readonly code: number;
  /** Whether the end was orderly. */
  readonly clean: boolean;
  /** Bytes that were queued and never written. */
  readonly unsent: number;
  /** Milliseconds to the next attempt, or `FOREVER`. */
  readonly retryMs: number;
}

const PLAIN: SocketOptions = {};

/**
 * The events of one handle. An API overrides the methods that it needs; they are called in an iteration of
 * the event loop, never inside a call. Places (`at`, `size`) are in linear memory and borrowed for the call.
 */
export abstract class Endpoint {
  /** What it is. */
  readonly kind: Kind;
  /** Whom it talks to, for error messages: `"host:port"` or a URL. */
  readonly address: string;
  /** The engine's number for it; `NONE` before it is open. Only the engine sets it. */
  handle: number = NONE;
  /**
   * Whether the application has closed it: its number is stale for every call, and the next `disconnected` is its last
   * word. Only the engine sets it.
   */
  released = false;
  /** Whether it keeps the process alive. Only the engine sets it. */
  kept = true;
  /** How its sockets are made. To be set before it is opened. */
  options: SocketOptions = PLAIN;
  /** How TLS is done on it; a listener's is that of the connections it accepts. Only the engine sets it (`setTls`). */
  tls: TlsOptions | undefined;

  /**
   * Whether the peer ended a stream that may have been cut off, before the application closed it. Only the engine sets it.
   */
  uncertainEnd = false;

  /** The addresses that it may connect to, as `twc_tcp_connect_allowed` has them. To be set before it is opened. */
  policy: string | undefined;

  /** Whether it connects through a proxy: its TLS begins in the tunnel. Only the engine sets it. */
  tunneled = false;

  /** Whether it takes bytes that the port gives away, by `given`. Not while the core reads HTTP for it. */
  takesBytes = false;

  constructor(kind: Kind, address: string) {
    this.kind = kind;
    this.address = address;
  }

  /** The connection is open. */
  connected(): void {}

  /**
   * A listener has a new connection. Returns the endpoint of the new handle; `connected` or `error` follows there. `undefined`
   * closes it.
   */
  accepted(_handle: number): Endpoint | undefined {
    return undefined;
  }

  /** A connection that `accepted` returned an endpoint for has its handle. Nothing was delivered to it yet. */
  registered(_connection: Endpoint): void {}

  /** What `startTls` began is done: what follows is protected. */
  secured(): void {}

  /** The peer ended its half of a stream that `setHalfOpen` keeps open. */
  ended(): void {}

  /** A deadline passed. */
  deadline(_which: Deadline): void {}

  /** An open connection ended, or one that never opened was given up. */
  disconnected(_ending: Ending): void {}

  /** Bytes of a TCP stream. `ascii`: each is below 128. */
  data(_at: number, _size: number, _ascii: boolean): void {}

  /** As `data`: bytes that are the endpoint's to keep. Only if it `takesBytes`. */
  given(_bytes: ReceivedBytes): void {}

  /** A datagram, and from whom. */
  datagram(_at: number, _size: number, _address: string, _port: number): void {}

  /**
   * A part of the head of the message that `http.read` awaits, or of the answer to a WebSocket handshake. `flags`:
   * `EventFlag`; with `FINAL`, `code` is the status of a response, and `what` are `HttpFlag` bits.
   */
  httpHead(_at: number, _size: number, _flags: number, _code: number, _what: number): void {}

  /** A part of its body, without framing; `flags`: `EventFlag`. */
  httpBody(_at: number, _size: number, _flags: number): void {}

  /** A part of its trailer section; `flags`: `EventFlag`. */
  httpTrailer(_at: number, _size: number, _flags: number): void {}

  /** The message is over. `error`: 0, or the number of one; then `status` is what to answer a request with. */
  httpEnd(_error: number, _status: number): void {}

  /** A WebSocket message or a part of one; `flags`: `EventFlag`. */
  message(_at: number, _size: number, _flags: number): void {}

  /** What was refused fits now. */
  drain(): void {}

  /**
   * An attempt or a connection failed. Making the error costs a stack trace, so it is made when asked for. `retryMs`:
   * milliseconds to the next attempt, or `FOREVER`.
   */
  error(_make: () => TwinwireError, _retryMs: number): void {}

  /** The peer's close frame came: its code, 1005 for none, and its reason. */
  closing(_code: number, _at: number, _size: number): void {}

  /** A ping came; the pong is already queued. */
  ping(_at: number, _size: number): void {}

  /** A pong came. */
  pong(_at: number, _size: number): void {}
}
