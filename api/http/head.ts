/** What heads of messages contain: fields, reasons, dates; and JSON text. */
import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "../internal/arguments.ts";
import type { Headers, HeadersInput, Json } from "./types.ts";

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

/** RFC 9110 15, and the registry of status codes. A reason says nothing to a program, but much to who reads a trace. */
const reasons: Readonly<Record<number, string>> = {
  100: "Continue",
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** The reason phrase of a status, or `""`. */
export function reasonOf(status: number): string {
  return reasons[status] ?? "";
}

let dateText = "";
let dateSecond = -1;

/** Now, as a Date field has it. RFC 9110 6.6.1 */
export function dateNow(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(now).toUTCString();
  }
  return dateText;
}

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
  throw new TwinwireError("ERR_ARGUMENT", { step: "send", reason: "the body is not JSON", cause });
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
