import { NONE } from "../../wasm/abi.gen.ts";
import type { Engine, ProxyServer } from "../../wasm/engine.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import type { Stream } from "../conn/stream.ts";
import { sameTls } from "../internal/options.ts";
import { type AddressPolicy, rulesOf } from "../internal/policy.ts";
import { Timeout } from "../internal/waiting.ts";
import type { Exchange } from "./exchange.ts";

/** Connections to one server that are kept although they do nothing. */
const MOST_IDLE = 16;

/** How long, if the server does not say: many give up after 5 seconds. */
const IDLE_MS = 4_000;

/** The server may count from a little earlier. */
const MARGIN_MS = 1_000;
const LONGEST_IDLE_MS = 600_000;

/** Where a connection leads. Those that are the same can be used for each other. */
export interface Route {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly proxy: ProxyServer | undefined;
  readonly tls: TlsOptions | undefined;
  readonly policy: AddressPolicy | undefined;
}

interface Idle {
  readonly exchange: Exchange;
  readonly timeout: Timeout;
}

/** Connections that wait for another request. They don't keep the process alive. */
class Pool {
  readonly #idle = new Map<string, Idle[]>();

  /** The one that was used last, if it is still good. */
  take(route: Route): Exchange | undefined {
    const key = keyOf(route);
    const list = this.#idle.get(key);
    for (let found = list?.pop(); found !== undefined; found = list?.pop()) {
      if (list?.length === 0) this.#idle.delete(key);
      const { exchange, timeout } = found;
      const { stream, receiver } = exchange;
      timeout.stop();
      receiver.onPeerEnd = undefined;
      if (isGood(stream)) {
        stream.keep(true);
        return exchange;
      }
      stream.close();
    }
    return undefined;
  }

  /** Keeps one for the next request. `hint`: the Keep-Alive field of the last response. */
  give(route: Route, exchange: Exchange, hint: string | undefined): void {
    const { stream, receiver } = exchange;
    receiver.release();
    const ms = idleTime(hint);
    const key = keyOf(route);
    const list = this.#idle.get(key) ?? [];
    if (!isGood(stream) || ms <= 0 || list.length >= MOST_IDLE) {
      stream.close();
      return;
    }
    const drop = (): void => {
      const at = list.findIndex((one) => one.exchange === exchange);
      if (at >= 0) list.splice(at, 1);
      if (list.length === 0 && this.#idle.get(key) === list) this.#idle.delete(key);
      timeout.stop();
      stream.close();
    };
    const timeout = new Timeout(drop);
    timeout.set(ms);
    receiver.onPeerEnd = drop;
    stream.keep(false);
    list.push({ exchange, timeout });
    this.#idle.set(key, list);
  }
}

const pools = new WeakMap<Engine, Pool>();

/** The pool of all requests of an engine. */
export function poolOf(engine: Engine): Pool {
  let pool = pools.get(engine);
  if (pool === undefined) {
    pool = new Pool();
    pools.set(engine, pool);
  }
  return pool;
}

/** Open, and no unrequested bytes arrived: RFC 9112 9.2. */
function isGood({ phase, receiver, handle, released }: Stream): boolean {
  return phase === "open" && handle !== NONE && !released && receiver.size === 0 && !receiver.hasEnded;
}

function idleTime(hint: string | undefined): number {
  const seconds = /(?:^|,)\s*timeout=(\d{1,6})/i.exec(hint ?? "")?.[1];
  return seconds === undefined ? IDLE_MS : Math.min(Number(seconds) * 1000 - MARGIN_MS, LONGEST_IDLE_MS);
}

function keyOf({ secure, host, port, proxy, tls, policy }: Route): string {
  const number = secure && tls !== undefined ? numberOf(tls) : 0;
  const outer = proxy?.tls === undefined ? "" : `s${numberOf(proxy.tls)} `;
  const via = proxy === undefined ? "" : `${outer}${proxy.credentials}@${proxy.host}:${proxy.port}`;
  return `${secure ? "s" : "p"}${number} ${host}:${port} ${via} ${rulesOf(policy) ?? ""}`;
}

/** TLS options whose content was asked for lately, each with a number of its own; the latest last. */
const known: { readonly tls: TlsOptions; readonly number: number }[] = [];
const MOST_KNOWN = 32;
let tlsCount = 0;

/** A number for what options say: those that say the same have the same. */
function numberOf(tls: TlsOptions): number {
  const at = known.findIndex((one) => sameTls(one.tls, tls));
  const [found] = at < 0 ? [] : known.splice(at, 1);
  const one = found ?? { tls, number: ++tlsCount };
  known.push(one);
  if (known.length > MOST_KNOWN) known.shift();
  return one.number;
}
