/** A thread that calls an engine of another thread, and waits. */
import { TwinwireError } from "../../wasm/errors.ts";
import { Op, type Opened, type Opening, pack, unpackError } from "./protocol.ts";
import {
  Assembly,
  EngineState,
  Field,
  type Message,
  NO_DATA,
  Parts,
  type Shared,
  Turn,
  Word,
  waitAsync,
} from "./shared.ts";

/** How long a thread waits before it looks whether the engine's thread still runs. */
const SLICE_MS = 1_000;

/** So many times in a row the engine's thread may not have moved. */
const MISSED_BEATS = 30;

/** Handlers that run inside each other, each interrupting a wait of the one before. */
const MOST_NESTED = 32;

/**
 * Operations that wait for what others send: handlers run meanwhile. While a connection is opened, or a part of a message written,
 * a handler could wait for just that.
 */
const LETS_HANDLERS_RUN: ReadonlySet<number> = new Set([
  Op.READ,
  Op.READ_EXACT,
  Op.READ_UNTIL,
  Op.READ_LINE,
  Op.ACCEPT,
  Op.RECV_FROM,
  Op.READ_REQUEST,
  Op.HTTP_REQUEST,
]);

/** What a call may have besides its operation. */
export interface CallFacts {
  readonly handle?: number;
  readonly number?: number;
  /** Arguments that JSON can carry. */
  readonly args?: unknown;
  readonly data?: Uint8Array;
}

/** The result of a call. */
export interface Reply {
  readonly number: number;
  /** What JSON carried. */
  readonly value: unknown;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** A thread's mailbox at an engine. */
export class Caller {
  readonly shared: Shared;
  readonly #mailbox: number;
  readonly #room: Uint8Array;
  /** Called with connections for handlers, by the handle of their listener. */
  readonly #handlers = new Map<number, (opening: Opening | undefined, error: TwinwireError | undefined) => void>();
  #calls = 0;
  #nested = 0;
  #ended = false;
  #keepAlive: ReturnType<typeof setInterval> | undefined;
  /** Whether the event loop waits for connections. */
  #watching = false;

  /** @throws TwinwireError ERR_LIMIT if the engine has no mailbox left. */
  constructor(shared: Shared) {
    this.shared = shared;
    this.#mailbox = shared.claim();
    if (this.#mailbox < 0) {
      const reason = "so many threads use this engine already";
      throw new TwinwireError("ERR_LIMIT", { reason });
    }
    this.#room = shared.room(this.#mailbox);
    /* Results of calls that the thread before has left behind must not be taken for ours. */
    this.#calls = shared.words[this.#at(Field.CALL)] as number;
  }

  /**
   * Has the engine do something, and waits for the result.
   *
   * @throws TwinwireError what the operation throws; ERR_HOST if the engine's thread has failed; ERR_STATE after its end.
   */
  call(op: Op, { handle = 0, number = 0, args, data = NO_DATA }: CallFacts = {}): Reply {
    this.#calls = (this.#calls + 1) | 0;
    const id = this.#calls;
    this.#send({ op, handle, number, text: args === undefined ? "" : JSON.stringify(args), data }, id);
    while (this.#wait() === Turn.EVENT) {
      this.#runHandlers();
      this.#send({ op: Op.RESUME, handle: 0, number: op, text: "", data: NO_DATA }, id);
    }
    return this.#receive();
  }

  /** Opens something. Returns its handle. */
  open(kind: Opened, operation: string, args: readonly unknown[]): number {
    const packed = args.map((it) => pack(operation, it));
    return this.call(Op.OPEN, { args: [kind, ...packed] }).number;
  }

  /** Reads a property, or calls a method that returns at once. */
  get<T>(handle: number, name: string, ...args: readonly unknown[]): T {
    return this.call(Op.GET, { handle, args: [name, ...args] }).value as T;
  }

  /** Has connections of a listener passed to a handler, until `stopHandling`. */
  handle(listener: number, handler: (opening: Opening | undefined, error: TwinwireError | undefined) => void): void {
    this.call(Op.ACCEPT_EACH, { handle: listener });
    this.#handlers.set(listener, handler);
    /* An interval without an end: something that keeps the process alive. */
    this.#keepAlive ??= setInterval(() => {}, 2 ** 30);
    void this.#watch();
  }

  stopHandling(listener: number): void {
    if (!this.#handlers.delete(listener) || this.#handlers.size > 0) return;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
  }

  /** Waits until a handler has run, `ms` at most. */
  waitForHandler(ms: number): void {
    const nudge = this.#at(Field.NUDGE);
    const before = Atomics.load(this.shared.words, nudge);
    if (this.#runHandlers() > 0) return;
    Atomics.wait(this.shared.words, nudge, before, Math.min(ms, SLICE_MS));
    this.#runHandlers();
  }

  /** The thread ends, `op` says how. No call is made afterwards. */
  end(op: typeof Op.LEAVE | typeof Op.FINISH): void {
    if (this.#ended) return;
    try {
      this.call(op);
    } catch {
      /* The engine has ended before. */
    }
    this.#ended = true;
    for (const listener of [...this.#handlers.keys()]) this.stopHandling(listener);
    Atomics.store(this.shared.words, this.#at(Field.OWNED), 0);
  }

  /** Runs handlers while the event loop has nothing else to do. */
  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    const nudge = this.#at(Field.NUDGE);
    while (this.#handlers.size > 0 && !this.#ended) {
      const before = Atomics.load(this.shared.words, nudge);
      this.#runHandlers();
      await waitAsync(this.shared.words, nudge, before).value;
    }
    this.#watching = false;
  }

  /** Runs the handlers of all connections that wait for one. Returns how many ran. */
  #runHandlers(): number {
    let ran = 0;
    this.#nested += 1;
    try {
      for (; this.#nested <= MOST_NESTED && this.#handlers.size > 0; ran++) {
        const { value } = this.call(Op.NEXT_ACCEPTED);
        if (value === undefined) break;
        const { listener, opening, error } = value as { listener: number; opening?: Opening; error?: string };
        const handler = this.#handlers.get(listener);
        if (error !== undefined) this.stopHandling(listener);
        handler?.(opening, error === undefined ? undefined : unpackError(error));
      }
    } finally {
      this.#nested -= 1;
    }
    return ran;
  }

  #at(field: number): number {
    return this.shared.at(this.#mailbox, field);
  }

  #set(field: number, value: number): void {
    this.shared.words[this.#at(field)] = value;
  }

  /** Passes a message to the engine. */
  #send({ op, handle, number, text, data }: Message, id: number): void {
    this.#check();
    const parts = new Parts(text, data);
    this.#set(Field.OP, op);
    this.#set(Field.HANDLE, handle);
    this.#set(Field.NUMBER, number);
    this.#set(Field.CALL, id);
    this.#set(Field.TEXT, parts.textSize);
    this.#set(Field.SIZE, parts.size);
    const quiet =
      this.#handlers.size === 0 ||
      this.#nested >= MOST_NESTED ||
      !LETS_HANDLERS_RUN.has(op === Op.RESUME ? number : op);
    this.#set(Field.QUIET, quiet ? 1 : 0);
    for (;;) {
      this.#set(Field.PART_SIZE, parts.copyTo(this.#room));
      this.#pass(Turn.REQUEST);
      if (parts.done) return;
      this.#wait();
    }
  }

  /** Takes the result that the engine passed. */
  #receive(): Reply {
    const { words } = this.shared;
    const textSize = words[this.#at(Field.TEXT)] as number;
    const message = new Assembly(words[this.#at(Field.SIZE)] as number, textSize);
    for (;;) {
      message.add(this.#room.subarray(0, words[this.#at(Field.PART_SIZE)]));
      if (message.done) break;
      this.#pass(Turn.TAKE_MORE);
      this.#wait();
    }
    Atomics.store(words, this.#at(Field.TURN), Turn.IDLE);
    if (words[this.#at(Field.OP)] !== 0) throw unpackError(message.text);
    const value: unknown = textSize === 0 ? undefined : JSON.parse(message.text);
    return { number: words[this.#at(Field.NUMBER)] as number, value, data: message.data };
  }

  #pass(turn: number): void {
    Atomics.store(this.shared.words, this.#at(Field.TURN), turn);
    this.shared.ring();
  }

  /** Waits until the engine has passed the turn back. Returns it. */
  #wait(): number {
    const { words } = this.shared;
    const at = this.#at(Field.TURN);
    let missed = 0;
    let heartbeat = Atomics.load(words, Word.HEARTBEAT);
    for (;;) {
      const turn = Atomics.load(words, at);
      if (turn !== Turn.REQUEST && turn !== Turn.TAKEN && turn !== Turn.TAKE_MORE) return turn;
      this.#check();
      if (Atomics.wait(words, at, turn, SLICE_MS) !== "timed-out") continue;
      const beat = Atomics.load(words, Word.HEARTBEAT);
      missed = beat === heartbeat ? missed + 1 : 0;
      heartbeat = beat;
      if (missed >= MISSED_BEATS) this.shared.fail("it does not respond");
    }
  }

  /** @throws TwinwireError if the engine does not run any more. */
  #check(): void {
    if (this.#ended) throw new TwinwireError("ERR_STATE", { reason: "the program has ended" });
    const state = Atomics.load(this.shared.words, Word.STATE);
    if (state === EngineState.READY) return;
    const step = "call";
    if (state === EngineState.ENDED) {
      throw new TwinwireError("ERR_STATE", { step, reason: "the thread that opened the connection has ended" });
    }
    throw new TwinwireError("ERR_HOST", {
      step,
      reason: `the thread of the engine has failed: ${this.shared.failure}`,
    });
  }
}
