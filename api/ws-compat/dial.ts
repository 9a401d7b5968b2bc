import { EventEmitter } from "node:events";
import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { basicAuth } from "../internal/redirects.ts";
import type { Connection } from "../websocket/connection.ts";
import { Dialer, type DialPlan, type ResponseHead } from "../websocket/dialer.ts";
import { openingError } from "./errors.ts";
import type { Facade, Opening } from "./facade.ts";
import { type Head, headOf, redirectTarget, responseOf } from "./handshake.ts";
import { type ClientOptions, checkClient, compressionOf, maxMessageOf, tlsOf } from "./options.ts";
import { SocketView } from "./socket-view.ts";

/* What the handshake writes itself, and `ws` writes over whatever was given. */
const own = ["connection", "upgrade", "sec-websocket-key", "sec-websocket-version"];

/** Connects a client as its options say, and shows what is answered in the way of `ws`. */
export class Dial implements Opening {
  readonly #facade: Facade;
  readonly #options: ClientOptions;
  readonly #protocols: readonly string[];
  #url: URL;
  #head: Head | undefined;

  /** @throws TwinwireError for options that can't be honoured. */
  constructor(facade: Facade, url: URL, protocols: readonly string[], options: ClientOptions) {
    checkClient(options);
    this.#facade = facade;
    this.#options = options;
    this.#protocols = protocols;
    this.#url = url;
    facade.opening = this;
    new Dialer(defaultEngine(), facade.session, this.#plan()).start();
  }

  socketOf(connection: Connection): unknown {
    return new SocketView(this.#facade, connection, this.#url.protocol === "wss:");
  }

  errorOf(error: TwinwireError): Error {
    if (error.code === "ERR_ABORTED" || error.code === "ERR_REDIRECT") return error.cause as Error;
    const read = this.#facade.session.head;
    const head = this.#head ?? (read.startsWith("HTTP/") ? headOf(error.detail, read) : undefined);
    return openingError(error, head, this.#protocols);
  }

  #plan(): DialPlan {
    const { autoPong, followRedirects, handshakeTimeout, maxFragments, maxPayload } = this.#options;
    const { perMessageDeflate = true, proxy = null } = this.#options;
    const secure = this.#url.protocol === "wss:" || followRedirects === true;
    return {
      url: this.#url,
      protocols: this.#protocols,
      requiresProtocol: true,
      headers: [...this.#fields()],
      tls: secure ? tlsOf(this.#options) : undefined,
      proxy: proxy instanceof URL ? proxy.href : proxy,
      deflate: defaultEngine().deflateHost === undefined ? undefined : compressionOf(perMessageDeflate),
      heartbeat: undefined,
      maxMessage: maxMessageOf(maxPayload),
      maxFragments: maxFragments ?? 0,
      autoPong: autoPong ?? true,
      noDelay: undefined,
      keepAlive: undefined,
      openTimeoutMs: handshakeTimeout || undefined,
      reconnect: undefined,
      signal: undefined,
      onHead: (head) => this.#answered(head),
      refused: (head, redirects) => this.#refused(head, redirects),
    };
  }

  #answered({ status, text }: ResponseHead): void {
    this.#head = headOf(status, text);
    if (status === 101) this.#facade.emit("upgrade", this.#head);
  }

  /** Follows a redirect, or leaves the response to the application. */
  #refused({ status, text, url }: ResponseHead, redirects: number): URL | TwinwireError | "leave" | undefined {
    const { followRedirects, maxRedirects = 10 } = this.#options;
    const head = headOf(status, text);
    const { location } = head.headers;
    if (followRedirects && location !== undefined && status < 400 && status >= 300) {
      const target = redirects > maxRedirects ? "Maximum redirects exceeded" : redirectTarget(location, url);
      if (typeof target === "string") {
        return new TwinwireError("ERR_REDIRECT", { step: "open", cause: new Error(target) });
      }
      this.#url = target;
      this.#head = undefined;
      this.#facade.session.url = target.href;
      this.#facade.emit("redirect", target.href, this.#request());
      return target;
    }
    if (this.#facade.emitter.listenerCount("unexpected-response") === 0) return undefined;
    this.#facade.emit("unexpected-response", this.#request(), responseOf(head));
    return "leave";
  }

  /** What stands for node's `ClientRequest`: it can be given up. */
  #request(): EventEmitter {
    const end = (error?: Error): void => this.#facade.abandon(error?.message ?? "socket hang up");
    const path = `${this.#url.pathname}${this.#url.search}`;
    const host = this.#url.hostname;
    return Object.assign(new EventEmitter(), { method: "GET", path, host, destroy: end, abort: end });
  }

  *#fields(): Generator<readonly [string, string]> {
    const { headers = {}, origin, auth } = this.#options;
    let authorized = this.#url.username !== "" || this.#url.password !== "";
    for (const [name, value] of Object.entries(headers)) {
      const lower = name.toLowerCase();
      if (value === undefined || own.includes(lower)) continue;
      authorized ||= lower === "authorization";
      if (!Array.isArray(value)) yield [name, String(value)];
      else if (lower === "cookie") yield [name, value.join("; ")];
      else for (const one of value) yield [name, String(one)];
    }
    if (origin) yield ["Origin", origin];
    if (auth !== undefined && !authorized) yield ["Authorization", basicAuth(auth)];
  }
}
