/** The engine's side: takes the calls of threads, has them done, and passes back the results. */
import type { Accepted, HandlerThread, Outcome, Resources } from "./operations.ts";
import { Op, packError } from "./protocol.ts";
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

/** How often the thread shows that it runs, while calls wait. */
const HEARTBEAT_MS = 250;

/** So many messages in a row are taken before sockets have their turn. */
const MOST_IN_A_ROW = 16;

/** A result that is ready to be passed. */
interface Result {
  readonly error: boolean;
  readonly number: number;
  readonly text: string;
  readonly data: Uint8Array;
}

/** One thread, by its mailbox. */
class Client implements HandlerThread {
  readonly #shared: Shared;
  readonly #mailbox: number;
  readonly #room: Uint8Array;
  readonly #resources: Resources;
  /** What comes in several parts, or leaves so. */
  #incoming: Assembly | undefined;
  #outgoing: Parts | undefined;
  /** The call that waits; what it interrupted is not among the results before it is resumed. */
  #current = 0;
  readonly #results = new Map<number, Result>();
  /** Connections for handlers, each with a function to call when it was taken. */
  readonly #accepted: { readonly accepted: Accepted; taken(): void }[] = [];

  constructor(shared: Shared, mailbox: number, resources: Resources) {
    this.#shared = shared;
    this.#mailbox = mailbox;
    this.#room = shared.room(mailbox);
    this.#resources = resources;
  }

  /** Whether a call waits for its result. */
  get waits(): boolean {
    return this.#turn === Turn.TAKEN;
  }

  /** Takes what the thread has passed, if it has. Returns whether it had. */
  serve(): boolean {
    const turn = this.#turn;
    if (turn === Turn.TAKE_MORE) {
      this.#sendPart();
      return true;
    }
    if (turn !== Turn.REQUEST) return false;
    const message = this.#takePart();
    if (message === undefined) this.#pass(Turn.SEND_MORE);
    else this.#begin(message, this.#get(Field.CALL));
    return true;
  }

  /** Has a handler of this thread called. Fulfilled when it has taken the connection. */
  offer(accepted: Accepted): Promise<void> {
    return new Promise((taken) => {
      this.#accepted.push({ accepted, taken });
      this.#announce();
    });
  }

  #begin(message: Message, id: number): void {
    Atomics.store(this.#shared.words, this.#at(Field.TURN), Turn.TAKEN);
    this.#current = id;
    if (message.op === Op.RESUME) {
      this.#pump();
      return;
    }
    if (message.op === Op.NEXT_ACCEPTED) {
      const next = this.#accepted.shift();
      this.#settle(id, { value: next?.accepted });
      next?.taken();
      return;
    }
    this.#resources.perform(message, this).then(
      (outcome) => this.#settle(id, outcome),
      (error: unknown) => this.#fail(id, error),
    );
    /* What waits for a handler already must not wait for this call. */
    if (this.#accepted.length > 0) setTimeout(() => this.#announce());
  }

  #settle(id: number, { number = 0, value, data = NO_DATA }: Outcome): void {
    const text = value === undefined ? "" : JSON.stringify(value);
    this.#results.set(id, { error: false, number, text, data });
    this.#pump();
  }

  #fail(id: number, error: unknown): void {
    this.#results.set(id, { error: true, number: 0, text: packError(error), data: NO_DATA });
    this.#pump();
  }

  /** Passes the result of the call that waits, if there is one. */
  #pump(): void {
    const result = this.#results.get(this.#current);
    if (result === undefined || !this.waits) return;
    this.#results.delete(this.#current);
    const parts = new Parts(result.text, result.data);
    this.#set(Field.OP, result.error ? 1 : 0);
    this.#set(Field.NUMBER, result.number);
    this.#set(Field.TEXT, parts.textSize);
    this.#set(Field.SIZE, parts.size);
    this.#outgoing = parts;
    this.#sendPart();
  }

  /** Interrupts the thread's wait for a handler, or wakes it otherwise. */
  #announce(): void {
    if (this.#accepted.length === 0) return;
    const nudge = this.#at(Field.NUDGE);
    Atomics.add(this.#shared.words, nudge, 1);
    Atomics.notify(this.#shared.words, nudge);
    if (this.waits && this.#get(Field.QUIET) === 0) this.#pass(Turn.EVENT);
  }

  #takePart(): Message | undefined {
    this.#incoming ??= new Assembly(this.#get(Field.SIZE), this.#get(Field.TEXT));
    this.#incoming.add(this.#room.subarray(0, this.#get(Field.PART_SIZE)));
    if (!this.#incoming.done) return undefined;
    const { text, data } = this.#incoming;
    this.#incoming = undefined;
    return {
      op: this.#get(Field.OP),
      handle: this.#get(Field.HANDLE),
      number: this.#get(Field.NUMBER),
      text,
      data,
    };
  }

  #sendPart(): void {
    if (this.#outgoing === undefined) return;
    this.#set(Field.PART_SIZE, this.#outgoing.copyTo(this.#room));
    if (this.#outgoing.done) this.#outgoing = undefined;
    this.#pass(Turn.RESPONSE);
  }

  get #turn(): number {
    return Atomics.load(this.#shared.words, this.#at(Field.TURN));
  }

  #at(field: number): number {
    return this.#shared.at(this.#mailbox, field);
  }

  #get(field: number): number {
    return this.#shared.words[this.#at(field)] as number;
  }

  #set(field: number, value: number): void {
    this.#shared.words[this.#at(field)] = value;
  }

  #pass(turn: number): void {
    Atomics.store(this.#shared.words, this.#at(Field.TURN), turn);
    Atomics.notify(this.#shared.words, this.#at(Field.TURN));
  }
}

/** Serves the threads that call an engine. */
export class Service {
  readonly #shared: Shared;
  readonly #resources: Resources;
  readonly #clients: Client[] = [];
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  constructor(shared: Shared, resources: Resources) {
    this.#shared = shared;
    this.#resources = resources;
  }

  /** Takes calls for as long as the thread lives. */
  async run(): Promise<never> {
    const { words } = this.#shared;
    this.#shared.setState(EngineState.READY);
    for (let inARow = 1; ; inARow++) {
      const bell = Atomics.load(words, Word.BELL);
      this.#serveAll();
      const ring = waitAsync(words, Word.BELL, bell);
      if (ring.async) {
        inARow = 0;
        this.#beat();
        await ring.value;
      } else if (inARow % MOST_IN_A_ROW === 0) {
        await new Promise((resolve) => setTimeout(resolve));
      } else {
        await undefined;
      }
    }
  }

  #serveAll(): void {
    const used = Atomics.load(this.#shared.words, Word.MAILBOXES_USED);
    while (this.#clients.length < used) {
      this.#clients.push(new Client(this.#shared, this.#clients.length, this.#resources));
    }
    for (const client of this.#clients) client.serve();
  }

  /** Shows that the thread runs, while calls wait. */
  #beat(): void {
    this.#heartbeat ??= setInterval(() => {
      Atomics.add(this.#shared.words, Word.HEARTBEAT, 1);
      if (this.#clients.some((client) => client.waits)) return;
      clearInterval(this.#heartbeat);
      this.#heartbeat = undefined;
    }, HEARTBEAT_MS);
  }
}
