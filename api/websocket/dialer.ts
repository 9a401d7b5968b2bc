import { WsOption } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { isThenable } from "../../wasm/report.ts";
import type { Compression } from "../internal/deflate.ts";
import { type AddressPolicy, refuseProxy, rulesOf } from "../internal/policy.ts";
import { isPrivate, proxyFor } from "../internal/url.ts";
import { type HeaderPairs, type HeadersFunction, headerPairs, plainUrl } from "../internal/websocket.ts";
import { type CloseInfo, Connection } from "./connection.ts";
import type { Schedule } from "./options.ts";
import type { Connector, Sequel, Session } from "./session.ts";

const ABNORMAL = 1006;

const END: Sequel = { kind: "end", error: undefined };
const AGAIN: Sequel = { kind: "again" };
const ELSEWHERE: Sequel = { kind: "elsewhere" };

/** The final head of a response to a handshake. */
export interface ResponseHead {
  readonly status: number;
  readonly text: string;
  /** The URL that was requested. */
  readonly url: URL;
}

/** What a client's connections are like, and what its API decides about them. */
export interface DialPlan {
  readonly url: URL;
  readonly protocols: readonly string[];
  /** Whether a server that chooses none of the protocols is refused, as by npm's `ws`. */
  readonly requiresProtocol: boolean;
  readonly headers: HeaderPairs | HeadersFunction;
  readonly tls: TlsOptions | undefined;
  /** The URL of a proxy; `null`: none; `undefined`: as the environment says. */
  readonly proxy: string | null | undefined;
  /** How TLS is done with a proxy whose URL is `https:`. */
  readonly proxyTls?: TlsOptions | undefined;
  readonly policy: AddressPolicy | undefined;
  readonly deflate: Compression | undefined;
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  readonly maxMessage: number;
  readonly maxFragments: number;
  readonly autoPong: boolean;
  /** As in `SessionOptions`. Default: false. */
  readonly receivesWhileClosing?: boolean;
  readonly noDelay: boolean | undefined;
  readonly keepAlive: boolean | { readonly initialDelayMs: number } | undefined;
  readonly openTimeoutMs: number | undefined;
  readonly reconnect: Schedule | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called with each final head. `undefined`: heads are not wanted. */
  readonly onHead: ((head: ResponseHead) => void) | undefined;
  /**
   * Decides what follows a response that refuses: the URL to which it redirects, why that can't be followed, `"leave"` if
   * the application takes care of it, or `undefined` for the refusal itself.
   */
  refused(head: ResponseHead, redirects: number): URL | TwinwireError | "leave" | undefined;
}

/** From the first request to the open connection, over all redirects. */
interface Attempt {
  connection: Connection | undefined;
  cancelTimeout: (() => void) | undefined;
}

/** Makes the connections of a client: attempt by attempt, redirect by redirect. */
export class Dialer implements Connector {
  readonly #engine: Engine;
  readonly #session: Session;
  readonly #plan: DialPlan;
  /** Where the attempt that is under way goes: a redirect may have changed it. */
  #url: URL;
  #redirects = 0;
  #head: ResponseHead | undefined;
  /** The attempt that is under way; what an earlier one still reports is discarded. */
  #attempt: Attempt | undefined;
  #cancelWait: (() => void) | undefined;
  #stopped = false;
  readonly #onAbort = (): void => this.#abort();

  constructor(engine: Engine, session: Session, plan: DialPlan) {
    this.#engine = engine;
    this.#session = session;
    this.#plan = plan;
    this.#url = plan.url;
    session.connector = this;
  }

  /** Begins the first attempt. What fails is reported later. */
  start(): void {
    const { signal } = this.#plan;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#abort();
    else this.#begin();
  }

  opened(connection: Connection): TwinwireError | undefined {
    this.#endAttempt();
    const { protocols, reconnect, requiresProtocol } = this.#plan;
    if (reconnect !== undefined) reconnect.attempts = 0;
    if (!requiresProtocol || protocols.length === 0) return undefined;
    const chosen = connection.engine.ws.protocol(connection.handle);
    if (typeof chosen === "string" && chosen !== "") return undefined;
    return this.#fault("ERR_WS_HANDSHAKE", "the server chose no subprotocol");
  }

  again(info: CloseInfo, opened: boolean): Sequel | Promise<Sequel> {
    if (this.#stopped) return END;
    if (info.error?.code === "ERR_WS_REFUSED" && this.#isTakenCareOf()) return ELSEWHERE;
    this.#endAttempt();
    const { reconnect: schedule, headers } = this.#plan;
    if (schedule === undefined || (!opened && isHopeless(info, typeof headers === "function"))) return END;
    const status = info.error?.code === "ERR_WS_REFUSED" ? info.error.detail : 0;
    let verdict: boolean | PromiseLike<boolean>;
    try {
      verdict = schedule.shouldReconnect(info, opened, status);
      if (!isThenable(verdict)) return this.#decided(schedule, Boolean(verdict));
    } catch (cause) {
      return { kind: "end", error: this.#fault("ERR_CALLBACK", "shouldReconnect", cause) };
    }
    return this.#bounded(verdict, "shouldReconnect").then(
      (yes) => this.#decided(schedule, Boolean(yes)),
      (error: TwinwireError): Sequel => ({ kind: "end", error }),
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelWait?.();
    this.#endAttempt();
    this.#plan.signal?.removeEventListener("abort", this.#onAbort);
  }

  head(status: number, text: string): void {
    if (status < 200 && status !== 101) return; /* another one follows */
    this.#head = { status, text, url: this.#url };
    this.#plan.onHead?.(this.#head);
  }

  #decided(schedule: Schedule, yes: boolean): Sequel {
    if (!yes || this.#stopped) return END;
    this.#url = this.#plan.url;
    this.#redirects = 0;
    this.#cancelWait = this.#session.after(schedule.nextDelay(), () => this.#begin());
    return AGAIN;
  }

  /** What a promise of the application's results in; rejected with ERR_CALLBACK if it is, or takes too long. */
  #bounded<T>(promise: PromiseLike<T>, what: string): Promise<T> {
    const ms = this.#plan.openTimeoutMs ?? this.#engine.limits.connectTimeoutMs;
    return new Promise((resolve, reject) => {
      const cancel = this.#session.after(ms, () =>
        reject(this.#fault("ERR_CALLBACK", `${what}: no result within ${ms} ms`)),
      );
      Promise.resolve(promise).then(
        (value) => {
          cancel();
          resolve(value);
        },
        (cause: unknown) => {
          cancel();
          reject(this.#fault("ERR_CALLBACK", what, cause));
        },
      );
    });
  }

  /** Whether a refusal is not the end: a redirect is followed, or fails, both later; or the application has it. */
  #isTakenCareOf(): boolean {
    const attempt = this.#attempt;
    const head = this.#head;
    if (attempt === undefined || head === undefined) return false;
    this.#redirects += 1;
    const next = this.#plan.refused(head, this.#redirects);
    if (next === undefined) return false;
    if (next instanceof TwinwireError) {
      this.#failed(attempt, next);
    } else if (next === "leave") {
      this.#endAttempt();
    } else {
      this.#url = next;
      queueMicrotask(() => this.#connect(attempt));
    }
    return true;
  }

  /** Starts an attempt: `openTimeoutMs` bounds all of it, redirects and the application's `headers` included. */
  #begin(): void {
    if (this.#stopped) return;
    const { openTimeoutMs } = this.#plan;
    const attempt: Attempt = { connection: undefined, cancelTimeout: undefined };
    this.#attempt = attempt;
    if (openTimeoutMs !== undefined) {
      attempt.cancelTimeout = this.#session.after(openTimeoutMs, () =>
        this.#failed(attempt, this.#fault("ERR_TIMEOUT", `not open within ${openTimeoutMs} ms`)),
      );
    }
    this.#connect(attempt);
  }

  #connect(attempt: Attempt): void {
    if (this.#attempt !== attempt) return;
    this.#head = undefined;
    const { headers } = this.#plan;
    if (typeof headers !== "function") {
      this.#open(attempt, headers);
      return;
    }
    this.#bounded(Promise.resolve().then(headers).then(pairsOf), "headers").then(
      (pairs) => this.#open(attempt, pairs),
      (error: TwinwireError) => this.#failed(attempt, error),
    );
  }

  #open(attempt: Attempt, headers: HeaderPairs): void {
    if (this.#attempt !== attempt) return;
    const { maxMessage, maxFragments, deflate, tls, heartbeat, noDelay, keepAlive, autoPong, onHead } = this.#plan;
    const { receivesWhileClosing = false } = this.#plan;
    const engine = this.#engine;
    const connection = new Connection(engine, this.#address, this.#session, {
      maxMessage,
      compression: deflate,
      server: false,
      receivesWhileClosing,
    });
    connection.options = { noDelay, keepAlive };
    let result: number;
    try {
      if (tls !== undefined && this.#url.protocol === "wss:") engine.setTls(connection, tls);
      const proxy =
        this.#url.protocol === "ws+unix:" ? undefined : proxyFor(this.#url, this.#plan.proxy, this.#plan.proxyTls);
      refuseProxy(this.#plan.policy, proxy);
      connection.policy = rulesOf(this.#plan.policy);
      const url = plainUrl(this.#url);
      result = proxy === undefined ? engine.ws.connect(connection, url) : engine.ws.connectVia(connection, url, proxy);
    } catch (error) {
      this.#failed(attempt, error instanceof TwinwireError ? error : this.#fault("ERR_HOST", "", error));
      return;
    }
    if (result < 0) {
      this.#failed(attempt, this.#fault(errorCode(result), undefined, engine.cause));
      return;
    }
    attempt.connection = connection;
    connection.limitReading();
    this.#session.connectionStarted(connection);
    const handle = result;
    const options =
      (onHead === undefined ? 0 : WsOption.REPORT_HEAD) |
      (autoPong ? 0 : WsOption.NO_AUTO_PONG) |
      (receivesWhileClosing ? WsOption.RECEIVE_WHILE_CLOSING : 0);
    result = engine.ws.setOptions(handle, options, maxMessage, maxFragments);
    if (result >= 0) result = this.#addRequest(handle, headers);
    if (result >= 0 && deflate !== undefined) result = engine.ws.setDeflate(handle, deflate.parameters);
    if (result >= 0 && heartbeat !== undefined) {
      result = engine.ws.setHeartbeat(handle, heartbeat.intervalMs, heartbeat.timeoutMs);
    }
    if (result < 0) this.#failed(attempt, this.#fault(errorCode(result)));
  }

  #addRequest(handle: number, headers: HeaderPairs): number {
    const engine = this.#engine;
    const { url: first, protocols } = this.#plan;
    const { username, password, host } = this.#url;
    /* From ws: to wss: at the same host is no other server. */
    const other = host !== first.host || (first.protocol === "wss:" && this.#url.protocol === "ws:");
    const sent = other ? headers.filter(([name]) => !isPrivate(name)) : headers;
    let result = 0;
    const hasUser = username !== "" || password !== "";
    if (hasUser && !sent.some(([name]) => name.toLowerCase() === "authorization")) {
      result = engine.ws.addBasicAuth(handle, decoded(username), decoded(password));
    }
    for (const [name, value] of sent) if (result >= 0) result = engine.ws.addHeader(handle, name, value);
    for (const name of protocols) if (result >= 0) result = engine.ws.addProtocol(handle, name);
    return result;
  }

  /** The attempt failed for a reason that does not come from the engine. Reported in a later microtask. */
  #failed(attempt: Attempt, error: TwinwireError): void {
    if (this.#attempt !== attempt) return;
    this.#endAttempt();
    attempt.connection?.giveUp();
    queueMicrotask(() => {
      if (this.#stopped) return;
      this.#session.connectionEnded({ code: ABNORMAL, reason: "", wasClean: false, error }, false);
    });
  }

  #endAttempt(): void {
    this.#attempt?.cancelTimeout?.();
    this.#attempt = undefined;
  }

  #abort(): void {
    const { readyState } = this.#session;
    if (readyState > 0) this.#session.close(0, "");
    else this.#session.abort(this.#fault("ERR_ABORTED", undefined, this.#plan.signal?.reason));
  }

  /* A query may hold a secret, and addresses end up in logs. */
  get #address(): string {
    return plainUrl(this.#url).split("?", 1)[0] ?? "";
  }

  #fault(code: TwinwireError["code"], reason?: string, cause?: unknown): TwinwireError {
    return new TwinwireError(code, { step: "open", address: this.#address, reason, cause });
  }
}

/** Percent-decodes a user or password; one that is not encoded well stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @throws TypeError for what `headers` may not return. */
function pairsOf(headers: unknown): HeaderPairs {
  const pairs = headerPairs(headers);
  if (pairs === undefined) throw new TypeError("headers are names with string values");
  return pairs;
}

/** Whether another attempt would fail in the same way. */
function isHopeless({ error }: CloseInfo, freshHeaders: boolean): boolean {
  const code = error?.code;
  if (code === "ERR_HEADER" && freshHeaders) return false;
  return code === "ERR_ARGUMENT" || code === "ERR_URL" || code === "ERR_HEADER" || code === "ERR_UNSUPPORTED";
}
