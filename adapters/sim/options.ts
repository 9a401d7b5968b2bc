/** What a simulated network does to those that use it. All of it is one plain object that can be written as JSON. */

/** What happens at random again and again: every `everyMs` on average, for `forMs` on average. */
export interface Recurring {
  readonly everyMs: number;
  readonly forMs: number;
}

/** The network and its faults. A probability is a number from 0 (default: never) to 1 (always). */
export interface NetworkOptions {
  /** Milliseconds that a segment or a datagram takes from one host to another. Default: 1. */
  readonly latencyMs?: number | undefined;
  /** Milliseconds at most that are added to `latencyMs` at random. Default: 0. */
  readonly jitterMs?: number | undefined;
  /** Bytes per second of each direction of a connection. Default: 0, no bound. */
  readonly bandwidth?: number | undefined;
  /** Bytes that the system keeps for each direction at the sender, and again at the receiver. Default: 65,536. */
  readonly socketBuffer?: number | undefined;
  /** The most bytes of a segment. Default: 16,384. */
  readonly segment?: number | undefined;

  /** The probability that a write is taken in part. */
  readonly partialWrite?: number | undefined;
  /** The probability that the system borrows the bytes of a write, and reads them later. */
  readonly borrowedWrite?: number | undefined;
  /** The probability that only a part of the bytes that have arrived is delivered at once. */
  readonly partialRead?: number | undefined;
  /** The probability that bytes wait for those behind them, so that they are delivered together. */
  readonly joinedRead?: number | undefined;
  /** The probability that a segment is lost; it is sent again. */
  readonly segmentLoss?: number | undefined;

  /** The probability that a connection is reset at one of the first `faultWithin` bytes. */
  readonly reset?: number | undefined;
  /** The probability that one direction of a connection ends at one of the first `faultWithin` bytes. */
  readonly earlyEnd?: number | undefined;
  /** Default: 10,000 bytes. */
  readonly faultWithin?: number | undefined;
  /** The probability that an attempt to connect is refused. */
  readonly refused?: number | undefined;
  /** The probability that an attempt to connect gets no answer. */
  readonly blackHole?: number | undefined;
  /** The probability that a connection is established, and its peer never reads or sends. */
  readonly silent?: number | undefined;
  /** The probability that a TLS handshake fails. */
  readonly tlsFailure?: number | undefined;

  /** The probability that a datagram is lost. */
  readonly datagramLoss?: number | undefined;
  /** The probability that a datagram arrives twice. */
  readonly datagramDuplication?: number | undefined;
  /** The probability that a datagram is overtaken by later ones. */
  readonly datagramReordering?: number | undefined;

  /** Names and their addresses, besides those of the hosts; an empty list: the name does not exist. */
  readonly dns?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Milliseconds that a look-up takes. Default: 1. */
  readonly dnsMs?: number | undefined;
  /** The probability that a look-up fails. */
  readonly dnsFailure?: number | undefined;

  /** The most sockets that a host has at the same time; further ones fail with ERR_DESCRIPTORS. Default: 65,536. */
  readonly sockets?: number | undefined;
  /** The probability that a call of the operating system fails. */
  readonly callFailure?: number | undefined;
  /** Partitions between two hosts. Default: none. */
  readonly partitions?: Recurring | undefined;
  /** Pauses of a process: it neither runs nor reads, its system goes on. Default: none. */
  readonly pauses?: Recurring | undefined;
  /** Jumps of a host's wall clock, by up to `forMs` back or forth. Default: none. */
  readonly clockJumps?: Recurring | undefined;
}

type Chances = Omit<NetworkOptions, "partitions" | "pauses" | "clockJumps">;

/** All options, with their defaults. */
export type Faults = { readonly [K in keyof Chances]-?: NonNullable<Chances[K]> } & Pick<
  NetworkOptions,
  "partitions" | "pauses" | "clockJumps"
>;

const defaults: Faults = {
  latencyMs: 1,
  jitterMs: 0,
  bandwidth: 0,
  socketBuffer: 65_536,
  segment: 16_384,
  partialWrite: 0,
  borrowedWrite: 0,
  partialRead: 0,
  joinedRead: 0,
  segmentLoss: 0,
  reset: 0,
  earlyEnd: 0,
  faultWithin: 10_000,
  refused: 0,
  blackHole: 0,
  silent: 0,
  tlsFailure: 0,
  datagramLoss: 0,
  datagramDuplication: 0,
  datagramReordering: 0,
  dns: {},
  dnsMs: 1,
  dnsFailure: 0,
  sockets: 65_536,
  callFailure: 0,
};

/** Returns all options: those that are set in `given`, else those of `before`. */
export function completeFaults(given: NetworkOptions = {}, before: Faults = defaults): Faults {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...before, ...Object.fromEntries(set) };
}
