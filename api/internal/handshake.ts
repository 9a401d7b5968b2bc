/** Header fields of a WebSocket's opening handshake, as applications write them. */
import type { Rule } from "./options.ts";
import { value } from "./options.ts";

/** Field names with values, as an object or as pairs; a `Headers` object is such. */
export type WsHeaders = Readonly<Record<string, string>> | Iterable<readonly [string, string]>;

/** The same as a list of pairs, copied. */
export type HeaderPairs = readonly (readonly [string, string])[];

/** Returns the fields of the next attempt. */
export type HeadersFunction = () => WsHeaders | Promise<WsHeaders>;

/** Headers as pairs, or `undefined` for what are none. */
export function headerPairs(headers: unknown): [string, string][] | undefined {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null || headers instanceof Promise) return undefined;
  const entries: unknown[] = Symbol.iterator in headers ? [...(headers as Iterable<unknown>)] : Object.entries(headers);
  const pairs = entries.filter(isPair);
  return pairs.length === entries.length ? pairs : undefined;
}

const refuse = value(
  "an object or pairs of names and strings, or a function that returns such",
  (_given): _given is HeaderPairs => false,
);

/** The rule of an option `headers`. A function is not called here. */
export const headersRule: Rule<HeaderPairs | HeadersFunction> = (given, path) =>
  typeof given === "function" ? (given as HeadersFunction) : (headerPairs(given) ?? refuse(given, path));

function isPair(entry: unknown): entry is [string, string] {
  return Array.isArray(entry) && entry.length === 2 && entry.every((part) => typeof part === "string");
}

/** RFC 9110 5.6.2: what a subprotocol's name is. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Whether a text can be the name of a subprotocol. */
export function isToken(name: string): boolean {
  return TOKEN.test(name);
}

/** Maps `http:` to `ws:` and `https:` to `wss:`, as the standard demands. */
export function webSocketUrl(url: URL): URL {
  if (url.protocol === "http:" || url.protocol === "https:") {
    url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  }
  return url;
}

/** A URL as the engine takes it: without a user, who goes into a header. */
export function plainUrl(url: URL): string {
  if (url.username === "" && url.password === "") return url.href;
  const plain = new URL(url);
  plain.username = "";
  plain.password = "";
  return plain.href;
}
