/** Opening handshakes in the way of npm's `ws`: its URLs, its judgement of requests, its view of responses. */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { splitFields } from "../http/fields.ts";
import { isToken, webSocketUrl } from "../internal/handshake.ts";

/**
 * The URL that a WebSocket is to be opened at.
 *
 * @throws SyntaxError with the words of `ws`.
 */
export function urlOf(given: string | URL): URL {
  let url: URL;
  try {
    url = webSocketUrl(new URL(given));
  } catch {
    throw new SyntaxError(`Invalid URL: ${given}`);
  }
  const fault = urlFault(url);
  if (fault !== undefined) throw new SyntaxError(fault);
  return url;
}

/** Where a redirect leads, or what is wrong with it. */
export function redirectTarget(location: string | readonly string[], from: URL): URL | string {
  let url: URL;
  try {
    url = webSocketUrl(new URL(String(location), from));
  } catch {
    return `Invalid URL: ${location}`;
  }
  return urlFault(url) ?? url;
}

/**
 * Subprotocols as a list.
 *
 * @throws SyntaxError for what is no name, or is there twice.
 */
export function protocolsOf(given: string | readonly string[] | undefined): readonly string[] {
  const names = given === undefined ? [] : typeof given === "string" ? [given] : [...given];
  if (names.some((name) => typeof name !== "string" || !isToken(name)) || new Set(names).size < names.length) {
    throw new SyntaxError("An invalid or duplicated subprotocol was specified");
  }
  return names;
}

function urlFault(url: URL): string | undefined {
  if (!["ws:", "wss:", "ws+unix:"].includes(url.protocol)) {
    return 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"';
  }
  if (url.protocol === "ws+unix:" && url.pathname === "") return "The URL's pathname is empty";
  return url.hash === "" ? undefined : "The URL contains a fragment identifier";
}

/** RFC 6455 4.1 item 7: 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** What is wrong with a request, and how it is answered. */
export interface Fault {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is wrong with a request as an opening handshake, in the words of `ws`. The engine judges it once more. */
export function faultOf({ method, headers }: IncomingMessage): Fault | undefined {
  if (method !== "GET") return { status: 405, message: "Invalid HTTP method" };
  if (headers.upgrade?.toLowerCase() !== "websocket") return { status: 400, message: "Invalid Upgrade header" };
  const { "sec-websocket-key": key, "sec-websocket-version": version } = headers;
  if (key === undefined || !KEY.test(key)) {
    return { status: 400, message: "Missing or invalid Sec-WebSocket-Key header" };
  }
  if (version?.trim() !== "13") {
    const message = "Missing or invalid Sec-WebSocket-Version header";
    return { status: 400, message, headers: { "Sec-WebSocket-Version": "13" } };
  }
  return undefined;
}

/** The subprotocols that are offered; `undefined` for what is no list of distinct names. */
export function offeredProtocols(header: string | undefined): Set<string> | undefined {
  if (header === undefined) return new Set();
  const names = header.split(",").map((name) => name.trim());
  const distinct = new Set(names);
  return distinct.size === names.length && names.every(isToken) ? distinct : undefined;
}

type HeaderValue = string | string[];

/** A head, with the names of node:http. */
export interface Head {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: Readonly<Record<string, HeaderValue | undefined>>;
  readonly rawHeaders: readonly string[];
  readonly httpVersion: string;
  /** Whether it was read to its end. */
  readonly isWhole: boolean;
}

/** A head as it came. */
export function headOf(status: number, text: string): Head {
  const end = text.indexOf("\r\n");
  const [, httpVersion = "1.1", statusMessage = ""] = /^HTTP\/(\d\.\d) \d{3} ?(.*)$/.exec(text.slice(0, end)) ?? [];
  const rawHeaders = splitFields(text, end + 2);
  const headers: Record<string, HeaderValue> = Object.create(null);
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    const value = rawHeaders[at + 1] as string;
    const before = headers[name];
    if (name === "set-cookie") headers[name] = [...(Array.isArray(before) ? before : []), value];
    else headers[name] = before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`;
  }
  return { statusCode: status, statusMessage, headers, rawHeaders, httpVersion, isWhole: text.endsWith("\r\n\r\n") };
}

/** The same as a stream, which is over: of an answer that refuses, the engine reads no body. */
export function responseOf(head: Head): Readable & Head {
  return Object.assign(Readable.from([]), head);
}
