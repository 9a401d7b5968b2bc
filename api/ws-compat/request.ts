/**
 * The client's side of the opening handshake by a request of node:http, as in `ws`: so an agent, a look-up or a connection
 * that the application supplies is honoured, and its tools see the request. The engine takes over the stream that is left.
 */
import { randomBytes } from "node:crypto";
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { type RequestOptions, request as requestHttps } from "node:https";
import { isIP, connect as netConnect } from "node:net";
import type { Duplex } from "node:stream";
import { connect as tlsConnect } from "node:tls";
import type { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { Compression } from "../internal/deflate.ts";
import { offerText, readAnswer } from "./extensions.ts";
import type { Facade, Opening } from "./facade.ts";
import { acceptOf, redirectTarget } from "./handshake.ts";
import { type ClientOptions, compressionOf, maxMessageOf, type PerMessageDeflateOptions } from "./options.ts";

/** What must not come from the options: it is the URL's, or the handshake's. */
const OWN = {
  socketPath: undefined,
  hostname: undefined,
  protocol: undefined,
  timeout: undefined,
  method: "GET",
  host: undefined,
  path: undefined,
  port: undefined,
};

/** What must not go to another host, and what names the first one. */
const PRIVATE = ["authorization", "cookie", "host"];

type Headers = Record<string, string | number | readonly string[] | undefined>;

/** Opens a client: request by request, redirect by redirect. */
export class HttpDialer implements Opening {
  readonly #facade: Facade;
  readonly #options: ClientOptions;
  readonly #protocols: readonly string[];
  readonly #maxMessage: number;
  readonly #compression: Compression | undefined;
  readonly #deflate: PerMessageDeflateOptions | undefined;
  #headers: Headers;
  #auth: string | undefined;
  #url: URL;
  /** Where the first request went: `undefined` before it. */
  #first: { readonly secure: boolean; readonly place: string } | undefined;
  #redirects = 0;
  #request: ClientRequest | undefined;

  /** @throws TwinwireError ERR_ARGUMENT for options that are wrong; RangeError for a `protocolVersion` that is unknown. */
  constructor(facade: Facade, url: URL, protocols: readonly string[], options: ClientOptions) {
    const { perMessageDeflate = true, protocolVersion = 13 } = options;
    if (protocolVersion !== 8 && protocolVersion !== 13) {
      throw new RangeError(`Unsupported protocol version: ${protocolVersion} (supported versions: 8, 13)`);
    }
    this.#facade = facade;
    this.#options = options;
    this.#protocols = protocols;
    this.#maxMessage = maxMessageOf(options.maxPayload);
    this.#compression =
      defaultEngine().deflateHost === undefined ? undefined : compressionOf(perMessageDeflate, "server");
    this.#deflate =
      this.#compression === undefined ? undefined : typeof perMessageDeflate === "object" ? perMessageDeflate : {};
    this.#headers = { ...options.headers };
    this.#auth = options.auth;
    this.#url = url;
    facade.opening = this;
    this.#send();
  }

  /** The request that is under way: `_req` of `ws`. */
  get request(): ClientRequest | null {
    return this.#request ?? null;
  }

  /** How many redirects were followed: `_redirects` of `ws`. */
  get redirects(): number {
    return this.#redirects;
  }

  socketOf(): unknown {
    return this.#facade.socket;
  }

  errorOf(error: TwinwireError): Error {
    return (error.cause as Error | undefined) ?? error;
  }

  stop(): void {
    const request = this.#request;
    this.#request = undefined;
    if (request === undefined) return;
    request.destroy();
    request.socket?.destroy();
  }

  #send(): void {
    const key = randomBytes(16).toString("base64");
    const secure = this.#url.protocol === "wss:";
    const host = this.#url.hostname.replace(/^\[(.*)\]$/, "$1");
    const options: RequestOptions = {
      ...(this.#options as object),
      ...OWN,
      createConnection: this.#options.createConnection ?? (secure ? connectTls : connectPlain),
      defaultPort: secure ? 443 : 80,
      port: this.#url.port || (secure ? 443 : 80),
      host,
      path: `${this.#url.pathname}${this.#url.search}`,
      timeout: this.#options.handshakeTimeout,
      ...this.#unixTarget(),
    };
    const { username, password } = this.#url;
    if (username !== "" || password !== "") this.#auth = this.#authOfUrl(`${username}:${password}`);
    if (this.#options.followRedirects) this.#guard(secure, options.socketPath ?? this.#url.host);
    options.headers = { ...this.#headers, ...this.#ownHeaders(key) } as RequestOptions["headers"] & object;
    options.auth = this.#auth;
    const request = (secure ? requestHttps : requestHttp)(options);
    this.#request = request;
    this.#watch(request, key);
    if (this.#redirects > 0) this.#facade.emit("redirect", this.#facade.session.url, request);
    if (this.#request !== request) return; /* a listener gave it up */
    if (this.#options.finishRequest) this.#options.finishRequest(request, this.#facade.emitter);
    else request.end();
  }

  /** The user of the first URL stays, also where a redirect names another one. */
  #authOfUrl(own: string): string {
    return this.#options.followRedirects && this.#redirects > 0 && this.#auth !== undefined ? this.#auth : own;
  }

  #unixTarget(): { socketPath?: string; path?: string } {
    if (this.#url.protocol !== "ws+unix:") return {};
    const [socketPath = "", path = ""] = `${this.#url.pathname}${this.#url.search}`.split(":");
    return { socketPath, path };
  }

  /**
   * Remembers where the first request goes. Private headers do not follow a redirect to another place, or out of TLS, unless
   * a listener of `redirect` takes care of that.
   */
  #guard(secure: boolean, place: string): void {
    const first = this.#first;
    if (first === undefined) {
      this.#first = { secure, place };
      this.#headers = Object.fromEntries(
        Object.entries(this.#headers).map(([name, value]) => [name.toLowerCase(), value]),
      );
      return;
    }
    if (this.#facade.emitter.listenerCount("redirect") > 0) return;
    const same = place === first.place;
    if (same && (secure || !first.secure)) return;
    /* Out of TLS at the same host, a Host header of the application's is still right. */
    const dropped = same ? PRIVATE.filter((name) => name !== "host") : PRIVATE;
    this.#headers = Object.fromEntries(Object.entries(this.#headers).filter(([name]) => !dropped.includes(name)));
    this.#auth = undefined;
  }

  #ownHeaders(key: string): Headers {
    const { origin, protocolVersion = 13 } = this.#options;
    const headers: Headers = {
      "Sec-WebSocket-Version": protocolVersion,
      "Sec-WebSocket-Key": key,
      Connection: "Upgrade",
      Upgrade: "websocket",
    };
    if (this.#deflate !== undefined) headers["Sec-WebSocket-Extensions"] = offerText(this.#deflate);
    if (this.#protocols.length > 0) headers["Sec-WebSocket-Protocol"] = this.#protocols.join(",");
    if (origin) headers[protocolVersion < 13 ? "Sec-WebSocket-Origin" : "Origin"] = origin;
    return headers;
  }

  #watch(request: ClientRequest, key: string): void {
    request.on("timeout", () => this.#facade.abandon("Opening handshake has timed out"));
    request.on("error", (error) => {
      if (this.#request !== request) return;
      this.#request = undefined;
      this.#facade.giveUp(error);
    });
    request.on("response", (response) => this.#refused(request, response));
    request.on("upgrade", (response, socket, head) => {
      this.#facade.emit("upgrade", response);
      if (this.#request !== request) {
        socket.destroy(); /* a listener gave it up */
        return;
      }
      this.#request = undefined;
      this.#upgraded(key, response, socket, head);
    });
  }

  #refused(request: ClientRequest, response: IncomingMessage): void {
    const { followRedirects, maxRedirects = 10 } = this.#options;
    const { statusCode = 0, headers } = response;
    if (headers.location && followRedirects && statusCode >= 300 && statusCode < 400) {
      this.#redirects += 1;
      if (this.#redirects > maxRedirects) {
        this.#facade.abandon("Maximum redirects exceeded");
        return;
      }
      this.#request = undefined;
      request.destroy();
      const target = redirectTarget(headers.location, this.#url);
      if (typeof target === "string") {
        this.#facade.giveUp(new SyntaxError(target));
        return;
      }
      this.#url = target;
      this.#facade.session.url = target.href;
      this.#send();
    } else if (this.#facade.emitter.listenerCount("unexpected-response") > 0) {
      this.#facade.emit("unexpected-response", request, response);
    } else {
      this.#facade.abandon(`Unexpected server response: ${statusCode}`);
    }
  }

  #upgraded(key: string, { headers }: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const protocol = headers["sec-websocket-protocol"];
    const fault = this.#faultOf(headers, key);
    const field = headers["sec-websocket-extensions"];
    const deflate = fault !== undefined || field === undefined ? 0 : readAnswer(field, this.#deflate);
    const { maxFragments = 0, autoPong = true } = this.#options;
    if (fault !== undefined || typeof deflate === "string") {
      socket.on("error", () => {});
      socket.destroy();
      this.#facade.abandon(fault ?? String(deflate));
      return;
    }
    this.#facade.begin(socket, head, {
      client: true,
      protocol: protocol ?? "",
      deflate,
      compression: this.#compression,
      maxMessage: this.#maxMessage,
      maxFragments,
      autoPong,
    });
  }

  /** Returns what is wrong with a response, in the order in which `ws` looks. */
  #faultOf(headers: IncomingMessage["headers"], key: string): string | undefined {
    if (headers.upgrade?.toLowerCase() !== "websocket") return "Invalid Upgrade header";
    if (headers["sec-websocket-accept"] !== acceptOf(key)) return "Invalid Sec-WebSocket-Accept header";
    const protocol = headers["sec-websocket-protocol"];
    if (protocol === undefined) return this.#protocols.length > 0 ? "Server sent no subprotocol" : undefined;
    if (this.#protocols.length === 0) return "Server sent a subprotocol but none was requested";
    return this.#protocols.includes(protocol) ? undefined : "Server sent an invalid subprotocol";
  }
}

/** As `net.connect`, with what node:http says of a Unix socket. */
function connectPlain(options: RequestOptions): Duplex {
  return netConnect({ ...options, path: options.socketPath } as Parameters<typeof netConnect>[0] & object);
}

/** As `tls.connect`; the name for SNI is that of the URL, unless the options have one, or it is an address. */
function connectTls(options: RequestOptions): Duplex {
  const { host, servername } = options;
  const name = servername || servername === "" ? servername : isIP(String(host)) === 0 ? (host ?? "") : "";
  return tlsConnect({ ...(options as object), path: undefined, servername: name });
}
