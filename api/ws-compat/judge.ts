import type { IncomingMessage } from "node:http";

/** RFC 6455 4.1 item 7: 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** RFC 9110 5.6.2 */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

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
  return distinct.size === names.length && names.every((name) => TOKEN.test(name)) ? distinct : undefined;
}
