import { TwinwireError } from "../../wasm/errors.ts";
import type { Json } from "./types.ts";

const BYTE_ORDER_MARK = 0xfeff;

/** What JSON text says. A byte order mark before it is ignored, RFC 8259 8.1. @throws SyntaxError */
export function parseJson(text: string): Json {
  return JSON.parse(text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text) as Json;
}

/** What a body says if it is JSON, else its text. */
export function fromText(text: string): Json {
  if (text === "") return text;
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/**
 * A value as JSON text.
 *
 * @throws TwinwireError ERR_ARGUMENT for what JSON has no text for: a function, a BigInt, an object within itself.
 */
export function toText(value: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  throw new TwinwireError("ERR_ARGUMENT", { step: "send", reason: "the body is no JSON", cause });
}
