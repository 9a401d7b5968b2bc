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
import type { AddressOf, Close, Kind } from "../wasm/abi.gen.ts";

/** What an adapter exports. */
export interface Host {
  /** Makes the port of a new engine. */
  createPort(): Port;
}

/** Sockets, time and random bytes, as the engine asks a host for them. `handle` is the engine's number for a socket. */
export interface Port {
  /** The host's name in documentation and error messages: `"node"`, `"bun"`, … */
  readonly name: string;

  /** Hands over what the port works with. Called once, before anything else. */
  attach(deliver: PortEvents, memory: PortMemory): void;

  /**
   * Opens a socket for `handle`.
   *
   * `Kind.TCP` connects to `name`, a host name or a literal address, and `port`, with TCP_NODELAY; `connected` or
   * `closed` follows. `Kind.UDP` binds the local `port`, 0 for any free one; it is ready at once. Reading is on.
   *
   * @returns 0, or the error if it is certain at once; then nothing is delivered for the handle, and `cause` has what
   * the runtime reported.
   */
  open(handle: number, kind: Kind, name: string, port: number): number;

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
   * @returns `data.length`, ERR_BACKPRESSURE, or another error; never a part. An error that only shows later is
   * delivered with `failed`.
   */
  sendTo(handle: number, address: string, port: number, data: Uint8Array): number;

  /** Stops or resumes reading. A stopped socket delivers neither `received` nor `ended` nor `datagram`. */
  read(handle: number, on: boolean): void;

  /**
   * Closes a socket and forgets it: nothing is delivered for `handle` any more, and no borrowed byte is read.
   * `Close.ORDERLY`: what was written goes out, then FIN. `Close.ABORT`: at once, RST. Not called after `closed`.
   */
  close(handle: number, how: Close): void;

  /** One end's address as `"ip:port"` or `"[ipv6]:port"`, or an error. */
  address(handle: number, which: AddressOf): string | number;

  /** Fills `target` (1 to 256 bytes, borrowed for the call) from a cryptographically secure generator. */
  random(target: Uint8Array): void;

  /** Whether an open socket keeps the process alive; it does at first. Also called for a socket that reconnects. */
  keep(handle: number, on: boolean): void;

  /** Whether the network is up and has an address. A host that can't tell says true. */
  isUp(): boolean;

  /** What the runtime reported when `open` or `sendTo` last returned an error; absent where it reports nothing. */
  readonly cause?: unknown;

  /** The host's time. */
  readonly clock: Clock;
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
  /** The TCP connection is established. */
  connected(handle: number): void;

  /**
   * `size` bytes (1 to `memory.received.length`) lie at the start of `memory.received`. They are consumed when this
   * returns. Whether reading goes on may have changed: `read` is called from inside.
   */
  received(handle: number, size: number): void;

  /** The peer ended its half of the stream. */
  ended(handle: number): void;

  /** Ends the loan of the last `write`: `size` more of its bytes are done with, and the rest is offered anew. */
  written(handle: number, size: number): void;

  /** The socket is gone: `error` is 0 for an orderly end. The port has forgotten the handle. */
  closed(handle: number, error: number, cause?: unknown): void;

  /** A datagram of `size` bytes, 0 included, lies in `memory.received`. `address` is a literal one, without brackets. */
  datagram(handle: number, size: number, address: string, port: number): void;

  /** Something that had been accepted failed later, and the socket lives on: a datagram that could not leave. */
  failed(handle: number, error: number, cause?: unknown): void;

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
