import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { report } from "../../wasm/report.ts";
import type { Conn } from "../conn/conn.ts";
import type { ServerOptions, TlsServerOptions } from "../conn/options.ts";
import { type Server, TcpServer, TlsServer } from "../conn/server.ts";
import { type Bytes, show, toPayload } from "../handles/arguments.ts";
import type { IncomingRequest } from "../http/receive.ts";
import { type HttpHandler, HttpServer, type ServeOptions } from "../http/serve.ts";
import type { HttpReply } from "../http/types.ts";
import { type BroadcastResult, broadcast, type SlowClients } from "./broadcast.ts";
import { Clients } from "./clients.ts";
import { type CheckedUpgrade, checkUpgrade, type UpgradeOptions } from "./options.ts";
import { type ServerSocket, sessionOf } from "./server-socket.ts";
import { accept } from "./upgrade.ts";

/** How a WebSocket server accepts clients. */
export interface WebSocketServerOptions extends UpgradeOptions, ServeOptions {
  /** Where it listens, as `TcpServer` takes it; with `tls`, as `TlsServer`. */
  readonly listen?: ServerOptions | TlsServerOptions | undefined;
  /** The path that clients ask for, without a query; any unless this is given. Others are answered by 404. */
  readonly path?: string | undefined;
  /**
   * Origins of pages that may connect, as browsers send them: `"https://example.com"`. Others are answered by 403. Clients
   * that send no `Origin`, as those that are no browser, are not asked. Any page may unless this is given.
   */
  readonly origins?: readonly string[] | ((origin: string, request: IncomingRequest) => boolean) | undefined;
  /** Whether a client may come in: `false` is answered by 403, a reply is what it gets instead, 401 for example. */
  readonly authorize?: ((request: IncomingRequest) => boolean | HttpReply | Promise<boolean | HttpReply>) | undefined;
  /** Hears of each client, at once: what it sends comes later. */
  readonly onConnection?: ((socket: ServerSocket, request: IncomingRequest) => void) | undefined;
  /**
   * Takes each message of every client: text, or bytes that are yours to keep. Several times faster than `message` events,
   * which are not dispatched then.
   */
  readonly onMessage?: ((socket: ServerSocket, message: string | Uint8Array) => void) | undefined;
  /** Answers requests that do not ask for a WebSocket. They are answered by 426 unless this is given. */
  readonly onRequest?: HttpHandler | undefined;
}

/** How a broadcast is made. */
export interface BroadcastOptions {
  /** To whom; all clients unless this is given. */
  readonly to?: Iterable<ServerSocket> | undefined;
  /** Not to this one. */
  readonly except?: ServerSocket | undefined;
  /**
   * What happens with clients that take messages more slowly than they come: `"queue"` keeps the message for them, up to
   * `maxBuffered`; `"skip"` leaves them out. `"queue"` unless this is given.
   */
  readonly slow?: SlowClients | undefined;
}

/** How a server stops. */
export interface WebSocketCloseOptions {
  /** The code with which clients are closed: 1001 (going away) unless it is given. */
  readonly code?: number | undefined;
  readonly reason?: string | undefined;
  /** How long clients may take to answer, in ms, at most `limits().closeTimeoutMs`, which it is unless it is given. */
  readonly graceMs?: number | undefined;
}

const GOING_AWAY = 1001;

/**
 * A WebSocket server, RFC 6455, on a port of its own or on the connections of another server.
 *
 * ```ts
 * const server = new WebSocketServer("127.0.0.1", 8080);
 * for await (const socket of server) {
 *   socket.addEventListener("message", ({ data }) => server.broadcast(data, { except: socket }));
 * }
 * ```
 */
export class WebSocketServer {
  readonly #clients = new Clients();
  readonly #http: HttpServer;
  readonly #options: WebSocketServerOptions;
  readonly #upgrade: CheckedUpgrade;

  /**
   * Begins to listen; `opened` tells what came of it.
   *
   * @param host a local name or address: `"127.0.0.1"`, `"0.0.0.0"`, `"::"`; `""` for every one.
   * @param port 0 to 65535; 0 for any free one.
   * @throws TwinwireError ERR_ARGUMENT for a bad option. All else is told by `opened`.
   */
  constructor(host: string, port: number, options?: WebSocketServerOptions);
  /** Serves the connections of a server that listens, or is about to. It is closed with this one. */
  constructor(server: Server<Conn>, options?: WebSocketServerOptions);
  constructor(where: string | Server<Conn>, second?: number | WebSocketServerOptions, third?: WebSocketServerOptions) {
    const isServer = typeof where === "object";
    const options = (isServer ? (second as WebSocketServerOptions | undefined) : third) ?? {};
    this.#options = options;
    this.#upgrade = checkUpgrade(options);
    const { onError, idleTimeoutMs, headTimeoutMs, timeoutMs, maxBody } = options;
    const serve: ServeOptions = { onError, idleTimeoutMs, headTimeoutMs, timeoutMs, maxBody };
    const server = isServer ? where : listen(where, second as number, options.listen);
    this.#http = new HttpServer(server, (request) => this.#answer(request), serve);
  }

  /** Fulfilled once it listens, rejected if it can't. Nobody has to await it. */
  get opened(): Promise<void> {
    return this.#http.server.opened;
  }

  /** Where it listens, as `"ip:port"`. Known once it is `opened`. */
  addr(): string {
    return this.#http.server.addr();
  }

  /** The clients that are connected, in the order in which they came. */
  get clients(): ReadonlySet<ServerSocket> {
    return this.#clients.all;
  }

  /**
   * Sends a message to every client, or to those that are named. The frame is made once. Clients that are closing are
   * left out.
   *
   * @throws TwinwireError ERR_ARGUMENT for what is neither text nor bytes; ERR_TOO_LARGE for a message that is larger than
   * `limits().sendBuffer`.
   */
  broadcast(message: string | Bytes, { to, except, slow = "queue" }: BroadcastOptions = {}): BroadcastResult {
    const data = toPayload(message);
    if (data === undefined) {
      throw new TwinwireError("ERR_ARGUMENT", { step: "send", reason: `text or bytes, not ${show(message)}` });
    }
    const all = to ?? this.#clients.all;
    const chosen = except === undefined ? all : without(all, except);
    return broadcast(defaultEngine(), chosen, data, slow);
  }

  /**
   * The next client, which is open. Waits until there is one. Clients that nobody takes are in `clients` all the same.
   *
   * @throws TwinwireError ERR_STATE once it is closed; what kept it from listening.
   */
  accept(): Promise<ServerSocket> {
    return this.#clients.next();
  }

  /** The clients, one by one, until it is closed. A loop that is left early leaves it open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ServerSocket, void, undefined> {
    await this.opened;
    for (;;) {
      const socket = await this.#clients.next().catch(() => undefined);
      if (socket === undefined) return;
      yield socket;
    }
  }

  /**
   * Stops: no more clients are accepted, those that are here are closed with `code`, and what was sent to them still
   * leaves. Settled when none is left, within `graceMs`.
   */
  async close(options: WebSocketCloseOptions = {}): Promise<void> {
    const { code = GOING_AWAY, reason = "" } = options;
    const graceMs = Math.min(options.graceMs ?? Number.POSITIVE_INFINITY, defaultEngine().limits.closeTimeoutMs);
    this.#clients.stop(new TwinwireError("ERR_STATE", { step: "accept", reason: "close was called" }));
    await Promise.all([this.#http.close({ graceMs }), this.#clients.close(code, reason, graceMs)]);
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Lets it keep the process alive, as it does at first. */
  ref(): this {
    this.#http.server.ref();
    return this;
  }

  /** Lets the process end although it listens. */
  unref(): this {
    this.#http.server.unref();
    return this;
  }

  async #answer(request: IncomingRequest): Promise<HttpReply | undefined> {
    const { authorize, onConnection, onMessage, onRequest, path } = this.#options;
    if (onRequest !== undefined && !request.upgrade) return onRequest(request);
    if (path !== undefined && request.path !== path) return refusal(404, "nothing is here");
    if (!this.#originAllowed(request)) return refusal(403, "this origin may not connect");
    if (request.upgrade && authorize !== undefined) {
      const verdict = await authorize(request);
      if (typeof verdict === "object") return verdict;
      if (!verdict) return refusal(403, "not allowed");
    }
    let socket: ServerSocket;
    try {
      socket = accept(request, this.#upgrade);
    } catch (error) {
      return this.#refused(error, request);
    }
    if (onMessage !== undefined) sessionOf(socket).onMessage = (message) => onMessage(socket, message);
    this.#clients.add(socket);
    try {
      onConnection?.(socket, request);
    } catch (error) {
      report(error);
    }
    return undefined;
  }

  #originAllowed(request: IncomingRequest): boolean {
    const { origins } = this.#options;
    const { origin } = request.headers;
    if (origins === undefined || origin === undefined) return true;
    return typeof origins === "function" ? origins(origin, request) : origins.includes(origin);
  }

  #refused(error: unknown, request: IncomingRequest): HttpReply {
    if (!(error instanceof TwinwireError)) throw error;
    this.#options.onError?.(error, request.conn);
    if (error.code === "ERR_WS_HANDSHAKE") return refusal(error.status, "a WebSocket handshake of RFC 6455 is wanted");
    if (error.code === "ERR_LIMIT" || error.code === "ERR_BACKPRESSURE") return refusal(503, "no place is free");
    return refusal(500, "the handshake can't be answered");
  }
}

function listen(host: string, port: number, options: ServerOptions | TlsServerOptions = {}): Server<Conn> {
  return "tls" in options && options.tls !== undefined
    ? new TlsServer(host, port, options)
    : new TcpServer(host, port, options);
}

function* without(all: Iterable<ServerSocket>, one: ServerSocket): Generator<ServerSocket> {
  for (const socket of all) if (socket !== one) yield socket;
}

/** What a client gets that can't come in. RFC 9110 15.5.6 and 15.5.22 want to know what would be right. */
function refusal(status: number, why: string): HttpReply {
  const wanted: Readonly<Record<number, Record<string, string>>> = {
    405: { allow: "GET" },
    426: { upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" },
  };
  return { status, headers: { "content-type": "text/plain", ...wanted[status] }, body: `${why}\n` };
}
