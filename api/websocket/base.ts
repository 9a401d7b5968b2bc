import { TwinwireError } from "../../wasm/errors.ts";
import type { Stats } from "../../wasm/memory.ts";
import type { WaitOptions } from "../conn/options.ts";
import { type Bytes, show, toPayload } from "../internal/arguments.ts";
import { Waiter } from "../internal/waiting.ts";
import { closeArguments } from "../internal/websocket.ts";
import type { CloseInfo } from "./connection.ts";
import {
  type BinaryType,
  type CloseEventLike,
  Delivery,
  type ErrorEventLike,
  Handlers,
  type ListenerOptions,
  type MessageEventLike,
  type WebSocketEventMap,
  type WebSocketMessage,
} from "./delivery.ts";
import { sizeOf, WHOLE_BINARY, WHOLE_TEXT, WholeMessage } from "./queued-message.ts";
import { ReadyState, type Session } from "./session.ts";

/** What can be sent. Anything else is converted to a string, as the standard demands. */
export type Sendable = string | Bytes | Blob;

/** How a WebSocket delivers its messages. @internal */
export let deliveryOf: (socket: WebSocketBase) => Delivery;

type Handler<E> = ((this: WebSocketBase, event: E) => unknown) | null;

/**
 * What WebSockets of clients and servers have in common: the interface of the standard
 * (https://websockets.spec.whatwg.org/), and further members.
 */
export abstract class WebSocketBase extends EventTarget {
  readonly #session: Session;
  readonly #delivery: Delivery;
  readonly #handlers = new Handlers(this);

  /** @internal */
  constructor(session: Session, origin: string) {
    super();
    this.#session = session;
    this.#delivery = new Delivery(this, session, origin);
    session.report(this.#delivery);
  }

  static {
    deliveryOf = (socket) => socket.#delivery;
  }

  /** The normalized URL. */
  get url(): string {
    return this.#session.url;
  }

  /** `CONNECTING` (0), `OPEN` (1), `CLOSING` (2) or `CLOSED` (3). */
  get readyState(): number {
    return this.#session.readyState;
  }

  /** The bytes of messages that were sent and not yet written. What was never written stays counted. */
  get bufferedAmount(): number {
    return this.#session.sender.buffered;
  }

  /** The negotiated extensions: `""`, or `"permessage-deflate"` with its parameters. */
  get extensions(): string {
    return this.#session.extensions;
  }

  /** The subprotocol that the server chose, or `""`. */
  get protocol(): string {
    return this.#session.protocol;
  }

  /** The type of `data` of binary `message` events: `"blob"` or `"arraybuffer"`. Default: `"blob"`. */
  get binaryType(): BinaryType {
    return this.#delivery.binaryType;
  }

  set binaryType(type: BinaryType) {
    const delivery = this.#delivery;
    if (type === "blob" || type === "arraybuffer") delivery.binaryType = type;
  }

  get onopen(): Handler<Event> {
    return this.#handlers.get("open");
  }

  set onopen(handler: Handler<Event>) {
    this.#handlers.set("open", handler);
  }

  get onmessage(): Handler<MessageEventLike> {
    return this.#handlers.get("message");
  }

  set onmessage(handler: Handler<MessageEventLike>) {
    this.#handlers.set("message", handler);
  }

  get onerror(): Handler<ErrorEventLike> {
    return this.#handlers.get("error");
  }

  set onerror(handler: Handler<ErrorEventLike>) {
    this.#handlers.set("error", handler);
  }

  get onclose(): Handler<CloseEventLike> {
    return this.#handlers.get("close");
  }

  set onclose(handler: Handler<CloseEventLike>) {
    this.#handlers.set("close", handler);
  }

  override addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: ((this: this, event: WebSocketEventMap[K]) => unknown) | { handleEvent(event: Event): void } | null,
    options?: boolean | ListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: ((event: Event) => unknown) | { handleEvent(event: Event): void } | null,
    options?: boolean | ListenerOptions,
  ): void;
  override addEventListener(type: string, listener: unknown, options?: boolean | ListenerOptions): void {
    super.addEventListener(type, listener as (event: Event) => void, options);
  }

  /**
   * Queues a message: a string as text, bytes and Blobs as binary. Messages are sent in order. The bytes are copied. What does
   * not fit into the outbound buffer waits in memory; more than `maxBuffered` bytes of it end the connection with
   * ERR_BACKPRESSURE. `sendAsync` waits instead.
   *
   * @throws DOMException InvalidStateError before it is open, unless there is an offline `queue`; TwinwireError
   * ERR_BACKPRESSURE if that is full.
   */
  send(data: Sendable): void;
  send(...given: unknown[]): void {
    const { sender, readyState, options } = this.#session;
    if (given.length === 0) throw new TypeError("send: 1 argument is needed");
    const data = dataOf(given[0]);
    if (readyState === ReadyState.OPEN) {
      sender.send(data);
    } else if (readyState !== ReadyState.CONNECTING) {
      sender.lose(sizeOf(data));
    } else if (options.offlineBytes === 0) {
      throw new DOMException("send: it is not open yet", "InvalidStateError");
    } else {
      sender.sendOffline(data);
    }
  }

  /**
   * Sends a message and waits until all of it is in the outbound buffer. Before the connection is open, it waits for that. An
   * async iterable is sent as one message with a fragment for each part. The bytes are copied.
   *
   * @throws TwinwireError ERR_STATE or the error that ended the connection; ERR_ABORTED: nothing was sent.
   */
  sendAsync(data: Sendable | AsyncIterable<string | Bytes>, options?: WaitOptions): Promise<void> {
    const session = this.#session;
    const signal = options?.signal;
    if (session.readyState > ReadyState.OPEN) return Promise.reject(session.fault("ERR_STATE", "it is closed"));
    if (signal?.aborted) return Promise.reject(aborted(signal));
    if (isAsyncIterable(data)) return session.sender.sendParts(data, payloadOf, signal);
    const waiter = new Waiter<void>();
    const taken = dataOf(data);
    const item = new WholeMessage(
      taken instanceof Uint8Array ? new Uint8Array(taken) : taken,
      typeof taken === "string" ? WHOLE_TEXT : WHOLE_BINARY,
      (error) => (error === undefined ? waiter.resolve() : waiter.reject(error)),
    );
    waiter.until(signal, () => {
      if (session.sender.remove(item)) item.reject(aborted(signal));
    });
    session.sender.add(item);
    return waiter.promise;
  }

  /**
   * Sends a fragment of a message (RFC 6455 5.4). The type of the first one is that of the message. Other messages wait until
   * the final one was sent. Fulfilled when the fragment is in the outbound buffer.
   *
   * @param final whether it is the last fragment of the message.
   * @throws TwinwireError as `sendAsync`; ERR_ARGUMENT for data that is neither text nor bytes.
   */
  async sendFragment(data: string | Bytes, final: boolean): Promise<void> {
    const session = this.#session;
    if (session.readyState > ReadyState.OPEN) throw session.fault("ERR_STATE", "it is closed");
    await session.sender.sendFragment(payloadOf(data), final);
  }

  /** Fulfilled when everything that was sent is in the outbound buffer. */
  get drained(): Promise<void> {
    return this.#session.sender.drained();
  }

  /**
   * Sends a ping and waits for its pong.
   *
   * @param data at most 125 bytes of UTF-8. Default: a text that no other ping has.
   * @returns the milliseconds until the pong arrived.
   * @throws TwinwireError ERR_STATE if it is not open, ERR_ARGUMENT, ERR_BACKPRESSURE, ERR_ABORTED, or the error that
   * ended the connection.
   */
  ping(data?: string, options?: WaitOptions): Promise<number> {
    return this.#session.ping(data, options?.signal);
  }

  /**
   * Starts the close handshake after everything that was sent. `closed` is settled within `closeTimeoutMs`, whatever the peer
   * does.
   *
   * @param code 1000 or 3000 to 4999. Default: no code, which the peer receives as 1005.
   * @param reason at most 123 bytes of UTF-8.
   * @throws DOMException InvalidAccessError for another code, SyntaxError for a longer reason.
   */
  close(code?: number, reason?: string): void {
    const session = this.#session;
    const checked = closeArguments(code, reason);
    session.close(checked.code, checked.reason);
  }

  /** Fulfilled when it is open, rejected if opening fails. A rejection that is not handled is not reported. */
  get opened(): Promise<void> {
    return this.#session.opened;
  }

  /** Fulfilled with how it ended. Never rejected. */
  get closed(): Promise<CloseInfo> {
    return this.#session.closed;
  }

  /** The handle of its connection in `twinwire/handles`; -1 without a connection. */
  get handle(): number {
    return this.#session.connection?.handle ?? -1;
  }

  /** Returns the counters of its connection. */
  stats(): Stats {
    return this.#session.stats;
  }

  /** Keeps the process alive while it is open, which is the default. */
  ref(): this {
    this.#session.keep(true);
    return this;
  }

  /** Lets the process end while it is open. */
  unref(): this {
    this.#session.keep(false);
    return this;
  }

  /**
   * Iterates over its messages until it is closed: strings, and `Uint8Array` for binary ones. From the first loop on, messages
   * are delivered to loops only. A slow loop slows the peer down: at most 65536 bytes are received in advance, and a close
   * takes effect when the loop asks for the next message.
   *
   * @throws TwinwireError the error that ended it; ERR_STATE while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<WebSocketMessage> {
    const loop = this.#delivery.loop();
    if (loop === undefined) throw this.#session.fault("ERR_STATE", "another loop reads its messages");
    return loop;
  }

  /** Calls `close` and waits for `closed`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }
}

function aborted(signal: AbortSignal | undefined): TwinwireError {
  return new TwinwireError("ERR_ABORTED", { step: "send", cause: signal?.reason });
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** Converts what `send` is given as Web IDL does. */
function dataOf(given: unknown): string | Uint8Array | Blob {
  return given instanceof Blob ? given : (toPayload(given) ?? `${given}`);
}

function payloadOf(given: unknown): string | Uint8Array {
  const payload = toPayload(given);
  if (payload !== undefined) return payload;
  throw new TwinwireError("ERR_ARGUMENT", { step: "send", reason: `a fragment is text or bytes, not ${show(given)}` });
}
