import { HttpFlag, HttpRead, HttpSend } from "../../wasm/abi.gen.ts";
import type { Payload } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { utf8Size } from "../../wasm/text.ts";
import type { Conn } from "../conn/conn.ts";
import { signalOf, type WaitOptions } from "../conn/options.ts";
import { show, toPayload } from "../internal/arguments.ts";
import type { Body } from "./body.ts";
import { connOf, type Exchange, exchangeOn, type Parts } from "./exchange.ts";
import { dateNow, FieldText, fromText, JSON_FIELDS, jsonHead, reasonOf, toText } from "./head.ts";
import type { HttpMessage } from "./message.ts";
import type { Expected } from "./receiver.ts";
import {
  type BodyInput,
  type Headers,
  type HttpConn,
  type HttpReply,
  type HttpServerRequest,
  type HttpServerResponse,
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
  /** The method; with the option `headAsGet` of `http.serve`, `"GET"` for HEAD. */
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
  constructor(conn: Conn, message: HttpMessage, headAsGet = false) {
    this.conn = conn;
    this.#message = message;
    const { method } = message;
    this.method = headAsGet && method === "HEAD" ? "GET" : method;
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

/**
 * Writes a response with a JSON body: `null` if none is given, and a string in quotation marks. `content-type` is
 * `application/json` unless the headers have another one. Otherwise as `respond`.
 *
 * @throws TwinwireError ERR_ARGUMENT for an invalid status or a value that is not JSON; ERR_HEADER for an invalid character in
 * a field; ERR_STATE after the end of the connection; ERR_DEADLINE, ERR_ABORTED.
 */
export function writeResponse(conn: HttpConn, response: HttpServerResponse, options?: WaitOptions): Promise<void> {
  try {
    if (typeof response !== "object" || response === null) {
      throw refusal(`a response is an object, not ${show(response)}`);
    }
    const { status, headers, body = null } = response;
    const signal = signalOf("http.write_response", options);
    checkStatus(status, 200);
    const exchange = exchangeOn(conn);
    const usual = headers === undefined && isUsual(exchange.receiver.request, status);
    if (!usual) return reply(exchange, { status, headers, json: body }, signal);
    const text = toText(body);
    if (!exchange.sender.fits(text)) return reply(exchange, { status, json: body }, signal);
    exchange.receiver.answered();
    return exchange.sender.sendWhole(status, jsonHead(status), JSON_FIELDS, 0, text, signal);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Whether the response needs nothing but its JSON: the request is of no special kind, and the response has a body. */
function isUsual(request: HttpMessage | undefined, status: number): boolean {
  if (status === 204 || status === 205 || status === 304) return false;
  return request?.has(HttpFlag.KEEP_ALIVE) === true && !request.has(HttpFlag.HTTP_1_0) && request.method !== "HEAD";
}

/**
 * Writes the response to the request that was read last. The body is left out for HEAD. If the client asked for
 * `Connection: close`, our half of the connection ends afterwards. A status below 200 is an interim response, which another
 * one follows. A streamed body is read as fast as the client receives it.
 *
 * ```ts
 * await http.respond(conn, { headers: { "content-type": "text/csv" }, body: createReadStream("data.csv") });
 * ```
 *
 * @throws TwinwireError as `write_response`; ERR_HTTP_LENGTH for a body whose length differs from `content-length`.
 * An error that a streamed body throws closes the connection.
 */
export async function respond(conn: HttpConn, response: HttpReply, options?: WaitOptions): Promise<void> {
  if (typeof response !== "object" || response === null)
    throw refusal(`a response is an object, not ${show(response)}`);
  checkStatus(response.status ?? 200, 102);
  return reply(exchangeOn(conn), response, signalOf("http.respond", options));
}

/** As `respond`. `last`: the connection carries no other message. */
export function reply(
  exchange: Exchange,
  { status = 200, headers, body: given, json: value, trailers }: HttpReply,
  signal: AbortSignal | undefined,
  last = false,
): Promise<void> {
  const { stream, receiver, sender } = exchange;
  const { request } = receiver;
  const isObject = value === undefined && isJsonObject(given);
  const json = isObject ? given : value;
  const body = isObject ? undefined : (given as BodyInput | null | undefined);
  const fields = new FieldText().addAll(headers);
  const interim = status < 200;
  /* RFC 9110 15.2: never to an HTTP/1.0 client. */
  if (interim && request?.has(HttpFlag.HTTP_1_0) === true) return Promise.resolve();
  /* RFC 9110 6.4.1, 15.3.6 */
  const bodiless = interim || status === 204 || status === 205 || status === 304;
  let content = bodiless ? "" : contentOf(body, json);
  let flags = 0;
  if (!bodiless) {
    if (json !== undefined) fields.addDefault("content-type", "application/json");
    if (request?.method === "HEAD") {
      flags = HttpSend.HEAD_ONLY;
      if (!isParts(content)) fields.addDefault("content-length", `${sizeOf(content)}`);
      content = "";
    }
  }
  const old = request?.has(HttpFlag.HTTP_1_0) === true;
  const endless = old && isParts(content) && !fields.has("content-length");
  const closes = !interim && (last || endless || fields.closes || request?.has(HttpFlag.KEEP_ALIVE) === false);
  if (!interim) {
    fields.addDefault("date", dateNow());
    if (old && !closes) fields.addDefault("connection", "keep-alive");
    receiver.answered();
  }
  if (endless) flags = HttpSend.UNTIL_CLOSE;
  else if (closes && !fields.closes) flags |= HttpSend.CLOSE;
  const start = `${reasonOf(status)}\0`;
  let sent = sender.send({ status, start, fields, flags, body: content, trailers, signal });
  /* The client must not take what it has for all of it. */
  if (sender.busy) sent = sent.catch((error: unknown) => abandon(exchange, error));
  if (!closes) return sent;
  exchange.ending = true;
  receiver.isLast();
  return sent.then(() => stream.sender.finish());
}

function abandon({ stream, sender }: Exchange, error: unknown): never {
  if (sender.broken) stream.close();
  throw error;
}

/** A body as it is sent. */
export function contentOf(body: BodyInput | null | undefined, json: unknown): Payload | Parts {
  if (json !== undefined) return toText(json);
  if (body === undefined || body === null) return "";
  const payload = toPayload(body);
  if (payload !== undefined) return payload;
  if (typeof body === "object" && (Symbol.asyncIterator in body || Symbol.iterator in body)) return body as Parts;
  throw refusal(`a body is text, bytes or parts of either, not ${show(body)}`);
}

/** Whether a body is an object that is sent as JSON: a plain one that has no parts. */
function isJsonObject(body: unknown): boolean {
  if (typeof body !== "object" || body === null || Symbol.iterator in body || Symbol.asyncIterator in body)
    return false;
  const prototype: unknown = Object.getPrototypeOf(body);
  return prototype === Object.prototype || prototype === null;
}

/** Whether a body comes in time. */
export function isParts(content: Payload | Parts): content is Parts {
  return typeof content !== "string" && !(content instanceof Uint8Array);
}

function sizeOf(content: Payload): number {
  return typeof content === "string" ? utf8Size(content) : content.length;
}

function checkStatus(status: unknown, least: number): void {
  if (Number.isInteger(status) && (status as number) >= least && (status as number) <= 599 && status !== 101) return;
  throw refusal(`status is a whole number from ${least} to 599, not ${show(status)}`);
}

function refusal(reason: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { step: "send", reason });
}
