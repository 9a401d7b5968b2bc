/** Arguments and options that all WebSocket APIs have: header fields, subprotocols, URLs, close codes. */

import { MAX_REASON } from "../../wasm/abi.gen.ts";
import { utf8Size } from "../../wasm/text.ts";
import { type Rule, value } from "./options.ts";

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

/** RFC 6455 7.4.1: the purpose of the connection is fulfilled. */
const NORMAL = 1000;

/** RFC 6455 7.4.2: what applications may use besides. */
const FIRST_OWN = 3000;
const LAST_OWN = 4999;

/** RFC 6455 7.4.1 and IANA's registry: what a library or a server may say besides. */
const OF_SERVERS = [1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];

/** Whether an application may close with a code. `server`: that of a server may use more than the standard lets pages use. */
export function isCloseCode(code: number, server: boolean): boolean {
  return code === NORMAL || (code >= FIRST_OWN && code <= LAST_OWN) || (server && OF_SERVERS.includes(code));
}

/**
 * What `close` is given, as the standard takes it. Code 0: none is sent. `server`: a server may send more codes than the
 * standard lets pages send.
 *
 * @throws DOMException InvalidAccessError, SyntaxError.
 */
export function closeArguments(code: unknown, reason: unknown, server = false): { code: number; reason: string } {
  const number = code === undefined ? undefined : clamped(code);
  if (number !== undefined && !isCloseCode(number, server)) {
    const right = server ? "a code that a server may send" : "1000 or from 3000 to 4999";
    throw new DOMException(`close: ${number} is not ${right}`, "InvalidAccessError");
  }
  const text = reason === undefined ? "" : `${reason}`;
  if (utf8Size(text) > MAX_REASON) {
    throw new DOMException(`close: a reason has at most ${MAX_REASON} bytes`, "SyntaxError");
  }
  return { code: number ?? (text === "" ? 0 : NORMAL), reason: text };
}

/** Web IDL's [Clamp] unsigned short. */
function clamped(value: unknown): number {
  const number = Math.min(Math.max(Number(value), 0), 65_535);
  if (Number.isNaN(number)) return 0;
  const floor = Math.floor(number);
  const rest = number - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * Gives a prototype the members of the one behind it, enumerable, as Web IDL demands of an interface: a program that lists
 * or wraps them finds them on the prototype itself. `lengths` has the arguments that a method cannot do without.
 */
export function defineInterface(prototype: object, members: object, lengths: Readonly<Record<string, number>>): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(members))) {
    if (Object.hasOwn(prototype, name)) continue;
    const length = lengths[name];
    if (length !== undefined) Object.defineProperty(descriptor.value, "length", { value: length });
    Object.defineProperty(prototype, name, { ...descriptor, enumerable: true });
  }
}

/** Makes the accessors and methods of a prototype enumerable, as Web IDL demands of attributes and operations. */
export function showMembers(prototype: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name !== "constructor" && descriptor.configurable) {
      Object.defineProperty(prototype, name, { ...descriptor, enumerable: true });
    }
  }
}
