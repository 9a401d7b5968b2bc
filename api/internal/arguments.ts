/** Arguments of calls: bytes, text and addresses in their various forms. */
import { TwinwireError } from "../../wasm/errors.ts";

/** Something that holds bytes: a `Uint8Array` or `Buffer`, any other view, an `ArrayBuffer`. */
export type Bytes = ArrayBufferView | ArrayBufferLike;

const NOTHING = new Uint8Array(0);

/**
 * Returns text or bytes as the engine takes them, not copied; or `undefined` for what is neither: also for bytes that were
 * transferred away, or cut off when their resizable buffer shrank.
 */
export function toPayload(data: unknown): string | Uint8Array | undefined {
  if (typeof data === "string") return data;
  if (data instanceof Uint8Array) return data.length > 0 || isReadable(data) ? data : undefined;
  return otherBytes(data);
}

function otherBytes(data: unknown): Uint8Array | undefined {
  try {
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    if (typeof SharedArrayBuffer === "function" && data instanceof SharedArrayBuffer) return new Uint8Array(data);
  } catch {
    /* Detached, or out of its buffer's bounds. */
  }
  return undefined;
}

/** Whether the bytes of a view that has none are there to be read: a view that lost its buffer has the length 0, too. */
function isReadable(view: Uint8Array): boolean {
  try {
    NOTHING.set(view);
    return true;
  } catch {
    return false;
  }
}

/** Whether it is a whole number of at most 32 bits: what the core can be asked about. */
export function isInt32(value: unknown): value is number {
  return typeof value === "number" && (value | 0) === value;
}

/** How an argument is named in an error message. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** What `write` takes: bytes, text, or a list of bytes (0 to 255) and characters (written as UTF-8). */
export type Writable = Bytes | string | readonly (number | string)[];

const encoder = new TextEncoder();

/**
 * What `write` was given, as bytes.
 *
 * @throws TwinwireError ERR_ARGUMENT for anything else.
 */
export function toBytes(data: Writable): Uint8Array {
  if (Array.isArray(data)) return fromList(data);
  const payload = toPayload(data);
  if (payload === undefined) throw refusal(`what is written is bytes, text or a list of them, not ${show(data)}`);
  return typeof payload === "string" ? encoder.encode(payload) : payload;
}

function fromList(list: readonly unknown[]): Uint8Array {
  const bytes: number[] = [];
  list.forEach((item, at) => {
    if (typeof item === "string") {
      for (const byte of encoder.encode(item)) bytes.push(byte);
      return;
    }
    if (!Number.isInteger(item) || (item as number) < 0 || (item as number) > 255) {
      throw refusal(`a list holds whole numbers from 0 to 255 and characters; at ${at} is ${show(item)}`);
    }
    bytes.push(item as number);
  });
  return Uint8Array.from(bytes);
}

/**
 * A list of bytes as bytes.
 *
 * @throws TwinwireError ERR_ARGUMENT for what is neither bytes nor a list of whole numbers from 0 to 255.
 */
export function bytesOf(data: Uint8Array | readonly number[]): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (Array.isArray(data)) {
    const bad = data.findIndex((it: unknown) => !Number.isInteger(it) || (it as number) < 0 || (it as number) > 255);
    if (bad < 0) return Uint8Array.from(data);
    throw refusal(`a byte is a whole number from 0 to 255; at ${bad} is ${show(data[bad])}`);
  }
  throw refusal(`data is bytes or a list of numbers, not ${show(data)}`);
}

function refusal(reason: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { step: "send", reason });
}

/** A host and a port as they stand in messages and in the APIs that take one text: an IPv6 address in brackets. */
export function joinAddress(host: string, port: number | string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The host and the port of `"host:port"` or `"[ipv6]:port"`. The host may be empty: `":8080"`. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Takes `"host:port"` apart. Whether the port is one is for those to say who use it.
 *
 * @throws TwinwireError ERR_ARGUMENT for another form.
 */
export function splitAddress(address: string): HostPort {
  const parts = typeof address === "string" ? /^(?:\[([^\]]*:[^\]]*)\]|([^:]*)):(\d{1,9})$/.exec(address) : null;
  if (parts === null) {
    const reason = `an address is "host:port" or "[ipv6]:port", not ${show(address)}`;
    throw new TwinwireError("ERR_ARGUMENT", { step: "open", reason });
  }
  return { host: parts[1] ?? parts[2] ?? "", port: Number(parts[3]) };
}
