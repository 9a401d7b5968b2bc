import { WsOption } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { report } from "../../wasm/report.ts";
import { proxyFor } from "../conn/proxy.ts";
import { headerPairs } from "../handles/ws-options.ts";
import type { ClientOptions, HandshakeResponse } from "./client-options.ts";
import type { Dialer, Sequel } from "./dialing.ts";
import { type CloseInfo, Link } from "./link.ts";
import { redirectOf, responseOf } from "./response.ts";
import type { Session } from "./session.ts";

const ABNORMAL = 1006;

/** Headers that are for the first server alone: another one, to which it redirects, is not to see them. */
const PRIVATE = ["authorization", "cookie", "proxy-authorization"];

type Pairs = readonly (readonly [string, string])[];

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
  #timer: ReturnType<typeof setTimeout> | undefined;
  #response: HandshakeResponse | undefined;
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
    else this.#attempt();
  }

  opened(): void {
    clearTimeout(this.#timer);
    const { schedule } = this.#options;
    if (schedule !== undefined) schedule.attempts = 0;
  }

  again(info: CloseInfo, opened: boolean): Sequel {
    clearTimeout(this.#timer);
    if (this.#stopped) return "end";
    if (info.error?.code === "ERR_WS_REFUSED" && this.#isRedirected()) return "elsewhere";
    const { schedule } = this.#options;
    if (schedule === undefined || (!opened && isHopeless(info))) return "end";
    const status = info.error?.code === "ERR_WS_REFUSED" ? info.error.detail : 0;
    const delayMs = schedule.next(info, opened, status);
    if (delayMs === undefined) return "end";
    this.#url = this.#first;
    this.#redirects = 0;
    this.#timer = this.#session.after(delayMs, () => this.#attempt());
    return "again";
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
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

  /** Goes where the answer sends us, or tells why not, on a later turn. */
  #isRedirected(): boolean {
    const target = this.#response === undefined ? undefined : redirectOf(this.#response);
    if (target === undefined || (this.#options.maxRedirects ?? 0) === 0) return false;
    const refusal = this.#refusal(target);
    this.#redirects += 1;
    if (refusal === undefined) {
      this.#url = target;
      queueMicrotask(() => this.#attempt());
    } else {
      this.#failed(this.#fault("ERR_REDIRECT", refusal));
    }
    return true;
  }

  #refusal(target: URL): string | undefined {
    if (target.protocol !== "ws:" && target.protocol !== "wss:") return `to ${target.protocol}`;
    if (this.#url.protocol === "wss:" && target.protocol === "ws:") return "from wss: to ws:";
    return this.#redirects >= (this.#options.maxRedirects ?? 0) ? `more than ${this.#redirects}` : undefined;
  }

  #attempt(): void {
    if (this.#stopped) return;
    this.#response = undefined;
    const { headers } = this.#options;
    if (typeof headers !== "function") {
      this.#open(headerPairs(headers) ?? []);
      return;
    }
    Promise.resolve()
      .then(headers)
      .then((given) => {
        if (this.#stopped) return;
        const pairs = headerPairs(given);
        if (pairs === undefined) throw this.#fault("ERR_ARGUMENT", "headers are names with texts");
        this.#open(pairs);
      })
      .catch((cause: unknown) => {
        this.#failed(cause instanceof TwinwireError ? cause : this.#fault("ERR_ARGUMENT", "headers", cause));
      });
  }

  #open(headers: Pairs): void {
    const { maxMessage = 0, maxFragments = 0, compression, tls, heartbeat, openTimeoutMs } = this.#options;
    const engine = this.#engine;
    const link = new Link(engine, this.#address, this.#session, { maxMessage, compression, server: false });
    link.options = { noDelay: this.#options.noDelay, keepAlive: this.#options.keepAlive };
    if (tls !== undefined && this.#url.protocol === "wss:") engine.setTls(link, tls);
    let result: number;
    try {
      const proxy = this.#url.protocol === "ws+unix:" ? undefined : proxyFor(this.#url, this.#options.proxy);
      const url = plainUrl(this.#url);
      result = proxy === undefined ? engine.wsOpen(link, url) : engine.wsConnectVia(link, url, proxy);
    } catch (error) {
      this.#failed(error instanceof TwinwireError ? error : this.#fault("ERR_HOST", "", error));
      return;
    }
    if (result < 0) {
      this.#failed(this.#fault(errorCode(result), undefined, engine.cause));
      return;
    }
    this.#session.linkStarted(link);
    const handle = result;
    const report = this.#options.onResponse !== undefined || (this.#options.maxRedirects ?? 0) > 0;
    result = engine.setWsOptions(handle, report ? WsOption.REPORT_HEAD : 0, maxMessage, maxFragments);
    if (result >= 0) result = this.#addRequest(handle, headers);
    if (result >= 0 && compression !== undefined) result = engine.setDeflate(handle, compression.parameters);
    if (result >= 0 && heartbeat !== undefined) {
      result = engine.setHeartbeat(handle, heartbeat.intervalMs, heartbeat.timeoutMs);
    }
    if (result < 0) {
      link.giveUp();
      this.#failed(this.#fault(errorCode(result)));
      return;
    }
    if (openTimeoutMs === undefined) return;
    this.#timer = this.#session.after(openTimeoutMs, () => {
      link.giveUp();
      this.#failed(this.#fault("ERR_TIMEOUT", `not open within ${openTimeoutMs} ms`));
    });
  }

  #addRequest(handle: number, headers: Pairs): number {
    const engine = this.#engine;
    const { username, password, host } = this.#url;
    const other = host !== this.#first.host || this.#url.protocol !== this.#first.protocol;
    let result = 0;
    if (username !== "" || password !== "") {
      result = engine.wsBasicAuth(handle, decodeURIComponent(username), decodeURIComponent(password));
    }
    for (const [name, value] of headers) {
      if (result < 0) break;
      if (!other || !PRIVATE.includes(name.toLowerCase())) result = engine.wsHeader(handle, name, value);
    }
    for (const name of this.#protocols) if (result >= 0) result = engine.wsProtocol(handle, name);
    return result;
  }

  /** An attempt failed, other than by what the engine tells. */
  #failed(error: TwinwireError): void {
    queueMicrotask(() => {
      if (this.#stopped) return;
      this.#session.linkEnded({ code: ABNORMAL, reason: "", wasClean: false, error }, false);
    });
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

/** What would not be otherwise the next time. */
function isHopeless({ error }: CloseInfo): boolean {
  const code = error?.code;
  return code === "ERR_ARGUMENT" || code === "ERR_URL" || code === "ERR_HEADER" || code === "ERR_UNSUPPORTED";
}
