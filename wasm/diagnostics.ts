import type { DiagnosticsChannel, DiagnosticsHost } from "../adapters/port.ts";
import { FOREVER, Kind } from "./abi.gen.ts";
import { type Core, readStats } from "./core.ts";
import type { Ending, Endpoint } from "./endpoint.ts";
import type { TwinwireError } from "./errors.ts";
import type { Stats } from "./memory.ts";
import { report } from "./report.ts";

/** What every message has. */
export interface Diagnosis {
  /** The handle, as `twinwire/handles` and the `handle` of objects have it. */
  readonly handle: number;
  readonly kind: "tcp" | "udp" | "ws" | "listener";
  /** The address of the peer: `"host:port"`, a path or a URL. */
  readonly address: string;
  /** The counters of the handle since it was opened. */
  readonly stats: Stats | undefined;
}

/** A message of `twinwire:disconnected`. */
export interface DisconnectedDiagnosis extends Diagnosis {
  /** The close code of a WebSocket; otherwise 0, or the number of an error. */
  readonly code: number;
  /** Whether the end was orderly. */
  readonly clean: boolean;
  /** Bytes that were queued and never written. */
  readonly unsent: number;
  /** Milliseconds to the next attempt, or -1 if there will be none. */
  readonly retryMs: number;
}

/** A message of `twinwire:error`. */
export interface ErrorDiagnosis extends Diagnosis {
  readonly error: TwinwireError;
  /** Milliseconds to the next attempt, or -1 if there will be none. */
  readonly retryMs: number;
}

const kinds = {
  [Kind.TCP]: "tcp",
  [Kind.UDP]: "udp",
  [Kind.WS]: "ws",
  [Kind.LISTENER]: "listener",
} as const;

const retry = (retryMs: number): number => (retryMs === FOREVER ? -1 : retryMs);

/**
 * Publishes what happens to handles, of whatever API, on the host's diagnostics channels. A subscriber receives
 * it before the endpoint does. Without a subscriber, nothing is created.
 */
export class Diagnostics {
  readonly #core: Core;
  readonly #connected: DiagnosticsChannel | undefined;
  readonly #disconnected: DiagnosticsChannel | undefined;
  readonly #error: DiagnosticsChannel | undefined;

  constructor(core: Core, host: DiagnosticsHost | undefined) {
    this.#core = core;
    this.#connected = host?.channel("twinwire:connected");
    this.#disconnected = host?.channel("twinwire:disconnected");
    this.#error = host?.channel("twinwire:error");
  }

  connected(endpoint: Endpoint): void {
    if (this.#connected?.hasSubscribers) this.#publish(this.#connected, this.#about(endpoint));
  }

  disconnected(endpoint: Endpoint, ending: Ending): void {
    if (!this.#disconnected?.hasSubscribers) return;
    const message: DisconnectedDiagnosis = { ...this.#about(endpoint), ...ending, retryMs: retry(ending.retryMs) };
    this.#publish(this.#disconnected, message);
  }

  error(endpoint: Endpoint, make: () => TwinwireError, retryMs: number): void {
    if (!this.#error?.hasSubscribers) return;
    const message: ErrorDiagnosis = { ...this.#about(endpoint), error: make(), retryMs: retry(retryMs) };
    this.#publish(this.#error, message);
  }

  #about({ handle, kind, address }: Endpoint): Diagnosis {
    return { handle, kind: kinds[kind], address, stats: readStats(this.#core, handle) };
  }

  /** A subscriber that throws is none of the endpoint's business. */
  #publish(channel: DiagnosticsChannel, message: Diagnosis): void {
    try {
      channel.publish(message);
    } catch (thrown) {
      report(thrown);
    }
  }
}
