import type { TlsOptions } from "../../wasm/port-types.ts";
import type { Conn } from "../conn/conn.ts";
import type { WaitOptions } from "../conn/options.ts";
import type { Bytes } from "../internal/arguments.ts";
import { callback, flag, integer, MAX_MS, OptionSet, type Rule, signal, tlsOptions } from "../internal/options.ts";
import { type AddressPolicy, policy } from "../internal/policy.ts";
import { type ProxyOption, proxyRule } from "../internal/url.ts";

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Header fields by name, in lower case. The values of a field that was received several times are joined by `", "`; those of
 * `cookie` by `"; "`, and those of `set-cookie`, which may contain commas, by a line break.
 */
export type Headers = Record<string, string>;

/** Header fields to send: an object, or pairs of name and value where a field is sent several times. */
export type HeadersInput =
  | Readonly<Record<string, string | number | undefined>>
  | Iterable<readonly [string, string | number]>;

/** A request for `http.request`. */
export interface HttpRequest {
  /** Default: `"GET"`. */
  readonly method?: string | undefined;
  /** An `http:` or `https:` URL. A user and a password in it are sent as `Authorization: Basic`. */
  readonly url: string;
  readonly headers?: HeadersInput | undefined;
  /** The body: any value that `JSON.stringify` accepts. Default: no body. */
  readonly body?: unknown;
}

/** The result of `http.request`. */
export interface HttpResponse {
  status: number;
  headers: Headers;
  /** The parsed body if it is JSON, otherwise its text. */
  body: Json;
}

/** The result of `http.read_request`. */
export interface HttpServerRequest {
  method: string;
  /** The path as it was sent, without the query. */
  path: string;
  /** The text after the `?`; `""` without one. */
  query: string;
  /** `"HTTP/1.1"` or `"HTTP/1.0"`. */
  version: string;
  headers: Headers;
  /** The parsed body if it is JSON, otherwise its text; `null` without a body. */
  body: Json;
}

/** A response for `http.write_response`. */
export interface HttpServerResponse {
  /** 200 to 599. */
  readonly status: number;
  readonly headers?: HeadersInput | undefined;
  /** The body: any value that `JSON.stringify` accepts. Default: `null`. */
  readonly body?: unknown;
}

/** A body: text (sent as UTF-8), bytes, or an iterable of both, whose parts are sent as they are produced. */
export type BodyInput = string | Bytes | AsyncIterable<string | Bytes> | Iterable<string | Bytes>;

/** A plain object that is sent as JSON. */
export type JsonObject = { readonly [key: string]: unknown };

/** A response for `http.respond`, and the result of a handler of `http.serve`. */
export interface HttpReply {
  /** Default: 200. */
  readonly status?: number | undefined;
  readonly headers?: HeadersInput | undefined;
  /**
   * The body. An iterable is sent with the chunked coding, unless the headers have `content-length`. A plain object is sent as
   * JSON; for an array, a number or another value of JSON use `json`. Default: empty.
   */
  readonly body?: BodyInput | JsonObject | null | undefined;
  /** The body as JSON, instead of `body`: any value that `JSON.stringify` accepts. */
  readonly json?: unknown;
  /** Called after a chunked body was sent; returns the trailer fields that follow it. */
  readonly trailers?: (() => HeadersInput) | undefined;
}

/** A request for `http.stream`. */
export interface HttpStreamRequest {
  /** Default: `"GET"`. */
  readonly method?: string | undefined;
  readonly url: string;
  readonly headers?: HeadersInput | undefined;
  readonly body?: BodyInput | null | undefined;
  readonly json?: unknown;
  readonly trailers?: (() => HeadersInput) | undefined;
}

/** The options of `http.request` and `http.stream`. An unknown name is an error. */
export interface HttpRequestOptions extends WaitOptions {
  /**
   * The most milliseconds until the last byte of the response; for `http.stream` until the end of its head, and then between
   * two parts of the body. 0: no limit. Default: 300000.
   */
  readonly timeoutMs?: number | undefined;
  /** The largest body of the response, in bytes; ERR_BODY_TOO_LARGE above. Default: 16777216; `http.stream`: no limit. */
  readonly maxBody?: number | undefined;
  /** The most redirects to follow, 0 to 1000. Default: 0, which returns the redirect itself. */
  readonly maxRedirects?: number | undefined;
  /** Whether the connection is kept for further requests. Default: true. */
  readonly keepAlive?: boolean | undefined;
  /**
   * The addresses to connect to, also after redirects; any other is ERR_POLICY. Not with a proxy,
   * which chooses the addresses that it connects to. Default: all.
   */
  readonly policy?: AddressPolicy | undefined;
  /** The HTTP proxy to use; `null` for none. Default: from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. */
  readonly proxy?: ProxyOption;
  /** TLS options for a proxy whose URL is `https:`. Default: its certificate is verified for the proxy's host. */
  readonly proxyTls?: TlsOptions | undefined;
  /** TLS options for `https:`. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Sends `Accept-Encoding`, and decompresses a body in gzip, deflate or br. `maxBody` limits it before and after. The header
   * fields stay as they were received. Default: false.
   */
  readonly decompress?: boolean | undefined;
  /** Sends `Expect: 100-continue`, and the body when the server asks for it or has not responded for 1 s. Default: false. */
  readonly expectContinue?: boolean | undefined;
  /** Called with interim responses, such as 103 (Early Hints). */
  readonly onInterim?: ((status: number, headers: Headers) => void) | undefined;
}

/** The options of `http.read_request` and `http.receive`. An unknown name is an error. */
export interface ReadRequestOptions extends WaitOptions {
  /** The largest body, in bytes, up to 4294967295. Default: 16777216; `http.receive`: no limit. */
  readonly maxBody?: number | undefined;
  /** The most milliseconds until the request begins. Default: 0, no limit. */
  readonly idleTimeoutMs?: number | undefined;
  /** The most milliseconds from the first byte to the end of the head. 0: no limit. Default: 30000. */
  readonly headTimeoutMs?: number | undefined;
  /** The most milliseconds of the body; of a streamed body, of each part. 0: no limit. Default: 300000. */
  readonly timeoutMs?: number | undefined;
}

/** A connection of `twinwire`, or a `TcpStream` of `twinwire/result`. */
export type HttpConn = Conn | { readonly conn: Conn };

/** The most bytes of a body that the core can count to: no bound. */
export const NO_BOUND = 2 ** 32 - 1;

/** Bytes of a body that are held in memory unless `maxBody` is passed. */
export const MAX_WHOLE = 16_777_216;

const MOST_REDIRECTS = 1_000;

/** A time in ms; 0: no end. */
export const duration: Rule<number> = integer(0, MAX_MS);
const bytes: Rule<number> = integer(0, NO_BOUND);

export const requestOptions = new OptionSet<HttpRequestOptions>({
  signal,
  timeoutMs: duration,
  maxBody: bytes,
  maxRedirects: integer(0, MOST_REDIRECTS),
  keepAlive: flag,
  policy,
  proxy: proxyRule,
  proxyTls: tlsOptions.rule,
  tls: tlsOptions.rule,
  decompress: flag,
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
