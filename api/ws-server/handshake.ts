/** The server's side of opening handshakes, RFC 6455 4.2: which requests become WebSockets, and what others get. */
import { Deadline } from "../../wasm/abi.gen.ts";
import type { Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { callSafely, report } from "../../wasm/report.ts";
import { streamOf } from "../conn/conn.ts";
import { type IncomingRequest, messageOf } from "../http/calls.ts";
import { exchangeOf } from "../http/exchange.ts";
import { FieldText } from "../http/head.ts";
import type { HttpHandler } from "../http/server.ts";
import type { HeadersInput, HttpReply } from "../http/types.ts";
import { show } from "../internal/arguments.ts";
import { type Compression, type DeflateOptions, deflateRule } from "../internal/deflate.ts";
import { callback, either, integer, listOf, type Rules, text, value } from "../internal/options.ts";
import { heartbeatRule } from "../websocket/options.ts";

/** Chooses one of the offered subprotocols; `undefined`, `null` or `false`: none. */
export type ProtocolChooser = (
  offered: readonly string[],
  request: IncomingRequest,
) => string | undefined | null | false;

/** How a request is accepted as a WebSocket. */
export interface AcceptOptions {
  /**
   * Subprotocols that the server supports: the first offer of the client that is among them is chosen. Or a function that
   * chooses one of the offers. A name that was not offered fails the upgrade with ERR_ARGUMENT, and the client gets 500.
   */
  readonly protocols?: readonly string[] | ProtocolChooser | undefined;
  /** Further header fields of the response. */
  readonly headers?: HeadersInput | undefined;
  /** Accepts permessage-deflate (RFC 7692), if the client offers it. Default: false. */
  readonly deflate?: boolean | DeflateOptions | undefined;
  /**
   * Sends a ping after `intervalMs` without received bytes, and ends the connection with ERR_HEARTBEAT after `timeoutMs`
   * more. Default: off.
   */
  readonly heartbeat?: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  /** The largest message to receive, in bytes, after inflating. Default: `limits().maxMessage`. */
  readonly maxMessage?: number | undefined;
  /** The most frames that a received message may have. Default: `limits().maxFragments`. */
  readonly maxFragments?: number | undefined;
}

/** Which requests a server accepts as WebSockets. */
export interface AdmissionOptions {
  /** The path that clients request, without a query; others get 404. Default: any. */
  readonly path?: string | undefined;
  /**
   * Origins of pages that may connect, as browsers send them: `"https://example.com"`; others get 403. Clients without an
   * `Origin` field, such as programs, may always connect. Default: any page may.
   */
  readonly origins?: readonly string[] | ((origin: string, request: IncomingRequest) => boolean) | undefined;
  /**
   * Decides whether a client may connect: `false` sends 403, a response is sent instead of 101. It has
   * `limits().handshakeTimeoutMs` to decide. If it throws, rejects or takes longer, the client gets 500.
   */
  readonly authorize?: ((request: IncomingRequest) => boolean | HttpReply | Promise<boolean | HttpReply>) | undefined;
  /** Responds to requests that do not ask for a WebSocket. Default: 426. */
  readonly onRequest?: HttpHandler | undefined;
}

/** `AcceptOptions`, checked and copied. */
export interface CheckedAccept extends Omit<AcceptOptions, "deflate"> {
  readonly deflate?: Compression | undefined;
}

const MOST = 2 ** 31 - 1;

/** A count or a number of bytes. */
export const positive = integer(1, MOST);

const isHeaders = value("an object or pairs of names and values", (given): given is HeadersInput => {
  return typeof given === "object" && given !== null;
});

/** The rules of `AcceptOptions`. */
export const acceptRules: Rules<CheckedAccept> = {
  protocols: either(
    (given) => typeof given === "function",
    callback<ProtocolChooser>(),
    listOf(text, "a list of names, or a function"),
  ),
  headers: isHeaders,
  deflate: deflateRule,
  heartbeat: heartbeatRule,
  maxMessage: positive,
  maxFragments: positive,
};

/** The rules of `AdmissionOptions`. */
export const admissionRules: Rules<AdmissionOptions> = {
  path: text,
  origins: either(
    (given) => typeof given === "function",
    callback<(origin: string, request: IncomingRequest) => boolean>(),
    listOf(text, "a list of origins, or a function"),
  ),
  authorize: callback(),
  onRequest: callback(),
};

const OPENS = 101;

/** A request that has become a WebSocket. */
export interface Accepted<E extends Endpoint> {
  /** Receives its events. */
  readonly endpoint: E;
  /** The client's address. */
  readonly remote: string;
  /** Bytes that arrived behind the request. They are for `Engine.unread`, once the application has the WebSocket. */
  readonly rest: Uint8Array;
}

/**
 * Accepts a request as an opening handshake. Its connection is then a WebSocket, whose events go to what `endpointFor` makes.
 *
 * @throws TwinwireError as `upgrade`.
 */
export function acceptRequest<E extends Endpoint>(
  request: IncomingRequest,
  options: CheckedAccept,
  endpointFor: (remote: string) => E,
): Accepted<E> {
  const stream = streamOf(request.conn);
  const { engine, handle } = stream;
  const message = messageOf(request);
  const { head } = message;
  const status = engine.ws.judge(head);
  if (status !== OPENS) throw stream.fault("ERR_WS_HANDSHAKE", { step: "accept", detail: status, status });
  if (options.deflate !== undefined && engine.deflateHost === undefined) {
    const reason = "this runtime has no zlib: leave deflate out";
    throw new TwinwireError("ERR_UNSUPPORTED", { step: "accept", reason });
  }
  /* What the application decides comes first: it may close the connection, or respond, meanwhile. */
  const protocol = chooseProtocol(request, options);
  const fields = new FieldText().addAll(options.headers);
  if (stream.phase !== "open" || message.answered) {
    throw stream.fault("ERR_STATE", { step: "accept", reason: "the connection is over, or the request was answered" });
  }
  const remote = stream.address;
  const endpoint = endpointFor(remote);
  const result = engine.ws.accept(endpoint, handle, head, {
    protocol,
    fields: fields.text,
    fieldCount: fields.count,
    deflate: options.deflate?.parameters ?? 0,
  });
  if (result < 0) throw stream.fault(errorCode(result), { step: "accept" });
  exchangeOf(stream).receiver.answered();
  const rest = stream.handOver("it is a WebSocket now");
  engine.setDeadline(handle, Deadline.READ | Deadline.WRITE, 0);
  engine.ws.setOptions(handle, 0, options.maxMessage ?? 0, options.maxFragments ?? 0);
  if (options.heartbeat !== undefined) {
    engine.ws.setHeartbeat(handle, options.heartbeat.intervalMs, options.heartbeat.timeoutMs);
  }
  return { endpoint, remote, rest };
}

/** The subprotocols that a client offers, in order of preference. RFC 6455 11.3.4 */
function offeredProtocols(request: IncomingRequest): readonly string[] {
  const { "sec-websocket-protocol": offered = "" } = request.headers;
  return offered
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Returns one of the offers, or `""`. */
function chooseProtocol(request: IncomingRequest, { protocols }: CheckedAccept): string {
  if (protocols === undefined) return "";
  const offered = offeredProtocols(request);
  if (typeof protocols !== "function") return offered.find((name) => protocols.includes(name)) ?? "";
  const chosen: unknown = guarded("protocols", () => protocols(offered, request));
  if (chosen === undefined || chosen === null || chosen === false) return "";
  if (offered.includes(chosen as string)) return chosen as string;
  throw new TwinwireError("ERR_ARGUMENT", {
    step: "accept",
    operation: "upgrade",
    problem: `protocols chose ${show(chosen)}, which the client did not offer`,
    remedy: "return one of the offered names, or undefined for none",
  });
}

/** Calls a function of the application's. @throws TwinwireError ERR_CALLBACK, caused by what it throws. */
function guarded<T>(name: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new TwinwireError("ERR_CALLBACK", { step: "accept", reason: name, cause });
  }
}

/** Whose requests an `Admission` decides on. */
export interface AdmissionOwner {
  /** Whether no further clients are accepted. */
  readonly stopped: boolean;
  /** Accepts a request as a WebSocket. @throws TwinwireError as `acceptRequest`. */
  accept(request: IncomingRequest): void;
  /** Receives why a client was refused whose handshake is not valid, or for which there is no room. */
  refused(error: TwinwireError, request: IncomingRequest): void;
}

/** The handler of a server's HTTP requests: those that ask for a WebSocket, and may have one, become one. */
export class Admission {
  readonly #engine: Engine;
  readonly #options: AdmissionOptions;
  readonly #owner: AdmissionOwner;

  constructor(engine: Engine, options: AdmissionOptions, owner: AdmissionOwner) {
    this.#engine = engine;
    this.#options = options;
    this.#owner = owner;
  }

  /** As an `HttpHandler`. */
  async answer(request: IncomingRequest): Promise<HttpReply | undefined> {
    const { authorize, onRequest, path } = this.#options;
    if (onRequest !== undefined && !request.upgrade) return onRequest(request);
    if (path !== undefined && request.path !== path) return refusal(404, "nothing is here");
    if (!this.#originAllowed(request)) return refusal(403, "this origin may not connect");
    if (request.upgrade && authorize !== undefined) {
      const verdict = await inTime(
        Promise.resolve(authorize(request)),
        "authorize",
        this.#engine.limits.handshakeTimeoutMs,
      );
      if (typeof verdict === "object" && verdict !== null) return verdict;
      if (!verdict) return refusal(403, "not allowed");
    }
    if (request.upgrade && this.#owner.stopped) return refusal(503, "the server is stopping");
    try {
      this.#owner.accept(request);
    } catch (error) {
      return this.#refused(error, request);
    }
    return undefined;
  }

  #originAllowed(request: IncomingRequest): boolean {
    const { origins } = this.#options;
    const { origin } = request.headers;
    if (origins === undefined || origin === undefined) return true;
    return typeof origins === "function" ? origins(origin, request) : origins.includes(origin);
  }

  /** Returns the response to a handshake that can't be accepted. A fault of ours goes where a handler's exception goes. */
  #refused(error: unknown, request: IncomingRequest): HttpReply {
    const code = error instanceof TwinwireError ? error.code : undefined;
    const busy = code === "ERR_LIMIT" || code === "ERR_BACKPRESSURE" || code === "ERR_MEMORY";
    if (!(error instanceof TwinwireError) || !(busy || code === "ERR_WS_HANDSHAKE")) throw error;
    callSafely(() => this.#owner.refused(error, request), report);
    return busy
      ? refusal(503, "no place is free")
      : refusal(error.status, "a WebSocket handshake of RFC 6455 is wanted");
  }
}

/** What a promise of the application's results in. @throws TwinwireError ERR_CALLBACK if that takes too long. */
async function inTime<T>(promise: Promise<T>, name: string, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new TwinwireError("ERR_CALLBACK", { step: "accept", reason: `${name}: no result within ${ms} ms` });
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a client gets that can't come in. RFC 9110 15.5.6 and 15.5.22 want to know what would be right. */
function refusal(status: number, why: string): HttpReply {
  const wanted: Readonly<Record<number, Record<string, string>>> = {
    405: { allow: "GET" },
    426: { upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" },
  };
  return { status, headers: { "content-type": "text/plain", ...wanted[status] }, body: `${why}\n` };
}
