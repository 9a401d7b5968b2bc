import type { TlsOptions } from "../../wasm/port-types.ts";
import type { Conn } from "../conn/conn.ts";
import type { WaitOptions } from "../conn/options.ts";
import type { Bytes } from "../internal/arguments.ts";
import { callback, flag, integer, MAX_MS, OptionSet, type Rule, signal, tlsOptions } from "../internal/options.ts";
import type { ProxyOption } from "../internal/url.ts";

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Header fields by name. Of received ones the names are in lower case; a field that came several times is one text with
 * `", "` between (`"; "` for `cookie`, a line break for `set-cookie`, which may hold commas).
 */
export type Headers = Record<string, string>;

/** Fields to be sent: by name, or as pairs where one is to be sent several times. */
export type HeadersInput =
  | Readonly<Record<string, string | number | undefined>>
  | Iterable<readonly [string, string | number]>;

/** What `http.request` sends. */
export interface HttpRequest {
  readonly method: string;
  /** `http:` or `https:`; a user and password in it are sent as `Authorization: Basic`. */
  readonly url: string;
  readonly headers?: HeadersInput | undefined;
  /** JSON: whatever `JSON.stringify` takes. Left out: no body. */
  readonly body?: unknown;
}

/** What `http.request` answers. */
export interface HttpResponse {
  status: number;
  headers: Headers;
  /** What the body says if it is JSON, else its text. */
  body: Json;
}

/** What `http.read_request` answers. */
export interface HttpServerRequest {
  method: string;
  /** As it was sent, without the query. */
  path: string;
  /** What stands behind the `?`; `""` if there is nothing. */
  query: string;
  /** `"HTTP/1.1"` or `"HTTP/1.0"`. */
  version: string;
  headers: Headers;
  /** What the body says if it is JSON, else its text; `null` if there is none. */
  body: Json;
}

/** What `http.write_response` sends. */
export interface HttpServerResponse {
  /** 200 to 599. */
  readonly status: number;
  readonly headers?: HeadersInput | undefined;
  /** JSON: whatever `JSON.stringify` takes; `null` if it is left out. */
  readonly body?: unknown;
}

/** A body as it is sent: text as UTF-8, bytes, or parts of either that come in time. */
export type BodyInput = string | Bytes | AsyncIterable<string | Bytes> | Iterable<string | Bytes>;

/** What `http.respond` sends, and what a handler of `http.serve` returns. */
export interface HttpReply {
  /** Default: 200. */
  readonly status?: number | undefined;
  readonly headers?: HeadersInput | undefined;
  /** The body as it is. Parts that come in time are sent chunked, unless `content-length` is among the headers. */
  readonly body?: BodyInput | null | undefined;
  /** The body as JSON instead. */
  readonly json?: unknown;
  /** Fields that follow a chunked body. Called when it has been sent. */
  readonly trailers?: (() => HeadersInput) | undefined;
}

/** What `http.stream` sends. */
export interface HttpStreamRequest {
  readonly method?: string | undefined;
  readonly url: string;
  readonly headers?: HeadersInput | undefined;
  readonly body?: BodyInput | null | undefined;
  readonly json?: unknown;
  readonly trailers?: (() => HeadersInput) | undefined;
}

/** How a request is made. */
export interface HttpRequestOptions extends WaitOptions {
  /**
   * How long the peer may take in all, in ms: up to the last byte of the response; for `http.stream` up to the end of its
   * head, and then from part to part. Default: 300000; 0: no limit.
   */
  readonly timeoutMs?: number | undefined;
  /** The most that the response's body may have, in bytes. Default: 16777216; `http.stream`: no limit. */
  readonly maxBody?: number | undefined;
  /** How many redirects are followed. Default: 0, which returns the redirect itself. */
  readonly maxRedirects?: number | undefined;
  /** Whether connections are kept for further requests. Default: true. */
  readonly keepAlive?: boolean | undefined;
  readonly proxy?: ProxyOption;
  /** How TLS is done for `https:`. */
  readonly tls?: TlsOptions | undefined;
  /** Sends the head alone, and the body when the server asks for it or has not answered for a second. */
  readonly expectContinue?: boolean | undefined;
  /** Hears of interim responses: 103 (Early Hints) and the like. */
  readonly onInterim?: ((status: number, headers: Headers) => void) | undefined;
}

/** How a request is read. */
export interface ReadRequestOptions extends WaitOptions {
  /** The most that its body may have, in bytes, up to 4294967295. Default: 16777216; `http.receive`: no limit. */
  readonly maxBody?: number | undefined;
  /** How long it may take to begin, in ms. Default: no limit. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long its head may take from its first byte on, in ms. Default: 30000; 0: no limit. */
  readonly headTimeoutMs?: number | undefined;
  /** How long its body may take, in ms. Default: 300000; 0: no limit. For a streamed body: each part of it. */
  readonly timeoutMs?: number | undefined;
}

/** A connection of `twinwire`, or an object that has one: a `TcpStream` of `twinwire/result`. */
export type HttpConn = Conn | { readonly conn: Conn };

/** The most bytes of a body that the core can count to: no bound. */
export const NO_BOUND = 2 ** 32 - 1;

/** Bytes of a body that are held in memory unless `maxBody` is passed. */
export const MAX_WHOLE = 16_777_216;

const MOST_REDIRECTS = 1_000;

/** A time in ms; 0: no end. */
export const duration: Rule<number> = integer(0, MAX_MS);
const bytes: Rule<number> = integer(0, NO_BOUND);

/* What is no proxy is refused with codes of its own, when the route is known. A URL object can change: its text can't. */
const proxy: Rule<ProxyOption> = (given) => (given instanceof URL ? given.href : (given as ProxyOption));

export const requestOptions = new OptionSet<HttpRequestOptions>({
  signal,
  timeoutMs: duration,
  maxBody: bytes,
  maxRedirects: integer(0, MOST_REDIRECTS),
  keepAlive: flag,
  proxy,
  tls: tlsOptions.rule,
  expectContinue: flag,
  onInterim: callback(),
});

export const readOptions = new OptionSet<ReadRequestOptions>({
  signal,
  maxBody: bytes,
  idleTimeoutMs: duration,
  headTimeoutMs: duration,
  timeoutMs: duration,
});
