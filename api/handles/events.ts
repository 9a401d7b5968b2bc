import type { ErrorCode } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";

/** The struct shapes of the `net` events, as a program declares them. */
export interface NetEvents {
  connected: { sock: number };
  disconnected: { sock: number };
  data: { data: string };
  datagram: { data: string; addr: string; port: number };
}

/** The struct shapes of the `ws` events, as a program declares them. */
export interface WsEvents {
  connected: { conn: number };
  disconnected: { conn: number };
  message: { message: string };
}

/** How a connection ended, for listeners that are plain functions. */
export interface Disconnect {
  /** WebSocket: the close code, 1006 without a close frame. TCP: 0. */
  code: number;
  /** Whether the end was orderly: both close frames were exchanged, or the stream ended without an error. */
  clean: boolean;
  /** Bytes that had been queued and were never written. */
  unsent: number;
  /** Milliseconds to the next attempt; -1 if there will be none. */
  retryMs: number;
}

/** An attempt or a connection failed. Nothing needs to listen to it. */
export interface Failure {
  /** A code of the error table. */
  code: ErrorCode;
  /** What went wrong, where, why, and what to do. */
  message: string;
  /** The same as an error, with `step`, `address`, `detail` and `cause`. */
  error: TwinwireError;
  /** Milliseconds to the next attempt; absent if none follows. */
  retryMs?: number;
}

/** What plain functions get from the events of a `net` handle. */
export interface NetListenerEvents {
  connected: { sock: number };
  disconnected: { sock: number } & Disconnect;
  data: { data: string };
  datagram: { data: string; addr: string; port: number };
  /** What was refused for want of room fits now. */
  drain: { sock: number };
  error: { sock: number } & Failure;
}

/** What plain functions get from the events of a `ws` handle. */
export interface WsListenerEvents {
  connected: { conn: number };
  disconnected: { conn: number } & Disconnect;
  /** Text of a text message, bytes of a binary one. */
  message: { message: string | Uint8Array };
  /** What was refused for want of room fits now. */
  drain: { conn: number };
  error: { conn: number } & Failure;
  /** The peer's close frame came. */
  closing: { conn: number; code: number; reason: string };
  /** A ping came; the pong is already under way. */
  ping: { conn: number; data: Uint8Array };
  pong: { conn: number; data: Uint8Array };
}

/** What plain functions get that ask for bytes. */
export interface NetByteEvents {
  data: { data: Uint8Array };
  datagram: { data: Uint8Array; addr: string; port: number };
}

/** What plain functions get if it is not known before whether they ask for bytes. */
export interface NetEitherEvents {
  data: { data: string | Uint8Array };
  datagram: { data: string | Uint8Array; addr: string; port: number };
}

/** What plain functions get that ask for bytes. */
export interface WsByteEvents {
  message: { message: Uint8Array };
}

/** What plain functions get that ask for text. */
export interface WsTextEvents {
  message: { message: string };
}
