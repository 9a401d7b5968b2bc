import { callback, listOf, number, OptionSet, type Rule } from "../internal/options.ts";
import type { CloseInfo } from "./connection.ts";

/** Why there may be another attempt. */
export interface ReconnectEvent extends CloseInfo {
  /** Whether the connection was open; else an attempt failed. */
  readonly opened: boolean;
  /** Attempts that failed since a connection was last open. */
  readonly attempts: number;
  /** The HTTP status with which the handshake was refused, or 0. */
  readonly status: number;
}

/** How a WebSocket connects again. */
export interface ReconnectOptions {
  /** Seconds before each attempt, exact; the last one repeats. `minDelayMs` and `maxDelayMs` have no effect then. */
  readonly delays?: readonly number[] | undefined;
  /** Milliseconds before the first attempt; the delay doubles with each further one. Default: 1000. */
  readonly minDelayMs?: number | undefined;
  /** The longest delay in milliseconds. Default: 30000. */
  readonly maxDelayMs?: number | undefined;
  /** The part of each delay that is random, 0 to 1. Default: 0.5, or 0 with `delays`. */
  readonly jitter?: number | undefined;
  /**
   * Decides whether there is another attempt. It may be async, and has then `openTimeoutMs` (default:
   * `limits().connectTimeoutMs`) to decide. If it throws, rejects or takes longer, the WebSocket ends with ERR_CALLBACK.
   * Default: yes, except after close code 1008 and after a handshake that was refused with 4xx other than 408 and 429.
   */
  readonly shouldReconnect?: Decision | undefined;
}

const POLICY = 1008;
const MOST_S = 86_400;

type Decision = (event: ReconnectEvent) => boolean | PromiseLike<boolean>;

/** When there is another attempt, and whether. */
export class Schedule {
  readonly #delaysMs: readonly number[] | undefined;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #jitter: number;
  readonly #should: Decision;
  /** Attempts since a connection was last open. */
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

const reconnectOptions = new OptionSet<ReconnectOptions>({
  delays: listOf(number(0, MOST_S), `a list of one or more numbers of seconds from 0 to ${MOST_S}`, 1),
  minDelayMs: number(0, MOST_S * 1_000),
  maxDelayMs: number(0, MOST_S * 1_000),
  jitter: number(0, 1),
  shouldReconnect: callback<Decision>(),
});

/** The rule of an option `reconnect`: `true`, `false`, delays in seconds, or `ReconnectOptions`. */
export const reconnectRule: Rule<Schedule | undefined> = (given, path) => {
  if (given === false) return undefined;
  const options = given === true ? {} : Array.isArray(given) ? { delays: given } : given;
  return new Schedule(reconnectOptions.rule(options, path));
};
