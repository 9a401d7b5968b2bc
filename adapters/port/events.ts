/** What a port delivers to the engine, and the memory that it puts received bytes into. */

/**
 * Bytes that arrived, the receiver's to keep: `Uint8Array<ArrayBuffer>`, which `Blob` and `crypto.subtle` take, and
 * `Uint8Array` before TypeScript 5.7, which does not distinguish the two.
 */
export type ReceivedBytes = ReturnType<Uint8Array["slice"]>;

/** What a port delivers to the engine. To be called from the event loop, never inside a call of `Port`. */
export interface PortEvents {
  /** The connection is established; the listener listens. */
  connected(handle: number): void;

  /**
   * A listener has a new connection, from which nothing was read. If there is room for it, `register` is called inside with
   * its handle: the port must know the socket by it when `register` returns. It may be closed before `accepted` returns.
   *
   * @returns whether it was registered. If not, the port drops the connection.
   */
  accepted(listener: number, register: (handle: number) => void): boolean;

  /** The TLS handshake is done. */
  secured(handle: number): void;

  /**
   * `size` bytes (1 to `memory.received.length`) are at the start of `memory.received`. They are consumed when this returns.
   * `read` may be called inside.
   */
  received(handle: number, size: number): void;

  /**
   * As `received`, but the bytes (1 to `memory.received.length`) are in memory of the runtime, and the port gives them away: it
   * neither reads nor writes them any more. On sockets with `takesBytes` this saves two copies; on all others it is as if
   * the port had copied them.
   */
  given(handle: number, bytes: ReceivedBytes): void;

  /**
   * The peer ended its half of the stream. A TLS stream that ends without close_notify has been cut off: where the runtime
   * reports that, the port delivers `closed` with ERR_ENDED instead. `certain` is false where the runtime hides whether it
   * was cut off; then the end is not reported as a clean one. Default: true.
   */
  ended(handle: number, certain?: boolean): void;

  /** Ends the loan of the last `write`: the system took `size` more of its bytes. The engine passes the rest again. */
  written(handle: number, size: number): void;

  /** The socket is closed. `error` is 0 for an orderly end. The port has forgotten the handle. */
  closed(handle: number, error: number, cause?: unknown): void;

  /** A datagram of `size` bytes, 0 included, is in `memory.received`. `address` is literal, without brackets. */
  datagram(handle: number, size: number, address: string, port: number): void;

  /**
   * Something that had been accepted failed later, and the socket lives on: a datagram that could not leave. `target`: its
   * destination as `"ip:port"`, if it was one. Default: what the handle was opened with.
   */
  failed(handle: number, error: number, cause?: unknown, target?: string): void;

  /** The timer that `Clock.wake` set has fired. */
  wake(): void;

  /** The deferred call that `Clock.later` asked for. */
  later(): void;
}

/** The core's memory, as far as a port may see it. */
export interface PortMemory {
  /**
   * Where received bytes are put, for all sockets. It may be written whenever the engine is not inside a delivery. A `Buffer`
   * where the runtime has one. It never moves.
   */
  readonly received: Uint8Array;
}
