/** How a WebSocket's messages reach the application: events, a callback, or a loop. */

import type { TwinwireError } from "../../wasm/errors.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { isThenable, report } from "../../wasm/report.ts";
import { bytesOver } from "../../wasm/text.ts";
import { WINDOW } from "../internal/messages.ts";
import { showMembers } from "../internal/websocket.ts";
import type { CloseInfo } from "./connection.ts";
import type { Session, SessionEvents } from "./session.ts";

/** The event of a `message` listener. */
export interface MessageEventLike extends Event {
  /** A string if the message is text; otherwise an `ArrayBuffer` or a `Blob`, as `binaryType` says. */
  readonly data: string | ArrayBuffer | Blob;
  /** The server's origin: `ws://host:port`. */
  readonly origin: string;
}

/** The event of a `close` listener. */
export interface CloseEventLike extends Event {
  /** The peer's close code; 1005 if it gave none, 1006 if the connection broke. */
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** The event of an `error` listener. */
export interface ErrorEventLike extends Event {
  readonly error: TwinwireError;
  readonly message: string;
}

/** The events of a WebSocket by name. */
export interface WebSocketEventMap {
  open: Event;
  message: MessageEventLike;
  error: ErrorEventLike;
  close: CloseEventLike;
}

/** How a listener is added, as the DOM has it. */
export interface ListenerOptions {
  readonly capture?: boolean;
  readonly once?: boolean;
  readonly passive?: boolean;
  readonly signal?: AbortSignal;
}

interface MessageInit {
  readonly data: MessageEventLike["data"];
  readonly origin: string;
}

interface CloseInit {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

interface ErrorInit {
  readonly error: unknown;
  readonly message: string;
}

type EventClass<I, E> = new (type: string, init: I) => E;

class OwnMessageEvent extends Event implements MessageEventLike {
  readonly #init: MessageInit;

  constructor(type: string, init: MessageInit) {
    super(type);
    this.#init = init;
  }

  get data(): MessageEventLike["data"] {
    return this.#init.data;
  }

  get origin(): string {
    return this.#init.origin;
  }
}

class OwnCloseEvent extends Event implements CloseEventLike {
  readonly #init: CloseInit;

  constructor(type: string, init: CloseInit) {
    super(type);
    this.#init = init;
  }

  get code(): number {
    return this.#init.code;
  }

  get reason(): string {
    return this.#init.reason;
  }

  get wasClean(): boolean {
    return this.#init.wasClean;
  }
}

class OwnErrorEvent extends Event implements ErrorEventLike {
  readonly #init: ErrorInit;

  constructor(type: string, init: ErrorInit) {
    super(type);
    this.#init = init;
  }

  get error(): TwinwireError {
    return this.#init.error as TwinwireError;
  }

  get message(): string {
    return this.#init.message;
  }
}

for (const [name, own] of [
  ["MessageEvent", OwnMessageEvent],
  ["CloseEvent", OwnCloseEvent],
  ["ErrorEvent", OwnErrorEvent],
] as const) {
  showMembers(own.prototype);
  Object.defineProperty(own, "name", { value: name });
  Object.defineProperty(own.prototype, Symbol.toStringTag, { value: name, configurable: true });
}

const runtime = globalThis as {
  MessageEvent?: EventClass<MessageInit, MessageEventLike>;
  CloseEvent?: EventClass<CloseInit, CloseEventLike>;
  ErrorEvent?: EventClass<ErrorInit, ErrorEventLike>;
};

/* The runtime's own where it has them, so that `instanceof` holds. */
const MessageClass = runtime.MessageEvent ?? OwnMessageEvent;
const CloseClass = runtime.CloseEvent ?? OwnCloseEvent;
const ErrorClass = runtime.ErrorEvent ?? OwnErrorEvent;

export function messageEvent(data: MessageEventLike["data"], origin: string): MessageEventLike {
  return new MessageClass("message", { data, origin });
}

export function closeEvent({ code, reason, wasClean }: CloseInfo): CloseEventLike {
  return new CloseClass("close", { code, reason, wasClean });
}

export function errorEvent(error: TwinwireError): ErrorEventLike {
  return new ErrorClass("error", { error, message: error.message });
}

/** A function of an `on…` attribute. */
type HandlerFunction = (event: Event) => unknown;

/**
 * The `on…` attributes of an object, as HTML has them: a handler keeps its place among the listeners while it is replaced,
 * and loses it when it is removed.
 */
export class Handlers {
  readonly #target: EventTarget;
  #handlers: Map<string, { handler: HandlerFunction; readonly listener: (event: Event) => void }> | undefined;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get<H>(type: string): H | null {
    return (this.#handlers?.get(type)?.handler as H | undefined) ?? null;
  }

  /** What is no function is none. */
  set(type: string, value: unknown): void {
    const known = this.#handlers?.get(type);
    if (typeof value !== "function") {
      if (known === undefined) return;
      this.#target.removeEventListener(type, known.listener);
      this.#handlers?.delete(type);
      return;
    }
    if (known !== undefined) {
      known.handler = value as HandlerFunction;
      return;
    }
    const entry = {
      handler: value as HandlerFunction,
      listener: (event: Event): void => {
        if (entry.handler.call(this.#target, event) === false) event.preventDefault();
      },
    };
    this.#handlers ??= new Map();
    this.#handlers.set(type, entry);
    this.#target.addEventListener(type, entry.listener);
  }
}

/** A message as a loop receives it: a string, or bytes; a `Buffer` where the runtime has that class. */
export type WebSocketMessage = string | ReceivedBytes;

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
  onMessage: ((message: string | ReceivedBytes) => unknown) | undefined;
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

  message(message: string | ReceivedBytes, credit: number): void {
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
  #handle(
    onMessage: (message: string | ReceivedBytes) => unknown,
    message: string | ReceivedBytes,
    credit: number,
  ): void {
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

  #data(message: string | ReceivedBytes): MessageEventLike["data"] {
    if (typeof message === "string") return message;
    if (this.binaryType === "blob") return new Blob([message]);
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
  put(message: string | ReceivedBytes, credit: number): void {
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

function outgoing(message: string | ReceivedBytes): WebSocketMessage {
  return typeof message === "string" ? message : bytesOver(message.buffer, message.byteOffset, message.length);
}
