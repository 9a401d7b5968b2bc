import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import type { Stats } from "../../wasm/memory.ts";
import type { WaitOptions } from "../conn/options.ts";
import type { Bytes } from "../internal/arguments.ts";
import { closeArguments } from "./close-arguments.ts";
import type { CloseEventLike, ErrorEventLike, ListenerOptions, MessageEventLike, WebSocketEventMap } from "./events.ts";
import { Handlers } from "./handlers.ts";
import type { CloseInfo } from "./link.ts";
import type { WebSocketMessage } from "./mailbox.ts";
import { Ping } from "./pings.ts";
import { Sending } from "./sending.ts";
import { type BinaryType, ReadyState, type Session } from "./session.ts";

/** What can be sent. Whatever else is given is sent as its text, as the standard has it. */
export type Sendable = string | Bytes | Blob;

type Handler<E> = ((this: WebSocketSurface, event: E) => unknown) | null;

/**
 * What every WebSocket offers: the interface of the standard (https://websockets.spec.whatwg.org/), and behind it what
 * that leaves out. Client and server differ in how they come to be.
 */
export abstract class WebSocketSurface extends EventTarget {
  readonly #session: Session;
  readonly #sending: Sending;
  readonly #handlers = new Handlers(this);

  /** @internal */
  constructor(session: Session) {
    super();
    this.#session = session;
    this.#sending = new Sending(session);
    session.target = this;
  }

  /** The URL, as it was understood. */
  get url(): string {
    return this.#session.url;
  }

  /** `CONNECTING` (0), `OPEN` (1), `CLOSING` (2) or `CLOSED` (3). */
  get readyState(): number {
    return this.#session.readyState;
  }

  /** Bytes of messages that were sent and have not left yet. What a connection never sent stays counted. */
  get bufferedAmount(): number {
    return this.#session.outbound.buffered;
  }

  /** The extensions that were agreed upon: `""`, or `"permessage-deflate"` with its parameters. */
  get extensions(): string {
    return this.#session.extensions;
  }

  /** The subprotocol that the server chose, or `""`. */
  get protocol(): string {
    return this.#session.protocol;
  }

  /** What a binary message is told as by `message` events. */
  get binaryType(): BinaryType {
    return this.#session.binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === "blob" || type === "arraybuffer") this.#session.binaryType = type;
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
   * Sends a message, in order: text, or bytes, which may be changed afterwards. It is never refused; what does not fit into
   * the outbound buffer waits here, and more than `maxBuffered` of it ends the connection. `sendAsync` waits instead.
   *
   * @throws DOMException InvalidStateError before it is open, unless there is an offline `queue`; TwinwireError
   * ERR_BACKPRESSURE if that is full.
   */
  send(data: Sendable): void;
  send(...given: unknown[]): void {
    if (given.length === 0) throw new TypeError("send: 1 argument is needed");
    this.#sending.send(given[0]);
  }

  /**
   * Sends a message and waits until the outbound buffer has taken all of it; with an async iterable, one message of as
   * many fragments. Before it is open it waits for that. Bytes may be changed once the call has returned.
   *
   * @throws TwinwireError ERR_STATE or the error that ended the connection; ERR_ABORTED, and then nothing was sent.
   */
  sendAsync(data: Sendable | AsyncIterable<string | Bytes>, options?: WaitOptions): Promise<void> {
    return this.#sending.sendAsync(data, options?.signal);
  }

  /**
   * Sends a fragment of a message, RFC 6455 5.4; the first decides whether it is text. Other messages wait until the final
   * one was sent. Fulfilled when the outbound buffer has taken it.
   */
  sendFragment(data: string | Bytes, final: boolean): Promise<void> {
    return this.#sending.sendFragment(data, final);
  }

  /** Fulfilled once the outbound buffer has taken all that was sent. */
  get drained(): Promise<void> {
    return this.#session.outbound.drained();
  }

  /**
   * Sends a ping and waits for its pong.
   *
   * @param data at most 125 bytes of UTF-8; of its own unless it is given.
   * @returns the milliseconds that it took.
   * @throws TwinwireError ERR_STATE if it is not open, ERR_ARGUMENT, ERR_BACKPRESSURE, ERR_ABORTED, or the error that
   * ended the connection.
   */
  ping(data?: string, options: WaitOptions = {}): Promise<number> {
    const { link, pings, readyState } = this.#session;
    const { signal } = options;
    if (link === undefined || readyState !== ReadyState.OPEN) {
      return Promise.reject(this.#session.fault("ERR_STATE", "it is not open"));
    }
    const aborted = (): TwinwireError => new TwinwireError("ERR_ABORTED", { step: "send", cause: signal?.reason });
    if (signal?.aborted) return Promise.reject(aborted());
    const ping = new Ping(data ?? pings.nextPayload());
    const result = link.engine.wsPing(link.handle, ping.payload);
    if (result < 0) return Promise.reject(this.#session.fault(errorCode(result)));
    pings.add(ping);
    ping.until(signal, () => {
      pings.remove(ping);
      ping.reject(aborted());
    });
    return ping.promise;
  }

  /**
   * Closes it behind all that was sent. `closed` is settled within `closeTimeoutMs`, whatever the peer does.
   *
   * @param code 1000 or 3000 to 4999.
   * @param reason at most 123 bytes of UTF-8.
   * @throws DOMException InvalidAccessError for another code, SyntaxError for a longer reason.
   */
  close(code?: number, reason?: string): void {
    const checked = closeArguments(code, reason);
    this.#session.close(checked.code, checked.reason);
  }

  /** Fulfilled once it is open, rejected if it never will be. Nobody has to await it. */
  get opened(): Promise<void> {
    return this.#session.opened;
  }

  /** Fulfilled when it is over, with how it ended. Never rejected. */
  get closed(): Promise<CloseInfo> {
    return this.#session.closed;
  }

  /** The number of its connection, as `twinwire/handles` knows it; -1 where there is none. */
  get handle(): number {
    return this.#session.link?.handle ?? -1;
  }

  /** What its connection has done. */
  stats(): Stats {
    return this.#session.stats;
  }

  /** Lets it keep the process alive, as it does at first. */
  ref(): this {
    this.#session.keep(true);
    return this;
  }

  /** Lets the process end although it is open. */
  unref(): this {
    this.#session.keep(false);
    return this;
  }

  /**
   * Its messages, until it is closed; text as text, bytes as a `Uint8Array`. From the first loop on messages go to loops
   * alone, and a loop that is slow slows the peer down: no more than a window of them is received in advance.
   *
   * @throws TwinwireError the error that ended it. ERR_STATE while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<WebSocketMessage> {
    const loop = this.#session.mailbox.loop();
    if (loop === undefined) throw this.#session.fault("ERR_STATE", "another loop reads its messages");
    return loop;
  }

  /** Closes it and waits until it is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }
}
