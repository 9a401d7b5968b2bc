import { Buffer } from "node:buffer";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** The head and the body of an answer that refuses a handshake. */
export function refusalText(status: number, message = "", headers: Readonly<Record<string, unknown>> = {}): string {
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
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n${body}`;
}

/** Refuses a handshake, and ends its connection. */
export function refuse(
  socket: Duplex,
  status: number,
  message?: string,
  headers?: Readonly<Record<string, unknown>>,
): void {
  socket.once("finish", () => socket.destroy());
  socket.end(refusalText(status, message, headers));
}
