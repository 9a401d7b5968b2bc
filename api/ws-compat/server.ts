import { EventEmitter } from "node:events";
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import process from "node:process";
import type { Duplex } from "node:stream";
import { defaultEngine } from "../../wasm/host.ts";
import type { Compression } from "../internal/deflate.ts";
import { checkAdoption, hasRoom } from "./adoption.ts";
import { type Agreed, chooseOffer } from "./extensions.ts";
import { type Fault, faultOf, offeredProtocols } from "./handshake.ts";
import {
  type ClientInfo,
  compressionOf,
  maxMessageOf,
  type PerMessageDeflateOptions,
  type Verdict,
} from "./options.ts";
import { accept, refuse } from "./upgrade.ts";
import { WebSocket } from "./websocket.ts";

/** The options of `new WebSocketServer`. Exactly one of `port`, `server` and `noServer` is required. */
export interface ServerOptions {
  /** The port to listen on, by a server of node:http; 0: any free one. */
  readonly port?: number | undefined;
  /** The local name or address to listen on. Default: every one. */
  readonly host?: string | undefined;
  /** The most connections that wait to be accepted. Default: the runtime's. */
  readonly backlog?: number | undefined;
  /** A server whose `upgrade` events are handled. */
  readonly server?: HttpServer | HttpsServer | undefined;
  /** Whether the application calls `handleUpgrade` itself. */
  readonly noServer?: boolean | undefined;
  /** The only path to accept, without a query. Default: all. */
  readonly path?: string | undefined;
  /** Whether `clients` lists the open WebSockets. Default: true. */
  readonly clientTracking?: boolean | undefined;
  /** Returns the chosen subprotocol; a falsy value: none. Default: the first that the client offers. */
  readonly handleProtocols?:
    | ((protocols: Set<string>, request: IncomingMessage) => string | false | null | undefined)
    | undefined;
  /**
   * Decides whether a handshake is accepted: by its result, or, with a second parameter, by calling that. Default: all are.
   */
  readonly verifyClient?: ((info: ClientInfo) => boolean) | ((info: ClientInfo, done: Verdict) => void) | undefined;
  /** Whether offers of compression are accepted, and how. Default: false. */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  /** As `ClientOptions.maxPayload`. Default: 104,857,600. */
  readonly maxPayload?: number | undefined;
  /** As `ClientOptions.maxFragments`. Default: 0. */
  readonly maxFragments?: number | undefined;
  /** Whether pings are answered automatically. Default: true. */
  readonly autoPong?: boolean | undefined;
  /** Accepted without effect: text is always validated. */
  readonly skipUTF8Validation?: boolean | undefined;
  /** Milliseconds that `close` of a client waits for the peer. Default: 30,000. */
  readonly closeTimeout?: number | undefined;
  /** The class of the accepted WebSockets, which extends `WebSocket`. Default: `WebSocket`. */
  readonly WebSocket?: typeof WebSocket | undefined;
}

/** The events of a server, with their arguments. */
export interface WebSocketServerEvents {
  /** The server listens. */
  listening: [];
  /** A handshake was accepted: the WebSocket is open. */
  connection: [ws: WebSocket, request: IncomingMessage];
  /** A handshake is about to be accepted. A listener may add header lines to `lines`. */
  headers: [lines: string[], request: IncomingMessage];
  /** A request is not a valid handshake. The listener has to answer it on `socket`. */
  wsClientError: [error: Error, socket: Duplex, request: IncomingMessage];
  /** The server of node:http failed, or an accepted handshake could not be answered. */
  error: [error: Error];
  /** The server is closed, and its last client has gone. */
  close: [];
}

/** A request that may become a WebSocket. */
interface Candidate {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Uint8Array;
  readonly offered: Set<string>;
  readonly agreed: Agreed;
  readonly accepted: Accepted;
}

/** No extension. */
const NOTHING: Agreed = { text: "", deflate: 0 };

function destroyThis(this: Duplex): void {
  this.destroy();
}

type Accepted = (ws: WebSocket, request: IncomingMessage) => void;

const State = { RUNNING: 0, CLOSING: 1, CLOSED: 2 } as const;
type State = (typeof State)[keyof typeof State];

/**
 * The server of npm's `ws`, on the engine: node:http has the requests, the engine the connections that become WebSockets.
 *
 * ```ts
 * const server = new WebSocketServer({ port: 8080 });
 * server.on("connection", (ws, request) => ws.send(`hello, ${request.socket.remoteAddress}`));
 * ```
 */
export class WebSocketServer extends EventEmitter<WebSocketServerEvents> {
  readonly options: ServerOptions;
  /** The open WebSockets; `undefined` with `clientTracking: false`. */
  readonly clients: Set<WebSocket> | undefined;
  readonly #compression: Compression | undefined;
  readonly #taken = new WeakSet<Duplex>();
  #server: HttpServer | undefined;
  #listeners: readonly (readonly [string, (...values: never[]) => void])[] = [];
  #state: State = State.RUNNING;

  /**
   * Creates a server, which listens if there is a `port`.
   *
   * @param listening called once the server listens.
   * @throws TypeError unless there is exactly one of `port`, `server` and `noServer`; TwinwireError ERR_UNSUPPORTED on a runtime
   * whose sockets the engine can't take over, ERR_ARGUMENT for a wrong option.
   */
  constructor(options: ServerOptions = {}, listening?: () => void) {
    super();
    const { port, host, backlog, server, noServer, clientTracking = true, perMessageDeflate } = options;
    const hasPort = port !== undefined && port !== null;
    if ([hasPort, Boolean(server), Boolean(noServer)].filter((it) => it).length !== 1) {
      throw new TypeError('One and only one of the "port", "server", or "noServer" options must be specified');
    }
    checkAdoption();
    maxMessageOf(options.maxPayload);
    this.#compression =
      defaultEngine().deflateHost === undefined ? undefined : compressionOf(perMessageDeflate, "client");
    this.options = { ...options };
    this.clients = clientTracking ? new Set() : undefined;
    if (noServer) return;
    this.#server = server === undefined ? createServer(upgradeRequired) : (server as HttpServer);
    if (hasPort) this.#server.listen({ port, host, backlog }, listening);
    this.#listen(this.#server);
  }

  /** The server of node:http, or `null` once it is closed. For reading only. */
  get _server(): HttpServer | null {
    return this.#server ?? null;
  }

  /**
   * Returns the address that it listens on; a string for a path, `null` once it is closed.
   *
   * @throws Error with `noServer`.
   */
  address(): AddressInfo | string | null {
    if (this.options.noServer) throw new Error('The server is operating in "noServer" mode');
    return this.#server?.address() ?? null;
  }

  /**
   * Stops accepting. WebSockets that are open stay open; `close` is emitted when the last one has gone.
   *
   * @param done called then, or with an error if the server was closed already.
   */
  close(done?: (error?: Error) => void): void {
    if (this.#state === State.CLOSED) {
      if (done !== undefined) this.once("close", () => done(new Error("The server is not running")));
      process.nextTick(() => this.#emitClose());
      return;
    }
    if (done !== undefined) this.once("close", done);
    if (this.#state === State.CLOSING) return;
    this.#state = State.CLOSING;
    const server = this.#server;
    for (const [name, listener] of this.#listeners) server?.removeListener(name, listener as () => void);
    this.#server = undefined;
    if (server !== undefined && this.options.server === undefined) server.close(() => this.#emitClose());
    else if (this.clients === undefined || this.clients.size === 0) process.nextTick(() => this.#emitClose());
  }

  /** Returns whether a request is for this server: whether it is for its `path`. Subclasses may override it. */
  shouldHandle(request: IncomingMessage): boolean {
    const { path } = this.options;
    return !path || request.url?.split("?", 1)[0] === path;
  }

  /**
   * Accepts the handshake of an `upgrade` event of node:http, or one that was read from any other Duplex.
   *
   * A request that is not a valid handshake is answered with an error, unless `wsClientError` has a listener.
   *
   * @param head what was read from `socket` behind the request.
   * @param accepted called with the WebSocket: before `handleUpgrade` returns, unless `verifyClient` decides later.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array, accepted: Accepted): void {
    socket.on("error", destroyThis);
    const fault = faultOf(request);
    if (fault !== undefined) {
      this.#clientError(fault, request, socket);
      return;
    }
    if (!this.shouldHandle(request)) {
      refuse(socket, 400);
      return;
    }
    const offered = offeredProtocols(request.headers["sec-websocket-protocol"]);
    if (offered === undefined) {
      this.#clientError({ status: 400, message: "Invalid Sec-WebSocket-Protocol header" }, request, socket);
      return;
    }
    const { perMessageDeflate } = this.options;
    const field = request.headers["sec-websocket-extensions"];
    const deflates = perMessageDeflate !== undefined && this.#compression !== undefined && field !== undefined;
    const agreed = deflates ? chooseOffer(field, perMessageDeflate === true ? {} : perMessageDeflate || {}) : NOTHING;
    if (agreed === undefined) {
      const message = "Invalid or unacceptable Sec-WebSocket-Extensions header";
      this.#clientError({ status: 400, message }, request, socket);
      return;
    }
    const complete = (): void => this.#complete({ request, socket, head, offered, agreed, accepted });
    const { verifyClient } = this.options;
    if (!verifyClient) {
      complete();
      return;
    }
    const { authorized, encrypted } = request.socket as { authorized?: boolean; encrypted?: boolean };
    const info: ClientInfo = { origin: request.headers.origin, secure: Boolean(authorized || encrypted), req: request };
    if (verifyClient.length === 2) {
      const verdict: Verdict = (verified, code, message, headers) => {
        if (verified) complete();
        else refuse(socket, code ?? 401, message, headers);
      };
      this.#ask(socket, () => (verifyClient as (info: ClientInfo, done: Verdict) => void)(info, verdict));
    } else if (this.#ask(socket, () => (verifyClient as (info: ClientInfo) => boolean)(info))) {
      complete();
    } else {
      refuse(socket, 401);
    }
  }

  #complete({ request, socket, head, offered, agreed, accepted }: Candidate): void {
    if (!socket.readable || !socket.writable) {
      socket.destroy(); /* the client has gone already */
      return;
    }
    if (this.#taken.has(socket)) {
      throw new Error(
        "server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration",
      );
    }
    if (this.#state !== State.RUNNING || !hasRoom()) {
      refuse(socket, 503);
      return;
    }
    const { options } = this;
    const protocol = this.#ask(socket, () => chooseProtocol(offered, options, request));
    this.#taken.add(socket);
    let ws: WebSocket;
    try {
      ws = accept({
        request,
        socket,
        head,
        extensions: agreed.text,
        agreement: {
          client: false,
          protocol,
          deflate: agreed.deflate,
          compression: this.#compression,
          maxMessage: maxMessageOf(options.maxPayload),
          maxFragments: options.maxFragments ?? 0,
          autoPong: options.autoPong ?? true,
        },
        make: () => new (options.WebSocket ?? WebSocket)(null, undefined, { closeTimeout: options.closeTimeout }),
        headers: (lines) => this.emit("headers", lines, request),
      });
    } catch (error) {
      refuse(socket, 500);
      this.#failed(error as Error);
      return;
    }
    socket.removeListener("error", destroyThis);
    this.#track(ws);
    accepted(ws, request);
  }

  /** Calls a function of the application. If it throws, the client gets 500, and the error is thrown on, as with `ws`. */
  #ask<T>(socket: Duplex, call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (!socket.destroyed && !this.#taken.has(socket)) refuse(socket, 500);
      throw error;
    }
  }

  /** Reports an upgrade that failed for a reason of the server's own, such as a malformed header line. */
  #failed(error: Error): void {
    if (this.listenerCount("error") > 0) this.emit("error", error);
    else process.emitWarning(error);
  }

  #track(ws: WebSocket): void {
    const { clients } = this;
    if (clients === undefined) return;
    clients.add(ws);
    ws.on("close", () => {
      clients.delete(ws);
      const ours = this.options.port !== undefined && this.options.port !== null;
      if (this.#state === State.CLOSING && clients.size === 0 && !ours) process.nextTick(() => this.#emitClose());
    });
  }

  #listen(server: HttpServer): void {
    const connected: Accepted = (ws, request) => this.emit("connection", ws, request);
    this.#listeners = [
      ["listening", () => this.emit("listening")],
      ["error", (error: Error) => this.emit("error", error)],
      [
        "upgrade",
        (request: IncomingMessage, socket: Duplex, head: Uint8Array) =>
          this.handleUpgrade(request, socket, head, connected),
      ],
    ];
    for (const [name, listener] of this.#listeners) server.on(name, listener as () => void);
  }

  #clientError({ status, message, headers }: Fault, request: IncomingMessage, socket: Duplex): void {
    if (this.listenerCount("wsClientError") > 0) this.emit("wsClientError", new Error(message), socket, request);
    else refuse(socket, status, message, headers);
  }

  #emitClose(): void {
    this.#state = State.CLOSED;
    this.emit("close");
  }
}

/** Returns the subprotocol to answer with, `""` for none. As with `ws`, it need not be one of those offered. */
function chooseProtocol(offered: Set<string>, options: ServerOptions, request: IncomingMessage): string {
  if (offered.size === 0) return "";
  const { handleProtocols } = options;
  if (handleProtocols) return String(handleProtocols(offered, request) || "");
  const [first = ""] = offered;
  return first;
}

/** Answers a request that is not a handshake with 426 (Upgrade Required), RFC 9110 15.5.22. */
function upgradeRequired(_request: IncomingMessage, response: ServerResponse): void {
  const body = STATUS_CODES[426] ?? "";
  response.writeHead(426, { "Content-Length": body.length, "Content-Type": "text/plain" }).end(body);
}
