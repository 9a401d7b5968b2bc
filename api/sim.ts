/**
 * `twinwire/sim`: tests on a simulated network, in simulated time. Everything in a test comes from one seed: a failure can be
 * repeated, and an hour of reconnecting takes milliseconds.
 *
 * ```ts
 * await sim.run(1, { latencyMs: 20 }, async (net) => {
 *   const server = new (net.host("server").WebSocketServer)("", 80, { onMessage: (socket, text) => socket.send(text) });
 *   await server.opened;
 *   const client = new (net.host("client").WebSocket)("ws://server/");
 *   await client.opened;
 *   net.partition("server", "client");
 *   await sim.advance(3_600_000);
 *   net.heal();
 * });
 * ```
 *
 * @module
 */

import type { SimOptions } from "./sim/options.ts";
import { advance, now, run, type SimNetwork } from "./sim/run.ts";

export type { NetworkOptions, Recurring } from "../adapters/sim/index.ts";
export type { SimHost } from "./sim/host.ts";
export type { NetworkChange, SimOptions } from "./sim/options.ts";
export type { HostRef, SimNetwork } from "./sim/run.ts";

/** The program of a simulation. */
export type SimBody<T> = (net: SimNetwork) => T | Promise<T>;

/** Simulations. */
export interface Sim {
  /**
   * Runs `body` on simulated hosts in simulated time, and returns what it returns. Inside, the timers of the global object,
   * `Date`, `performance.now`, `AbortSignal.timeout` and `Math.random` are simulated. Time passes when the program waits. What
   * is still open at the end is dropped.
   *
   * @param seed what all chance comes from: a number or a text.
   * @throws what `body` throws, and what a callback of a simulated process throws; the message then names the seed. TwinwireError
   * ERR_ARGUMENT for a wrong option; ERR_STATE if another simulation runs, or if the program waits and nothing can happen any
   * more; ERR_DEADLINE past `maxMs` or `maxSteps`.
   */
  run<T>(seed: number | string, body: SimBody<T>): Promise<T>;
  run<T>(seed: number | string, options: SimOptions, body: SimBody<T>): Promise<T>;
  /** Returns the simulated time in milliseconds since the start. @throws TwinwireError ERR_STATE outside of `run`. */
  now(): number;
  /** Waits for `ms` milliseconds of simulated time, and all that happens in them. */
  advance(ms: number): Promise<void>;
}

export const sim: Sim = { run, now, advance };
