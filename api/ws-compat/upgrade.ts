/** The server's side of the opening handshake, on a stream that node:http has released, or on any other Duplex. */
import { Buffer } from "node:buffer";
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { TwinwireError } from "../../wasm/errors.ts";
import { isToken } from "../internal/websocket.ts";
import type { Agreement } from "./adoption.ts";
import { acceptOf } from "./handshake.ts";
import { facadeOf, type WebSocket } from "./websocket.ts";

/** How a client is accepted. */
export interface Acceptance {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Uint8Array;
  readonly agreement: Agreement;
  /** The value of Sec-WebSocket-Extensions, or `""`. */
  readonly extensions: string;
  /** Makes the WebSocket, which is not open yet. */
  make(): WebSocket;
  /** Receives the lines of the response, and may add some. */
  headers(lines: string[]): void;
}

/**
 * Answers the handshake, and returns the WebSocket: it is open, and the engine takes the stream over in a later microtask.
 *
 * @throws what `make` and `headers` throw; TwinwireError ERR_HEADER for a line that is none, ERR_ARGUMENT for a
 * subprotocol that is no token. Nothing has been sent then.
 */
export function accept(acceptance: Acceptance): WebSocket {
  const { socket, head, agreement } = acceptance;
  const ws = acceptance.make();
  const text = responseText(acceptance);
  const facade = facadeOf(ws);
  /* What the engine writes comes behind it. */
  socket.write(text, "latin1");
  facade.begin(socket, head, agreement);
  return ws;
}

function responseText({ request, agreement: { protocol }, extensions, headers }: Acceptance): string {
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  lines.push(`Sec-WebSocket-Accept: ${acceptOf(request.headers["sec-websocket-key"])}`);
  if (protocol !== "") {
    if (!isToken(protocol)) throw fault("ERR_ARGUMENT", "a subprotocol that is no token");
    lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  }
  if (extensions !== "") lines.push(`Sec-WebSocket-Extensions: ${extensions}`);
  headers(lines);
  if (!lines.every((line, index) => (index === 0 ? START_LINE : FIELD_LINE).test(line))) {
    throw fault("ERR_HEADER", "a line of the response that is no header field");
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** RFC 9112 4 and 5: what can't be taken for two lines. */
const START_LINE = /^HTTP\/1\.1 101 [\t\x20-\x7e\x80-\xff]*$/;
const FIELD_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;

function fault(code: "ERR_ARGUMENT" | "ERR_HEADER", reason: string): TwinwireError {
  return new TwinwireError(code, { step: "accept", reason });
}

/** Refuses a handshake, and ends its connection. */
export function refuse(
  socket: Duplex,
  status: number,
  message = "",
  headers: Readonly<Record<string, unknown>> = {},
): void {
  const reason = STATUS_CODES[status] ?? "";
  const body = message === "" ? reason : message;
  const fields = Object.entries({
    Connection: "close",
    "Content-Type": "text/html",
    "Content-Length": Buffer.byteLength(body),
    ...headers,
  });
  const lines = fields.flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `${name}: ${String(one).replace(/[\r\n]/g, " ")}\r\n`),
  );
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n${body}`);
}
