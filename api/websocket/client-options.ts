import { TwinwireError } from "../../wasm/errors.ts";
import type { TlsOptions } from "../../wasm/socket-options.ts";
import type { ProxyOption } from "../conn/proxy.ts";
import { show } from "../handles/arguments.ts";
import { tlsFault } from "../handles/tls-options.ts";
import { headerPairs, type WsHeaders } from "../handles/ws-options.ts";
import { type Compression, checkDeflate, type DeflateOptions } from "./deflate.ts";
import { checkReconnect, type ReconnectOptions, type Schedule } from "./schedule.ts";

/** What a server answered a handshake with. */
export interface HandshakeResponse {
  /** 101 if it accepted. */
  readonly status: number;
  readonly reason: string;
  readonly headers: Headers;
  /** Who answered. */
  readonly url: string;
}

/** Headers of the handshake, or a function that is asked for them before each attempt. */
export type HeadersOption = WsHeaders | (() => WsHeaders | Promise<WsHeaders>);

/** What `new WebSocket` takes beyond the standard. */
export interface WebSocketOptions {
  /** Subprotocols that are offered, in order of preference; here or as the second argument. */
  readonly protocols?: string | readonly string[] | undefined;
  /** Headers of the handshake. A function is asked before each attempt, so that a token can be a fresh one. */
  readonly headers?: HeadersOption | undefined;
  /** How TLS is done; for `wss:` only. */
  readonly tls?: TlsOptions | undefined;
  /** The HTTP proxy to go through; `null`: none. Left out: as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say. */
  readonly proxy?: ProxyOption;
  /** A ping after so much silence; without a sign of life for so much longer, the connection is dead. Off at first. */
  readonly heartbeat?: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  /**
   * Connects again whenever the connection ends without being asked to. `true`: after 1, 2, 4 … 30 seconds, each shortened
   * by up to half at random; an array: exactly these seconds, the last of them repeated. Off at first.
   */
  readonly reconnect?: boolean | readonly number[] | ReconnectOptions | undefined;
  /** What may be sent before it is open, and while it connects again: so many bytes. None at first. */
  readonly queue?: { readonly maxBytes: number } | undefined;
  /** Bytes that may wait to be sent; more end the connection. 268435456 unless this is given. */
  readonly maxBuffered?: number | undefined;
  /** Bytes that a received message may have, also once it is inflated. `limits().maxMessage` unless this is given. */
  readonly maxMessage?: number | undefined;
  /** Frames that a received message may have. `limits().maxFragments` unless this is given. */
  readonly maxFragments?: number | undefined;
  /** Is told what the server answered the handshake with, also if it refused. */
  readonly onResponse?: ((response: HandshakeResponse) => void) | undefined;
  /** Redirects that are followed, 0 to 20. None at first. */
  readonly maxRedirects?: number | undefined;
  /** Compression of messages, if the server agrees. Off at first. */
  readonly deflate?: boolean | DeflateOptions | undefined;
  /** From an attempt to its open connection, at most. `limits()` have bounds of their own. */
  readonly openTimeoutMs?: number | undefined;
  /** From `close()` to `closed`, at most. `limits().closeTimeoutMs` unless this is given, which it can't exceed. */
  readonly closeTimeoutMs?: number | undefined;
  /** Ends it when aborted: what is not open is given up with ERR_ABORTED, what is open is closed. */
  readonly signal?: AbortSignal | undefined;
  /** TCP_NODELAY: on unless this is false. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE, with the time that may pass in silence before the first probe. Off unless this is given. */
  readonly keepAlive?: boolean | { readonly initialDelayMs: number } | undefined;
}

/** The same, checked. */
export interface ClientOptions extends WebSocketOptions {
  readonly compression: Compression | undefined;
  readonly schedule: Schedule | undefined;
  readonly maxBuffered: number;
}

const MAX_BUFFERED = 2 ** 28;
const MOST = 2 ** 31 - 1;

const numbers = {
  maxBuffered: [1, Number.MAX_SAFE_INTEGER],
  maxMessage: [1, MOST],
  maxFragments: [1, MOST],
  maxRedirects: [0, 20],
  openTimeoutMs: [1, MOST],
  closeTimeoutMs: [1, MOST],
} as const;

const known: readonly string[] = [
  ...Object.keys(numbers),
  "protocols",
  "headers",
  "tls",
  "proxy",
  "heartbeat",
  "reconnect",
  "queue",
  "onResponse",
  "deflate",
  "signal",
  "noDelay",
  "keepAlive",
];

/** @throws TwinwireError ERR_ARGUMENT for what is no such option. */
export function checkClientOptions(given: WebSocketOptions, secure: boolean): ClientOptions {
  const compression = checkDeflate(given.deflate);
  const schedule = checkReconnect(given.reconnect);
  const fault =
    findFault(given, secure) ??
    (typeof compression === "string" ? compression : undefined) ??
    (typeof schedule === "string" ? schedule : undefined);
  if (fault !== undefined || typeof compression === "string" || typeof schedule === "string") {
    throw new TwinwireError("ERR_ARGUMENT", { step: "open", reason: fault });
  }
  return { ...given, compression, schedule, maxBuffered: given.maxBuffered ?? MAX_BUFFERED };
}

function findFault(given: WebSocketOptions, secure: boolean): string | undefined {
  for (const name of Object.keys(given)) if (!known.includes(name)) return `there is no option "${name}"`;
  for (const [name, [least, most]] of Object.entries(numbers)) {
    const value = given[name as keyof typeof numbers];
    if (value === undefined || isWhole(value, least, most)) continue;
    return `${name} is a whole number from ${least} to ${most}, not ${show(value)}`;
  }
  const { headers, tls, heartbeat, queue, onResponse } = given;
  if (typeof headers !== "function" && headerPairs(headers) === undefined) return "headers are names with texts";
  if (tls !== undefined) {
    /* To connect in the clear what was to be protected would be worse than to refuse. */
    if (!secure) return "tls is for wss: only";
    const fault = tlsFault(tls);
    if (fault !== undefined) return fault;
  }
  if (heartbeat !== undefined && !(isWhole(heartbeat?.intervalMs, 1, MOST) && isWhole(heartbeat.timeoutMs, 1, MOST))) {
    return "heartbeat has intervalMs and timeoutMs, whole numbers from 1";
  }
  if (queue !== undefined && !isWhole(queue?.maxBytes, 0, Number.MAX_SAFE_INTEGER)) {
    return "queue has maxBytes, a whole number from 0";
  }
  if (onResponse !== undefined && typeof onResponse !== "function") return "onResponse is a function";
  return undefined;
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
