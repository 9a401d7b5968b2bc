/** The messages between the parent and the process of a contender. */
import type { Case } from "./cases.ts";
import type { Contender } from "./contenders.ts";

/** Ports of the echo server, on 127.0.0.1. */
export interface Ports {
  readonly ws: number;
  readonly tcp: number;
}

/** To the process: measure this once. */
export interface Job {
  readonly case: Case;
  readonly contender: Contender;
  readonly ports: Ports;
  /** The load generator; `undefined`: there is no compiler for it, and load.ts takes its place. */
  readonly load: string | undefined;
  /** The contender's server in C; `undefined`: it is not written in C. */
  readonly program?: string | undefined;
  /** Milliseconds that are not counted, at the start of each connection. */
  readonly settleMs: number;
  /** Milliseconds that are counted. */
  readonly measureMs: number;
}

/** From the process: what it measured. */
export interface Measured {
  /** In the unit of the case. */
  readonly value: number;
  /** CPU time of this process for one message, user and system, in microseconds; 0 where it has no meaning. */
  readonly cpuMicros: number;
  /** Messages that were counted. */
  readonly count: number;
  /** The share of a processor that the load generator took: below 1 it was not what held the server up. */
  readonly load?: number | undefined;
  /** The resident set of a server behind its case, in bytes. */
  readonly rss?: number | undefined;
  /** Of the answers of a server that was asked at a fixed rate. */
  readonly latency?: Latency | undefined;
}

/** From the process: the answer to a job. */
export type Answer = { readonly ok: Measured } | { readonly failed: string };

/** To the process that asks a server: so it is to be asked. */
export interface LoadOrder {
  readonly port: number;
  readonly connections: number;
  /** Requests that are on their way at once, on each connection. */
  readonly inFlight: number;
  /** What is sent first, and answered by a head. `""`: nothing. */
  readonly opening: string;
  /** One request, its bytes as characters. */
  readonly request: string;
  /** Bytes of its answer; 0: the Content-Length of the first response. */
  readonly answerSize: number;
  /** Whether one of the connections asks, and all of them are answered. */
  readonly oneAsks: boolean;
  /** Whether connections are opened, answered and closed, over and over. */
  readonly reopens: boolean;
  /** Requests a second, whether or not the last one was answered; 0: as fast as the server answers. */
  readonly rate: number;
  readonly settleMs: number;
  readonly measureMs: number;
}

/** Microseconds that 50, 99 and 99.9 % of the answers kept. */
export type Latency = readonly [p50: number, p99: number, p999: number];

/** From that process: counting begins; so many responses came; it went wrong. */
export type LoadAnswer =
  | { readonly begun: true }
  | { readonly count: number; readonly ms: number; readonly cpu: number; readonly latency?: Latency }
  | { readonly failed: string };
