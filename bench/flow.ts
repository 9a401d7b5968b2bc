import type { EchoCase } from "./cases.ts";
import { type Message, makeMessages, sameMessage, VARIETY } from "./payload.ts";
import type { Job, Measured } from "./protocol.ts";

/** Every so many messages, the whole content is compared; the length always is. */
const SAMPLE = 16;

/** How long the answers to what is in flight may take once the measuring is over. */
const PATIENCE_MS = 20_000;

/** A connection of some contender. */
export interface Connection {
  /** Sends messages `from`, `from + 1`, ..., each modulo `VARIETY`. Throws if it can't. */
  send(from: number, count: number): void;
  close(): void;
}

/**
 * The traffic of one measurement, the same for every contender: `inFlight` messages at first, then one for each that
 * comes back. Responses are checked, so no contender gains by losing or inventing messages.
 */
export class Flow {
  readonly messages: readonly Message[];
  readonly #case: EchoCase;
  #connection: Connection | undefined;
  #sent = 0;
  #received = 0;
  #stopped = false;
  #allBack: (() => void) | undefined;
  #fail: (reason: Error) => void = () => {};
  readonly #failed: Promise<never>;

  constructor(echo: EchoCase) {
    this.#case = echo;
    this.messages = makeMessages(echo.content, echo.size);
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {});
  }

  /** The messages that have come back. */
  get received(): number {
    return this.#received;
  }

  /** The message that must come next. */
  get expected(): Message {
    return this.messages[this.#received % VARIETY] as Message;
  }

  /** A message has come back: the application has it in its hands, whole and decoded. */
  take(message: Message): void {
    const { expected } = this;
    if (message.length !== expected.length || (this.#received % SAMPLE === 0 && !sameMessage(message, expected))) {
      this.fail(new Error(`message ${this.#received} is not what was sent`));
      return;
    }
    this.next(1);
  }

  /** `count` messages have come back, and have been checked. */
  next(count: number): void {
    this.#received += count;
    if (!this.#stopped) this.#send(count);
    else if (this.#received === this.#sent) this.#allBack?.();
  }

  /** Ends the measurement without a result. */
  fail(reason: Error): void {
    this.#stopped = true;
    this.#fail(reason);
  }

  /** Lets the messages run over an open connection, and closes it. */
  async measure(connection: Connection, job: Job): Promise<Measured> {
    this.#connection = connection;
    this.#send(this.#case.inFlight);
    await this.#after(job.settleMs);
    const [count, cpu, since] = [this.#received, process.cpuUsage(), process.hrtime.bigint()];
    await this.#after(job.measureMs);
    const seconds = Number(process.hrtime.bigint() - since) / 1e9;
    const { user, system } = process.cpuUsage(cpu);
    const counted = this.#received - count;
    await this.#drained();
    connection.close();
    if (counted === 0) throw new Error("no message came back");
    return { value: counted / seconds, cpuMicros: (user + system) / counted, count: counted };
  }

  #send(count: number): void {
    const from = this.#sent;
    this.#sent += count;
    this.#connection?.send(from, count);
  }

  /** Waits `ms`, or for `sooner` if that comes before; a failure ends the wait. Returns whether the time ran out. */
  async #after(ms: number, sooner?: Promise<boolean>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), ms);
    });
    const waits = sooner === undefined ? [passed, this.#failed] : [passed, sooner, this.#failed];
    return Promise.race(waits).finally(() => clearTimeout(timer));
  }

  /** Sends no more, and waits until all that was sent has come back. */
  async #drained(): Promise<void> {
    this.#stopped = true;
    if (this.#received === this.#sent) return;
    const back = new Promise<boolean>((resolve) => {
      this.#allBack = () => resolve(false);
    });
    if (await this.#after(PATIENCE_MS, back)) {
      throw new Error(`${this.#sent - this.#received} messages of ${this.#sent} did not come back`);
    }
  }
}
