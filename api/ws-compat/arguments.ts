import { Buffer } from "node:buffer";
import { toPayload } from "../internal/arguments.ts";

/** Called when what was sent is on its way, or with why it never will be. */
export type SendCallback = (error?: Error) => void;

/** How a message is sent. */
export interface SendOptions {
  /** Whether it is sent as binary; as bytes or text were given unless this is. */
  readonly binary?: boolean | undefined;
  /** Whether it may be compressed. It may unless this is false. */
  readonly compress?: boolean | undefined;
  /** Whether it is the last fragment of its message. It is unless this is false. */
  readonly fin?: boolean | undefined;
  /** Taken and without effect: clients mask and servers don't, RFC 6455 5.1. */
  readonly mask?: boolean | undefined;
}

/** Text or bytes of whatever `send` takes; numbers are text, nothing is an empty message. */
export function dataOf(given: unknown): string | Uint8Array {
  if (typeof given === "number") return given.toString();
  if (given === undefined || given === null || given === false || given === "") {
    return typeof given === "string" ? "" : new Uint8Array(0);
  }
  const payload = toPayload(given);
  if (payload !== undefined) return payload;
  /* As ws: an array of numbers, an object that says its own bytes; a TypeError for all else. */
  return Buffer.from(given as readonly number[]);
}

/** The payload of a ping or a pong, RFC 6455 5.5: at most 125 bytes. */
export function controlData(given: unknown): Uint8Array {
  const data = dataOf(given);
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  if (bytes.length > 125) throw new RangeError("The data size must not be greater than 125 bytes");
  return bytes;
}

/** What `close` is given, checked as `ws` does. Code 0: none is sent. */
export function closeArguments(code: unknown, data: unknown): { code: number; reason: string } {
  if (code === undefined) return { code: 0, reason: "" };
  if (typeof code !== "number" || !isCloseCode(code)) {
    throw new TypeError("First argument must be a valid error code number");
  }
  const reason = data === undefined ? Buffer.alloc(0) : Buffer.from(data as string);
  if (reason.length > 123) throw new RangeError("The message must not be greater than 123 bytes");
  return { code, reason: reason.toString() };
}

function isCloseCode(code: number): boolean {
  if (code >= 1000 && code <= 1014) return code < 1004 || code > 1006;
  return code >= 3000 && code <= 4999;
}
