import type { TwinwireError } from "../../wasm/errors.ts";
import { Waiter, WaitingList } from "../internal/waiting.ts";

/** A ping that waits for its pong. Fulfilled with the milliseconds that it took. */
export class Ping extends Waiter<number> {
  readonly payload: string;
  readonly sentAt = performance.now();

  constructor(payload: string) {
    super();
    this.payload = payload;
  }
}

/** Pings that wait for their pongs, in the order in which they were sent. */
export class Pings {
  readonly #waiting = new WaitingList<Ping>();
  #count = 0;

  /** A payload that no other ping of this connection has. */
  nextPayload(): string {
    this.#count += 1;
    return `ping ${this.#count}`;
  }

  add(ping: Ping): void {
    this.#waiting.add(ping);
  }

  remove(ping: Ping): void {
    this.#waiting.remove(ping);
  }

  /** RFC 6455 5.5.3: a peer may answer the latest of several pings alone. A pong that nobody asked for means nothing. */
  answered(payload: string): void {
    if (!this.#waiting.some((ping) => ping.payload === payload)) return;
    const now = performance.now();
    for (let ping = this.#waiting.shift(); ping !== undefined; ping = this.#waiting.shift()) {
      ping.resolve(now - ping.sentAt);
      if (ping.payload === payload) return;
    }
  }

  rejectAll(error: TwinwireError): void {
    this.#waiting.rejectAll(() => error);
  }
}
