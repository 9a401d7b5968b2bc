import type { TwinwireError } from "../../wasm/errors.ts";
import type { CloseInfo } from "./link.ts";

/** What a `message` listener gets. */
export interface MessageEventLike extends Event {
  readonly data: unknown;
  /** The server's origin: `ws://host:port`. */
  readonly origin: string;
}

/** What a `close` listener gets. */
export interface CloseEventLike extends Event {
  /** The peer's close code; 1005 if it gave none, 1006 if the connection broke. */
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** What an `error` listener gets. */
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
