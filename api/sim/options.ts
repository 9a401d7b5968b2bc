/** Checks the options of a simulation. */
import type { NetworkOptions, Recurring } from "../../adapters/sim/index.ts";
import type { Limits } from "../../wasm/abi.gen.ts";
import { complete, integer, listOf, number, OptionSet, type Rule, text, value } from "../internal/options.ts";

/** The network and its faults, and the bounds of a run. */
export interface SimOptions extends NetworkOptions {
  /** The limits of every host's engine, as for `limits()`. */
  readonly limits?: Partial<Limits> | undefined;
  /** The wall clock at the start, in milliseconds since 1970. Default: 946,684,800,000, the year 2000. */
  readonly startMs?: number | undefined;
  /** The most simulated time, in milliseconds. Default: 30 days. */
  readonly maxMs?: number | undefined;
  /** The most things that may happen. Default: 20,000,000. */
  readonly maxSteps?: number | undefined;
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

/** What may change while a simulation runs. */
export type NetworkChange = Omit<NetworkOptions, "partitions" | "pauses" | "clockJumps">;

export const networkChange = new OptionSet<NetworkChange>(networkRules);

export const simOptions = new OptionSet<SimOptions>({
  ...networkRules,
  partitions: recurring,
  pauses: recurring,
  clockJumps: recurring,
  limits: record as Rule<Partial<Limits>>,
  startMs: number(-8.64e15, 8.64e15),
  maxMs: number(0, LONGEST_MS),
  maxSteps: integer(1, Number.MAX_SAFE_INTEGER),
});
