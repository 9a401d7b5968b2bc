import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { report } from "../../wasm/report.ts";
import { locationText } from "../internal/url.ts";
import { defineInterface, isToken, webSocketUrl } from "../internal/websocket.ts";
import { WebSocketBase } from "./base.ts";
import { Dialer, type DialPlan, type ResponseHead } from "./dialer.ts";
import { type ClientOptions, checkClientOptions, type HandshakeResponse, type WebSocketOptions } from "./options.ts";
import { ReadyState, Session } from "./session.ts";

const MAX_BUFFERED = 2 ** 28;

const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * A client WebSocket with the interface of the WHATWG standard. It can replace the platform's; a second or third argument
 * has further options.
 *
 * ```ts
 * const ws = new WebSocket("wss://example.org/feed", { reconnect: true, heartbeat: { intervalMs: 10_000, timeoutMs: 5_000 } });
 * for await (const message of ws) console.log(message);
 * ```
 */
export class WebSocket extends WebSocketBase {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;

  /**
   * Begins to connect. Events follow in a later loop iteration.
   *
   * @param url `ws:`, `wss:`, `http:` or `https:`, without a fragment; or `ws+unix:/path/of/socket:/path?query`. A user and
   * a password in it are sent as Basic authorization.
   * @param protocols the subprotocols to offer, in order of preference; or the options.
   * @throws DOMException SyntaxError for an invalid URL or subprotocol; TwinwireError ERR_ARGUMENT for a bad option,
   * ERR_UNSUPPORTED for `deflate` where the runtime has no zlib.
   */
  constructor(url: string | URL, protocols?: string | readonly string[] | WebSocketOptions, options?: WebSocketOptions);
  constructor(...args: unknown[]) {
    if (args.length === 0) throw new TypeError("WebSocket: 1 argument is needed");
    const [url, protocols, options] = args;
    const target = urlOf(url);
    const isOptions = typeof protocols === "object" && protocols !== null && !(Symbol.iterator in protocols);
    const checked = checkClientOptions(options ?? (isOptions ? protocols : undefined), target.protocol === "wss:");
    const names = protocolsOf(isOptions || protocols === undefined ? (checked.protocols ?? []) : protocols);
    const engine = defaultEngine();
    if (checked.deflate !== undefined && engine.deflateHost === undefined) {
      throw new TwinwireError("ERR_UNSUPPORTED", {
        step: "open",
        reason: "this runtime has no zlib: leave deflate out",
      });
    }
    const closeTimeoutMs = Math.min(
      checked.closeTimeoutMs ?? engine.limits.closeTimeoutMs,
      engine.limits.closeTimeoutMs,
    );
    const { maxBuffered = MAX_BUFFERED, queue } = checked;
    const origin = target.origin === "null" ? `${target.protocol}//${target.host}` : target.origin;
    const offlineBytes = queue?.maxBytes ?? 0;
    const session = new Session(target.href, origin, { closeTimeoutMs, maxBuffered, offlineBytes });
    super(session, origin);
    new Dialer(engine, session, planOf(target, names, checked)).start();
  }

  get CONNECTING(): 0 {
    return 0;
  }

  get OPEN(): 1 {
    return 1;
  }

  get CLOSING(): 2 {
    return 2;
  }

  get CLOSED(): 3 {
    return 3;
  }

  static {
    /* As Web IDL has an interface: members on the prototype itself, constants there and on the class. */
    defineInterface(WebSocket.prototype, WebSocketBase.prototype, { send: 1, close: 0 });
    for (const [name, value] of Object.entries(ReadyState)) {
      for (const place of [WebSocket, WebSocket.prototype]) {
        Object.defineProperty(place, name, { value, enumerable: true, writable: false, configurable: false });
      }
    }
    Object.defineProperty(WebSocket, "length", { value: 1, configurable: true });
    Object.defineProperty(WebSocket.prototype, Symbol.toStringTag, { value: "WebSocket", configurable: true });
  }
}

function planOf(url: URL, protocols: readonly string[], options: ClientOptions): DialPlan {
  const { headers, maxMessage, maxFragments, maxRedirects = 0, onResponse } = options;
  return {
    url,
    protocols,
    requiresProtocol: false,
    headers: headers ?? [],
    tls: options.tls,
    proxy: options.proxy,
    proxyTls: options.proxyTls,
    policy: options.policy,
    deflate: options.deflate,
    heartbeat: options.heartbeat,
    maxMessage: maxMessage ?? 0,
    maxFragments: maxFragments ?? 0,
    autoPong: true,
    noDelay: options.noDelay,
    keepAlive: options.keepAlive,
    openTimeoutMs: options.openTimeoutMs,
    reconnect: options.reconnect,
    signal: options.signal,
    onHead: onResponse === undefined && maxRedirects === 0 ? undefined : (head) => answered(head, onResponse),
    refused: (head, redirects) => (maxRedirects === 0 ? undefined : redirectOf(head, redirects, maxRedirects)),
  };
}

function answered(head: ResponseHead, onResponse: ((response: HandshakeResponse) => void) | undefined): void {
  if (onResponse === undefined) return;
  try {
    onResponse(responseOf(head));
  } catch (error) {
    report(error);
  }
}

/** Parses a head, which the core has found to be one. */
function responseOf({ status, text, url }: ResponseHead): HandshakeResponse {
  const [start = "", ...lines] = text.split(/\r?\n/);
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const reason = /^HTTP\/\d\.\d \d{3} ?(.*)$/.exec(start)?.[1] ?? "";
  return { status, reason, headers, url: url.href };
}

/** Where a response redirects, if it does, or why that is not followed. */
function redirectOf(head: ResponseHead, redirects: number, most: number): URL | TwinwireError | undefined {
  const location = responseOf(head).headers.get("location");
  if (location === null || !REDIRECTS.includes(head.status)) return undefined;
  let target: URL;
  try {
    target = webSocketUrl(new URL(locationText(location), head.url));
  } catch {
    return undefined;
  }
  const refused = (reason: string): TwinwireError =>
    new TwinwireError("ERR_REDIRECT", { step: "open", address: `${head.url.protocol}//${head.url.host}`, reason });
  if (target.protocol !== "ws:" && target.protocol !== "wss:") return refused(`to ${target.protocol}`);
  if (head.url.protocol === "wss:" && target.protocol === "ws:") return refused("from wss: to ws:");
  return redirects > most ? refused(`more than ${most}`) : target;
}

function urlOf(given: unknown): URL {
  let url: URL;
  try {
    url = webSocketUrl(new URL(`${given}`));
  } catch (cause) {
    throw syntaxError(`${given} is not a URL`, cause);
  }
  if (!["ws:", "wss:", "ws+unix:"].includes(url.protocol))
    throw syntaxError(`${url.protocol} is not a scheme of WebSockets`);
  if (url.hash !== "" || url.href.endsWith("#")) throw syntaxError("the URL has a fragment");
  return url;
}

/** Converts subprotocols as Web IDL does, and checks them. */
function protocolsOf(given: unknown): readonly string[] {
  const names = typeof given === "object" && given !== null ? [...(given as Iterable<unknown>)] : [given];
  const protocols = names.map((name) => `${name}`);
  for (const name of protocols) if (!isToken(name)) throw syntaxError(`"${name}" is no subprotocol`);
  const distinct = new Set(protocols.map((name) => name.toLowerCase()));
  if (distinct.size < protocols.length) throw syntaxError("a subprotocol is offered twice");
  return protocols;
}

function syntaxError(message: string, cause?: unknown): DOMException {
  const error = new DOMException(`WebSocket: ${message}`, "SyntaxError");
  if (cause !== undefined) Object.defineProperty(error, "cause", { value: cause, configurable: true });
  return error;
}
