import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "../handles/arguments.ts";
import type { IncomingRequest } from "../http/receive.ts";
import type { HeadersInput } from "../http/types.ts";
import { type Compression, checkDeflate, type DeflateOptions } from "../websocket/deflate.ts";

/** How a client is accepted, and how its WebSocket behaves. */
export interface UpgradeOptions {
  /**
   * Subprotocols that the server speaks: the first of the client's offers that is among them is chosen. Or a function
   * that chooses one of the offers; `undefined`: none.
   */
  readonly protocols?:
    | readonly string[]
    | ((offered: readonly string[], request: IncomingRequest) => string | undefined)
    | undefined;
  /** Further header fields of the answer. */
  readonly headers?: HeadersInput | undefined;
  /** Compression of messages, if the client offers it. Off at first. */
  readonly deflate?: boolean | DeflateOptions | undefined;
  /** A ping after so much silence; without a sign of life for so much longer, the connection is dead. Off at first. */
  readonly heartbeat?: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  /** Bytes that a received message may have, also once it is inflated. `limits().maxMessage` unless this is given. */
  readonly maxMessage?: number | undefined;
  /** Frames that a received message may have. `limits().maxFragments` unless this is given. */
  readonly maxFragments?: number | undefined;
  /** Bytes that may wait to be sent to a client; more end its connection. 16777216 unless this is given. */
  readonly maxBuffered?: number | undefined;
  /** From `close()` to `closed`, at most. `limits().closeTimeoutMs` unless this is given, which it can't exceed. */
  readonly closeTimeoutMs?: number | undefined;
}

/** The same, checked. */
export interface CheckedUpgrade extends UpgradeOptions {
  readonly compression: Compression | undefined;
  readonly maxBuffered: number;
}

const MOST = 2 ** 31 - 1;
const MAX_BUFFERED = 16_777_216;

const numbers = {
  maxMessage: [1, MOST],
  maxFragments: [1, MOST],
  maxBuffered: [1, Number.MAX_SAFE_INTEGER],
  closeTimeoutMs: [1, MOST],
} as const;

/** @throws TwinwireError ERR_ARGUMENT for an option that is out of its range. */
export function checkUpgrade(given: UpgradeOptions): CheckedUpgrade {
  const compression = checkDeflate(given.deflate);
  const fault = typeof compression === "string" ? compression : findFault(given);
  if (fault !== undefined || typeof compression === "string") {
    throw new TwinwireError("ERR_ARGUMENT", { step: "accept", reason: fault });
  }
  return { ...given, compression, maxBuffered: given.maxBuffered ?? MAX_BUFFERED };
}

function findFault(given: UpgradeOptions): string | undefined {
  for (const [name, [least, most]] of Object.entries(numbers)) {
    const value = given[name as keyof typeof numbers];
    if (value === undefined || isWhole(value, least, most)) continue;
    return `${name} is a whole number from ${least} to ${most}, not ${show(value)}`;
  }
  const { heartbeat, protocols } = given;
  if (heartbeat !== undefined && !(isWhole(heartbeat?.intervalMs, 1, MOST) && isWhole(heartbeat.timeoutMs, 1, MOST))) {
    return "heartbeat has intervalMs and timeoutMs, whole numbers from 1";
  }
  if (protocols !== undefined && typeof protocols !== "function" && !Array.isArray(protocols)) {
    return "protocols is a list of names or a function";
  }
  return undefined;
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
