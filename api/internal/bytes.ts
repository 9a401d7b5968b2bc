import { TwinwireError } from "../../wasm/errors.ts";
import { type Bytes, show, toPayload } from "./arguments.ts";

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
