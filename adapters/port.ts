/**
 * The port: what a host supplies to the engine, and what it delivers. An adapter is a folder with an `index.ts` that exports
 * `createPort(): Port`. It has no protocol logic and imports neither another adapter nor the engine, only this file and
 * `wasm/abi.gen.ts`. JavaScript runtimes that have Node's modules extend `shared/port.ts`; `template/` is the start of any
 * other one. Its first comment lists the steps, and what went wrong in adapters before.
 *
 * Rules:
 * - A call of `Port` returns immediately and delivers nothing before it has returned. A runtime that calls back inside its
 *   own write or close needs `queueMicrotask`.
 * - A call of `Port` never throws. A failure is a negative number of the error table (`Errors.ERR_….value`) or is delivered;
 *   `cause` has the runtime's own error.
 * - Bytes that are passed to a call are views of the core's memory, borrowed for the call or as its text says.
 * - A handle identifies a socket from `open` (or `PortEvents.accepted`) to `close` or `PortEvents.closed`. Nothing is
 *   delivered for it before or after.
 *
 * The life of a connection: `open`, then `connected` (or `closed`); `startTls`, then `secured` (or `closed`); `write` and
 * `written`, `received`, `read` in any order; `ended` when the peer has ended its half, `shutdown` when we end ours. It ends
 * with `close`, called by the engine, or with `closed`, delivered by the port.
 *
 * An orderly close of a stream has two steps. The engine calls `shutdown` once everything was written, goes on reading and
 * discards what it receives until `ended` is delivered or a time limit passes, and then calls `close`. So `shutdown` must
 * leave reading on: a socket that is closed while received bytes are unread resets the connection, and the peer loses what
 * it has not read yet (RFC 9293 3.10.4). Over TLS, `shutdown` sends close_notify and FIN.
 *
 * The suites of test/adapters check all of this against real sockets; `faultSuite` does so with peers that reset, cut off, do
 * not answer, or answer late.
 */
import type { AddressOf, Close, SocketKind } from "../wasm/abi.gen.ts";

/**
 * Bytes that arrived, the receiver's to keep: `Uint8Array<ArrayBuffer>`, which `Blob` and `crypto.subtle` take, and
 * `Uint8Array` before TypeScript 5.7, which does not distinguish the two.
 */
export type ReceivedBytes = ReturnType<Uint8Array["slice"]>;

/** What an adapter exports. */
export interface Host {
  /** Makes the port of a new engine. */
  createPort(): Port;
}

/** The options of a socket. They hold for all sockets that a handle has in its life. Default: off. */
export interface SocketOptions {
  /** TCP_NODELAY. A listener's option holds for the connections that it accepts. Default: true. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE, with the idle time before the first probe. Default: false. */
  readonly keepAlive?: boolean | { readonly initialDelayMs: number } | undefined;
  /**
   * Of a TCP connection with a policy: whether it may go to this literal address, to which its host was resolved. Addresses that
   * it may not go to are left out; with none left, the connection fails with ERR_POLICY. Never called inside `open`. A port that
   * can't ask need not: the core checks `address` before it sends anything.
   */
  readonly allows?: ((address: string) => boolean) | undefined;
  /** The connections of a listener that may wait to be accepted. Default: the host's own. */
  readonly backlog?: number | undefined;
  /** A UDP socket's port may be bound by several sockets (SO_REUSEADDR), as members of a group need. Default: false. */
  readonly reuseAddress?: boolean | undefined;
  /** Whether bytes may be delivered by `PortEvents.given`. Never where the core reads the bytes. */
  readonly takesBytes?: boolean | undefined;
  /**
   * A listener that never listens: its connections are passed to `Port.adopt`. Name and port have no meaning. Only where
   * the port has `adopt`.
   */
  readonly adopts?: boolean | undefined;
  /** Other listeners may have the same address (SO_REUSEPORT); the system distributes the connections. Default: false. */
  readonly reusePort?: boolean | undefined;
  /**
   * TLS with what a TCP connection is made to, such as a proxy, verified for the name that is connected to. `connected` follows
   * its handshake; `closed` with the ERR_TLS… of the check that failed. `startTls` then puts another TLS upon it. Only where
   * `Port.outerTls` is there.
   */
  readonly outerTls?: TlsOptions | undefined;
  /** A socket that listens already: a file descriptor, or an object of the runtime. Name and port have no meaning then. */
  readonly inherited?: unknown;
}

/**
 * One option of a UDP socket. Groups are literal multicast addresses. An interface is named by a local IPv4 address of it,
 * or for IPv6 as `"::%NAME"`; without one the system chooses.
 */
export type UdpOption =
  /** Whether datagrams may go to broadcast addresses (SO_BROADCAST). Default: false. */
  | { readonly broadcast: boolean }
  /** Receives what is sent to a group. */
  | { readonly join: string; readonly interface?: string | undefined }
  | { readonly leave: string; readonly interface?: string | undefined }
  /** Hops of what is sent to groups, 0 to 255. Default: 1, the local network. */
  | { readonly multicastTtl: number }
  /** Whether what is sent to groups is also received on this machine. Default: true. */
  | { readonly multicastLoopback: boolean }
  /** The interface that sends to groups. */
  | { readonly multicastInterface: string };

/** Certificates or a key in PEM, as text or bytes. One certificate may also be DER. */
export type Pem = string | Uint8Array;

/** TLS options. Default: a client verifies the server by the authorities that the host trusts. */
export interface TlsOptions {
  /** The authorities to trust instead of the host's. */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** Our certificate and its intermediate certificates. Required for a server. */
  readonly cert?: Pem | undefined;
  /** The private key of `cert`. */
  readonly key?: Pem | undefined;
  /** The passphrase of `key`, if it is encrypted. */
  readonly passphrase?: string | undefined;
  /** The name to ask for (SNI) and to verify. Default: the name that was connected to. */
  readonly servername?: string | undefined;
  /** The protocols to offer or to accept, in order of preference, RFC 7301. */
  readonly alpn?: readonly string[] | undefined;
  /** Whether a peer whose certificate fails a check is refused. A pin is checked in any case. Default: true. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** Whether a server asks its clients for a certificate. Default: false. */
  readonly requestCert?: boolean | undefined;
  /** The SHA-256 fingerprint that the peer's certificate must have, in hex with or without colons. */
  readonly pin?: string | undefined;
  /** The oldest version to negotiate. Default: TLS 1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
}

/** What a TLS handshake negotiated. */
export interface TlsInfo {
  /** The protocol that ALPN chose, or `""`. */
  readonly alpn: string;
  /** `"TLSv1.3"`, `"TLSv1.2"` */
  readonly protocol: string;
  /** The cipher suite by its name in the standard. */
  readonly cipher: string;
  /** SHA-256 of the peer's certificate in upper-case hex with colons; `""` if it sent none. */
  readonly peerFingerprint: string;
  /** Whether the peer's certificate passed every check. */
  readonly authorized: boolean;
}

/** The result of a look-up: one or more addresses, or an error. */
export interface Resolution {
  /** 0, or a number of the error table. */
  readonly error: number;
  /** Literal addresses in the order in which they are to be tried. */
  readonly addresses: readonly string[];
  /** What the runtime reported. */
  readonly cause?: unknown;
}

/** Sockets, time and random bytes. `handle` is the engine's number for a socket. */
export interface Port {
  /** The host's name in documentation and error messages: `"node"`, `"bun"`, … */
  readonly name: string;

  /** Passes what the port delivers to, and the memory it may use. Called once, before everything else. */
  attach(deliver: PortEvents, memory: PortMemory): void;

  /**
   * Opens a socket for `handle`. Reading is on.
   *
   * - `SocketKind.TCP` connects to `name`, a host name or a literal address, and `port`. The addresses of a name are raced
   *   (RFC 8305): the next attempt starts after 250 ms or when one fails, earlier ones go on, the first connection wins.
   * - `SocketKind.UNIX` connects to the path `name`.
   * - `SocketKind.UDP` binds the local literal address `name` (`""`: any IPv4 one) and `port` (0: any free one). It is
   *   ready at once.
   * - `SocketKind.TCP_LISTENER` listens on the local name or address `name` (`""`: every one) and `port` (0: any free one).
   * - `SocketKind.UNIX_LISTENER` listens at the path `name`. An existing file is not touched: ERR_IN_USE.
   *
   * But for UDP, `connected` (connected, listening) or `closed` follows. `tls` is given if `startTls` with the same
   * options will follow `connected` immediately: a port may start it by itself.
   *
   * @returns 0, or the error if it is certain immediately; then nothing is delivered for the handle, and `cause` has
   * the runtime's error.
   */
  open(handle: number, kind: SocketKind, name: string, port: number, options: SocketOptions, tls?: TlsOptions): number;

  /**
   * Writes `pieces` in order, as one write if possible. Returns how many bytes the system has taken. If that is all of
   * them, array and bytes are borrowed for the call only. If it is fewer, the port owes one `written`: until then it may
   * read the rest, and `write` is not called again for this socket. `written` reports how many more bytes the system took
   * and ends the loan; the engine passes what is left again. Bytes of a write that failed are not reported.
   *
   * A port whose runtime reports how many bytes the kernel took (Bun, POSIX) returns that number and, once the socket is
   * writable again, delivers `written(handle, 0)`. A port whose runtime takes everything and calls back (Node) returns 0
   * and delivers `written(handle, all)`.
   *
   * @returns how many bytes the system took, 0 to all; or an error, after which the engine closes the socket. An error that
   * occurs later is delivered by `closed`.
   */
  write(handle: number, pieces: readonly Uint8Array[]): number;

  /**
   * Sends one datagram to a literal address. All arguments are borrowed for the call: a port that can't send immediately
   * copies or refuses.
   *
   * `address` is `""` on a socket that `connectUdp` has given a peer: it goes there.
   *
   * @returns `data.length`, ERR_BACKPRESSURE, or another error; never a part. An error that occurs later is
   * delivered by `failed`. After ERR_BACKPRESSURE the port owes one `written(handle, 0)`, when there is room again.
   */
  sendTo(handle: number, address: string, port: number, data: Uint8Array): number;

  /** Ends our half of a stream: FIN, over TLS behind close_notify. Everything was written. Reading goes on. */
  shutdown(handle: number): void;

  /**
   * Fixes the peer of a UDP socket: datagrams of others are no longer delivered. A port whose runtime answers later queues
   * what is sent until then, and delivers a failure by `failed`.
   *
   * @returns 0 or an error.
   */
  connectUdp(handle: number, address: string, port: number): number;

  /**
   * Sets an option of a UDP socket. Absent where the runtime has neither broadcasts nor multicast.
   *
   * @returns 0; ERR_ADDRESS for what is no such group or interface, ERR_UNREACHABLE for one of the other family, or another
   * error.
   */
  setUdpOption?(handle: number, option: UdpOption): number;

  /**
   * Starts TLS on a connected stream, as client or, on an accepted one, as server. `name` is the server's name to verify;
   * `""`: the one the socket was opened with, and of an accepted one none. `options.servername` goes before both.
   * `secured` follows, or `closed` with the ERR_TLS… of the check that failed. Between the two reading is on.
   *
   * @returns 0, or ERR_UNSUPPORTED, or the error with which the options were refused.
   */
  startTls(handle: number, name: string, options: TlsOptions): number;

  /** What the TLS handshake of a stream negotiated; `undefined` without TLS. */
  tlsInfo(handle: number): TlsInfo | undefined;

  /**
   * Looks a name up as `open` does. `family` 0: addresses of both families. A literal address is returned as it is. The
   * promise is never rejected.
   */
  resolve(host: string, family: 0 | 4 | 6): Promise<Resolution>;

  /** Stops or resumes reading. A stopped socket delivers neither `received` nor `ended` nor `datagram`. */
  read(handle: number, on: boolean): void;

  /**
   * Closes a socket. Nothing is delivered for `handle` any more, and no borrowed byte is read.
   * `Close.ORDERLY`: what was written is sent, then FIN; datagrams that were accepted leave. `Close.ABORT`: immediately,
   * RST. Not called after `closed`.
   */
  close(handle: number, how: Close): void;

  /**
   * One end's address as `"ip:port"` or `"[ipv6]:port"`, or an error. Of a Unix socket only the end that listens has one,
   * its path; the other has `""`.
   */
  address(handle: number, which: AddressOf): string | number;

  /** Fills `target` (1 to 256 bytes, borrowed for the call) from a cryptographically secure generator. */
  random(target: Uint8Array): void;

  /** Whether an open socket keeps the process alive. Also called for a socket that reconnects. Default: true. */
  keep(handle: number, on: boolean): void;

  /** Whether the network is up and has an address. A host that does not know returns true. */
  isUp(): boolean;

  /**
   * Takes over a connected stream of the runtime that another part of the program has accepted, for a listener that was
   * opened with `adopts`. It is delivered by `accepted` later, like any other connection. `head` was read from it already
   * and is delivered first. Absent where the runtime's streams can't be taken over.
   *
   * @param refused called instead if the engine has no room for it: the stream belongs to the caller again, unread.
   * @returns 0; ERR_ARGUMENT for what is no such stream, ERR_STATE for one that has ended, or without such a listener.
   */
  adopt?(listener: number, socket: unknown, head: Uint8Array, refused: () => void): number;

  /** Returns 0 if the runtime takes these options for a server, otherwise an error. Absent where it does not do TLS. */
  checkTls?(tls: TlsOptions): number;

  /**
   * What the runtime reported when `open`, `sendTo`, `connectUdp` or `startTls` last returned an error; absent where it
   * reports nothing.
   */
  readonly cause?: unknown;

  /** Whether the port has `SocketOptions.outerTls`. Default: it does not. */
  readonly outerTls?: boolean;

  /** Channels on which the events of handles are published; absent where the runtime has none. */
  readonly diagnostics?: DiagnosticsHost;

  /** The host's library for raw DEFLATE; absent where there is none: then compression is refused. */
  readonly deflate?: DeflateHost;

  /**
   * Decodes a content coding of HTTP, part by part. The result fails for invalid or incomplete data, and with what `source`
   * fails with; ending its iteration ends that of `source`. Absent where the host has no zlib.
   */
  decode?(coding: ContentCoding, source: AsyncIterable<ReceivedBytes>): AsyncIterable<ReceivedBytes>;

  /**
   * A variable of the environment; `undefined` if it is not set or the program may not read it. Never asks the user. Absent
   * where there is no environment.
   */
  env?(name: string): string | undefined;

  /** The host's clock and timer. */
  readonly clock: Clock;
}

/** A content coding of HTTP that hosts can decode. RFC 9110 8.4.1, RFC 7932 */
export type ContentCoding = "gzip" | "deflate" | "br";

/** Raw DEFLATE (RFC 1951), message by message, as permessage-deflate has it (RFC 7692 7.2). */
export interface DeflateHost {
  /** Makes a compressor for the messages of one connection. */
  compressor(options: CompressorOptions): Compressor;
  /** Makes a decompressor for the messages of its peer. */
  decompressor(options: DecompressorOptions): Decompressor;
  /**
   * Compresses a message within the call, as a compressor does whose window holds `window`: the end of what was compressed
   * before, at most 2 ** `windowBits` bytes. Both are borrowed for the call.
   *
   * @returns bytes that belong to the caller, or an error number.
   */
  compressNow(data: Uint8Array, options: CompressorOptions, window: Uint8Array): Uint8Array | number;
}

/** How messages are inflated. */
export interface DecompressorOptions {
  /** The binary logarithm of the window, 9 to 15. */
  readonly windowBits: number;
  /** Whether the window is kept from message to message. Without it nothing may be held between messages. */
  readonly takeover: boolean;
}

/** How messages are compressed. */
export interface CompressorOptions extends DecompressorOptions {
  /** 1 (fast) to 9 (small); the library's own default if this is not set. */
  readonly level?: number | undefined;
  /** Memory for the library's state, 1 to 9; its own default if this is not set. */
  readonly memLevel?: number | undefined;
}

/** Receives the resulting bytes, which belong to the receiver, or an error number and the library's error. */
export type Transformed = (result: ReceivedBytes | number, cause?: unknown) => void;

/** One call at a time: the next call follows `done`, which is called later, never inside the call. */
export interface Compressor {
  /** Compresses a message, flushed to a byte boundary, without the 00 00 FF FF at its end. `data` is borrowed until `done`. */
  compress(data: Uint8Array, done: Transformed): void;
  /** Releases it. `done` is not called any more. */
  close(): void;
}

/** As `Compressor`. */
export interface Decompressor {
  /**
   * Inflates a message, to which 00 00 FF FF is appended (RFC 7692 7.2.2). It stops with ERR_WS_TOO_BIG as soon as there are
   * more than `most` bytes; ERR_WS_DEFLATE for invalid data. After an error it can't be used any more.
   */
  inflate(data: Uint8Array, most: number, done: Transformed): void;
  close(): void;
}

/** Named channels, as those of `node:diagnostics_channel`. */
export interface DiagnosticsHost {
  /** The channel of a name, always the same one. */
  channel(name: string): DiagnosticsChannel;
}

/** A channel of the process. */
export interface DiagnosticsChannel {
  /** Whether it has subscribers: read before a message is made. */
  readonly hasSubscribers: boolean;
  /** Passes a message to the subscribers, synchronously. */
  publish(message: unknown): void;
}

/** The clock, the one timer of the engine, and deferred calls. */
export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  now(): number;

  /** Delivers `wake` once, `delayMs` from now. It replaces the timer that was set before; `FOREVER` only clears that. */
  wake(delayMs: number): void;

  /** Delivers `later` once, in a later iteration of the event loop, after sockets were polled. */
  later(): void;

  /** Whether a timer that is set keeps the process alive. Default: true. */
  keep(on: boolean): void;
}

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
