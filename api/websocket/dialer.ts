import { WsOption } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { report } from "../../wasm/report.ts";
import { type HeaderPairs, headerPairs } from "../internal/handshake.ts";
import { proxyFor } from "../internal/proxy.ts";
import type { ClientOptions, HandshakeResponse } from "./client-options.ts";
import type { Dialer, Sequel } from "./dialing.ts";
import { type CloseInfo, Link } from "./link.ts";
import { redirectOf, responseOf } from "./response.ts";
import type { Schedule } from "./schedule.ts";
import { isThenable, type Session } from "./session.ts";

const ABNORMAL = 1006;

/** Headers that are for the first server alone: another one, to which it redirects, is not to see them. */
const PRIVATE = ["authorization", "cookie", "proxy-authorization"];

const END: Sequel = { kind: "end", error: undefined };
const AGAIN: Sequel = { kind: "again" };
const ELSEWHERE: Sequel = { kind: "elsewhere" };

/** From the first request to the open connection, over all redirects. */
interface Attempt {
  link: Link | undefined;
  cancelTimeout: (() => void) | undefined;
}

/** Makes the connections of a client: attempt by attempt, redirect by redirect. */
export class ClientDialer implements Dialer {
  readonly #engine: Engine;
  readonly #session: Session;
  readonly #options: ClientOptions;
  readonly #protocols: readonly string[];
  readonly #first: URL;
  /** Where the attempt that is under way goes: a redirect may have changed it. */
  #url: URL;
  #redirects = 0;
  #response: HandshakeResponse | undefined;
  /** The attempt that is under way; what an earlier one still reports is discarded. */
  #attempt: Attempt | undefined;
  #cancelWait: (() => void) | undefined;
  #stopped = false;
  readonly #onAbort = (): void => this.#abort();

  constructor(engine: Engine, session: Session, url: URL, protocols: readonly string[], options: ClientOptions) {
    this.#engine = engine;
    this.#session = session;
    this.#first = url;
    this.#url = url;
    this.#protocols = protocols;
    this.#options = options;
  }

  /** Begins. What goes wrong is told on a later turn. */
  start(): void {
    const { signal } = this.#options;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#abort();
    else this.#begin();
  }

  opened(): void {
    this.#endAttempt();
    const { reconnect: schedule } = this.#options;
    if (schedule !== undefined) schedule.attempts = 0;
  }

  again(info: CloseInfo, opened: boolean): Sequel | Promise<Sequel> {
    if (this.#stopped) return END;
    if (info.error?.code === "ERR_WS_REFUSED" && this.#isRedirected()) return ELSEWHERE;
    this.#endAttempt();
    const { reconnect: schedule, headers } = this.#options;
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

  #decided(schedule: Schedule, yes: boolean): Sequel {
    if (!yes || this.#stopped) return END;
    this.#url = this.#first;
    this.#redirects = 0;
    this.#cancelWait = this.#session.after(schedule.nextDelay(), () => this.#begin());
    return AGAIN;
  }

  /** What a promise of the application's results in; rejected with ERR_CALLBACK if it is, or takes too long. */
  #bounded<T>(promise: PromiseLike<T>, what: string): Promise<T> {
    const ms = this.#options.openTimeoutMs ?? this.#engine.limits.connectTimeoutMs;
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

  stop(): void {
    this.#stopped = true;
    this.#cancelWait?.();
    this.#endAttempt();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  head(status: number, head: string): void {
    if (status < 200 && status !== 101) return; /* another one follows */
    const response = responseOf(status, head, this.#url.href);
    this.#response = response;
    try {
      this.#options.onResponse?.(response);
    } catch (error) {
      report(error);
    }
  }

  /** Follows the redirect that the answer asks for, or fails because it can't, both later. */
  #isRedirected(): boolean {
    const attempt = this.#attempt;
    const target = this.#response === undefined ? undefined : redirectOf(this.#response);
    if (attempt === undefined || target === undefined || (this.#options.maxRedirects ?? 0) === 0) return false;
    const refusal = this.#refusal(target);
    this.#redirects += 1;
    if (refusal === undefined) {
      this.#url = target;
      queueMicrotask(() => this.#connect(attempt));
    } else {
      this.#failed(attempt, this.#fault("ERR_REDIRECT", refusal));
    }
    return true;
  }

  #refusal(target: URL): string | undefined {
    if (target.protocol !== "ws:" && target.protocol !== "wss:") return `to ${target.protocol}`;
    if (this.#url.protocol === "wss:" && target.protocol === "ws:") return "from wss: to ws:";
    return this.#redirects >= (this.#options.maxRedirects ?? 0) ? `more than ${this.#redirects}` : undefined;
  }

  /** Starts an attempt: `openTimeoutMs` bounds all of it, redirects and the application's `headers` included. */
  #begin(): void {
    if (this.#stopped) return;
    const { openTimeoutMs } = this.#options;
    const attempt: Attempt = { link: undefined, cancelTimeout: undefined };
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
    this.#response = undefined;
    const { headers } = this.#options;
    if (typeof headers !== "function") {
      this.#open(attempt, headers ?? []);
      return;
    }
    this.#bounded(Promise.resolve().then(headers).then(pairsOf), "headers").then(
      (pairs) => this.#open(attempt, pairs),
      (error: TwinwireError) => this.#failed(attempt, error),
    );
  }

  #open(attempt: Attempt, headers: HeaderPairs): void {
    if (this.#attempt !== attempt) return;
    const { maxMessage = 0, maxFragments = 0, deflate: compression, tls, heartbeat } = this.#options;
    const engine = this.#engine;
    const link = new Link(engine, this.#address, this.#session, { maxMessage, compression, server: false });
    link.options = { noDelay: this.#options.noDelay, keepAlive: this.#options.keepAlive };
    let result: number;
    try {
      if (tls !== undefined && this.#url.protocol === "wss:") engine.setTls(link, tls);
      const proxy = this.#url.protocol === "ws+unix:" ? undefined : proxyFor(this.#url, this.#options.proxy);
      const url = plainUrl(this.#url);
      result = proxy === undefined ? engine.wsOpen(link, url) : engine.wsConnectVia(link, url, proxy);
    } catch (error) {
      this.#failed(attempt, error instanceof TwinwireError ? error : this.#fault("ERR_HOST", "", error));
      return;
    }
    if (result < 0) {
      this.#failed(attempt, this.#fault(errorCode(result), undefined, engine.cause));
      return;
    }
    attempt.link = link;
    link.limitReading();
    this.#session.linkStarted(link);
    const handle = result;
    const report = this.#options.onResponse !== undefined || (this.#options.maxRedirects ?? 0) > 0;
    result = engine.setWsOptions(handle, report ? WsOption.REPORT_HEAD : 0, maxMessage, maxFragments);
    if (result >= 0) result = this.#addRequest(handle, headers);
    if (result >= 0 && compression !== undefined) result = engine.setDeflate(handle, compression.parameters);
    if (result >= 0 && heartbeat !== undefined) {
      result = engine.setHeartbeat(handle, heartbeat.intervalMs, heartbeat.timeoutMs);
    }
    if (result < 0) this.#failed(attempt, this.#fault(errorCode(result)));
  }

  #addRequest(handle: number, headers: HeaderPairs): number {
    const engine = this.#engine;
    const { username, password, host } = this.#url;
    const other = host !== this.#first.host || this.#url.protocol !== this.#first.protocol;
    let result = 0;
    if (username !== "" || password !== "") {
      result = engine.wsBasicAuth(handle, decoded(username), decoded(password));
    }
    for (const [name, value] of headers) {
      if (result < 0) break;
      if (!other || !PRIVATE.includes(name.toLowerCase())) result = engine.wsHeader(handle, name, value);
    }
    for (const name of this.#protocols) if (result >= 0) result = engine.wsProtocol(handle, name);
    return result;
  }

  /** The attempt failed for a reason that does not come from the engine. Reported in a later microtask. */
  #failed(attempt: Attempt, error: TwinwireError): void {
    if (this.#attempt !== attempt) return;
    this.#endAttempt();
    attempt.link?.giveUp();
    queueMicrotask(() => {
      if (this.#stopped) return;
      this.#session.linkEnded({ code: ABNORMAL, reason: "", wasClean: false, error }, false);
    });
  }

  #endAttempt(): void {
    this.#attempt?.cancelTimeout?.();
    this.#attempt = undefined;
  }

  #abort(): void {
    const { readyState } = this.#session;
    if (readyState > 0) this.#session.close(0, "");
    else this.#session.abort(this.#fault("ERR_ABORTED", undefined, this.#options.signal?.reason));
  }

  /* A query may hold a secret, and addresses end up in logs. */
  get #address(): string {
    return plainUrl(this.#url).split("?", 1)[0] ?? "";
  }

  #fault(code: TwinwireError["code"], reason?: string, cause?: unknown): TwinwireError {
    return new TwinwireError(code, { step: "open", address: this.#address, reason, cause });
  }
}

/** A URL as the engine takes it: without a user, who goes into a header. */
function plainUrl(url: URL): string {
  if (url.username === "" && url.password === "") return url.href;
  const plain = new URL(url);
  plain.username = "";
  plain.password = "";
  return plain.href;
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
