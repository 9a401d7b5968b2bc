/** The flight recorder: the newest part of a trace, kept in memory of a fixed size. */
import { TwinwireError } from "../wasm/errors.ts";
import { defaultEngine } from "../wasm/host.ts";
import { Recorder as Recording } from "../wasm/trace/recorder.ts";
import { callback, integer, listOf, MAX_MS, OptionSet, value } from "./internal/options.ts";

/** How to record. */
export interface RecorderOptions {
  /** The memory for records, in bytes: 65,536 to 1,073,741,824. Default: 262,144. */
  readonly bytes?: number | undefined;
  /**
   * Called when an attempt, a connection or a datagram has failed and all its events are recorded. An exception in
   * it is reported as an uncaught exception. Default: none.
   */
  readonly onError?: ((error: TwinwireError) => unknown) | undefined;
  /** The shortest time between two calls of `onError`, in milliseconds. Default: 1000. */
  readonly everyMs?: number | undefined;
  /** Names of header fields whose values are redacted, besides those of the table in docs/tracing.md. Default: none. */
  readonly secrets?: readonly string[] | undefined;
}

/** A flight recorder. */
export interface Recorder {
  /** How many records it holds. */
  readonly records: number;
  /** How many records newer ones have replaced. */
  readonly lost: number;
  /**
   * Returns what was recorded: lines of JSON (`TraceLine`), the oldest first, without credentials.
   *
   * @param of the connection, or its handle. Default: all connections.
   * @throws TwinwireError ERR_STATE after `stop`.
   */
  dump(of?: number | { readonly handle: number }): string;
  /** Ends the recording and releases its memory. */
  stop(): void;
}

const name = value(
  "the name of a header field",
  (given): given is string => typeof given === "string" && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(given),
);

const recorderOptions = new OptionSet<RecorderOptions>({
  bytes: integer(65_536, 2 ** 30),
  onError: callback<(error: TwinwireError) => unknown>(),
  everyMs: integer(0, MAX_MS),
  secrets: listOf(name, "an array of names of header fields"),
});

/**
 * Records what passes between the application, the core and the host, as `trace` does, in a ring of memory: the newest records
 * replace the oldest. Recording allocates nothing, so that it can always be on; lines are made, and credentials are
 * redacted, by `dump`.
 *
 * ```ts
 * const flight = recorder({ onError: (error) => console.error(error.message, flight.dump()) });
 * ```
 *
 * @returns the recorder. Another call ends it.
 * @throws TwinwireError ERR_ARGUMENT for an unknown option or a value outside its range.
 */
export function recorder(options?: RecorderOptions): Recorder {
  const given = recorderOptions.read("recorder", options, "call");
  const { bytes = 262_144, everyMs = 1000, onError, secrets = [] } = given;
  let recording: Recording | undefined;
  const end = defaultEngine().watch("recorder", (watched) => {
    recording = new Recording(watched, { bytes, everyMs, onError, secrets });
    return recording;
  });
  return {
    get records() {
      return recording?.records ?? 0;
    },
    get lost() {
      return recording?.lost ?? 0;
    },
    dump(of) {
      if (recording === undefined)
        throw new TwinwireError("ERR_STATE", { operation: "recorder", problem: "it was stopped" });
      return recording.dump(typeof of === "object" ? of.handle : of);
    },
    stop() {
      end();
      recording = undefined;
    },
  };
}
