/** The answer to a handshake, as `upgrade` and `unexpected-response` are told of it: what dependents use of node:http. */
import { Readable } from "node:stream";
import { splitFields } from "../http/fields.ts";

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
