import { TwinwireError } from "../../wasm/errors.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { type Compression, type DeflateOptions, deflateRule } from "../internal/deflate.ts";
import {
  callback,
  complete,
  either,
  flag,
  integer,
  listOf,
  number,
  OptionSet,
  type Rule,
  signal,
  text,
  tlsOptions,
  value,
} from "../internal/options.ts";
import { type AddressPolicy, policy } from "../internal/policy.ts";
import type { ProxyOption } from "../internal/url.ts";
import { type HeaderPairs, type HeadersFunction, headersRule, type WsHeaders } from "../internal/websocket.ts";
import type { CloseInfo } from "./connection.ts";

/** Why there may be another attempt. */
export interface ReconnectEvent extends CloseInfo {
  /** Whether the connection was open; otherwise an attempt failed. */
  readonly opened: boolean;
  /** Attempts that failed since a connection was last open. */
  readonly attempts: number;
  /** The HTTP status with which the handshake was refused, or 0. */
  readonly status: number;
}

/** How a WebSocket connects again. */
export interface ReconnectOptions {
  /** Seconds before each attempt, exact; the last one repeats. `minDelayMs` and `maxDelayMs` have no effect then. */
  readonly delays?: readonly number[] | undefined;
  /** Milliseconds before the first attempt; the delay doubles with each further one. Default: 1000. */
  readonly minDelayMs?: number | undefined;
  /** The longest delay in milliseconds. Default: 30000. */
  readonly maxDelayMs?: number | undefined;
  /** The part of each delay that is random, 0 to 1. Default: 0.5, or 0 with `delays`. */
  readonly jitter?: number | undefined;
  /**
   * Decides whether there is another attempt. It may be async, and has then `openTimeoutMs` (default:
   * `limits().connectTimeoutMs`) to decide. If it throws, rejects or takes longer, the WebSocket ends with ERR_CALLBACK.
   * Default: yes, except after close code 1008 and after a handshake that was refused with 4xx other than 408 and 429.
   */
  readonly shouldReconnect?: Decision | undefined;
}

const POLICY = 1008;
const MOST_S = 86_400;

type Decision = (event: ReconnectEvent) => boolean | PromiseLike<boolean>;

/** When there is another attempt, and whether. */
export class Schedule {
  readonly #delaysMs: readonly number[] | undefined;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #jitter: number;
  readonly #should: Decision;
  /** Attempts since a connection was last open. */
  attempts = 0;

  constructor(options: ReconnectOptions) {
    const { delays, minDelayMs = 1_000, maxDelayMs = 30_000, shouldReconnect = byDefault } = options;
    this.#delaysMs = delays?.map((seconds) => seconds * 1_000);
    this.#minMs = minDelayMs;
    this.#maxMs = maxDelayMs;
    this.#jitter = options.jitter ?? (delays === undefined ? 0.5 : 0);
    this.#should = shouldReconnect;
  }

  /**
   * Asks whether there is to be another attempt.
   *
   * @throws what the application's function throws.
   */
  shouldReconnect(info: CloseInfo, opened: boolean, status: number): boolean | PromiseLike<boolean> {
    if (opened) this.attempts = 0;
    return this.#should({ ...info, opened, status, attempts: this.attempts });
  }

  /** Counts an attempt, and returns the milliseconds before it. */
  nextDelay(): number {
    const delayMs = this.#delay(this.attempts);
    this.attempts += 1;
    return delayMs * (1 - this.#jitter * Math.random());
  }

  #delay(attempt: number): number {
    const delays = this.#delaysMs;
    if (delays === undefined) return Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(attempt, 30));
    return delays[Math.min(attempt, delays.length - 1)] as number;
  }
}

function byDefault({ code, opened, status }: ReconnectEvent): boolean {
  if (opened) return code !== POLICY;
  return status < 400 || status > 499 || status === 408 || status === 429;
}

const reconnectOptions = new OptionSet<ReconnectOptions>({
  delays: listOf(number(0, MOST_S), `a list of one or more numbers of seconds from 0 to ${MOST_S}`, 1),
  minDelayMs: number(0, MOST_S * 1_000),
  maxDelayMs: number(0, MOST_S * 1_000),
  jitter: number(0, 1),
  shouldReconnect: callback<Decision>(),
});

/** The rule of an option `reconnect`: `true`, `false`, delays in seconds, or `ReconnectOptions`. */
export const reconnectRule: Rule<Schedule | undefined> = (given, path) => {
  if (given === false) return undefined;
  const options = given === true ? {} : Array.isArray(given) ? { delays: given } : given;
  return new Schedule(reconnectOptions.rule(options, path));
};

/** The server's response to an opening handshake. */
export interface HandshakeResponse {
  /** The HTTP status: 101 if the server accepted. */
  readonly status: number;
  /** The reason phrase. */
  readonly reason: string;
  readonly headers: Headers;
  /** The URL that was requested, after redirects. */
  readonly url: string;
}

/** Header fields of the handshake, or a function that is called before each attempt. */
export type HeadersOption = WsHeaders | HeadersFunction;

/** The options of `new WebSocket`, all of them beyond the standard. An unknown name is an error. */
export interface WebSocketOptions {
  /** Subprotocols to offer, in order of preference; here or as the second argument. */
  readonly protocols?: string | readonly string[] | undefined;
  /**
   * Header fields of the handshake. A function is called before each attempt, so that it can fetch a fresh token. If it
   * throws, rejects or takes longer than `openTimeoutMs` (default: `limits().connectTimeoutMs`), the attempt fails with
   * ERR_CALLBACK, and `reconnect` decides what follows.
   */
  readonly headers?: HeadersOption | undefined;
  /** TLS options, for `wss:` only. */
  readonly tls?: TlsOptions | undefined;
  /**
   * The addresses to connect to, on each attempt and after redirects; any other is ERR_POLICY, as is a Unix socket. Not with a proxy,
   * which connects to what it likes. Default: all.
   */
  readonly policy?: AddressPolicy | undefined;
  /** The HTTP proxy to connect through; `null` for none. Default: as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. */
  readonly proxy?: ProxyOption;
  /** TLS options for a proxy whose URL is `https:`. Default: its certificate is verified for the proxy's host. */
  readonly proxyTls?: TlsOptions | undefined;
  /**
   * Sends a ping after `intervalMs` without received bytes, and ends the connection with ERR_HEARTBEAT after `timeoutMs`
   * more. Default: off.
   */
  readonly heartbeat?: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  /**
   * Connects again whenever the connection ends without `close` having been called. `true`: after 1, 2, 4 … 30 seconds,
   * each shortened by up to half at random. An array: after exactly these seconds; the last one repeats. Default: off.
   */
  readonly reconnect?: boolean | readonly number[] | ReconnectOptions | undefined;
  /** The bytes of messages that may be sent before the WebSocket is open and while it connects again. Default: 0. */
  readonly queue?: { readonly maxBytes: number } | undefined;
  /** The bytes that may wait to be sent; more end the connection with ERR_BACKPRESSURE. Default: 268435456. */
  readonly maxBuffered?: number | undefined;
  /** The largest message to receive, in bytes, after inflating. Default: `limits().maxMessage`. */
  readonly maxMessage?: number | undefined;
  /** The most frames that a received message may have. Default: `limits().maxFragments`. */
  readonly maxFragments?: number | undefined;
  /** Called with the server's response to the handshake, also if it refuses. */
  readonly onResponse?: ((response: HandshakeResponse) => void) | undefined;
  /** The most redirects to follow, 0 to 20. Default: 0. */
  readonly maxRedirects?: number | undefined;
  /** Offers permessage-deflate (RFC 7692). Default: false. */
  readonly deflate?: boolean | DeflateOptions | undefined;
  /** The most milliseconds from the start of an attempt to the open connection. Default: the bounds of `limits()`. */
  readonly openTimeoutMs?: number | undefined;
  /** The most milliseconds from `close()` to `closed`, at most `limits().closeTimeoutMs`. Default: that. */
  readonly closeTimeoutMs?: number | undefined;
  /** Ends the WebSocket when it aborts: with ERR_ABORTED if it is not open yet, else by `close()`. */
  readonly signal?: AbortSignal | undefined;
  /** TCP_NODELAY. Default: true. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE, with the idle time before the first probe. Default: false. */
  readonly keepAlive?: boolean | { readonly initialDelayMs: number } | undefined;
}

/** The same, checked and copied. */
export interface ClientOptions
  extends Omit<WebSocketOptions, "deflate" | "headers" | "maxBuffered" | "protocols" | "proxy" | "reconnect"> {
  readonly protocols?: string | readonly string[] | undefined;
  readonly headers?: HeaderPairs | HeadersFunction | undefined;
  readonly proxy?: string | null | undefined;
  readonly deflate?: Compression | undefined;
  readonly reconnect?: Schedule | undefined;
  readonly maxBuffered?: number | undefined;
}

/** The largest number of milliseconds that a timer takes, and of bytes that a message has. */
const MOST = 2 ** 31 - 1;

const positive = integer(1, MOST);

const names = listOf(text, "a string or a list of strings");

const proxyText = value("the URL of a proxy, or null", (given): given is string => typeof given === "string");

const bounds = new OptionSet<{ intervalMs?: number; timeoutMs?: number }>({
  intervalMs: positive,
  timeoutMs: positive,
});

/** The rule of an option `heartbeat`. */
export const heartbeatRule = complete(bounds);

const clientOptions = new OptionSet<ClientOptions>({
  protocols: (given, path) => (typeof given === "string" ? given : names(given, path)),
  headers: headersRule,
  tls: tlsOptions.rule,
  policy,
  proxy: (given, path) => (given === null ? null : proxyText(given instanceof URL ? given.href : given, path)),
  proxyTls: tlsOptions.rule,
  heartbeat: heartbeatRule,
  reconnect: reconnectRule,
  queue: complete(new OptionSet<{ maxBytes?: number }>({ maxBytes: integer(0, Number.MAX_SAFE_INTEGER) })),
  maxBuffered: integer(1, Number.MAX_SAFE_INTEGER),
  maxMessage: positive,
  maxFragments: positive,
  onResponse: callback<(response: HandshakeResponse) => void>(),
  maxRedirects: integer(0, 20),
  deflate: deflateRule,
  openTimeoutMs: positive,
  closeTimeoutMs: positive,
  signal,
  noDelay: flag,
  keepAlive: either(
    (given) => typeof given === "boolean",
    flag,
    complete(new OptionSet<{ initialDelayMs?: number }>({ initialDelayMs: integer(0, MOST) })),
  ),
});

/** @throws TwinwireError ERR_ARGUMENT for what is no such option. */
export function checkClientOptions(given: unknown, secure: boolean): ClientOptions {
  const options = clientOptions.read("WebSocket", given);
  /* To connect without TLS where TLS options were given would be worse than to refuse. */
  if (options.tls !== undefined && !secure) {
    throw new TwinwireError("ERR_ARGUMENT", {
      step: "open",
      operation: "WebSocket",
      problem: "the option tls has no meaning for a URL that is not wss:",
      remedy: "write wss:, or leave tls out",
    });
  }
  return options;
}
