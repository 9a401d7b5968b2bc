/** One request on its way: its fields and route, a connection for it, redirects. */
import { HttpFlag, HttpRead, HttpSend } from "../../wasm/abi.gen.ts";
import type { Payload } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { callSafely } from "../../wasm/report.ts";
import type { Stream } from "../conn/stream.ts";
import { connectTcp, connectVia } from "../conn/tcp.ts";
import { show } from "../internal/arguments.ts";
import { refuseProxy } from "../internal/policy.ts";
import { basicAuth, decode, hostOf, isPrivate, locationText, portOf, proxyFor } from "../internal/url.ts";
import { Timeout } from "../internal/waiting.ts";
import { isParts } from "./calls.ts";
import { type Exchange, exchangeOf, type Parts } from "./exchange.ts";
import { FieldText, type Pair } from "./head.ts";
import type { HttpMessage } from "./message.ts";
import { poolOf, type Route } from "./pool.ts";
import type { Headers, HeadersInput, HttpRequestOptions } from "./types.ts";

/** A request on its way, perhaps not to its first address. */
export interface PreparedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly Pair[];
  /** Whether it has a body. */
  readonly hasBody: boolean;
  /** Of the body, if it is not among the headers. */
  readonly contentType: string | undefined;
}

/**
 * The URL of a request.
 *
 * @throws TwinwireError ERR_URL for what is no `http:` or `https:` URL.
 */
export function urlOf(text: unknown, base?: URL): URL {
  let url: URL | undefined;
  try {
    url = typeof text === "string" || text instanceof URL ? new URL(text, base) : undefined;
  } catch {
    /* Reported below. */
  }
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new TwinwireError("ERR_URL", { step: "open", reason: `url ${show(text)}: an http: or https: URL is wanted` });
}

/** Where to connect for it. */
export function routeOf({ url }: PreparedRequest, { proxy: given, proxyTls, tls, policy }: HttpRequestOptions): Route {
  const secure = url.protocol === "https:";
  const proxy = proxyFor(url, given, proxyTls);
  refuseProxy(policy, proxy);
  return { secure, host: hostOf(url), port: portOf(url), proxy, tls, policy };
}

/** Method and target, each ended by NUL. RFC 9112 3.2 */
export function startOf({ method, url }: PreparedRequest, { secure, proxy }: Route): string {
  const path = `${url.pathname}${url.search}`;
  const absolute = proxy !== undefined && !secure;
  return `${method}\0${absolute ? `http://${url.host}` : ""}${path}\0`;
}

/** The fields that it is sent with. */
export function fieldsOf({ url, headers, hasBody, contentType }: PreparedRequest, { secure, proxy }: Route): FieldText {
  const fields = new FieldText();
  if (!headers.some(([name]) => name.toLowerCase() === "host")) fields.add("host", url.host);
  fields.addAll(headers);
  if (hasBody && contentType !== undefined) fields.addDefault("content-type", contentType);
  if (url.username !== "" || url.password !== "") {
    fields.addDefault("authorization", basicAuth(`${decode(url.username)}:${decode(url.password)}`));
  }
  if (proxy !== undefined && !secure && proxy.credentials !== "") {
    fields.addDefault("proxy-authorization", basicAuth(proxy.credentials));
  }
  fields.addDefault("accept", "*/*");
  fields.addDefault("user-agent", "twinwire");
  return fields;
}

/** RFC 9110 15.4: what belongs to a body that is not sent again. */
const OF_BODY = /^(?:content-|transfer-encoding$|expect$)/;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The request that follows a redirect; `undefined` if the response is none.
 *
 * @throws TwinwireError ERR_REDIRECT for an address that leads nowhere.
 */
export function redirected(
  order: PreparedRequest,
  status: number,
  location: string | undefined,
): PreparedRequest | undefined {
  if (!REDIRECTS.has(status) || location === undefined) return undefined;
  let url: URL;
  try {
    url = urlOf(locationText(location), order.url);
  } catch (cause) {
    throw new TwinwireError("ERR_REDIRECT", { step: "receive", address: order.url.href, detail: status, cause });
  }
  const sameOrigin = url.origin === order.url.origin;
  if (sameOrigin && url.username === "" && url.password === "") {
    url.username = order.url.username;
    url.password = order.url.password;
  }
  /* RFC 9110 15.4.2 to 15.4.4 */
  const becomesGet = status === 303 ? order.method !== "HEAD" : status < 303 && order.method === "POST";
  const headers = order.headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !((!sameOrigin && (lower === "host" || isPrivate(lower))) || (becomesGet && OF_BODY.test(lower)));
  });
  if (!becomesGet) return { ...order, url, headers };
  return { method: "GET", url, headers, hasBody: false, contentType: undefined };
}

/** How long a client waits for 100 (Continue). RFC 9110 10.1.1: not for ever. */
const CONTINUE_MS = 1_000;

/** What is the same for all requests of a call. */
export interface Plan {
  /** Whether the whole response is awaited, else its head. */
  readonly whole: boolean;
  readonly maxBody: number;
  readonly timeoutMs: number;
  readonly keepAlive: boolean;
  readonly expectContinue: boolean;
  readonly onInterim: ((status: number, headers: Headers) => void) | undefined;
  readonly trailers: (() => HeadersInput) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Methods of which doing it twice is doing it once. RFC 9110 9.2.2 */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** Sends one request and takes the response: on a connection that is kept, or on a new one. */
export async function exchange(
  order: PreparedRequest,
  content: Payload | Parts,
  route: Route,
  plan: Plan,
): Promise<HttpMessage> {
  const repeatable = IDEMPOTENT.has(order.method) && !isParts(content);
  for (;;) {
    const kept = plan.keepAlive ? poolOf(defaultEngine()).take(route) : undefined;
    const attempt = new RequestAttempt(kept ?? exchangeOf(connect(route, plan.signal)), order, route, plan);
    try {
      return await attempt.run(content);
    } catch (error) {
      /* RFC 9112 9.3.1: the server has closed a connection that was kept before it received the request. */
      const stale = kept !== undefined && repeatable && !attempt.answered && !attempt.cancelled;
      if (!stale) throw error;
    }
  }
}

function connect({ secure, host, port, proxy, tls, policy }: Route, signal: AbortSignal | undefined): Stream {
  const options = secure ? (tls ?? {}) : undefined;
  if (proxy === undefined) return connectTcp(host, port, { signal, policy }, options);
  if (secure) return connectVia(host, port, proxy, { signal }, options);
  return connectTcp(proxy.host, proxy.port, { signal }, proxy.tls);
}

/** One request on one connection. */
class RequestAttempt {
  readonly #exchange: Exchange;
  readonly #order: PreparedRequest;
  readonly #route: Route;
  readonly #plan: Plan;
  readonly #timeout: Timeout;
  readonly #abort: () => void;
  /** Whether anything of a response has come. */
  answered = false;
  /** Whether the application or the clock has ended it. */
  cancelled = false;
  #sent = false;
  /** Whether the connection has been kept or closed, which happens once. */
  #settled = false;
  #closes = false;
  #permit: ((on: boolean) => void) | undefined;

  constructor(exchange: Exchange, order: PreparedRequest, route: Route, plan: Plan) {
    this.#exchange = exchange;
    this.#order = order;
    this.#route = route;
    this.#plan = plan;
    this.#timeout = new Timeout(() => this.#cancel(this.#fault("ERR_TIMEOUT", "there was no whole response in time")));
    this.#abort = () => this.#cancel(this.#fault("ERR_ABORTED", undefined, plan.signal?.reason));
  }

  async run(content: Payload | Parts): Promise<HttpMessage> {
    const { stream, receiver } = this.#exchange;
    const { signal, timeoutMs } = this.#plan;
    if (signal?.aborted) this.#abort();
    signal?.addEventListener("abort", this.#abort, { once: true });
    this.#timeout.set(timeoutMs);
    receiver.onInterim = (message) => this.#interim(message);
    receiver.onOver = (message) => this.#finished(message);
    try {
      await stream.opened;
      const response = this.#receive();
      const message = await Promise.race([response, this.#send(content)]);
      this.answered = true;
      this.#permit?.(false);
      if (this.#plan.whole) this.#timeout.stop();
      else if (message.over) this.#finished(message);
      else this.#timeout.clear();
      return message;
    } catch (error) {
      this.answered ||= receiver.begun;
      this.#release();
      stream.close();
      throw error;
    }
  }

  #receive(): Promise<HttpMessage> {
    const { whole, maxBody, timeoutMs } = this.#plan;
    const read = HttpRead.RESPONSE | (this.#order.method === "HEAD" ? HttpRead.NO_BODY : 0);
    const times = { idleTimeoutMs: 0, headTimeoutMs: 0, timeoutMs: whole ? 0 : timeoutMs };
    return this.#exchange.receiver.receive({ read, maxBody, whole, ...times, signal: undefined }, (message) => message);
  }

  /** Rejected if the request can't be sent for a reason that is not the connection's; else never settled. */
  #send(content: Payload | Parts): Promise<never> {
    const { sender, stream } = this.#exchange;
    const { keepAlive, expectContinue, trailers } = this.#plan;
    const fields = fieldsOf(this.#order, this.#route);
    this.#closes = fields.closes || !keepAlive;
    const permit = expectContinue && this.#order.hasBody ? this.#awaitPermit() : undefined;
    if (permit !== undefined) fields.addDefault("expect", "100-continue");
    return new Promise((_, reject) => {
      const message = {
        status: 0,
        start: startOf(this.#order, this.#route),
        fields,
        flags: this.#closes && !fields.closes ? HttpSend.CLOSE : 0,
        body: content,
        trailers,
        permit,
        signal: undefined,
      };
      const done = (): void => {
        this.#sent = true;
      };
      sender.send(message).then(done, (error: unknown) => {
        /* The receiving side reports what ended the connection; there may even be a response. */
        if (stream.phase !== "gone") reject(error);
      });
    });
  }

  #awaitPermit(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#permit?.(true), CONTINUE_MS);
      this.#permit = (on) => {
        clearTimeout(timer);
        this.#permit = undefined;
        resolve(on);
      };
    });
  }

  #interim(message: HttpMessage): void {
    this.answered = true;
    if (message.status === 100) this.#permit?.(true);
    const { onInterim } = this.#plan;
    if (onInterim === undefined) return;
    /* Also of an async function: it is not waited for. */
    callSafely(
      () => onInterim(message.status, message.headers),
      (cause) => this.#cancel(this.#fault("ERR_CALLBACK", "onInterim", cause)),
    );
  }

  /** The response is over: the connection can be used again, or never. */
  #finished(message: HttpMessage): void {
    if (message.isInterim || this.#settled) return;
    this.#settled = true;
    this.#permit?.(false);
    const { stream } = this.#exchange;
    this.#release();
    /* A server that answers before it has the whole request does not want the rest of it. */
    const reusable = message.error === undefined && this.#sent && !this.#closes;
    if (reusable && message.has(HttpFlag.KEEP_ALIVE)) {
      poolOf(stream.engine).give(this.#route, this.#exchange, message.headers["keep-alive"]);
    } else {
      stream.close();
    }
  }

  #release(): void {
    this.#timeout.stop();
    this.#permit?.(false);
    this.#plan.signal?.removeEventListener("abort", this.#abort);
    this.#exchange.receiver.onInterim = undefined;
    this.#exchange.receiver.onOver = undefined;
  }

  #cancel(error: TwinwireError): void {
    this.cancelled = true;
    this.#exchange.stream.fail(error);
  }

  #fault(
    code: "ERR_TIMEOUT" | "ERR_ABORTED" | "ERR_CALLBACK",
    reason: string | undefined,
    cause?: unknown,
  ): TwinwireError {
    return new TwinwireError(code, { step: "receive", address: this.#order.url.href, reason, cause });
  }
}
