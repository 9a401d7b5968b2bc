import { SocketKind } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { type Metric, metricsText } from "../../wasm/metrics.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { isThenable, report } from "../../wasm/report.ts";
import type { Conn } from "../conn/conn.ts";
import type { ServerOptions, TlsServerOptions } from "../conn/options.ts";
import { adoptInto, Server, TcpServer, TlsServer } from "../conn/server.ts";
import type { IncomingRequest } from "../http/calls.ts";
import { HttpServer, type ServeOptions } from "../http/server.ts";
import { type Bytes, isInt32, show, toPayload } from "../internal/arguments.ts";
import { closeArguments } from "../internal/websocket.ts";
import { deliveryOf } from "../websocket/base.ts";
import { accept, type BroadcastResult, broadcast, Clients, metricsOf } from "./clients.ts";
import { Admission } from "./handshake.ts";
import {
  type BroadcastOptions,
  type CheckedServer,
  checkBroadcast,
  checkClose,
  checkPublish,
  checkServer,
  type PublishOptions,
  type SlowClients,
  type WebSocketCloseOptions,
  type WebSocketServerOptions,
} from "./options.ts";
import { checkTopic, type ServerSocket, Topics, useTopics } from "./socket.ts";

const GOING_AWAY = 1001;
const SERVICE_RESTART = 1012;

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
export class WebSocketServer<Data = unknown> {
  readonly #clients = new Clients();
  readonly #topics = new Topics<ServerSocket>();
  readonly #http: HttpServer;
  readonly #engine: Engine;
  readonly #options: CheckedServer;
  /** Takes the listener off the server of `attach`. */
  #detach: (() => void) | undefined;

  /**
   * Starts to listen and returns immediately; `opened` reports the result.
   *
   * @param host a local name or address: `"127.0.0.1"`, `"0.0.0.0"`, `"::"`; `""`: every address.
   * @param port 0 to 65535; 0: any free port.
   * @throws TwinwireError ERR_ARGUMENT for a bad option. All else is reported by `opened`, or, if no one reads `opened`,
   * `accept` or a loop, as an uncaught exception.
   */
  constructor(host: string, port: number, options?: WebSocketServerOptions<Data>);
  /** Serves the connections of a `TcpServer` or `TlsServer`, which `close` closes, too. */
  constructor(server: Server<Conn>, options?: WebSocketServerOptions<Data>);
  constructor(
    where: string | Server<Conn>,
    second?: number | WebSocketServerOptions<Data>,
    third?: WebSocketServerOptions<Data>,
  ) {
    if (typeof where === "object" && !(where instanceof Server)) throw notThatIdiom(where);
    const onServer = typeof where === "object";
    const options = checkServer(onServer ? second : third);
    this.#options = options;
    this.#engine = defaultEngine();
    const { onError, idleTimeoutMs, headTimeoutMs, timeoutMs, writeTimeoutMs, maxBody, headAsGet } = options;
    const serve: ServeOptions = {
      onError,
      idleTimeoutMs,
      headTimeoutMs,
      timeoutMs,
      writeTimeoutMs,
      maxBody,
      headAsGet,
    };
    const server = onServer ? where : listen(where, second as number, options.listen);
    const clients = this.#clients;
    const admission = new Admission(this.#engine, options, {
      get stopped(): boolean {
        return clients.stopped;
      },
      accept: (request) => this.#welcome(accept(request, options), request),
      refused: (error, request) => onError?.(error, request.conn),
    });
    this.#http = new HttpServer(server, (request) => admission.answer(request), serve);
  }

  /**
   * Serves the `upgrade` requests of a server of node:http or node:https, whose other requests are not affected. With the
   * option `path`, requests for other paths are left to other listeners of `upgrade`, if there are any. `close` closes the
   * clients; the server of Node goes on.
   *
   * ```ts
   * const server = createServer(app).listen(8080);
   * const sockets = WebSocketServer.attach(server, { path: "/chat" });
   * ```
   *
   * @throws TwinwireError ERR_ARGUMENT for a bad option or what is not a server; ERR_UNSUPPORTED where the runtime's sockets
   * can't be taken over, as on Bun.
   */
  static attach<Data = unknown>(
    server: UpgradeSource,
    options?: Omit<WebSocketServerOptions<Data>, "listen">,
  ): WebSocketServer<Data> {
    if (typeof server?.on !== "function" || typeof server.off !== "function") {
      const problem = `a server of node:http is wanted, not ${show(server)}`;
      throw new TwinwireError("ERR_ARGUMENT", { operation: "WebSocketServer.attach", problem });
    }
    if (!defaultEngine().listeners.canAdopt) {
      const problem = "this runtime's sockets can't be taken over from node:http";
      const remedy = "give the WebSocketServer a port of its own";
      throw new TwinwireError("ERR_UNSUPPORTED", { operation: "WebSocketServer.attach", problem, remedy });
    }
    const streams = new TcpServer({ kind: SocketKind.TCP_LISTENER, name: "", port: 0, adopts: true }, undefined);
    streams.unref();
    const attached = new WebSocketServer<Data>(streams, options);
    const { path } = attached.#options;
    const upgrade = (request: UpgradeRequest, socket: UpgradeSocket, head: Uint8Array): void => {
      const isOther = path !== undefined && request.url?.split("?", 1)[0] !== path;
      if (isOther && (server.listenerCount?.("upgrade") ?? 0) > 1) return;
      const drop = (): void => {
        socket.destroy();
      };
      if (adoptInto(streams, socket, withHead(request, head), drop) < 0) drop();
    };
    server.on("upgrade", upgrade);
    attached.#detach = () => {
      server.off("upgrade", upgrade);
    };
    return attached;
  }

  /** Fulfilled once it listens, rejected if it can't. */
  get opened(): Promise<void> {
    return this.#http.server.opened;
  }

  /** Returns the address at which it listens, as `"ip:port"`. Await `opened` first. */
  addr(): string {
    return this.#http.server.addr();
  }

  /** The connected clients, in the order in which they connected. */
  get clients(): ReadonlySet<ServerSocket<Data>> {
    return this.#clients.all as ReadonlySet<ServerSocket<Data>>;
  }

  /**
   * Sends a message to every client, or to those that `options` select. The frame is made once. Clients that are closing are left
   * out.
   *
   * @throws TwinwireError ERR_ARGUMENT for data that is neither text nor bytes; ERR_TOO_LARGE for a message that is larger than
   * `limits().sendBuffer`.
   */
  broadcast(message: string | Bytes, options?: BroadcastOptions): BroadcastResult {
    const { to, except, slow = "queue" } = checkBroadcast(options);
    return this.#send(message, to ?? this.#clients.all, except, slow);
  }

  /**
   * Sends a message to the clients that have subscribed to a topic. The frame is made once. Clients that are closing are left
   * out.
   *
   * @throws TwinwireError as `broadcast`.
   */
  publish(topic: string, message: string | Bytes, options?: PublishOptions): BroadcastResult {
    const { except, slow = "queue" } = checkPublish(options);
    return this.#send(message, this.#topics.of(checkTopic(topic, "publish")), except, slow);
  }

  /** Each topic and the number of clients that have subscribed to it. */
  get topics(): ReadonlyMap<string, number> {
    return new Map(this.#topics.counts());
  }

  /**
   * Waits for the next client and returns it, open. Clients that no one accepts are in `clients` all the same.
   *
   * @throws TwinwireError ERR_STATE after `close`; the error of `opened`.
   */
  accept(): Promise<ServerSocket<Data>> {
    this.opened.catch((error: TwinwireError) => this.#clients.stop(error));
    return this.#clients.next() as Promise<ServerSocket<Data>>;
  }

  /** Iterates over the clients until the server is closed. `break` leaves it open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ServerSocket<Data>, void, undefined> {
    await this.opened;
    for (;;) {
      const socket = await this.#clients.next().catch(() => undefined);
      if (socket === undefined) return;
      yield socket as ServerSocket<Data>;
    }
  }

  /**
   * Stops the server: no more clients are accepted, and the connected ones are closed with `code` after everything that was
   * sent to them: immediately, or over `spreadMs`. Fulfilled when none is left, within `graceMs` after the last was closed. A
   * second call without `spreadMs` closes those that are left at once.
   *
   * ```ts
   * process.once("SIGTERM", () => server.close({ spreadMs: 30_000 }));
   * ```
   *
   * @throws DOMException as `ServerSocket.close`; then the server goes on.
   */
  async close(options?: WebSocketCloseOptions): Promise<void> {
    const { closeTimeoutMs } = this.#engine.limits;
    const given = checkClose(options);
    const { spreadMs = 0 } = given;
    const byDefault = spreadMs > 0 ? SERVICE_RESTART : GOING_AWAY;
    const { code, reason } = closeArguments(given.code ?? byDefault, given.reason, true);
    const graceMs = Math.min(given.graceMs ?? closeTimeoutMs, closeTimeoutMs);
    this.#detach?.();
    this.#clients.stop(new TwinwireError("ERR_STATE", { step: "accept", reason: "close was called" }));
    await Promise.all([this.#http.close({ graceMs }), this.#clients.close(code, reason, graceMs, spreadMs)]);
  }

  /** Calls `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Replaces the certificate, the key and the other TLS options of a server with `listen: { tls }`, for the connections that it
   * accepts from now on.
   *
   * @throws TwinwireError ERR_STATE for a server without TLS; otherwise as `TlsServer.setTls`.
   */
  setTls(tls: TlsOptions): void {
    const { server } = this.#http;
    if (server instanceof TlsServer) server.setTls(tls);
    else throw new TwinwireError("ERR_STATE", { operation: "WebSocketServer.setTls", problem: "it has no TLS" });
  }

  /** Returns its counts as text of OpenMetrics, for Prometheus: each name begins with `twinwire_ws_`. */
  metrics(): string {
    return metricsText(this.measure());
  }

  /** Returns its counts, for `openMetrics`. */
  measure(): readonly Metric[] {
    return metricsOf(this.#clients, this.#topics.counts(), this.#http.server.addressStats());
  }

  /** Keeps the process alive while it listens. Default: it does. */
  ref(): this {
    this.#http.server.ref();
    return this;
  }

  /** Lets the process end while it listens. */
  unref(): this {
    this.#http.server.unref();
    return this;
  }

  #send(
    message: unknown,
    sockets: Iterable<ServerSocket>,
    except: ServerSocket | undefined,
    slow: SlowClients,
  ): BroadcastResult {
    const data = toPayload(message);
    if (data === undefined) {
      throw new TwinwireError("ERR_ARGUMENT", { step: "send", reason: `text or bytes, not ${show(message)}` });
    }
    const chosen = except === undefined ? sockets : without(sockets, except);
    return broadcast(this.#engine, chosen, data, slow);
  }

  #welcome(socket: ServerSocket, request: IncomingRequest): void {
    const { onConnection, onError, onMessage } = this.#options;
    const failed = (error: unknown): void => {
      if (onError === undefined) report(error);
      else this.#guard(() => onError(error, request.conn));
    };
    const delivery = deliveryOf(socket);
    if (onMessage !== undefined) delivery.onMessage = (message) => onMessage(socket, message);
    delivery.onFailure = failed;
    useTopics(socket, this.#topics);
    this.#clients.add(socket);
    if (onConnection === undefined) return;
    try {
      const result: unknown = onConnection(socket, request);
      if (isThenable(result)) Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      report(error);
    }
  }
}

/** The request of an `upgrade` event of node:http. */
interface UpgradeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
}

interface UpgradeSocket {
  destroy(): unknown;
}

type UpgradeListener = (request: UpgradeRequest, socket: UpgradeSocket, head: Uint8Array) => void;

/** What `WebSocketServer.attach` uses of a server of node:http. */
export interface UpgradeSource {
  on(event: "upgrade", listener: UpgradeListener): unknown;
  off(event: "upgrade", listener: UpgradeListener): unknown;
  listenerCount?(event: "upgrade"): number;
}

/** The bytes of a request that node:http has parsed, and those behind it. */
function withHead({ method, url, httpVersion, rawHeaders }: UpgradeRequest, rest: Uint8Array): Uint8Array {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  const head = Uint8Array.from(`${text}\r\n`, (it) => it.charCodeAt(0));
  const all = new Uint8Array(head.length + rest.length);
  all.set(head);
  all.set(rest, head.length);
  return all;
}

/** The error for `new WebSocketServer({ port })`, as the package `ws` has it. */
function notThatIdiom(given: object): TwinwireError {
  const port: unknown = Object.hasOwn(given, "port") ? (given as { port?: unknown }).port : undefined;
  return new TwinwireError("ERR_ARGUMENT", {
    step: "open",
    operation: "WebSocketServer",
    problem: "the first argument must be a host or a server, not options",
    remedy: `write new WebSocketServer("0.0.0.0", ${isInt32(port) ? port : 8080}, options), or import it from "twinwire/ws-compat"`,
  });
}

function listen(host: string, port: number, options: ServerOptions | TlsServerOptions = {}): Server<Conn> {
  return "tls" in options && options.tls !== undefined
    ? new TlsServer(host, port, options)
    : new TcpServer(host, port, options);
}

function* without(all: Iterable<ServerSocket>, one: ServerSocket): Generator<ServerSocket> {
  for (const socket of all) if (socket !== one) yield socket;
}
