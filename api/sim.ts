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

import type { NetworkOptions, Recurring } from "../adapters/sim/index.ts";
import type { Limits } from "../wasm/abi.gen.ts";
import { TwinwireError } from "../wasm/errors.ts";
import { complete, integer, listOf, number, OptionSet, type Rule, text, value } from "./internal/options.ts";
import { type NetworkChange, Run, type SimNetwork, type SimOptions } from "./sim/run.ts";

export type { HostRef, NetworkChange, SimHost, SimNetwork, SimOptions } from "./sim/run.ts";
export type { NetworkOptions, Recurring };

/** The program of a simulation. */
export type SimBody<T> = (net: SimNetwork) => T | Promise<T>;

/** Runs simulations, one at a time. */
export interface Sim {
  /**
   * Runs `body` on simulated hosts in simulated time, and returns what it returns. Meanwhile the global timers, `Date`,
   * `performance.now`, `AbortSignal.timeout` and `Math.random` are replaced by simulated ones. Time passes only while the program
   * waits. When `body` ends, everything that is still open is dropped.
   *
   * @param seed the source of every random choice. The same seed, options and program give the same run.
   * @param options the network, its faults, and the bounds of the run; see `SimOptions`.
   * @param body the program of the test. It is called once, as code of the host `"main"`.
   * @throws what `body` or a callback of a simulated process throws, with the seed added to its message. TwinwireError
   * ERR_ARGUMENT for a wrong argument; ERR_STATE if another simulation runs in this process, or if the program waits and nothing
   * is left that could happen; ERR_DEADLINE if it exceeds `maxMs` or `maxSteps`.
   */
  run<T>(seed: number | string, body: SimBody<T>): Promise<T>;
  run<T>(seed: number | string, options: SimOptions, body: SimBody<T>): Promise<T>;
  /**
   * Returns the simulated time since the start, in milliseconds, fractions included.
   *
   * @throws TwinwireError ERR_STATE outside of `run`.
   */
  now(): number;
  /**
   * Lets simulated time pass: the promise is fulfilled when `ms` milliseconds have passed and all that was due in them has
   * happened.
   *
   * @param ms milliseconds, 0 or more.
   * @throws TwinwireError ERR_ARGUMENT for a wrong number; ERR_STATE outside of `run`.
   */
  advance(ms: number): Promise<void>;
}

/** The longest time that an option may name: a thousand years. */
const LONGEST_MS = 31_536_000_000_000;

const chance = number(0, 1);
const milliseconds = number(0, LONGEST_MS);
const recurringSet = new OptionSet<{ everyMs?: number; forMs?: number }>({
  everyMs: number(1, LONGEST_MS),
  forMs: number(1, LONGEST_MS),
});
const recurring: Rule<Recurring> = complete(recurringSet);
const isObject = (given: unknown): given is Record<string, unknown> => typeof given === "object" && given !== null;
const record = value("an object", isObject);
const addresses = listOf(text, "an array of addresses");

const dns: Rule<Readonly<Record<string, readonly string[]>>> = (given, path) =>
  Object.fromEntries(
    Object.entries(record(given, path)).map(([name, list]) => [name, addresses(list, `${path}.${name}`)]),
  );

const networkRules = {
  latencyMs: milliseconds,
  jitterMs: milliseconds,
  bandwidth: number(0, Number.MAX_SAFE_INTEGER),
  socketBuffer: integer(1, 1_073_741_824),
  segment: integer(1, 1_073_741_824),
  partialWrite: chance,
  borrowedWrite: chance,
  partialRead: chance,
  joinedRead: chance,
  segmentLoss: chance,
  reset: chance,
  earlyEnd: chance,
  faultWithin: integer(0, 1_073_741_824),
  refused: chance,
  blackHole: chance,
  silent: chance,
  tlsFailure: chance,
  datagramLoss: chance,
  datagramDuplication: chance,
  datagramReordering: chance,
  dns,
  dnsMs: milliseconds,
  dnsFailure: chance,
  sockets: integer(0, 1_000_000),
  callFailure: chance,
};

const networkChange = new OptionSet<NetworkChange>(networkRules);

const simOptions = new OptionSet<SimOptions>({
  ...networkRules,
  partitions: recurring,
  pauses: recurring,
  clockJumps: recurring,
  limits: record as Rule<Partial<Limits>>,
  startMs: number(-8.64e15, 8.64e15),
  maxMs: number(0, LONGEST_MS),
  maxSteps: integer(1, Number.MAX_SAFE_INTEGER),
});

let current: Run | undefined;

/** Adds the time and the seed, which repeats the run, to the message of an error. */
function describe(error: unknown, seed: number | string, nowMs: number): unknown {
  if (!(error instanceof Error)) return error;
  const { message, stack } = error;
  const where = `\n\nIn a simulation, after ${nowMs.toFixed(3)} ms. The seed ${JSON.stringify(seed)} does it again.`;
  Object.defineProperty(error, "message", { value: message + where, writable: true, configurable: true });
  if (stack?.includes(message)) {
    const described = stack.replace(message, () => message + where);
    Object.defineProperty(error, "stack", { value: described, writable: true, configurable: true });
  }
  return error;
}

/** As `sim.run`. */
async function run<T>(
  seed: number | string,
  second: SimOptions | ((net: SimNetwork) => T | Promise<T>),
  third?: (net: SimNetwork) => T | Promise<T>,
): Promise<T> {
  const operation = "sim.run";
  const body = typeof second === "function" ? second : third;
  const options = simOptions.read(operation, typeof second === "function" ? undefined : second, "call");
  if (typeof seed !== "number" && typeof seed !== "string") throw wrong("the seed must be a number or a string");
  if (typeof body !== "function") throw wrong("the program must be a function");
  if (current !== undefined) {
    throw new TwinwireError("ERR_STATE", {
      operation,
      problem: "another simulation runs in this process",
      remedy: "await its end, and do not run tests with simulations concurrently",
    });
  }
  const one = new Run(seed, options, (change) => networkChange.read("net.change", change, "call"));
  current = one;
  try {
    return await one.complete(body);
  } catch (error) {
    throw describe(error, seed, one.nowMs);
  } finally {
    current = undefined;
  }
}

function wrong(problem: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { operation: "sim.run", problem });
}

function running(operation: string): Run {
  if (current !== undefined) return current;
  throw new TwinwireError("ERR_STATE", { operation, problem: "no simulation runs" });
}

/** As `sim.now`. */
function now(): number {
  return running("sim.now").nowMs;
}

/** As `sim.advance`. */
function advance(ms: number): Promise<void> {
  const operation = "sim.advance";
  const run = running(operation);
  if (typeof ms !== "number" || !(ms >= 0)) {
    throw new TwinwireError("ERR_ARGUMENT", { operation, problem: `ms must be a number from 0, not ${String(ms)}` });
  }
  return run.wait(ms);
}

export const sim: Sim = { run, now, advance };
