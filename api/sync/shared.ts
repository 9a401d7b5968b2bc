/**
 * The memory that an engine's thread shares with the threads that call it. Each calling thread has a mailbox: a few words, and
 * room for a part of a message. A call goes through its turns:
 *
 * ```text
 * IDLE ─► REQUEST ─► TAKEN ─► RESPONSE ─► IDLE     SEND_MORE, TAKE_MORE: the message has another part
 *                      └─► EVENT                   a connection waits for a handler of the thread that waits here
 * ```
 */

/** How many threads can call one engine. */
export const MAILBOXES = 128;

/** The bytes of a part of a message. */
export const PART = 65_536;

/** Words of the engine, at the start. */
export const Word = {
  /** `EngineState` */
  STATE: 0,
  /** Changes with each message to the engine, which waits for it. */
  BELL: 1,
  /** Changes while the engine's thread runs and calls wait. */
  HEARTBEAT: 2,
  /** Mailboxes that were in use at some time. */
  MAILBOXES_USED: 3,
  /** A random number by which threads know the engine. */
  ID: 4,
  /** Bytes of the text that says why the engine has failed. */
  FAILURE_SIZE: 5,
} as const;

export const EngineState = { STARTING: 0, READY: 1, FAILED: 2, ENDED: 3 } as const;

/** Words of a mailbox. */
export const Field = {
  /** 1: a thread has it. */
  OWNED: 0,
  /** `Turn`, for which both sides wait. */
  TURN: 1,
  /** The number of the call. */
  CALL: 2,
  /** `Op` of a request; of a response 0, or 1 for an error. */
  OP: 3,
  /** The object that the call is for. */
  HANDLE: 4,
  NUMBER: 5,
  /** Bytes of JSON in the message, before its data. 0: none. */
  TEXT: 6,
  /** Bytes of the message: JSON and data. */
  SIZE: 7,
  /** Bytes of this part. */
  PART_SIZE: 8,
  /** 1: the thread that waits takes no events. */
  QUIET: 9,
  /** Changes when a connection waits for a handler, and no call of the thread waits. */
  NUDGE: 10,
} as const;

export const Turn = { IDLE: 0, REQUEST: 1, TAKEN: 2, RESPONSE: 3, EVENT: 4, SEND_MORE: 5, TAKE_MORE: 6 } as const;

const WORDS = 16;
const HEAD_BYTES = WORDS * 4 * (1 + MAILBOXES);

const FAILURE_BYTES = 1024;

/** Bytes of the shared memory of an engine. The system provides the pages that are touched. */
export const SHARED_SIZE = HEAD_BYTES + MAILBOXES * PART + FAILURE_BYTES;

/** A message: a few numbers, JSON, and data. */
export interface Message {
  readonly op: number;
  readonly handle: number;
  readonly number: number;
  /** JSON; `""`: none. */
  readonly text: string;
  readonly data: Uint8Array;
}

export const NO_DATA = new Uint8Array(0);

/** `Atomics.waitAsync`, which the libraries of TypeScript have later than the runtimes. */
interface AsyncAtomics {
  waitAsync(words: Int32Array, index: number, value: number): { readonly async: boolean; readonly value: unknown };
}

/** Returns a promise that is fulfilled when another thread notifies; `async` is false if the word has another value already. */
export const { waitAsync } = Atomics as unknown as AsyncAtomics;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A message as it is copied, part by part. */
export class Parts {
  readonly textSize: number;
  readonly #pieces: readonly Uint8Array[];
  #at = 0;

  constructor(text: string, data: Uint8Array) {
    const encoded = text === "" ? NO_DATA : encoder.encode(text);
    this.textSize = encoded.length;
    this.#pieces = [encoded, data];
  }

  get size(): number {
    return this.#pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  get done(): boolean {
    return this.#at === this.size;
  }

  /** Copies the next part to `room`. Returns its size. */
  copyTo(room: Uint8Array): number {
    let filled = 0;
    let start = 0;
    for (const piece of this.#pieces) {
      const from = this.#at - start;
      start += piece.length;
      if (from < 0 || from >= piece.length) continue;
      const part = piece.subarray(from, from + room.length - filled);
      room.set(part, filled);
      filled += part.length;
      this.#at += part.length;
    }
    return filled;
  }
}

/** A message that is received part by part. */
export class Assembly {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #textSize: number;
  #at = 0;

  constructor(size: number, textSize: number) {
    this.#bytes = new Uint8Array(size);
    this.#textSize = textSize;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  add(part: Uint8Array): void {
    this.#bytes.set(part, this.#at);
    this.#at += part.length;
  }

  get text(): string {
    return this.#textSize === 0 ? "" : decoder.decode(this.#bytes.subarray(0, this.#textSize));
  }

  get data(): Uint8Array<ArrayBuffer> {
    return this.#textSize === 0 ? this.#bytes : this.#bytes.subarray(this.#textSize);
  }
}

/** The words of an engine, and its mailboxes. */
export class Shared {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, HEAD_BYTES / 4);
  }

  /** The index of a word of a mailbox. */
  at(mailbox: number, field: number): number {
    return WORDS * (1 + mailbox) + field;
  }

  /** The room for a part. */
  room(mailbox: number): Uint8Array {
    return new Uint8Array(this.buffer, HEAD_BYTES + mailbox * PART, PART);
  }

  /** Wakes the engine. */
  ring(): void {
    Atomics.add(this.words, Word.BELL, 1);
    Atomics.notify(this.words, Word.BELL);
  }

  /** Sets the state, and wakes who waits for that. */
  setState(state: number): void {
    Atomics.store(this.words, Word.STATE, state);
    Atomics.notify(this.words, Word.STATE);
  }

  /** Marks a running engine as failed. */
  fail(reason: string): void {
    const room = new Uint8Array(this.buffer, SHARED_SIZE - FAILURE_BYTES, FAILURE_BYTES);
    const text = encoder.encode(reason).subarray(0, FAILURE_BYTES);
    room.set(text);
    Atomics.store(this.words, Word.FAILURE_SIZE, text.length);
    this.end(EngineState.FAILED);
  }

  /** Sets a state in which no call is served, and wakes every thread, whatever it waits for. */
  end(state: typeof EngineState.FAILED | typeof EngineState.ENDED): void {
    this.setState(state);
    for (let mailbox = 0; mailbox < MAILBOXES; mailbox++) {
      Atomics.notify(this.words, this.at(mailbox, Field.TURN));
      Atomics.add(this.words, this.at(mailbox, Field.NUDGE), 1);
      Atomics.notify(this.words, this.at(mailbox, Field.NUDGE));
    }
  }

  /** Why the engine has failed. */
  get failure(): string {
    const size = Atomics.load(this.words, Word.FAILURE_SIZE);
    return decoder.decode(new Uint8Array(this.buffer, SHARED_SIZE - FAILURE_BYTES, FAILURE_BYTES).slice(0, size));
  }

  /** Takes a mailbox that no thread has; -1 if there is none. */
  claim(): number {
    for (let mailbox = 0; mailbox < MAILBOXES; mailbox++) {
      if (Atomics.compareExchange(this.words, this.at(mailbox, Field.OWNED), 0, 1) !== 0) continue;
      Atomics.store(this.words, this.at(mailbox, Field.TURN), Turn.IDLE);
      let used = Atomics.load(this.words, Word.MAILBOXES_USED);
      while (used <= mailbox) used = Atomics.compareExchange(this.words, Word.MAILBOXES_USED, used, mailbox + 1);
      return mailbox;
    }
    return -1;
  }
}
