/** How a WebSocket's messages reach the application: events, a callback, or a loop. */
import type { TwinwireError } from "../../wasm/errors.ts";
import { isThenable, report } from "../../wasm/report.ts";
import { bytesOver } from "../../wasm/text.ts";
import { WINDOW } from "../internal/messages.ts";
import type { CloseInfo } from "./connection.ts";
import { closeEvent, errorEvent, messageEvent } from "./events.ts";
import type { Session, SessionEvents } from "./session.ts";

/** A message as a loop receives it: a string, or bytes; a `Buffer` where the runtime has that class. */
export type WebSocketMessage = string | Uint8Array;

type Result = IteratorResult<WebSocketMessage, undefined>;

interface Item {
  readonly message: WebSocketMessage;
  readonly credit: number;
  readonly size: number;
}

const DONE: Result = { done: true, value: undefined };

/** The type of `data` of a binary `message` event. */
export type BinaryType = "blob" | "arraybuffer";

/** Delivers what happens on a WebSocket in the way of the standard. */
export class Delivery implements SessionEvents {
  binaryType: BinaryType = "blob";
  /** Takes messages instead of `message` events. */
  onMessage: ((message: string | Uint8Array) => unknown) | undefined;
  /** Called with what `onMessage` throws. */
  onFailure: (error: unknown) => void = report;
  readonly #target: EventTarget;
  readonly #session: Session;
  readonly #origin: string;
  /** Made by the first loop, to which all messages go from then on. */
  #queue: MessageQueue | undefined;
  /** How it ended, for loops that begin later. */
  #end: TwinwireError | null | undefined;

  constructor(target: EventTarget, session: Session, origin: string) {
    this.#target = target;
    this.#session = session;
    this.#origin = origin;
  }

  opened(): void {
    this.#target.dispatchEvent(new Event("open"));
  }

  message(message: string | Uint8Array, credit: number): void {
    if (this.#queue !== undefined) {
      this.#queue.put(message, credit);
    } else if (this.onMessage !== undefined) {
      this.#handle(this.onMessage, message, credit);
    } else {
      this.#target.dispatchEvent(messageEvent(this.#data(message), this.#origin));
      this.#session.consumed(credit);
    }
  }

  hasRoom(): boolean {
    return this.#queue === undefined || this.#queue.hasRoom;
  }

  failed(error: TwinwireError): void {
    this.#target.dispatchEvent(errorEvent(error));
  }

  closed(info: CloseInfo): void {
    this.#target.dispatchEvent(closeEvent(info));
  }

  finished(error: TwinwireError | null): void {
    this.#queue?.end(error);
    this.#end = error;
  }

  /** What a loop runs over; `undefined` while another one does. */
  loop(): AsyncIterableIterator<WebSocketMessage> | undefined {
    if (this.#queue === undefined) {
      this.#queue = new MessageQueue(WINDOW, (credit) => {
        this.#session.consumed(credit);
        this.#session.resume();
      });
      if (this.#end !== undefined) this.#queue.end(this.#end);
    }
    return this.#queue.loop();
  }

  /** A promise that the application returns keeps its place in the window until it is settled. */
  #handle(onMessage: (message: string | Uint8Array) => unknown, message: string | Uint8Array, credit: number): void {
    const { connection } = this.#session;
    const done = (): void => {
      if (connection === this.#session.connection) this.#session.consumed(credit);
    };
    try {
      const result = onMessage(message);
      if (isThenable(result)) {
        Promise.resolve(result).then(done, (error: unknown) => {
          done();
          this.onFailure(error);
        });
        return;
      }
    } catch (error) {
      this.onFailure(error);
    }
    done();
  }

  #data(message: string | Uint8Array): unknown {
    if (typeof message === "string") return message;
    if (this.binaryType === "blob") return new Blob([message as Uint8Array<ArrayBuffer>]);
    const { buffer, byteLength } = message;
    return buffer.byteLength === byteLength ? buffer : new Uint8Array(message).buffer;
  }
}

/** Messages that wait for a loop, or a loop that waits for messages. */
class MessageQueue {
  readonly #window: number;
  /** Returns bytes to the connection's window. */
  readonly #used: (credit: number) => void;
  /** Credit of messages that were handed out, and whose reader has not asked for another one yet. */
  #held = 0;
  #items: Item[] = [];
  #size = 0;
  #waiting: { resolve(result: Result): void; reject(error: TwinwireError): void }[] = [];
  /** How it ended: well, or with an error, which one loop receives. */
  #end: TwinwireError | null | undefined;
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
