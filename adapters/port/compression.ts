/** Compression by a host's library: DEFLATE for the messages of WebSockets, and the content codings of HTTP. */
import type { ReceivedBytes } from "./events.ts";

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
