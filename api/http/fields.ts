import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "../internal/arguments.ts";
import type { Headers, HeadersInput } from "./types.ts";

/** A name and its value. */
export type Pair = readonly [string, string];

/**
 * The fields of a head, or of a trailer section, from `start` on: name, value, name, value, as they were sent. The core has
 * checked them, so every line is a field and ends by CR LF.
 */
export function splitFields(text: string, start: number): string[] {
  const fields: string[] = [];
  let at = start;
  for (let end = text.indexOf("\r\n", at); end > at; end = text.indexOf("\r\n", at)) {
    const colon = text.indexOf(":", at);
    let from = colon + 1;
    let to = end;
    while (from < to && isBlank(text.charCodeAt(from))) from++;
    while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
    fields.push(text.slice(at, colon), text.slice(from, to));
    at = end + 2;
  }
  return fields;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** RFC 9110 5.3; RFC 9113 8.2.3 for cookies; RFC 6265 3: a Set-Cookie can't be joined by a comma. */
const between: Readonly<Record<string, string>> = { cookie: "; ", "set-cookie": "\n" };

/** Fields as an object. */
export function toHeaders(fields: readonly string[]): Headers {
  const headers: Headers = {};
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] as string).toLowerCase();
    const value = fields[at + 1] as string;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (typeof before === "string") {
      headers[name] = `${before}${between[name] ?? ", "}${value}`;
    } else {
      /* A name that objects have by themselves, as __proto__. */
      Object.defineProperty(headers, name, { value, writable: true, enumerable: true, configurable: true });
    }
  }
  return headers;
}

const NONE: string[] = [];

/** Fields that are to be sent, as the core interface takes them: each name and value ended by NUL. */
export class FieldText {
  text = "";
  count = 0;
  /** Whether a Connection field of the application says that this is the last message. */
  closes = false;
  /** In lower case, of those that the application gave. */
  #names: string[] = NONE;

  /** Takes over what the application gave. Bytes that may not be sent are for the core to refuse. */
  addAll(headers: HeadersInput | undefined): this {
    if (headers === undefined) return this;
    for (const [name, value] of pairsOf(headers)) this.add(name, value);
    return this;
  }

  add(name: string, value: string): void {
    this.text += `${name}\0${value}\0`;
    this.count += 1;
    const lower = name.toLowerCase();
    if (this.#names === NONE) this.#names = [lower];
    else this.#names.push(lower);
    if (lower === "connection" && /(?:^|,)\s*close\s*(?:,|$)/i.test(value)) this.closes = true;
  }

  /** Adds a field unless the application gave it. `name` in lower case. */
  addDefault(name: string, value: string): void {
    if (this.#names.includes(name)) return;
    this.text += `${name}\0${value}\0`;
    this.count += 1;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }
}

/**
 * Fields that the application gave, as pairs.
 *
 * @throws TwinwireError ERR_HEADER for what is neither text nor a number.
 */
export function pairsOf(headers: HeadersInput | undefined): Pair[] {
  const pairs: Pair[] = [];
  if (headers === undefined || headers === null) return pairs;
  if (typeof headers !== "object") throw refusal(`headers are names with texts, not ${show(headers)}`);
  if (isIterable(headers)) for (const [name, value] of headers) addPair(pairs, name, value);
  else for (const name of Object.keys(headers)) addPair(pairs, name, headers[name]);
  return pairs;
}

function addPair(pairs: Pair[], name: unknown, value: unknown): void {
  if (value === undefined) return;
  if (typeof name !== "string" || (typeof value !== "string" && typeof value !== "number")) {
    throw refusal(`the value of header ${show(name)} is a text or a number, not ${show(value)}`);
  }
  /* A line break between several of them, as toHeaders makes it: they are sent one by one. */
  if (typeof value === "string" && name.length === 10 && name.toLowerCase() === "set-cookie") {
    for (const one of value.split("\n")) pairs.push([name, one]);
  } else {
    pairs.push([name, `${value}`]);
  }
}

function isIterable(value: object): value is Iterable<readonly [string, string | number]> {
  return Symbol.iterator in value;
}

function refusal(reason: string): TwinwireError {
  return new TwinwireError("ERR_HEADER", { step: "send", reason });
}

/** What comes by one connection has mostly the same fields again and again: the last ones are kept. */
export class HeaderCache {
  #text = "";
  #headers: Headers = {};

  /** The headers of a head, of which the first line ends at `from`. */
  of(head: string, from: number): Headers {
    const text = this.#text;
    if (text === "" || head.length - from !== text.length || !head.endsWith(text)) {
      this.#text = head.slice(from);
      this.#headers = toHeaders(splitFields(head, from + 2));
    }
    return { ...this.#headers };
  }
}
