/**
 * The port: all that a host supplies, and all that it delivers. An adapter is one folder that exports
 * `createPort(): Port`; it holds no protocol logic, knows no other adapter, and knows the engine only by this file.
 *
 * Three rules hold for all of it:
 * - A call of `Port` returns at once and never delivers anything before it has returned. A runtime that calls back
 *   inside its own write or close has to put that off (`queueMicrotask`).
 * - A call of `Port` never throws: what goes wrong is a number of the error table (`Errors.ERR_….value`, negative) or
 *   comes as a delivery. `cause` takes the runtime's own error to the application.
 * - Bytes that a call is handed are views of the core's memory. They are borrowed, for the call or as its text says.
 */
import type { AddressOf, Close, SocketKind } from "../wasm/abi.gen.ts";

/** What an adapter exports. */
export interface Host {
  /** Makes the port of a new engine. */
  createPort(): Port;
}

/** How a socket is to be made, for all the sockets that a handle has in its life. What is left out is off. */
export interface SocketOptions {
  /** TCP_NODELAY: on unless this is false. A listener's is that of the connections it accepts. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE, with the time that may pass in silence before the first probe. Off unless this is given. */
  readonly keepAlive?: boolean | { readonly initialDelayMs: number } | undefined;
  /** A listener's connections that may wait to be accepted; the host's own default unless this is given. */
  readonly backlog?: number | undefined;
  /** A UDP socket's port may be bound by several sockets (SO_REUSEADDR), as members of a group need. Default: false. */
  readonly reuseAddress?: boolean | undefined;
  /** Whether bytes may be delivered by `PortEvents.given`. Never for what the core has to read. */
  readonly takesBytes?: boolean | undefined;
  /**
   * A listener that never listens: its connections come by `Port.adopt`. Name and port mean nothing then. Asked for only
   * where the port has `adopt`.
   */
  readonly adopts?: boolean | undefined;
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

/** How TLS is to be done. Without any of it: a client verifies the server by the authorities that the host trusts. */
export interface TlsOptions {
  /** The authorities to trust instead of the host's. */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** Our certificate and those between it and its authority. A server needs one. */
  readonly cert?: Pem | undefined;
  /** The private key of `cert`. */
  readonly key?: Pem | undefined;
  /** What `key` is encrypted with. */
  readonly passphrase?: string | undefined;
  /** The name to ask for (SNI) and to verify, if it is not the name that was connected to. */
  readonly servername?: string | undefined;
  /** The protocols to offer or to accept, in order of preference, RFC 7301. */
  readonly alpn?: readonly string[] | undefined;
  /** Whether a peer whose certificate fails a check is refused: yes unless this is false. A pin is checked all the same. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** A server asks its clients for a certificate. */
  readonly requestCert?: boolean | undefined;
  /** The SHA-256 fingerprint that the peer's certificate must have, in hex with or without colons. */
  readonly pin?: string | undefined;
  /** The oldest version to speak: TLS 1.2 unless this is given. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
}

/** What two peers agreed on. */
export interface TlsInfo {
  /** The protocol that ALPN chose, or `""`. */
  readonly alpn: string;
  /** `"TLSv1.3"`, `"TLSv1.2"` */
  readonly protocol: string;
  /** The cipher suite by its name in the standard. */
  readonly cipher: string;
  /** SHA-256 of the peer's certificate, upper-case hex with colons; `""` if it showed none. */
  readonly peerFingerprint: string;
  /** Whether the peer's certificate passed every check. */
  readonly authorized: boolean;
}

/** What came of a look-up: addresses (1 or more), or an error. */
export interface Resolution {
  /** 0, or a number of the error table. */
  readonly error: number;
  /** Literal addresses in the order in which they are to be tried. */
  readonly addresses: readonly string[];
  /** What the runtime reported. */
  readonly cause?: unknown;
}

/** Sockets, time and random bytes, as the engine asks a host for them. `handle` is the engine's number for a socket. */
export interface Port {
  /** The host's name in documentation and error messages: `"node"`, `"bun"`, … */
  readonly name: string;

  /** Hands over what the port works with. Called once, before anything else. */
  attach(deliver: PortEvents, memory: PortMemory): void;

  /**
   * Opens a socket for `handle`. Reading is on.
   *
   * - `SocketKind.TCP` connects to `name`, a host name or a literal address, and `port`.
   * - `SocketKind.UNIX` connects to the path `name`.
   * - `SocketKind.UDP` binds the local literal address `name` (`""`: any IPv4 one) and `port` (0: any free one). It is
   *   ready at once.
   * - `SocketKind.TCP_LISTENER` listens on the local name or address `name` (`""`: every one) and `port` (0: any free one).
   * - `SocketKind.UNIX_LISTENER` listens at the path `name`. What lies there already is not touched: ERR_IN_USE.
   *
   * But for UDP, `connected` (connected, listening) or `closed` follows. `tls` is given if `startTls` with the same
   * options will follow `connected` at once: a port may begin it by itself.
   *
   * @returns 0, or the error if it is certain at once; then nothing is delivered for the handle, and `cause` has what
   * the runtime reported.
   */
  open(handle: number, kind: SocketKind, name: string, port: number, options: SocketOptions, tls?: TlsOptions): number;

  /**
   * Writes `pieces` in order, as one write if that is possible. The array is borrowed for the call, and so are the bytes
   * if the result says that all of them are done with. If it says fewer, the port owes one `written`: until then it may
   * go on reading the rest, and is offered nothing more on this socket. That `written` says how many more are done with
   * and ends the loan; what is left is offered anew.
   *
   * A port whose runtime copies, or tells how many bytes the kernel took (Bun, POSIX), returns that number and, once the
   * socket is writable again, delivers `written(handle, 0)`. A port whose runtime takes everything and calls back (Node)
   * returns 0 and delivers `written(handle, all)`.
   *
   * @returns how many bytes are done with, 0 to all; or an error, after which the socket is closed. An error that shows
   * later is told by `closed`.
   */
  write(handle: number, pieces: readonly Uint8Array[]): number;

  /**
   * Sends one datagram to a literal address. All arguments are borrowed for the call: a port that can't send at once
   * copies or refuses.
   *
   * `address` is `""` on a socket that `connectUdp` has given a peer: it goes there.
   *
   * @returns `data.length`, ERR_BACKPRESSURE, or another error; never a part. An error that only shows later is
   * delivered with `failed`. After ERR_BACKPRESSURE the port owes one `written(handle, 0)`, when there is room again.
   */
  sendTo(handle: number, address: string, port: number, data: Uint8Array): number;

  /** Ends our half of a stream: FIN. All that was written is done with. */
  shutdown(handle: number): void;

  /**
   * Fixes the peer of a UDP socket: others are no longer heard. A port whose runtime answers later queues what is sent
   * until then, and tells of what went wrong with `failed`.
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

  /** What TLS came to, or `undefined` where there is none. */
  tlsInfo(handle: number): TlsInfo | undefined;

  /**
   * Looks a name up as `open` does: 0 for addresses of both families. A literal address is its own answer. The promise is
   * never rejected.
   */
  resolve(host: string, family: 0 | 4 | 6): Promise<Resolution>;

  /** Stops or resumes reading. A stopped socket delivers neither `received` nor `ended` nor `datagram`. */
  read(handle: number, on: boolean): void;

  /**
   * Closes a socket and forgets it: nothing is delivered for `handle` any more, and no borrowed byte is read.
   * `Close.ORDERLY`: what was written goes out, then FIN. `Close.ABORT`: at once, RST. Not called after `closed`.
   */
  close(handle: number, how: Close): void;

  /**
   * One end's address as `"ip:port"` or `"[ipv6]:port"`, or an error. Of a Unix socket only the end that listens has one,
   * its path; the other has `""`.
   */
  address(handle: number, which: AddressOf): string | number;

  /** Fills `target` (1 to 256 bytes, borrowed for the call) from a cryptographically secure generator. */
  random(target: Uint8Array): void;

  /** Whether an open socket keeps the process alive; it does at first. Also called for a socket that reconnects. */
  keep(handle: number, on: boolean): void;

  /** Whether the network is up and has an address. A host that can't tell says true. */
  isUp(): boolean;

  /**
   * Takes over a connected stream of the runtime's own, one that another part of the program has accepted and now lets
   * go of, for a listener that was opened with `adopts`. On a later turn it is delivered by `accepted`, like any other
   * connection; `head` is what was read of it already, and comes before all else. Absent where the runtime's streams
   * can't be taken over.
   *
   * @param refused called instead if the engine has no place for it: it is the caller's again, unread.
   * @returns 0; ERR_ARGUMENT for what is no such stream, ERR_STATE for one that has ended, or without such a listener.
   */
  adopt?(listener: number, socket: unknown, head: Uint8Array, refused: () => void): number;

  /**
   * What the runtime reported when `open`, `sendTo`, `connectUdp` or `startTls` last returned an error; absent where it
   * reports nothing.
   */
  readonly cause?: unknown;

  /** Where what happens to handles is published for those who watch the process; absent where there is no such place. */
  readonly diagnostics?: DiagnosticsHost;

  /** The host's own library for raw DEFLATE; absent where there is none: then compression is refused. */
  readonly deflate?: DeflateHost;

  /**
   * A variable of the environment; `undefined` if it is not set or the program may not read it. Never asks the user. Absent
   * where there is no environment.
   */
  env?(name: string): string | undefined;

  /** The host's time. */
  readonly clock: Clock;
}

/** Raw DEFLATE (RFC 1951), message by message, as permessage-deflate has it (RFC 7692 7.2). */
export interface DeflateHost {
  /** What compresses the messages of one connection. */
  compressor(options: CompressorOptions): Compressor;
  /** What inflates those of its peer. */
  decompressor(options: DecompressorOptions): Decompressor;
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
  /** 1 (fast) to 9 (small); the library's own default unless this is given. */
  readonly level?: number | undefined;
  /** Memory for the library's state, 1 to 9; its own default unless this is given. */
  readonly memLevel?: number | undefined;
}

/** Takes the bytes, the caller's to keep, or an error number and what the library reported. */
export type Transformed = (result: Uint8Array | number, cause?: unknown) => void;

/** One call at a time: the next comes when `done` was called, which happens on a later turn, never inside the call. */
export interface Compressor {
  /** Compresses a message, flushed to a byte boundary, without the 00 00 FF FF at its end. `data` is borrowed until `done`. */
  compress(data: Uint8Array, done: Transformed): void;
  /** It is of no more use. `done` is not called any more. */
  close(): void;
}

/** As `Compressor`. */
export interface Decompressor {
  /**
   * Inflates a message, behind which 00 00 FF FF is to be thought. It stops as soon as there are more than `most` bytes,
   * with ERR_WS_TOO_BIG; ERR_WS_DEFLATE for what is no DEFLATE. After an error it is of no more use.
   */
  inflate(data: Uint8Array, most: number, done: Transformed): void;
  close(): void;
}

/** Named channels, as those of `node:diagnostics_channel`. */
export interface DiagnosticsHost {
  /** The channel of a name, always the same one. */
  channel(name: string): DiagnosticsChannel;
}

/** A channel that anybody in the process may subscribe to. */
export interface DiagnosticsChannel {
  /** Whether anybody listens now: asked before a message is made. */
  readonly hasSubscribers: boolean;
  /** Hands a message to those who listen, at once. */
  publish(message: unknown): void;
}

/** Time and turns. A scripted host has its own. */
export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  now(): number;

  /** Delivers `wake` once, `delayMs` from now, instead of what was set before; `FOREVER` only unsets that. */
  wake(delayMs: number): void;

  /** Delivers `later` once, on a later turn of the event loop, after the sockets had theirs. */
  later(): void;

  /** Whether a set `wake` keeps the process alive; it does at first. */
  keep(on: boolean): void;
}

/** What the host tells the engine. To be called from the event loop's own turns, never inside a call of `Port`. */
export interface PortEvents {
  /** The connection is established; the listener listens. */
  connected(handle: number): void;

  /**
   * A listener has a new connection, which has not been read from. If there is room for it, `register` is called with its
   * handle, to be noted before this goes on. From then on it is a socket like any other; it may be closed before this
   * returns.
   *
   * @returns whether it was registered. If not, the port drops the connection.
   */
  accepted(listener: number, register: (handle: number) => void): boolean;

  /** The TLS handshake is done. */
  secured(handle: number): void;

  /**
   * `size` bytes (1 to `memory.received.length`) lie at the start of `memory.received`. They are consumed when this
   * returns. Whether reading goes on may have changed: `read` is called from inside.
   */
  received(handle: number, size: number): void;

  /**
   * As `received`, but the bytes (1 to `memory.received.length`) are in memory of the runtime's own, and the port gives them
   * away: it neither reads nor writes them any more. On sockets with `takesBytes` this spares two copies; on all others it
   * is as if the port had copied them.
   */
  given(handle: number, bytes: Uint8Array): void;

  /**
   * The peer ended its half of the stream. A TLS stream that ends without close_notify has been cut off: where the runtime
   * reports that, the port delivers `closed` with ERR_ENDED instead. `certain` is false where the runtime hides whether it
   * was cut off; then the end is not reported as a clean one. Default: true.
   */
  ended(handle: number, certain?: boolean): void;

  /** Ends the loan of the last `write`: `size` more of its bytes are done with, and the rest is offered anew. */
  written(handle: number, size: number): void;

  /** The socket is gone: `error` is 0 for an orderly end. The port has forgotten the handle. */
  closed(handle: number, error: number, cause?: unknown): void;

  /** A datagram of `size` bytes, 0 included, lies in `memory.received`. `address` is a literal one, without brackets. */
  datagram(handle: number, size: number, address: string, port: number): void;

  /**
   * Something that had been accepted failed later, and the socket lives on: a datagram that could not leave. `target`: its
   * destination as `"ip:port"`, if it was one. Default: what the handle was opened with.
   */
  failed(handle: number, error: number, cause?: unknown, target?: string): void;

  /** The time that `Clock.wake` set has come. */
  wake(): void;

  /** The turn that `Clock.later` asked for. */
  later(): void;
}

/** The core's memory, as far as a port may see it. */
export interface PortMemory {
  /**
   * Where received bytes go, for all sockets: it is free whenever the engine is not inside a delivery. It is a `Buffer`
   * where the runtime has one, and never moves.
   */
  readonly received: Uint8Array;
}
