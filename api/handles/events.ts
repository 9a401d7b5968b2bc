/** The events of the handle API: their names, and the structs that listeners receive. */
import type { ErrorCode } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import type { IncomingRequest } from "../http/calls.ts";

/** The fields of the `net` events, as a program declares them with `defineEvent`. */
export interface NetEvents {
  connected: { sock: number };
  disconnected: { sock: number };
  data: { data: string };
  datagram: { data: string; addr: string; port: number };
}

/** The fields of the `ws` events, as a program declares them with `defineEvent`. */
export interface WsEvents {
  connected: { conn: number };
  disconnected: { conn: number };
  message: { message: string };
}

/** How a connection ended: further fields of `disconnected`, for plain functions. */
export interface Disconnect {
  /** WebSocket: the close code, 1006 without a close frame. TCP: 0. */
  code: number;
  /**
   * Whether the end was orderly: both close frames were exchanged, or the stream ended without an error. A TLS stream that
   * the peer ends first is not reported as clean where the runtime hides whether it was cut off.
   */
  clean: boolean;
  /** Bytes that had been queued and were never written. */
  unsent: number;
  /** Milliseconds to the next attempt; -1 if there will be none. */
  retryMs: number;
}

/** The fields of `error`: an attempt or a connection failed. No listener is required. */
export interface Failure {
  /** A code of the table in docs/errors.md. */
  code: ErrorCode;
  /** Operation, target, problem and remedy, as text. */
  message: string;
  /** The same as an error, with `step`, `address`, `detail` and `cause`. */
  error: TwinwireError;
  /** Milliseconds to the next attempt; absent if none follows. */
  retryMs?: number;
}

/** The events of a `net` handle, as plain functions receive them. */
export interface NetListenerEvents {
  connected: { sock: number };
  disconnected: { sock: number } & Disconnect;
  data: { data: string };
  datagram: { data: string; addr: string; port: number };
  /**
   * A listener has a new connection. Add listeners for `sock` here: its `connected` follows. A connection is closed if no
   * plain function listens to this event.
   */
  accepted: { sock: number; listener: number };
  /** A send that was refused with ERR_BACKPRESSURE fits now. */
  drain: { sock: number };
  error: { sock: number } & Failure;
}

/** The events of a `ws` handle, as plain functions receive them. */
export interface WsListenerEvents {
  /**
   * A server has accepted `request` as the WebSocket `conn`. Add listeners for `conn` here: its `connected` follows.
   * Of servers only.
   */
  accepted: { conn: number; listener: number; request: IncomingRequest };
  connected: { conn: number };
  disconnected: { conn: number } & Disconnect;
  /** A message: a string if it is text, bytes if it is binary. */
  message: { message: string | ReceivedBytes };
  /** A send that was refused with ERR_BACKPRESSURE fits now. */
  drain: { conn: number };
  error: { conn: number } & Failure;
  /** The peer's close frame arrived: its code, 1005 if it has none, and its reason. */
  closing: { conn: number; code: number; reason: string };
  /** A ping arrived; its pong is queued already. */
  ping: { conn: number; data: ReceivedBytes };
  pong: { conn: number; data: ReceivedBytes };
}

/** The events with data, as plain functions with `{ binary: true }` receive them. */
export interface NetByteEvents {
  data: { data: ReceivedBytes };
  datagram: { data: ReceivedBytes; addr: string; port: number };
}

/** The events with data, where `binary` is not known at compile time. */
export interface NetEitherEvents {
  data: { data: string | ReceivedBytes };
  datagram: { data: string | ReceivedBytes; addr: string; port: number };
}

/** The events with data, as plain functions with `{ binary: true }` receive them. */
export interface WsByteEvents {
  message: { message: ReceivedBytes };
}

/** The events with data, as plain functions with `{ text: true }` receive them. */
export interface WsTextEvents {
  message: { message: string };
}
