/** HTTP/1.1 whose calls wait. */
import { TwinwireError } from "../../wasm/errors.ts";
import type {
  ReadRequestOptions as AsyncReadOptions,
  HttpRequestOptions as AsyncRequestOptions,
  HttpRequest,
  HttpResponse,
  HttpServerRequest,
  HttpServerResponse,
} from "../http/types.ts";
import { show } from "../internal/arguments.ts";
import { Conn, linkOf } from "./conn.ts";
import { Op, pack } from "./protocol.ts";
import { ownCaller } from "./start.ts";

/** The options of `http.request`. */
export type HttpRequestOptions = Omit<AsyncRequestOptions, "signal" | "onInterim">;

/** The options of `http.read_request`. */
export type ReadRequestOptions = Omit<AsyncReadOptions, "signal">;

/** A connection of `twinwire/sync`, or a `TcpStream` of its results. */
export type HttpConn = Conn | { readonly conn: Conn };

function connOf(conn: HttpConn): Conn {
  if (conn instanceof Conn) return conn;
  if (typeof conn === "object" && conn !== null && conn.conn instanceof Conn) return conn.conn;
  throw new TwinwireError("ERR_ARGUMENT", { reason: `a connection or a TcpStream, not ${show(conn)}` });
}

/** A message with its body: the body is whatever JSON makes of it here. */
function packMessage(operation: string, message: unknown): unknown {
  if (typeof message !== "object" || message === null) return pack(operation, message);
  const { body, ...rest } = message as { body?: unknown };
  const packed = pack(operation, rest, "message") as object;
  if (body === undefined) return packed;
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(body);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return { ...packed, json: text };
  throw new TwinwireError("ERR_ARGUMENT", { step: "send", reason: "the body is not JSON", cause });
}

/**
 * Sends a request and waits for the whole response. The body is sent as JSON. A response body that is valid JSON is parsed, any
 * other one is text. The connection is kept for further requests.
 *
 * ```ts
 * const { status, body } = http.request({ url: "http://127.0.0.1:8080/items" });
 * ```
 *
 * @throws TwinwireError as `http.request` of `twinwire`.
 */
function request(what: HttpRequest, options?: HttpRequestOptions): HttpResponse {
  const args = [packMessage("http.request", what), pack("http.request", options)];
  return ownCaller().call(Op.HTTP_REQUEST, { args }).value as HttpResponse;
}

/**
 * Reads one request with its body from a connection. After an error with a `status`, respond with it and close the connection.
 *
 * @throws TwinwireError as `http.read_request` of `twinwire`.
 */
function readRequest(conn: HttpConn, options?: ReadRequestOptions): HttpServerRequest {
  const args = [pack("http.read_request", options)];
  return linkOf(connOf(conn)).call(Op.READ_REQUEST, { args }).value as HttpServerRequest;
}

/**
 * Writes a response with a JSON body: `null` if none is given. `content-type` is `application/json` unless `headers` has it.
 *
 * @throws TwinwireError as `http.write_response` of `twinwire`.
 */
function writeResponse(conn: HttpConn, response: HttpServerResponse): void {
  linkOf(connOf(conn)).call(Op.WRITE_RESPONSE, { args: [packMessage("http.write_response", response)] });
}

/** HTTP/1.1, client and server, with JSON bodies. */
export const http = {
  request,
  readRequest,
  /** Alias of `readRequest`, as the specification names it. */
  read_request: readRequest,
  writeResponse,
  /** Alias of `writeResponse`, as the specification names it. */
  write_response: writeResponse,
} as const;
