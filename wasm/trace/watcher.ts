/** What watches the core interface: a trace, a recorder, or both. */
import type { CoreExports, Limits } from "../abi.gen.ts";
import type { Core } from "../core.ts";
import type { TwinwireError } from "../errors.ts";

/** The engine that is watched. */
export interface Watched {
  readonly core: Core;
  readonly limits: Limits;
  /** The time of its clock. */
  readonly nowMs: number;
  /** Whether the application has closed a handle, and its last event has not been delivered yet. */
  isLeaving(handle: number): boolean;
}

/** Receives what passes the core interface. */
export interface Watcher {
  /** Returns the core's functions, watched. */
  watch(exports: CoreExports): CoreExports;
  /** The host was asked to write, and has taken so many of the bytes. */
  wrote(handle: number, pieces: readonly Uint8Array[], taken: number): void;
  /** The host was asked for something else. */
  asked(handle: number, word: string, ...rest: readonly (string | number)[]): void;
  /** So many event records are there; `event` is called for those that are delivered. */
  batch(count: number): void;
  /** The record at this place is about to be delivered. */
  event(record: number): void;
  /** An attempt, a connection or a datagram has failed. `make` returns the error, which is created once. */
  failed(make: () => TwinwireError): void;
}

/** One watcher behind the other. */
class Both implements Watcher {
  readonly #one: Watcher;
  readonly #other: Watcher;

  constructor(one: Watcher, other: Watcher) {
    this.#one = one;
    this.#other = other;
  }

  watch(exports: CoreExports): CoreExports {
    return this.#other.watch(this.#one.watch(exports));
  }

  wrote(handle: number, pieces: readonly Uint8Array[], taken: number): void {
    this.#one.wrote(handle, pieces, taken);
    this.#other.wrote(handle, pieces, taken);
  }

  asked(handle: number, word: string, ...rest: readonly (string | number)[]): void {
    this.#one.asked(handle, word, ...rest);
    this.#other.asked(handle, word, ...rest);
  }

  batch(count: number): void {
    this.#one.batch(count);
    this.#other.batch(count);
  }

  event(record: number): void {
    this.#one.event(record);
    this.#other.event(record);
  }

  failed(make: () => TwinwireError): void {
    this.#one.failed(make);
    this.#other.failed(make);
  }
}

/** Who watches the core interface: one of each kind at most. */
export class Watching {
  /** Receives everything; `undefined`: no one watches. */
  watcher: Watcher | undefined;
  readonly #watchers = new Map<"recorder" | "trace", Watcher>();
  #plain: CoreExports | undefined;

  /** Begins; another watcher of the same kind ends. Returns what ends this one. */
  begin(core: Core, kind: "recorder" | "trace", watcher: Watcher): () => void {
    this.#watchers.set(kind, watcher);
    this.#update(core);
    return () => {
      if (this.#watchers.get(kind) !== watcher) return;
      this.#watchers.delete(kind);
      this.#update(core);
    };
  }

  #update(core: Core): void {
    this.#plain ??= core.exports;
    const [recorder, trace] = [this.#watchers.get("recorder"), this.#watchers.get("trace")];
    /* The recorder is next to the core: the arguments that it copies are those of the core. */
    this.watcher = recorder === undefined || trace === undefined ? (recorder ?? trace) : new Both(recorder, trace);
    core.exports = this.watcher?.watch(this.#plain) ?? this.#plain;
  }
}
