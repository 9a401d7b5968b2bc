import { show } from "../handles/arguments.ts";
import type { CloseInfo } from "./link.ts";

/** What is asked about before another attempt. */
export interface ReconnectEvent extends CloseInfo {
  /** Whether it had been open; else an attempt failed. */
  readonly opened: boolean;
  /** Attempts that have failed since it was last open. */
  readonly attempts: number;
  /** The HTTP status with which a handshake was refused, or 0. */
  readonly status: number;
}

/** How a WebSocket connects again. */
export interface ReconnectOptions {
  /** Seconds before each attempt, exactly; the last is repeated. The rest does not matter then, but `jitter`. */
  readonly delays?: readonly number[] | undefined;
  /** Milliseconds before the first attempt; 1000 unless this is given. Each further one takes twice as long. */
  readonly minDelayMs?: number | undefined;
  /** Milliseconds at most; 30000 unless this is given. */
  readonly maxDelayMs?: number | undefined;
  /** The part of each delay that is left to chance, 0 to 1; 0.5 unless this is given, and 0 with `delays`. */
  readonly jitter?: number | undefined;
  /**
   * Decides whether there is another attempt. It may be async, and has then `openTimeoutMs` (default:
   * `limits().connectTimeoutMs`) to decide. If it throws, rejects or takes longer, the WebSocket ends with ERR_CALLBACK.
   * Default: yes, except after close code 1008 and after a handshake that was refused with 4xx other than 408 and 429.
   */
  readonly shouldReconnect?: ((event: ReconnectEvent) => boolean | PromiseLike<boolean>) | undefined;
}

const POLICY = 1008;
const MOST_S = 86_400;
const names = ["delays", "minDelayMs", "maxDelayMs", "jitter", "shouldReconnect"];

/** When there is another attempt. */
export class Schedule {
  readonly #delaysMs: readonly number[] | undefined;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #jitter: number;
  readonly #should: (event: ReconnectEvent) => boolean | PromiseLike<boolean>;
  /** Attempts since it was last open. */
  attempts = 0;

  constructor(options: ReconnectOptions) {
    const { delays, minDelayMs = 1_000, maxDelayMs = 30_000, shouldReconnect = byDefault } = options;
    this.#delaysMs = delays?.map((seconds) => seconds * 1_000);
    this.#minMs = minDelayMs;
    this.#maxMs = maxDelayMs;
    this.#jitter = options.jitter ?? (delays === undefined ? 0.5 : 0);
    this.#should = shouldReconnect;
  }

  /**
   * Asks whether there is to be another attempt.
   *
   * @throws what the application's function throws.
   */
  shouldReconnect(info: CloseInfo, opened: boolean, status: number): boolean | PromiseLike<boolean> {
    if (opened) this.attempts = 0;
    return this.#should({ ...info, opened, status, attempts: this.attempts });
  }

  /** Counts an attempt, and returns the milliseconds before it. */
  nextDelay(): number {
    const delayMs = this.#delay(this.attempts);
    this.attempts += 1;
    return delayMs * (1 - this.#jitter * Math.random());
  }

  #delay(attempt: number): number {
    const delays = this.#delaysMs;
    if (delays === undefined) return Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(attempt, 30));
    return delays[Math.min(attempt, delays.length - 1)] as number;
  }
}

function byDefault({ code, opened, status }: ReconnectEvent): boolean {
  if (opened) return code !== POLICY;
  return status < 400 || status > 499 || status === 408 || status === 429;
}

/** Checks what an application wants; `undefined`: not to connect again. A text says what is wrong with it. */
export function checkReconnect(option: unknown): Schedule | undefined | string {
  if (option === undefined || option === false) return undefined;
  if (option === true) return new Schedule({});
  if (typeof option !== "object" || option === null)
    return `reconnect is true, an array or an object, not ${show(option)}`;
  const options = Array.isArray(option) ? { delays: option } : (option as ReconnectOptions);
  return findFault(options) ?? new Schedule(options);
}

function findFault(options: ReconnectOptions): string | undefined {
  for (const name of Object.keys(options)) if (!names.includes(name)) return `there is no reconnect.${name}`;
  const { delays, minDelayMs, maxDelayMs, jitter, shouldReconnect } = options;
  const isDelay = (value: unknown, most: number): boolean => typeof value === "number" && value >= 0 && value <= most;
  if (delays !== undefined && !(delays.length > 0 && delays.every((it) => isDelay(it, MOST_S)))) {
    return `reconnect delays are one or more numbers of seconds from 0 to ${MOST_S}`;
  }
  for (const ms of [minDelayMs, maxDelayMs]) {
    if (ms !== undefined && !isDelay(ms, MOST_S * 1_000)) return "minDelayMs and maxDelayMs are milliseconds from 0";
  }
  if (jitter !== undefined && !isDelay(jitter, 1)) return "jitter is a number from 0 to 1";
  if (shouldReconnect !== undefined && typeof shouldReconnect !== "function") return "shouldReconnect is a function";
  return undefined;
}
