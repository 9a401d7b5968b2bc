import { performance } from "node:perf_hooks";
import { FOREVER } from "../../wasm/abi.gen.ts";
import type { Clock, PortEvents } from "../port.ts";

/** The longest time that setTimeout keeps: it takes 31 bits. The engine asks again when it has passed. */
const LONGEST = 2_147_483_647;

/** Time, the timer and deferred calls by Node's modules. */
export class NodeClock implements Clock {
  #deliver: PortEvents | undefined;
  #timer: NodeJS.Timeout | undefined;
  #kept = true;

  /** As `Port.attach`. */
  attach(deliver: PortEvents): void {
    this.#deliver = deliver;
  }

  now(): number {
    return performance.now();
  }

  wake(delayMs: number): void {
    clearTimeout(this.#timer);
    if (delayMs === FOREVER) return;
    this.#timer = setTimeout(() => this.#deliver?.wake(), Math.min(delayMs, LONGEST));
    if (!this.#kept) this.#timer.unref();
  }

  later(): void {
    setImmediate(() => this.#deliver?.later());
  }

  keep(on: boolean): void {
    this.#kept = on;
    if (on) this.#timer?.ref();
    else this.#timer?.unref();
  }
}
