import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "../internal/arguments.ts";

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
