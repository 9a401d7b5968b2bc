import { TwinwireError } from "../../wasm/errors.ts";
import { dateNow, reasonOf } from "./head.ts";
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

/** Fields that `jsonHead` has. */
export const JSON_FIELDS = 2;

const heads = new Map<number, string>();
let date = "";

/** The head of a response that has nothing but JSON, as the core interface takes it. Most responses are alike for a second. */
export function jsonHead(status: number): string {
  const now = dateNow();
  if (now !== date) {
    date = now;
    heads.clear();
  }
  let head = heads.get(status);
  if (head === undefined) {
    head = `${reasonOf(status)}\0content-type\0application/json\0date\0${date}\0`;
    heads.set(status, head);
  }
  return head;
}
