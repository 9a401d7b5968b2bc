/**
 * Connects a client through the engine alone: where the runtime's streams can't be adopted, through `proxy`, and with a `policy`.
 * Presents
 * its connection as a socket of node:net.
 */
import { EventEmitter } from "node:events";
import { AddressOf } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { TlsInfo } from "../../wasm/port-types.ts";
import { basicAuth } from "../internal/url.ts";
import type { Connection } from "../websocket/connection.ts";
import { Dialer, type DialPlan, type ResponseHead } from "../websocket/dialer.ts";
import type { Facade, Opening } from "./facade.ts";
import { type Head, headOf, openingError, redirectTarget, responseOf } from "./handshake.ts";
import { type ClientOptions, checkClient, compressionOf, maxMessageOf, policyOf, tlsOf } from "./options.ts";

/* What the handshake writes itself, and `ws` writes over whatever was given. */
const own = ["connection", "upgrade", "sec-websocket-key", "sec-websocket-version"];

/** Connects a client as its options say, and shows what is answered in the way of `ws`. */
export class CompatDialer implements Opening {
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

  /** The session stops its connector. */
  stop(): void {}

  errorOf(error: TwinwireError): Error {
    if (error.code === "ERR_ABORTED" || error.code === "ERR_REDIRECT") return error.cause as Error;
    const read = this.#facade.session.head;
    const head = this.#head ?? (read.startsWith("HTTP/") ? headOf(error.detail, read) : undefined);
    return openingError(error, head, this.#protocols);
  }

  #plan(): DialPlan {
    const { autoPong, followRedirects, handshakeTimeout, maxFragments, maxPayload, policy } = this.#options;
    const { perMessageDeflate = true, proxy = null } = this.#options;
    const secure = this.#url.protocol === "wss:" || followRedirects === true;
    return {
      url: this.#url,
      protocols: this.#protocols,
      requiresProtocol: true,
      headers: [...this.#fields()],
      tls: secure ? tlsOf(this.#options) : undefined,
      proxy: proxy instanceof URL ? proxy.href : proxy,
      policy: policyOf(policy),
      deflate: defaultEngine().deflateHost === undefined ? undefined : compressionOf(perMessageDeflate, "server"),
      heartbeat: undefined,
      maxMessage: maxMessageOf(maxPayload),
      maxFragments: maxFragments ?? 0,
      autoPong: autoPong ?? true,
      receivesWhileClosing: true,
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

/** An address and its port. */
function split(address: string | number): { host: string | undefined; port: number | undefined } {
  if (typeof address !== "string" || address === "") return { host: undefined, port: undefined };
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(address.slice(colon + 1)) };
}

/** What dependents look at in the `_socket` of a client: its addresses, its counts, its end. The socket is the engine's. */
export class SocketView extends EventEmitter {
  readonly encrypted: boolean;
  readonly #facade: Facade;
  readonly #connection: Connection;
  readonly #remote: string | number;
  readonly #local: string | number;
  readonly #tls: TlsInfo | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(facade: Facade, connection: Connection, encrypted: boolean) {
    super();
    this.#facade = facade;
    this.#connection = connection;
    this.encrypted = encrypted;
    this.#remote = connection.engine.address(connection.handle, AddressOf.REMOTE);
    this.#local = connection.engine.address(connection.handle, AddressOf.LOCAL);
    this.#tls = encrypted ? connection.engine.tlsInfo(connection.handle) : undefined;
    facade.emitter.once("close", () => {
      clearInterval(this.#timer);
      this.emit("close", false);
    });
  }

  get remoteAddress(): string | undefined {
    return split(this.#remote).host;
  }

  get remotePort(): number | undefined {
    return split(this.#remote).port;
  }

  get remoteFamily(): "IPv4" | "IPv6" {
    return this.remoteAddress?.includes(":") ? "IPv6" : "IPv4";
  }

  get localAddress(): string | undefined {
    return split(this.#local).host;
  }

  get localPort(): number | undefined {
    return split(this.#local).port;
  }

  get bytesRead(): number {
    return this.#connection.stats.received;
  }

  get bytesWritten(): number {
    return this.#connection.stats.sent;
  }

  /** Whether the server's certificate passed every check. */
  get authorized(): boolean {
    return this.#tls?.authorized === true;
  }

  get alpnProtocol(): string | false {
    return this.#tls?.alpn || false;
  }

  get destroyed(): boolean {
    return this.#facade.readyState === 3;
  }

  get readable(): boolean {
    return !this.destroyed;
  }

  get writable(): boolean {
    return this.#facade.readyState < 2;
  }

  /** Emits `timeout` after so much silence; 0: never. */
  setTimeout(ms: number, listener?: () => void): this {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (listener !== undefined) this.once("timeout", listener);
    if (ms <= 0) return this;
    let before = this.bytesRead + this.bytesWritten;
    this.#timer = setInterval(() => {
      const now = this.bytesRead + this.bytesWritten;
      if (now === before) this.emit("timeout");
      before = now;
    }, ms);
    (this.#timer as { unref?(): void }).unref?.();
    return this;
  }

  /** It is on, and stays so. */
  setNoDelay(): this {
    return this;
  }

  /** Without effect. */
  setKeepAlive(): this {
    return this;
  }

  pause(): this {
    this.#facade.read(false);
    return this;
  }

  resume(): this {
    this.#facade.read(true);
    return this;
  }

  ref(): this {
    if (!this.#connection.released) this.#connection.engine.keep(this.#connection, true);
    return this;
  }

  unref(): this {
    if (!this.#connection.released) this.#connection.engine.keep(this.#connection, false);
    return this;
  }

  /** Ends the connection at once. */
  destroy(): this {
    this.#facade.terminate();
    return this;
  }

  end(): this {
    return this.destroy();
  }
}
