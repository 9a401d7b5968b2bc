import { HttpFlag } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import type { Metric } from "../../wasm/metrics.ts";
import { callSafely, report } from "../../wasm/report.ts";
import { type Conn, streamOf } from "../conn/conn.ts";
import { connectionsOf, observe, type Server } from "../conn/server.ts";
import type { Stream } from "../conn/stream.ts";
import { show } from "../internal/arguments.ts";
import { callback, flag, OptionSet } from "../internal/options.ts";
import { nextShare, Timeout } from "../internal/waiting.ts";
import { expect, IncomingRequest, reply } from "./calls.ts";
import { type Exchange, exchangeOf } from "./exchange.ts";
import { reasonOf } from "./head.ts";
import type { HttpMessage } from "./message.ts";
import type { Expected } from "./receiver.ts";
import { duration, type HttpReply, type ReadRequestOptions, readOptions } from "./types.ts";

const IDLE_MS = 60_000;
const GRACE_MS = 10_000;

/**
 * Handles one request: its result is sent as the response. If it throws, the response is 500, and `onError` receives the
 * error. `undefined` means that the handler has responded with `http.respond`, or has taken over the connection.
 */
export type HttpHandler = (request: IncomingRequest) => HttpReply | undefined | Promise<HttpReply | undefined>;

/** The options of `http.serve`. An unknown name is an error. */
export interface ServeOptions extends Omit<ReadRequestOptions, "signal"> {
  /** Presents HEAD requests to the handler as GET; the body of its response is not sent. Default: false. */
  readonly headAsGet?: boolean | undefined;
  /** The milliseconds after which a client that receives nothing of its response is disconnected. Default: 60000. */
  readonly writeTimeoutMs?: number | undefined;
  /**
   * Called with the errors that handlers throw, and with those of clients that violate HTTP. Default: errors of handlers are
   * written to `console.error`.
   */
  readonly onError?: ((error: unknown, conn: Conn) => void) | undefined;
}

/** The options of `HttpServer.close`. */
export interface HttpCloseOptions {
  /** The most milliseconds that pending responses may take. Default: 10000. */
  readonly graceMs?: number | undefined;
}

/**
 * Calls the handler with every request that the connections of a server receive. Connections are kept open, and pipelined
 * requests are answered in order, one after the other. Invalid requests are answered with 400 or a similar status, and their
 * connection is closed.
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
 * The handler reads the body of the request, if it needs it; `maxBody` limits its size.
 *
 * @throws TwinwireError ERR_ARGUMENT for a handler that is not a function, or a bad option.
 */
export function serve(server: Server<Conn>, handler: HttpHandler, options?: ServeOptions): HttpServer {
  if (typeof handler !== "function") throw new TwinwireError("ERR_ARGUMENT", { reason: "a handler is a function" });
  return new HttpServer(server, handler, options);
}

const { signal: _, ...ofReading } = readOptions.rules;
/** Checks `ServeOptions`. */
export const serveOptions = new OptionSet<ServeOptions>({
  ...ofReading,
  headAsGet: flag,
  writeTimeoutMs: duration,
  onError: callback(),
});
const closeOptions = new OptionSet<HttpCloseOptions>({ graceMs: duration });

/** The result of `http.serve`. */
export class HttpServer {
  /** The server whose connections are served. */
  readonly server: Server<Conn>;
  readonly #done: Promise<void>;
  readonly #handler: HttpHandler;
  readonly #options: ServeOptions;
  readonly #connections = new Set<ServerConnection>();
  readonly #counts = noCounts();
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
   * Fulfilled when the server accepts no more connections; rejected if it could not listen. If the program reads neither
   * this nor `server.opened`, a failure to listen is reported as an uncaught exception.
   */
  get done(): Promise<void> {
    observe(this.server);
    return this.#done;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Stops the server: no more connections are accepted, idle ones are closed, and the others are closed after their response, or
   * after `graceMs`. Fulfilled when none is left.
   */
  async close(options?: HttpCloseOptions): Promise<void> {
    const { graceMs = GRACE_MS } = closeOptions.read("HttpServer.close", options, "close");
    this.#closing = true;
    this.server.close();
    for (const connection of this.#connections) connection.stop();
    if (this.#connections.size === 0) return;
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.conn.close();
    }, graceMs);
    await new Promise<void>((resolve) => {
      this.#allEnded = resolve;
    });
    clearTimeout(timer);
  }

  /** Calls `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Returns its counts and those of `server`, for `openMetrics`. */
  measure(): readonly Metric[] {
    const { requests, failed, invalid } = this.#counts;
    const of = (name: string, kind: Metric["kind"], help: string, value: number): Metric => {
      return { name: `twinwire_http_${name}`, kind, help, value };
    };
    return [
      of("connections", "gauge", "Connections that are open.", this.#connections.size),
      of("requests", "counter", "Requests that were passed to the handler.", requests),
      of("failed", "counter", "Requests that were answered with 500 because the handler failed.", failed),
      of("invalid", "counter", "Requests that were refused because they violate HTTP or a limit.", invalid),
      ...this.server.measure(),
    ];
  }

  async #accept(): Promise<void> {
    for await (const conn of connectionsOf(this.server)) {
      const connection = new ServerConnection(conn, this.#handler, this.#options, this.#counts);
      this.#connections.add(connection);
      if (this.#closing) connection.stop();
      /* A handler may never be done; its connection is over all the same. */
      Promise.race([connection.run(), conn.closed]).then(() => this.#ended(connection));
    }
  }

  #ended(connection: ServerConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#allEnded?.();
  }
}

/** How long a client may take nothing of its response. */
const WRITE_MS = 60_000;

/** What only this program can have done wrong when a response can't be sent. */
const OURS: ReadonlySet<string> = new Set(["ERR_CALLBACK", "ERR_ARGUMENT", "ERR_HEADER", "ERR_HTTP_LENGTH"]);

/** Whether an error of a server is a fault of this program, and not of a client. */
export function isOurs(error: unknown): boolean {
  return !(error instanceof TwinwireError) || OURS.has(error.code);
}

/** A client that has ended its half, and for which a body has no next part for so long, has left. */
const LEFT_MS = 1_000;

/** What a handler left of a body is read up to this many bytes, so that the connection can go on. */
const MOST_LEFT = 262_144;

/** So many requests that came together are answered before other connections have their share. */
const BURST = 16;

/** What the connections of a server have done together. */
interface Counts {
  requests: number;
  failed: number;
  invalid: number;
}

function noCounts(): Counts {
  return { requests: 0, failed: 0, invalid: 0 };
}

/** One connection of a server: requests are read and answered one after the other. */
export class ServerConnection {
  readonly conn: Conn;
  readonly #stream: Stream;
  readonly #exchange: Exchange;
  readonly #handler: HttpHandler;
  readonly #options: ServeOptions;
  readonly #expected: Expected;
  readonly #counts: Counts;
  #stopping = false;
  /** Whether it waits for a request. */
  #idle = false;
  readonly #timeout: Timeout;
  #leftTimer: ReturnType<typeof setInterval> | undefined;
  /** The part of a body that was missing when that was last looked at. */
  #wasAwaited = 0;
  /** What had left when it was last looked at. */
  #sent = -1;

  constructor(conn: Conn, handler: HttpHandler, options: ServeOptions, counts: Counts = noCounts()) {
    this.conn = conn;
    this.#stream = streamOf(conn);
    this.#exchange = exchangeOf(this.#stream);
    this.#handler = handler;
    this.#options = options;
    this.#counts = counts;
    this.#expected = expect(options, false);
    this.#timeout = new Timeout(() => this.#watched());
    this.#exchange.receiver.onPeerEnd = () => this.#watchLeft();
  }

  /** Ends it after what is being answered. */
  stop(): void {
    this.#stopping = true;
    if (this.#idle && !this.#exchange.receiver.begun) this.conn.close();
  }

  /** Reads and answers until nothing more can be read. Never rejected. */
  async run(): Promise<void> {
    try {
      for (let burst = 0; !this.#stopping; burst++) {
        if (this.#stream.receiver.size === 0) {
          burst = 0;
        } else if (burst === BURST) {
          burst = 0;
          await nextShare();
          if (this.#stopping) break;
        }
        this.#idle = true;
        const message = await this.#exchange.receiver.receive(this.#expected, itself);
        this.#idle = false;
        if (!(await this.#answer(message))) break;
      }
    } catch (error) {
      await this.#refuse(error).catch(nothing);
    }
    this.#timeout.stop();
    clearInterval(this.#leftTimer);
    if (!this.#stream.released) {
      this.conn.close();
      await this.conn.closed;
    }
  }

  /** Answers one request. Returns whether another one may follow. */
  async #answer(message: HttpMessage): Promise<boolean> {
    let response: HttpReply | undefined;
    this.#counts.requests++;
    try {
      response = await this.#handler(new IncomingRequest(this.conn, message, this.#options.headAsGet));
    } catch (error) {
      const status = error instanceof TwinwireError && error.status > 0 ? error.status : 500;
      this.#report(error, status === 500);
      response = plain(status);
    }
    if (this.#stream.phase !== "open") return false;
    if (!message.answered) {
      if (typeof response !== "object" || response === null) {
        this.#report(this.#noReply(message, response), true);
        response = plain(500);
      }
      await this.#send(message, response);
    }
    return !this.#exchange.ending && message.has(HttpFlag.KEEP_ALIVE) && (await this.#skip(message));
  }

  #noReply({ method, target }: HttpMessage, returned: unknown): TwinwireError {
    const request = `${method} ${target.slice(0, 100)}`;
    const reason = `the handler returned ${show(returned)} for ${request}, and had not answered by http.respond`;
    return this.#stream.fault("ERR_CALLBACK", { step: "send", reason });
  }

  /** The client has ended its half. It may still read; but who waits for news in vain should not wait for ever. */
  #watchLeft(): void {
    if (this.#leftTimer !== undefined || this.#stream.phase !== "open") return;
    const look = (): void => {
      const awaited = this.#exchange.sender.awaitedPart;
      if (this.#stream.phase !== "open") clearInterval(this.#leftTimer);
      else if (awaited > 0 && awaited === this.#wasAwaited) this.#exchange.sender.stop(() => this.#clientLeft());
      this.#wasAwaited = awaited;
    };
    this.#leftTimer = setInterval(look, LEFT_MS / 2);
  }

  #clientLeft(): TwinwireError {
    return this.#stream.fault("ERR_ENDED", { step: "send", reason: "the client has left while a response waited" });
  }

  async #send(message: HttpMessage, response: HttpReply): Promise<void> {
    const { receiver } = this.#exchange;
    this.#watch();
    try {
      await reply(this.#exchange, response, undefined, this.#stopping || !leavesBehind(message));
    } catch (error) {
      this.#report(error, isOurs(error));
      /* If it was refused as a whole, something else can be said. */
      if (this.#stream.phase !== "open" || this.#exchange.sender.busy) throw error;
      receiver.request = message;
      await reply(this.#exchange, plain(500), undefined, true);
    } finally {
      this.#timeout.clear();
    }
  }

  /** A client that takes nothing of a response for so long is given up. */
  #watch(): void {
    this.#sent = -1;
    this.#timeout.set(this.#options.writeTimeoutMs ?? WRITE_MS);
  }

  #watched(): void {
    const { sent } = this.conn.stats();
    /* Nothing waits to be taken: it is the handler's body that takes its time. */
    const waits = this.#stream.engine.buffered(this.#stream.handle) > 0;
    if (waits && sent === this.#sent) {
      this.conn.close();
      return;
    }
    this.#sent = sent;
    this.#timeout.set(this.#options.writeTimeoutMs ?? WRITE_MS);
  }

  /** Reads what the handler left of the body. Returns whether that was all of it. */
  async #skip({ body, error }: HttpMessage): Promise<boolean> {
    if (error !== undefined || body === undefined) return error === undefined;
    let left = MOST_LEFT;
    for (let part = await body.next(); part !== undefined; part = await body.next()) {
      left -= part.length;
      if (left < 0) return false;
    }
    return true;
  }

  /** What came was no request. */
  async #refuse(error: unknown): Promise<void> {
    const { receiver } = this.#exchange;
    if (!(error instanceof TwinwireError) || error.status === 0 || this.#stream.phase !== "open") return;
    if (this.#exchange.ending) return;
    this.#counts.invalid++;
    this.#report(error, false);
    receiver.answered();
    await reply(this.#exchange, plain(error.status), undefined, true);
  }

  /** Reports an error to `onError`; without one, to the log if it is a fault of this program. */
  #report(error: unknown, isOurs: boolean): void {
    if (isOurs) this.#counts.failed++;
    const { onError } = this.#options;
    if (onError !== undefined) callSafely(() => onError(error, this.conn), report);
    else if (isOurs) console.error("http.serve: a request failed:", error);
  }
}

/** Whether the connection can go on even if the handler has read nothing of the body. */
function leavesBehind(message: HttpMessage): boolean {
  /* RFC 9110 9.3.6: what follows a tunnel's request is not HTTP. */
  if (message.method === "CONNECT") return false;
  if (message.over) return message.error === undefined;
  /* A client that waits to be asked for the body does not send it now, or does; that is unknown. */
  if (message.has(HttpFlag.CONTINUE) && !message.continued) return false;
  const { "content-length": length } = message.headers;
  return message.has(HttpFlag.CHUNKED) || Number(length) <= MOST_LEFT;
}

/** A response that says its status. */
function plain(status: number): HttpReply {
  return { status, headers: { "content-type": "text/plain" }, body: `${status} ${reasonOf(status)}\n` };
}

function itself(message: HttpMessage): HttpMessage {
  return message;
}

function nothing(): void {}
