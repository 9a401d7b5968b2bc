import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { checkClientOptions, type WebSocketOptions } from "./client-options.ts";
import { ClientDialer } from "./dialer.ts";
import { webSocketUrl } from "./response.ts";
import { ReadyState, Session } from "./session.ts";
import { WebSocketSurface } from "./surface.ts";

const MAX_BUFFERED = 2 ** 28;

/** RFC 9110 5.6.2 */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * The WebSocket of the WHATWG standard, on the engine. It takes the place of the platform's; what it offers beyond it is
 * asked for by a second or third argument.
 *
 * ```ts
 * const ws = new WebSocket("wss://example.org/feed", { reconnect: true, heartbeat: { intervalMs: 10_000, timeoutMs: 5_000 } });
 * for await (const message of ws) console.log(message);
 * ```
 */
export class WebSocket extends WebSocketSurface {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;

  /**
   * Begins to connect; `open` or `error` and `close` follow on a later turn.
   *
   * @param url `ws:`, `wss:`, `http:` or `https:`, without a fragment; or `ws+unix:/path/of/socket:/path?query`. A user and
   * a password in it are sent as Basic authorization.
   * @param protocols subprotocols that are offered, in order of preference; or the options.
   * @throws DOMException SyntaxError for a URL or subprotocols that are none; TwinwireError ERR_ARGUMENT for a bad option,
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
    const session = new Session(target.href, origin, {
      closeTimeoutMs,
      maxBuffered,
      offlineBytes: queue?.maxBytes ?? 0,
    });
    super(session);
    const dialer = new ClientDialer(engine, session, target, names, checked);
    session.dialer = dialer;
    dialer.start();
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
    /* As Web IDL has constants, on the class and on its prototype; and its members can be enumerated. */
    for (const [name, value] of Object.entries(ReadyState)) {
      for (const place of [WebSocket, WebSocket.prototype]) {
        Object.defineProperty(place, name, { value, enumerable: true, writable: false, configurable: false });
      }
    }
    Object.defineProperty(WebSocket, "length", { value: 1, configurable: true });
    Object.defineProperty(WebSocket.prototype, Symbol.toStringTag, { value: "WebSocket", configurable: true });
  }
}

function urlOf(given: unknown): URL {
  let url: URL;
  try {
    url = webSocketUrl(new URL(`${given}`));
  } catch (cause) {
    throw syntaxError(`${given} is no URL`, cause);
  }
  if (!["ws:", "wss:", "ws+unix:"].includes(url.protocol))
    throw syntaxError(`${url.protocol} is no scheme of WebSockets`);
  if (url.hash !== "" || url.href.endsWith("#")) throw syntaxError("the URL has a fragment");
  return url;
}

/** Converts subprotocols as Web IDL does, and checks them. */
function protocolsOf(given: unknown): readonly string[] {
  const names = typeof given === "object" && given !== null ? [...(given as Iterable<unknown>)] : [given];
  const protocols = names.map((name) => `${name}`);
  for (const name of protocols) if (!TOKEN.test(name)) throw syntaxError(`"${name}" is no subprotocol`);
  const distinct = new Set(protocols.map((name) => name.toLowerCase()));
  if (distinct.size < protocols.length) throw syntaxError("a subprotocol is offered twice");
  return protocols;
}

function syntaxError(message: string, cause?: unknown): DOMException {
  const error = new DOMException(`WebSocket: ${message}`, "SyntaxError");
  if (cause !== undefined) Object.defineProperty(error, "cause", { value: cause, configurable: true });
  return error;
}
