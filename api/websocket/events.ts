import type { TwinwireError } from "../../wasm/errors.ts";
import type { CloseInfo } from "./connection.ts";

/** The event of a `message` listener. */
export interface MessageEventLike extends Event {
  readonly data: unknown;
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
  readonly data: unknown;
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
  readonly data: unknown;
  readonly origin: string;

  constructor(type: string, { data, origin }: MessageInit) {
    super(type);
    this.data = data;
    this.origin = origin;
  }
}

class OwnCloseEvent extends Event implements CloseEventLike {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(type: string, { code, reason, wasClean }: CloseInit) {
    super(type);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

class OwnErrorEvent extends Event implements ErrorEventLike {
  readonly error: TwinwireError;
  readonly message: string;

  constructor(type: string, { error, message }: ErrorInit) {
    super(type);
    this.error = error as TwinwireError;
    this.message = message;
  }
}

for (const [name, own] of [
  ["MessageEvent", OwnMessageEvent],
  ["CloseEvent", OwnCloseEvent],
  ["ErrorEvent", OwnErrorEvent],
] as const) {
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

export function messageEvent(data: unknown, origin: string): MessageEventLike {
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
  readonly #handlers = new Map<string, { handler: HandlerFunction; readonly listener: (event: Event) => void }>();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get<H>(type: string): H | null {
    return (this.#handlers.get(type)?.handler as H | undefined) ?? null;
  }

  /** What is no function is none. */
  set(type: string, value: unknown): void {
    const known = this.#handlers.get(type);
    if (typeof value !== "function") {
      if (known === undefined) return;
      this.#target.removeEventListener(type, known.listener);
      this.#handlers.delete(type);
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
    this.#handlers.set(type, entry);
    this.#target.addEventListener(type, entry.listener);
  }
}
