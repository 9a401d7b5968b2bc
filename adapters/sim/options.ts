/** The options of a simulated network: delays, buffers and faults, in one plain object that can be written as JSON. */

/** A fault that recurs at random. */
export interface Recurring {
  /** The average time from one to the next, in milliseconds of simulated time, at least 1. */
  readonly everyMs: number;
  /** How long one lasts on average, in milliseconds, at least 1. */
  readonly forMs: number;
}

/**
 * The network and its faults. A probability is a number from 0, never, to 1, always; the default of each is 0. Times are
 * milliseconds of simulated time, fractions included.
 */
export interface NetworkOptions {
  /** The time that a segment or a datagram takes from one host to another. Default: 1. */
  readonly latencyMs?: number | undefined;
  /** The most that is added to `latencyMs`, at random for each segment and datagram. Default: 0. */
  readonly jitterMs?: number | undefined;
  /** Bytes per second in each direction of a connection. Default: 0, which means no limit. */
  readonly bandwidth?: number | undefined;
  /** Size of a socket's send buffer, and of its receive buffer, in bytes, 1 to 1,073,741,824. Default: 65,536. */
  readonly socketBuffer?: number | undefined;
  /** The largest segment, in bytes, 1 to 1,073,741,824. Default: 16,384. */
  readonly segment?: number | undefined;

  /** The probability that the system takes only a part of a write. */
  readonly partialWrite?: number | undefined;
  /** The probability that the system takes a write later: until then it borrows the bytes. */
  readonly borrowedWrite?: number | undefined;
  /** The probability that a read returns only a part of the bytes that have arrived. */
  readonly partialRead?: number | undefined;
  /** The probability that bytes are delivered only together with those that follow them. */
  readonly joinedRead?: number | undefined;
  /** The probability that a segment is lost. It is sent again 200 ms later, then at growing intervals. */
  readonly segmentLoss?: number | undefined;

  /** The probability that a connection is reset at one of the first `faultWithin` bytes. */
  readonly reset?: number | undefined;
  /** The probability that one direction of a connection ends at one of the first `faultWithin` bytes. */
  readonly earlyEnd?: number | undefined;
  /** Where `reset` and `earlyEnd` happen: behind a random number of bytes, from 0 to this one. Default: 10,000. */
  readonly faultWithin?: number | undefined;
  /** The probability that an attempt to connect is refused (ERR_REFUSED). */
  readonly refused?: number | undefined;
  /** The probability that an attempt to connect gets no answer, so that it ends by its time limit. */
  readonly blackHole?: number | undefined;
  /** The probability that a connection is established, but its peer neither reads nor sends. */
  readonly silent?: number | undefined;
  /** The probability that a TLS handshake fails. */
  readonly tlsFailure?: number | undefined;

  /** The probability that a datagram is lost. */
  readonly datagramLoss?: number | undefined;
  /** The probability that a datagram arrives twice. */
  readonly datagramDuplication?: number | undefined;
  /** The probability that a datagram arrives after later ones. */
  readonly datagramReordering?: number | undefined;

  /** Names besides those of the hosts, with their literal addresses. A name with an empty list does not exist. */
  readonly dns?: Readonly<Record<string, readonly string[]>> | undefined;
  /** The time that a look-up takes. Default: 1. */
  readonly dnsMs?: number | undefined;
  /** The probability that a look-up fails. */
  readonly dnsFailure?: number | undefined;

  /** How many sockets a host can have open, 0 to 1,000,000. Further ones fail with ERR_DESCRIPTORS. Default: 65,536. */
  readonly sockets?: number | undefined;
  /** The probability that a call of the operating system fails, such as opening a socket or sending a datagram. */
  readonly callFailure?: number | undefined;
  /** Partitions between two random hosts. Default: none. */
  readonly partitions?: Recurring | undefined;
  /** Pauses of a random process, see `SimHost.pause`. Default: none. */
  readonly pauses?: Recurring | undefined;
  /** Jumps of a random host's system clock, forward or back; `forMs` is how far on average. Default: none. */
  readonly clockJumps?: Recurring | undefined;
}

type Chances = Omit<NetworkOptions, "partitions" | "pauses" | "clockJumps">;

/** The options with a value for each; those that recur may be absent. */
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

/** Returns `before` with what is set in `given`. */
export function completeFaults(given: NetworkOptions = {}, before: Faults = defaults): Faults {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...before, ...Object.fromEntries(set) };
}
