import { TwinwireError } from "../../wasm/errors.ts";
import type { Conn } from "../conn/conn.ts";
import { connectionsOf, observe, type Server } from "../conn/server.ts";
import { callback, OptionSet } from "../internal/options.ts";
import { duration, readOptions } from "./options.ts";
import type { IncomingRequest } from "./receive.ts";
import { Session } from "./session.ts";
import type { HttpReply, ReadRequestOptions } from "./types.ts";

const IDLE_MS = 60_000;
const GRACE_MS = 10_000;

/**
 * Answers one request. What it returns is sent; what it throws is answered by 500 and told to `onError`. `undefined`: the
 * handler has answered by itself, by `http.respond`, or has taken the connection over.
 */
export type HttpHandler = (request: IncomingRequest) => HttpReply | undefined | Promise<HttpReply | undefined>;

/** How a server serves. */
export interface ServeOptions extends Omit<ReadRequestOptions, "signal"> {
  /** How long a client may take nothing of a response, in ms, before it is given up: 60000 unless it is given. */
  readonly writeTimeoutMs?: number | undefined;
  /**
   * Called with what a handler throws, and with what clients do against HTTP. Default: what a handler throws goes to
   * `console.error`.
   */
  readonly onError?: ((error: unknown, conn: Conn) => void) | undefined;
}

/** How a server stops. */
export interface HttpCloseOptions {
  /** How long requests that are being answered may take, in ms: 10000 unless it is given. */
  readonly graceMs?: number | undefined;
}

/**
 * Answers every request that comes to a server, of each connection one after the other: connections are kept for the
 * next one, and requests that came together are answered in order. What is no request is answered by 400 and its like,
 * and the connection is closed.
 *
 * ```ts
 * const server = http.serve(new TcpServer("127.0.0.1", 8080), async (request) => {
 *   if (request.path === "/") return { body: "hello\n" };
 *   return { status: 404, json: { missing: request.path } };
 * });
 * // later
 * await server.close();
 * ```
 *
 * The body of a request is read by the handler, if at all: `maxBody` bounds it.
 */
export function serve(server: Server<Conn>, handler: HttpHandler, options?: ServeOptions): HttpServer {
  if (typeof handler !== "function") throw new TwinwireError("ERR_ARGUMENT", { reason: "a handler is a function" });
  return new HttpServer(server, handler, options);
}

const { signal: _, ...ofReading } = readOptions.rules;
const serveOptions = new OptionSet<ServeOptions>({ ...ofReading, writeTimeoutMs: duration, onError: callback() });
const closeOptions = new OptionSet<HttpCloseOptions>({ graceMs: duration });

/** What `http.serve` returns. */
export class HttpServer {
  /** Where connections come from. */
  readonly server: Server<Conn>;
  readonly #done: Promise<void>;
  readonly #handler: HttpHandler;
  readonly #options: ServeOptions;
  readonly #sessions = new Set<Session>();
  #closing = false;
  #allEnded: (() => void) | undefined;

  /** @internal */
  constructor(server: Server<Conn>, handler: HttpHandler, options?: ServeOptions) {
    const checked = serveOptions.read("http.serve", options);
    this.server = server;
    this.#handler = handler;
    this.#options = { ...checked, idleTimeoutMs: checked.idleTimeoutMs ?? IDLE_MS };
    this.#done = this.#accept();
    this.#done.catch(() => {});
  }

  /**
   * Fulfilled when it accepts no more; rejected if the server could not listen. If nobody asks for this or for
   * `server.opened`, a failure to listen is an uncaught exception.
   */
  get done(): Promise<void> {
    observe(this.server);
    return this.#done;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sessions.size;
  }

  /**
   * Stops: no more connections are accepted, those that wait for a request are closed, and those that are being answered
   * once they are, or when `graceMs` have passed. Settled when none is left.
   */
  async close(options?: HttpCloseOptions): Promise<void> {
    const { graceMs = GRACE_MS } = closeOptions.read("HttpServer.close", options, "close");
    this.#closing = true;
    this.server.close();
    for (const session of this.#sessions) session.stop();
    if (this.#sessions.size === 0) return;
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.conn.close();
    }, graceMs);
    await new Promise<void>((resolve) => {
      this.#allEnded = resolve;
    });
    clearTimeout(timer);
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #accept(): Promise<void> {
    for await (const conn of connectionsOf(this.server)) {
      const session = new Session(conn, this.#handler, this.#options);
      this.#sessions.add(session);
      if (this.#closing) session.stop();
      /* A handler may never be done; its connection is over all the same. */
      Promise.race([session.run(), conn.closed]).then(() => this.#ended(session));
    }
  }

  #ended(session: Session): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#allEnded?.();
  }
}
