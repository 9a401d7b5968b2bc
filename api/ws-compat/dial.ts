import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { WsOption } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { atEndOfTurn } from "../../wasm/turn.ts";
import { proxyFor } from "../internal/proxy.ts";
import type { CloseInfo } from "../websocket/link.ts";
import { type ClientOptions, checkClient, compressionOf, maxMessageOf, tlsOf } from "./client-options.ts";
import type { Connection, Opening } from "./connection.ts";
import { openingError } from "./errors.ts";
import { type Head, headOf, responseOf } from "./head.ts";
import { CompatLink } from "./link.ts";
import { SocketView } from "./socket-view.ts";
import { plainUrl, redirectTarget } from "./url.ts";

/* What the handshake writes itself, and `ws` writes over whatever was given. */
const own = ["connection", "upgrade", "sec-websocket-key", "sec-websocket-version"];

/* For the first server alone: another one, to which it redirects, is not to see them. */
const personal = ["authorization", "cookie"];

/** Makes the connection of a client: an attempt, and one for each redirect that is followed. */
export class Dial implements Opening {
  readonly #connection: Connection;
  readonly #options: ClientOptions;
  readonly #protocols: readonly string[];
  readonly #engine: Engine;
  readonly #first: URL;
  #url: URL;
  #head: Head | undefined;
  #redirects = 0;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @throws TwinwireError for options that can't be honoured. */
  constructor(connection: Connection, url: URL, protocols: readonly string[], options: ClientOptions) {
    checkClient(options);
    this.#connection = connection;
    this.#options = options;
    this.#protocols = protocols;
    this.#engine = defaultEngine();
    this.#first = url;
    this.#url = url;
    this.#attempt();
  }

  head(status: number, text: string): void {
    if (status < 200 && status !== 101) return; /* another one follows */
    this.#head = headOf(status, text);
    if (status === 101) this.#connection.emit("upgrade", this.#head);
  }

  fault(link: CompatLink): Error | undefined {
    const chosen = link.engine.protocol(link.handle);
    if (this.#protocols.length > 0 && (typeof chosen !== "string" || chosen === "")) {
      return new Error("Server sent no subprotocol");
    }
    this.#connection.socket = new SocketView(this.#connection, link, this.#url.protocol === "wss:");
    return undefined;
  }

  failed({ error }: CloseInfo): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const known = error ?? new TwinwireError("ERR_ENDED", { step: "connect" });
    if (known.code === "ERR_WS_REFUSED" && this.#head !== undefined && this.#answered(this.#head)) return;
    const read = this.#connection.link?.head ?? "";
    const head = this.#head ?? (read.startsWith("HTTP/") ? headOf(known.detail, read) : undefined);
    this.#connection.fail(openingError(known, head, this.#protocols));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Follows a redirect, or leaves the answer to the application. Returns whether either was done. */
  #answered(head: Head): boolean {
    const { followRedirects, maxRedirects = 10 } = this.#options;
    const { location } = head.headers;
    const connection = this.#connection;
    if (followRedirects && location !== undefined && head.statusCode < 400 && head.statusCode >= 300) {
      this.#redirects += 1;
      const target =
        this.#redirects > maxRedirects ? "Maximum redirects exceeded" : redirectTarget(location, this.#url);
      if (typeof target === "string") {
        connection.fail(new Error(target));
        return true;
      }
      this.#url = target;
      connection.url = target.href;
      connection.emit("redirect", target.href, this.#request());
      if (!this.#stopped) atEndOfTurn(() => this.#again());
      return true;
    }
    if (connection.emitter.listenerCount("unexpected-response") === 0) return false;
    connection.emit("unexpected-response", this.#request(), responseOf(head));
    return true;
  }

  /** What stands for node's `ClientRequest`: it can be given up. */
  #request(): EventEmitter {
    const end = (error?: Error): void => {
      if (this.#connection.readyState === 0) this.#connection.abandon(error?.message ?? "socket hang up");
    };
    const path = `${this.#url.pathname}${this.#url.search}`;
    return Object.assign(new EventEmitter(), {
      method: "GET",
      path,
      host: this.#url.hostname,
      destroy: end,
      abort: end,
    });
  }

  #again(): void {
    if (this.#stopped) return;
    try {
      this.#attempt();
    } catch (error) {
      this.#connection.fail(error as Error);
    }
  }

  #attempt(): void {
    this.#head = undefined;
    const { autoPong = true, maxFragments = 0, handshakeTimeout, maxPayload, perMessageDeflate = true } = this.#options;
    const engine = this.#engine;
    const compression = engine.deflateHost === undefined ? undefined : compressionOf(perMessageDeflate);
    const maxMessage = maxMessageOf(maxPayload);
    const address = plainUrl(this.#url).split("?", 1)[0] ?? "";
    const link = new CompatLink(engine, address, this.#connection, { maxMessage, compression, server: false });
    if (this.#url.protocol === "wss:") engine.setTls(link, tlsOf(this.#options));
    const proxy = proxyFor(this.#url, this.#options.proxy ?? null);
    const url = plainUrl(this.#url);
    let result = proxy === undefined ? engine.wsOpen(link, url) : engine.wsConnectVia(link, url, proxy);
    if (result < 0) {
      this.#refused(result);
      return;
    }
    this.#connection.link = link;
    link.limitReading();
    const handle = result;
    const flags = WsOption.REPORT_HEAD | (autoPong ? 0 : WsOption.NO_AUTO_PONG);
    result = engine.setWsOptions(handle, flags, maxMessage, maxFragments);
    for (const [name, value] of this.#fields()) if (result >= 0) result = engine.wsHeader(handle, name, value);
    for (const name of this.#protocols) if (result >= 0) result = engine.wsProtocol(handle, name);
    if (result >= 0 && compression !== undefined) result = engine.setDeflate(handle, compression.parameters);
    if (result < 0) {
      link.giveUp();
      this.#refused(result);
    } else if (handshakeTimeout) {
      this.#timer = setTimeout(() => {
        link.cut();
        this.#connection.fail(new Error("Opening handshake has timed out"));
      }, handshakeTimeout);
    }
  }

  /** The engine took no attempt; of one that the constructor makes this is told on a later turn. */
  #refused(result: number): void {
    const error = new TwinwireError(errorCode(result), {
      step: "open",
      address: plainUrl(this.#url).split("?", 1)[0],
      cause: this.#engine.cause,
    });
    atEndOfTurn(() => this.#connection.fail(openingError(error, undefined, this.#protocols)));
  }

  *#fields(): Generator<readonly [string, string]> {
    const { headers = {}, origin, auth } = this.#options;
    const other =
      this.#url.host !== this.#first.host || (this.#first.protocol === "wss:" && this.#url.protocol === "ws:");
    let authorized = false;
    for (const [name, value] of Object.entries(headers)) {
      const lower = name.toLowerCase();
      if (value === undefined || own.includes(lower) || (other && personal.includes(lower))) continue;
      authorized ||= lower === "authorization";
      if (!Array.isArray(value)) yield [name, String(value)];
      else if (lower === "cookie") yield [name, value.join("; ")];
      else for (const one of value) yield [name, String(one)];
    }
    if (origin) yield ["Origin", origin];
    const { username, password } = this.#url;
    const user = username === "" && password === "" ? undefined : `${decode(username)}:${decode(password)}`;
    const credentials = user ?? (other ? undefined : auth);
    if (credentials !== undefined && !authorized) {
      yield ["Authorization", `Basic ${Buffer.from(credentials).toString("base64")}`];
    }
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
