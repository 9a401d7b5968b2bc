import type { Payload } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "../internal/arguments.ts";
import type { Body } from "./body.ts";
import { contentOf, isParts } from "./calls.ts";
import { exchange, type Plan, type PreparedRequest, redirected, routeOf, urlOf } from "./client.ts";
import { ACCEPTED, checkDecoding, decoded } from "./decoding.ts";
import type { Parts } from "./exchange.ts";
import { fromText, type Pair, pairsOf, toText } from "./head.ts";
import type { HttpMessage } from "./message.ts";
import {
  type Headers,
  type HeadersInput,
  type HttpRequest,
  type HttpRequestOptions,
  type HttpResponse,
  type HttpStreamRequest,
  MAX_WHOLE,
  NO_BOUND,
  requestOptions,
} from "./types.ts";

const TIMEOUT_MS = 300_000;

/** The result of a call: the last response, and its URL. */
interface Answer {
  readonly message: HttpMessage;
  readonly order: PreparedRequest;
  readonly redirects: number;
}

/**
 * Sends a request and waits for the whole response. The body is sent as JSON. A response body that is valid JSON is parsed, any
 * other one is text. The connection is kept for further requests.
 *
 * ```ts
 * const { status, body } = await http.request({ method: "GET", url: "http://127.0.0.1:8080/items" });
 * ```
 *
 * A request with an idempotent method (GET, HEAD, OPTIONS, TRACE, PUT, DELETE) is sent once more if the
 * connection that was kept has been closed.
 *
 * @throws TwinwireError ERR_URL, ERR_HEADER, ERR_ARGUMENT; the errors of opening a connection (ERR_REFUSED,
 * ERR_NAME_NOT_FOUND, ERR_TLS…, ERR_PROXY); ERR_HTTP, ERR_HTTP_VERSION, ERR_HTTP_CODING, ERR_HEAD_TOO_LARGE,
 * ERR_BODY_TOO_LARGE, ERR_ENDED, ERR_RESET, ERR_UNEXPECTED_EOF; ERR_REDIRECT, ERR_TIMEOUT, ERR_ABORTED.
 */
export async function request(what: HttpRequest, options?: HttpRequestOptions): Promise<HttpResponse> {
  const checked = requestOptions.read("http.request", options, "send");
  if (typeof what !== "object" || what === null) throw refusal(`a request is an object, not ${show(what)}`);
  const { body } = what;
  const content = body === undefined ? "" : toText(body);
  const order: PreparedRequest = {
    method: methodOf(what.method ?? "GET"),
    url: urlOf(what.url),
    headers: headersOf(what.headers, checked),
    hasBody: body !== undefined,
    contentType: "application/json",
  };
  if (checked.decompress) return requestDecoded(order, content, checked);
  const { message } = await follow(order, content, planOf(checked, true, undefined), checked);
  return { status: message.status, headers: message.headers, body: fromText(message.text) };
}

/**
 * Sends a request and waits for the head of the response. The bodies of both are streamed. Errors: as `request`.
 *
 * ```ts
 * const response = await http.stream({ url: "http://127.0.0.1:8080/log" });
 * for await (const part of response.body) console.log(part.length);
 * ```
 *
 * Read the body to its end, or cancel it (`body.cancel()`): until then it occupies a connection.
 */
export async function stream(what: HttpStreamRequest, options?: HttpRequestOptions): Promise<IncomingResponse> {
  const checked = requestOptions.read("http.stream", options, "send");
  if (typeof what !== "object" || what === null) throw refusal(`a request is an object, not ${show(what)}`);
  const { json, body } = what;
  const hasBody = json !== undefined || (body !== undefined && body !== null);
  const order: PreparedRequest = {
    method: methodOf(what.method ?? "GET"),
    url: urlOf(what.url),
    headers: headersOf(what.headers, checked),
    hasBody,
    contentType: json === undefined ? undefined : "application/json",
  };
  const plan = planOf(checked, false, what.trailers);
  const answer = await follow(order, contentOf(body, json), plan, checked);
  return new IncomingResponse(answer, checked.decompress ? (checked.maxBody ?? NO_BOUND) : undefined);
}

/** Header fields to send, with the codings that can be decoded. */
function headersOf(headers: HeadersInput | undefined, { decompress }: HttpRequestOptions): Pair[] {
  const pairs = pairsOf(headers);
  if (decompress !== true) return pairs;
  checkDecoding("http");
  const has = pairs.some(([name]) => name.toLowerCase() === "accept-encoding");
  return has ? pairs : [...pairs, ["accept-encoding", ACCEPTED]];
}

/** As `request`, with a body that may have a content coding. */
async function requestDecoded(
  order: PreparedRequest,
  content: Payload | Parts,
  options: HttpRequestOptions,
): Promise<HttpResponse> {
  const { maxBody = MAX_WHOLE, timeoutMs = TIMEOUT_MS } = options;
  const since = performance.now();
  const plan = { ...planOf(options, true, undefined), whole: false };
  const { message, order: last } = await follow(order, content, plan, options);
  const body = decoded(message.body as Body, message.headers["content-encoding"], maxBody);
  let isLate = false;
  const expire = (): void => {
    isLate = true;
    body.cancel();
  };
  const timer = timeoutMs > 0 ? setTimeout(expire, Math.max(0, timeoutMs - (performance.now() - since))) : undefined;
  try {
    const text = await body.text();
    return { status: message.status, headers: message.headers, body: fromText(text) };
  } catch (error) {
    if (!isLate) throw error;
    const reason = "there was no whole response in time";
    throw new TwinwireError("ERR_TIMEOUT", { step: "receive", address: last.url.href, reason });
  } finally {
    clearTimeout(timer);
  }
}

async function follow(
  first: PreparedRequest,
  content: Payload | Parts,
  plan: Plan,
  options: HttpRequestOptions,
): Promise<Answer> {
  const { maxRedirects: most = 0 } = options;
  let order = first;
  for (let redirects = 0; ; redirects++) {
    const message = await exchange(order, order.hasBody ? content : "", routeOf(order, options), plan);
    const { location } = message.headers;
    const next = most === 0 ? undefined : redirected(order, message.status, location);
    if (next === undefined) return { message, order, redirects };
    message.body?.cancel();
    const facts = { step: "receive", address: order.url.href, detail: message.status } as const;
    if (redirects === most) throw new TwinwireError("ERR_REDIRECT", facts);
    if (next.hasBody && isParts(content)) {
      throw new TwinwireError("ERR_REDIRECT", { ...facts, reason: "a body that came in time can't be sent again" });
    }
    order = next;
  }
}

function planOf(options: HttpRequestOptions, whole: boolean, trailers: Plan["trailers"]): Plan {
  const { timeoutMs = TIMEOUT_MS, keepAlive = true, expectContinue = false, onInterim, signal } = options;
  const { maxBody = whole ? MAX_WHOLE : NO_BOUND } = options;
  return { whole, maxBody, timeoutMs, keepAlive, expectContinue, onInterim, trailers, signal };
}

/** A received response, whose body is streamed. */
export class IncomingResponse {
  readonly status: number;
  /** The header fields by name, in lower case. */
  readonly headers: Headers;
  /** The URL that responded, after redirects. */
  readonly url: string;
  /** The number of redirects that were followed. */
  readonly redirects: number;
  readonly #message: HttpMessage;
  readonly #body: Body;

  /** `most`: the bytes that the body may be decoded to; `undefined`: it is not decoded. @internal */
  constructor({ message, order, redirects }: Answer, most?: number) {
    this.#message = message;
    const body = message.body as Body;
    this.#body = most === undefined ? body : decoded(body, message.headers["content-encoding"], most);
    this.status = message.status;
    this.headers = message.headers;
    const url = new URL(order.url);
    url.username = "";
    url.password = "";
    this.url = url.href;
    this.redirects = redirects;
  }

  /** The reason phrase; it may be empty. */
  get reason(): string {
    return this.#message.line.slice(13);
  }

  /** The header fields as they were sent: name, value, name, value. */
  get fields(): readonly string[] {
    return this.#message.fields;
  }

  /** The body; empty if the response has none. */
  get body(): Body {
    return this.#body;
  }
}

function methodOf(method: unknown): string {
  if (typeof method !== "string") throw refusal(`method is a text, not ${show(method)}`);
  /* RFC 9110 9.3.6: what follows is no HTTP; a proxy is an option. */
  if (method === "CONNECT") throw refusal("method CONNECT asks for a tunnel, not for a response");
  return method;
}

function refusal(reason: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { step: "send", reason });
}
