/** Opening handshakes by the rules of npm's `ws`: URLs, requests, responses, and the errors it reports. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { type ErrorCode, WsFault } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { splitFields } from "../http/head.ts";
import { isToken, webSocketUrl } from "../internal/websocket.ts";

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
export function protocolsOf(given: unknown): readonly string[] {
  const names: readonly unknown[] = given === undefined ? [] : Array.isArray(given) ? given : [given];
  if (names.some((name) => typeof name !== "string" || !isToken(name)) || new Set(names).size < names.length) {
    throw new SyntaxError("An invalid or duplicated subprotocol was specified");
  }
  return names as readonly string[];
}

function urlFault(url: URL): string | undefined {
  if (!["ws:", "wss:", "ws+unix:"].includes(url.protocol)) {
    return 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"';
  }
  if (url.protocol === "ws+unix:" && url.pathname === "") return "The URL's pathname is empty";
  return url.hash === "" ? undefined : "The URL contains a fragment identifier";
}

/** RFC 6455 1.3 */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Returns the Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key. */
export function acceptOf(key: unknown): string {
  return createHash("sha1").update(`${key}${GUID}`).digest("base64");
}

/** RFC 6455 4.1 item 7: 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** What is wrong with a request, and how it is answered. */
export interface Fault {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Returns what is wrong with a request as an opening handshake, in the words of `ws`. */
export function faultOf({ method, headers }: IncomingMessage): Fault | undefined {
  if (method !== "GET") return { status: 405, message: "Invalid HTTP method" };
  if (headers.upgrade?.toLowerCase() !== "websocket") return { status: 400, message: "Invalid Upgrade header" };
  const { "sec-websocket-key": key, "sec-websocket-version": version } = headers;
  if (key === undefined || !KEY.test(key)) {
    return { status: 400, message: "Missing or invalid Sec-WebSocket-Key header" };
  }
  if (version !== "13" && version !== "8") {
    const message = "Missing or invalid Sec-WebSocket-Version header";
    return { status: 400, message, headers: { "Sec-WebSocket-Version": "13, 8" } };
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

/** The errors of `ws` for what is wrong with a frame: code and message, made of the value that belongs to the fault. */
const frameFaults: Record<WsFault, ((value: number) => readonly [code: string, message: string]) | undefined> = {
  [WsFault.RSV1]: () => ["WS_ERR_UNEXPECTED_RSV_1", "RSV1 must be clear"],
  [WsFault.RSV2_RSV3]: () => ["WS_ERR_UNEXPECTED_RSV_2_3", "RSV2 and RSV3 must be clear"],
  [WsFault.OPCODE]: (opcode) => ["WS_ERR_INVALID_OPCODE", `invalid opcode ${opcode}`],
  [WsFault.FRAGMENTED]: () => ["WS_ERR_EXPECTED_FIN", "FIN must be set"],
  [WsFault.CONTROL_LENGTH]: (size) => ["WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH", `invalid payload length ${size}`],
  [WsFault.MASK]: (missing) =>
    missing === 1 ? ["WS_ERR_EXPECTED_MASK", "MASK must be set"] : ["WS_ERR_UNEXPECTED_MASK", "MASK must be clear"],
  [WsFault.CLOSE_CODE]: (code) => ["WS_ERR_INVALID_CLOSE_CODE", `invalid status code ${code}`],
  [WsFault.HUGE]: undefined,
  [WsFault.FRAGMENTS]: undefined,
  [WsFault.LENGTH]: undefined /* `ws` accepts it */,
};

function coded(code: string, made: Error): Error {
  return Object.assign(made, { code });
}

/**
 * Returns the error of a connection that was open; `undefined` for an end that `ws` reports by `close` alone. The engine's
 * own error is its cause. `fault`: as `WsCalls.fault`.
 */
export function brokenError(error: TwinwireError, fault: number): Error | undefined {
  const cause = { cause: error };
  const which = fault >> 16;
  if (which === WsFault.HUGE) {
    const message = "Unsupported WebSocket frame: payload length > 2^53 - 1";
    return coded("WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH", new RangeError(message, cause));
  }
  if (which === WsFault.FRAGMENTS) {
    return coded("WS_ERR_TOO_MANY_BUFFERED_PARTS", new RangeError("Too many message fragments", cause));
  }
  switch (error.code) {
    case "ERR_WS_TOO_BIG":
      return coded("WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", new RangeError("Max payload size exceeded", cause));
    case "ERR_WS_UTF8":
      return coded("WS_ERR_INVALID_UTF8", new Error("Invalid WebSocket frame: invalid UTF-8 sequence", cause));
    case "ERR_WS_PROTOCOL": {
      const [code, message] = frameFaults[which as WsFault]?.(fault & 0xffff) ?? [error.code, "invalid payload length"];
      return coded(code, new RangeError(`Invalid WebSocket frame: ${message}`, cause));
    }
    case "ERR_WS_DEFLATE":
      return nativeError(error) ?? error;
    default:
      return ofTheEngine.includes(error.code) ? error : undefined;
  }
}

/** Ends that `ws` does not have. */
const ofTheEngine: readonly ErrorCode[] = ["ERR_HEARTBEAT", "ERR_MEMORY", "ERR_LIMIT", "ERR_STALLED", "ERR_OVERLOAD"];

/** The error of a connection that never opened. `head`: the answer, if there was one. */
export function openingError(error: TwinwireError, head: Head | undefined, offered: readonly string[]): Error {
  switch (error.code) {
    case "ERR_WS_REFUSED":
      return new Error(`Unexpected server response: ${error.detail}`, { cause: error });
    case "ERR_WS_HANDSHAKE":
      return new Error(handshakeFault(head, offered), { cause: error });
    case "ERR_TIMEOUT":
      return nativeError(error) ?? new Error("Opening handshake has timed out", { cause: error });
    case "ERR_ENDED":
      return Object.assign(new Error("socket hang up", { cause: error }), { code: "ECONNRESET" });
    default:
      return nativeError(error) ?? error;
  }
}

/** What is wrong with the answer, in the order in which `ws` looks. */
function handshakeFault(head: Head | undefined, offered: readonly string[]): string {
  if (head === undefined) return "Parse Error: Expected HTTP/";
  const { upgrade, "sec-websocket-accept": accept } = head.headers;
  /* The engine looks no further than to the first fault: what is missing then may only not have come yet. */
  const wrong = upgrade === undefined ? head.isWhole : String(upgrade).toLowerCase() !== "websocket";
  if (wrong) return "Invalid Upgrade header";
  if (accept === undefined || !head.isWhole) {
    const last = head.rawHeaders.at(-2)?.toLowerCase();
    if (accept === undefined || last === "sec-websocket-accept") return "Invalid Sec-WebSocket-Accept header";
  }
  const { "sec-websocket-protocol": chosen, "sec-websocket-extensions": extensions } = head.headers;
  if (chosen !== undefined && offered.length === 0) return "Server sent a subprotocol but none was requested";
  if (chosen !== undefined && !offered.includes(String(chosen))) return "Server sent an invalid subprotocol";
  if (chosen === undefined && offered.length > 0 && head.isWhole) return "Server sent no subprotocol";
  if (extensions !== undefined) return "Invalid Sec-WebSocket-Extensions header";
  return "Invalid Sec-WebSocket-Accept header";
}

/** What the runtime reported: `ECONNREFUSED` and its like are in its `code`. */
function nativeError({ cause }: TwinwireError): Error | undefined {
  const isError = typeof cause === "object" && cause !== null && "code" in cause && "message" in cause;
  return isError ? (cause as unknown as Error) : undefined;
}
