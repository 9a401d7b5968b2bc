import { HttpFlag, HttpRead } from "../../wasm/abi.gen.ts";
import type { Conn } from "../conn/conn.ts";
import type { Body } from "./body.ts";
import { connOf, exchangeOn } from "./exchange.ts";
import { fromText } from "./head.ts";
import type { HttpMessage } from "./message.ts";
import type { Expected } from "./receiver.ts";
import {
  type Headers,
  type HttpConn,
  type HttpServerRequest,
  MAX_WHOLE,
  NO_BOUND,
  type ReadRequestOptions,
  readOptions,
} from "./types.ts";

const HEAD_TIMEOUT_MS = 30_000;
const TIMEOUT_MS = 300_000;

/**
 * Reads one request with its body. A body that is valid JSON is parsed, any other one is text. A client that waits for 100
 * (Continue) receives it. Pipelined requests are read one by one; bytes after the request can still be read.
 *
 * ```ts
 * const request = await http.read_request(conn);
 * await http.write_response(conn, { status: 200, body: { hello: request.path } });
 * ```
 *
 * @throws TwinwireError ERR_UNEXPECTED_EOF if the client closed the connection instead; ERR_HTTP, ERR_HTTP_VERSION,
 * ERR_HTTP_CODING, ERR_HEAD_TOO_LARGE, ERR_BODY_TOO_LARGE, ERR_ENDED, ERR_TIMEOUT, whose `status` is to be
 * responded before closing the connection: nothing else can be read from it. After ERR_DEADLINE and ERR_ABORTED the call
 * can be repeated; nothing is lost.
 */
export function readRequest(conn: HttpConn, options?: ReadRequestOptions): Promise<HttpServerRequest> {
  try {
    const expected =
      options === undefined ? WHOLE : expect(readOptions.read("http.read_request", options, "receive"), true);
    return exchangeOn(conn).receiver.receive(expected, toRequest);
  } catch (error) {
    return Promise.reject(error);
  }
}

function toRequest(message: HttpMessage): HttpServerRequest {
  const { text } = message;
  const { path, query } = splitTarget(message.target);
  return {
    method: message.method,
    path,
    query,
    version: message.version,
    headers: message.headers,
    body: text === "" ? null : fromText(text),
  };
}

/**
 * Reads the head of one request; its body is streamed. Errors: as `read_request`. Read the body to its end, or cancel it,
 * before reading the next request.
 *
 * ```ts
 * const request = await http.receive(conn);
 * for await (const part of request.body) console.log(part.length);
 * ```
 */
export async function receive(conn: HttpConn, options?: ReadRequestOptions): Promise<IncomingRequest> {
  const expected = expect(readOptions.read("http.receive", options, "receive"), false);
  const view = (message: HttpMessage): IncomingRequest => new IncomingRequest(connOf(conn), message);
  return exchangeOn(conn).receiver.receive(expected, view);
}

/** What is awaited of a client, by checked options. */
export function expect(options: ReadRequestOptions, whole: boolean): Expected {
  const { idleTimeoutMs = 0, headTimeoutMs = HEAD_TIMEOUT_MS, timeoutMs = TIMEOUT_MS, signal } = options;
  const { maxBody = whole ? MAX_WHOLE : NO_BOUND } = options;
  return { read: HttpRead.REQUEST, maxBody, whole, idleTimeoutMs, headTimeoutMs, timeoutMs, signal };
}

/** What stands behind a request. @internal */
export let messageOf: (request: IncomingRequest) => HttpMessage;

/** The defaults of `read_request`. */
const WHOLE = expect({}, true);

/** A received request, whose body is streamed. */
export class IncomingRequest {
  /** The connection on which it was received. */
  readonly conn: Conn;
  /** The header fields by name, in lower case. */
  readonly headers: Headers;
  readonly method: string;
  /** The request target as it was sent: a path with a query, or another form of RFC 9112 3.2. */
  readonly target: string;
  /** The path as it was sent, without the query. */
  readonly path: string;
  /** The text after the `?`; `""` without one. */
  readonly query: string;
  /** `"HTTP/1.1"` or `"HTTP/1.0"`. */
  readonly version: string;
  readonly #message: HttpMessage;

  /** @internal */
  constructor(conn: Conn, message: HttpMessage) {
    this.conn = conn;
    this.#message = message;
    this.method = message.method;
    this.target = message.target;
    const { path, query } = splitTarget(message.target);
    this.path = path;
    this.query = query;
    this.version = message.version;
    this.headers = message.headers;
  }

  static {
    messageOf = (request) => request.#message;
  }

  /** The header fields as they were sent: name, value, name, value. */
  get fields(): readonly string[] {
    return this.#message.fields;
  }

  /** The body; empty if the request has none. */
  get body(): Body {
    return this.#message.body as Body;
  }

  /**
   * Aborts when the client has ended its half of the connection, or the connection has ended: usually no one waits for the
   * response any more. A client that only ends its half after the request still receives it.
   */
  get signal(): AbortSignal {
    return exchangeOn(this.conn).receiver.left;
  }

  /** Whether another request may follow on the connection. */
  get keepAlive(): boolean {
    return this.#message.has(HttpFlag.KEEP_ALIVE);
  }

  /** Whether the client asks to speak another protocol from now on, such as WebSocket. */
  get upgrade(): boolean {
    return this.#message.has(HttpFlag.UPGRADE);
  }
}

/** The path and the query of a target. RFC 9112 3.2 */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const absolute = target.startsWith("/") ? undefined : /^[a-z][a-z\d+.-]*:\/\/[^/?]*(.*)$/i.exec(target)?.[1];
  const from = absolute === undefined ? target : absolute.startsWith("/") ? absolute : `/${absolute}`;
  const at = from.indexOf("?");
  return at < 0 ? { path: from, query: "" } : { path: from.slice(0, at), query: from.slice(at + 1) };
}
