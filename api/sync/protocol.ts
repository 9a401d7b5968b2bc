/** What calls and their results are as messages: operations, arguments as JSON, errors. */
import { Errors } from "../../wasm/abi.gen.ts";
import { type ErrorStep, TwinwireError } from "../../wasm/errors.ts";
import { bytesOfBase64 } from "../../wasm/text.ts";
import { show } from "../internal/arguments.ts";

/** What the engine is asked to do. */
export const Op = {
  /** The call that was interrupted by a handler goes on. */
  RESUME: 1,
  /** Returns the next connection for a handler of this thread, if one waits. */
  NEXT_ACCEPTED: 2,
  /** The thread ends, and gives up its mailbox. */
  LEAVE: 3,
  /** The program ends: what was written is sent. */
  FINISH: 4,
  OPEN: 5,
  CLOSE: 6,
  LIMITS: 7,
  RESOLVE: 8,
  HTTP_REQUEST: 9,

  READ: 16,
  READ_EXACT: 17,
  READ_UNTIL: 18,
  READ_LINE: 19,
  WRITE: 20,
  WRITE_ALL: 21,
  CLOSE_WRITE: 22,
  UPGRADE: 23,
  /** Calls a method that returns at once, or reads a property. */
  GET: 24,

  ACCEPT: 32,
  ACCEPT_EACH: 33,

  SEND_TO: 40,
  SEND: 41,
  RECV_FROM: 42,
  UDP_CONNECT: 43,

  READ_REQUEST: 48,
  WRITE_RESPONSE: 49,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** What OPEN makes. */
export type Opened = "TcpConnection" | "TlsConnection" | "TcpServer" | "TlsServer" | "UdpSocket";

/** The result of a call that made a connection: its handle, and whether it is by TLS from the first byte. */
export interface Opening {
  readonly handle: number;
  readonly tls: boolean;
}

/* What JSON lacks is an object with one of these as its only name: no option, no header field is called so. */
const BYTES = "\0bytes";
const NUMBER = "\0number";

/**
 * Returns arguments as JSON can carry them: bytes become text. `operation`: what the message of an error begins with.
 *
 * @throws TwinwireError ERR_ARGUMENT for a function or a signal.
 */
export function pack(operation: string, value: unknown, path = "options"): unknown {
  if (typeof value === "function" || value instanceof AbortSignal) {
    const problem = `${path} must not be ${value instanceof AbortSignal ? "a signal" : "a function"}`;
    const remedy = "no code runs while a thread waits: use timeoutMs or a deadline";
    throw new TwinwireError("ERR_ARGUMENT", { operation, problem, remedy });
  }
  if (typeof value === "number" && !Number.isFinite(value)) return { [NUMBER]: String(value) };
  if (typeof value === "bigint" || typeof value === "symbol") return { shown: show(value) };
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) {
    let text = "";
    for (const byte of value) text += String.fromCharCode(byte);
    return { [BYTES]: btoa(text) };
  }
  if (value instanceof URL) return value.href;
  if (Array.isArray(value)) return value.map((element, at) => pack(operation, element, `${path}[${at}]`));
  if (Symbol.iterator in value) return pack(operation, Array.from(value as Iterable<unknown>), path);
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => [
      name,
      pack(operation, it, path === "options" ? name : `${path}.${name}`),
    ]),
  );
}

/** Reverses `pack`. */
export function unpack(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(unpack);
  const entries = Object.entries(value);
  const [name, only] = entries.length === 1 ? (entries[0] as [string, unknown]) : ["", undefined];
  if (name === BYTES && typeof only === "string") return bytesOfBase64(only);
  if (name === NUMBER) return Number(only);
  return Object.fromEntries(entries.map(([key, it]) => [key, unpack(it)]));
}

/** An error on its way from the engine's thread. */
interface PackedError {
  readonly code: string;
  readonly step: ErrorStep;
  readonly address: string;
  readonly detail: number;
  readonly status: number;
  readonly message: string;
  readonly cause?: { readonly message: string; readonly code?: string | undefined } | undefined;
}

/** Returns an error as JSON. What is no `TwinwireError` is a fault of the engine's thread: ERR_HOST. */
export function packError(thrown: unknown): string {
  const error = thrown instanceof TwinwireError ? thrown : new TwinwireError("ERR_HOST", { cause: thrown });
  const { code, step, address, detail, status, message } = error;
  const cause = error.cause as { message?: unknown; code?: unknown } | undefined;
  const packed: PackedError = { code, step, address, detail, status, message, cause: undefined };
  if (typeof cause?.message !== "string") return JSON.stringify(packed);
  const causeCode = typeof cause.code === "string" ? cause.code : undefined;
  return JSON.stringify({ ...packed, cause: { message: cause.message, code: causeCode } });
}

/** Returns the error that JSON describes, with a stack of the thread that called. */
export function unpackError(text: string): TwinwireError {
  const { code, message, cause, ...facts } = JSON.parse(text) as PackedError;
  const known = code in Errors ? (code as keyof typeof Errors) : "ERR_HOST";
  const original = cause === undefined ? undefined : Object.assign(new Error(cause.message), { code: cause.code });
  const error = new TwinwireError(known, { ...facts, cause: original });
  /* Some facts are in the message alone. */
  const { message: own, stack } = error;
  error.message = message;
  if (stack?.includes(own)) error.stack = stack.replace(own, () => message);
  return error;
}
