import type { TwinwireError } from "../../wasm/errors.ts";
import { bytesOver } from "../../wasm/text.ts";

/** What a loop gets: text, or bytes; a `Buffer` where the runtime has one. */
export type WebSocketMessage = string | Uint8Array;

type Result = IteratorResult<WebSocketMessage, undefined>;

interface Item {
  readonly message: WebSocketMessage;
  readonly credit: number;
  readonly size: number;
}

const DONE: Result = { done: true, value: undefined };

/** Messages that wait for a loop, or a loop that waits for messages. */
export class Mailbox {
  readonly #window: number;
  /** Returns bytes to the connection's window. */
  readonly #used: (credit: number) => void;
  /** Credit of messages that were handed out, and whose reader has not asked for another one yet. */
  #held = 0;
  #items: Item[] = [];
  #size = 0;
  #waiting: { resolve(result: Result): void; reject(error: TwinwireError): void }[] = [];
  /** How it ended: well, or with an error, which one loop is told. */
  #end: TwinwireError | null | undefined;
  /** Whether messages go here: from the first loop on. */
  active = false;
  #looping = false;

  constructor(window: number, used: (credit: number) => void) {
    this.#window = window;
    this.#used = used;
  }

  /** Whether it takes another message now. */
  get hasRoom(): boolean {
    return this.#size < this.#window;
  }

  /** A message has come. */
  put(message: string | Uint8Array, credit: number): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: outgoing(message) });
      if (this.#waiting.length > 0) this.#used(credit);
      else this.#held += credit;
      return;
    }
    /* Even an empty one takes some memory. */
    const size = message.length + 64;
    this.#items.push({ message, credit, size });
    this.#size += size;
  }

  /** Nothing more will come. */
  end(error: TwinwireError | null): void {
    this.#end ??= error;
    for (const waiting of this.#waiting.splice(0)) this.#finish(waiting);
  }

  /** What a loop runs over; `undefined` while another one does. */
  loop(): AsyncIterableIterator<WebSocketMessage> | undefined {
    if (this.#looping) return undefined;
    this.#looping = true;
    this.active = true;
    const leave = async (): Promise<Result> => {
      this.#looping = false;
      this.#release();
      for (const waiting of this.#waiting.splice(0)) waiting.resolve(DONE);
      return DONE;
    };
    const loop: AsyncIterableIterator<WebSocketMessage> = {
      next: () => (this.#looping ? this.#next() : Promise.resolve(DONE)),
      return: leave,
      [Symbol.asyncIterator]: () => loop,
    };
    return loop;
  }

  #next(): Promise<Result> {
    this.#release();
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#size -= item.size;
      this.#held = item.credit;
      return Promise.resolve({ done: false, value: outgoing(item.message) });
    }
    return new Promise((resolve, reject) => {
      if (this.#end === undefined) this.#waiting.push({ resolve, reject });
      else this.#finish({ resolve, reject });
    });
  }

  /** The reader has come back: what it took is done with. */
  #release(): void {
    const held = this.#held;
    this.#held = 0;
    this.#used(held);
  }

  #finish({ resolve, reject }: { resolve(result: Result): void; reject(error: TwinwireError): void }): void {
    this.#looping = false;
    if (this.#end) {
      reject(this.#end);
      this.#end = null;
    } else {
      resolve(DONE);
    }
  }
}

function outgoing(message: string | Uint8Array): WebSocketMessage {
  return typeof message === "string" ? message : bytesOver(message.buffer, message.byteOffset, message.length);
}
