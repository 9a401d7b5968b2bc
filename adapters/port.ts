/**
 * The port: the interface between the engine and a host. `Port` has the calls of the engine, and `port/events.ts` what the
 * host delivers. The files of `port/` hold the types that belong to one part each; adapters and engine import them from here.
 *
 * An adapter is a folder with an `index.ts` that exports `createPort(): Port`. It has no protocol logic and imports neither
 * another adapter nor the engine, only this file and `wasm/abi.gen.ts`. JavaScript runtimes that have Node's modules extend
 * `shared/port.ts`; `template/` is the start of any other one. Its first comment lists the steps, and what went wrong in
 * adapters before.
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
import type { Clock } from "./port/clock.ts";
import type { ContentCoding, DeflateHost } from "./port/compression.ts";
import type { DiagnosticsHost } from "./port/diagnostics.ts";
import type { PortEvents, PortMemory, ReceivedBytes } from "./port/events.ts";
import type { SocketOptions, UdpOption } from "./port/options.ts";
import type { TlsInfo, TlsOptions } from "./port/tls.ts";

export type { Clock } from "./port/clock.ts";
export type {
  Compressor,
  CompressorOptions,
  ContentCoding,
  Decompressor,
  DecompressorOptions,
  DeflateHost,
  Transformed,
} from "./port/compression.ts";
export type { DiagnosticsChannel, DiagnosticsHost } from "./port/diagnostics.ts";
export type { PortEvents, PortMemory, ReceivedBytes } from "./port/events.ts";
export type { SocketOptions, UdpOption } from "./port/options.ts";
export type { Pem, TlsInfo, TlsOptions } from "./port/tls.ts";

/** What an adapter exports. */
export interface Host {
  /** Makes the port of a new engine. */
  createPort(): Port;
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
   * As `write`, of one piece: `size` bytes of `bytes` from `at` on. For runtimes that can write a part of a large buffer
   * without a view of it; others leave it out.
   */
  writePart?(handle: number, bytes: Uint8Array, at: number, size: number): number;

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
