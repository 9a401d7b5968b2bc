import { Deadline, type ErrorCode } from "../../wasm/abi.gen.ts";
import type { Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import type { ErrorFacts, TwinwireError } from "../../wasm/errors.ts";
import { show } from "../internal/arguments.ts";

/** What the two halves of a stream use of it: the engine, its handle, and its errors. */
export interface HalfStream {
  readonly engine: Engine;
  readonly handle: number;
  /** Creates an error of this stream. `code`: a code or its number. */
  fault(code: ErrorCode | number, facts: ErrorFacts): TwinwireError;
}

/** The longest deadline: 31 bits of milliseconds, almost 25 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** The engine counts whole milliseconds: it may be this much early by a finer clock. */
const SLACK_MS = 2;

/** One direction of a handle, whose deadline can pass. */
export interface Side {
  setLate(late: boolean): void;
}

/** The deadlines of a handle. The timers are the core's. */
export class Deadlines {
  readonly #engine: Engine;
  readonly #endpoint: Endpoint;
  readonly #readControl: Side;
  readonly #writing: Side;
  /** When each passes; 0: never. */
  #readDue = 0;
  #writeDue = 0;

  constructor(engine: Engine, endpoint: Endpoint, reading: Side, writing: Side) {
    this.#engine = engine;
    this.#endpoint = endpoint;
    this.#readControl = reading;
    this.#writing = writing;
  }

  /**
   * Sets deadlines (`Deadline` bits) to `ms` from now; 0 clears them, and a negative number is one that has passed.
   *
   * @throws ERR_ARGUMENT, as `fault` makes it, for what is no such number.
   */
  set(which: number, ms: number, fault: (code: ErrorCode, reason: string) => TwinwireError): void {
    if (typeof ms !== "number" || Number.isNaN(ms) || ms > LONGEST_MS) {
      throw fault("ERR_ARGUMENT", `a deadline is a number of milliseconds up to ${LONGEST_MS}, not ${show(ms)}`);
    }
    const due = ms > 0 ? performance.now() + ms : 0;
    if ((which & Deadline.READ) !== 0) this.#readDue = due;
    if ((which & Deadline.WRITE) !== 0) this.#writeDue = due;
    this.#engine.setDeadline(this.#endpoint.handle, which as Deadline, Math.ceil(Math.max(ms, 0)));
    this.#setLate(which, ms < 0);
  }

  /** Called when the engine reports passed deadlines. Returns those that were not changed in the meantime. */
  passed(which: number): number {
    const now = performance.now() + SLACK_MS;
    const reading = this.#readDue > 0 && this.#readDue <= now ? Deadline.READ : 0;
    const writing = this.#writeDue > 0 && this.#writeDue <= now ? Deadline.WRITE : 0;
    const late = which & (reading | writing);
    this.#setLate(late, true);
    return late;
  }

  #setLate(which: number, late: boolean): void {
    if ((which & Deadline.READ) !== 0) this.#readControl.setLate(late);
    if ((which & Deadline.WRITE) !== 0) this.#writing.setLate(late);
  }
}
