import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import process from "node:process";
import { ReadyState } from "../websocket/session.ts";
import { closeArguments, controlData, dataOf, type SendCallback, type SendOptions } from "./arguments.ts";
import type { ClientOptions } from "./client-options.ts";
import { type BinaryType, Connection } from "./connection.ts";
import { Dial } from "./dial.ts";
import { type CompatListenerOptions, DomListeners, type Listener } from "./event-target.ts";
import type { WebSocketEvents } from "./events.ts";
import { sendMessage } from "./sending.ts";
import { protocolsOf, urlOf } from "./url.ts";

const names = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"];
const binaryTypes: readonly string[] = ["nodebuffer", "arraybuffer", "fragments", "blob"];

/** `ws` waits so long for the answer to a close frame; the engine's own limit may be shorter. */
const CLOSE_TIMEOUT = 30_000;

/** What stands behind a WebSocket. @internal */
export let connectionOf: (ws: WebSocket) => Connection;

/**
 * The WebSocket of npm's `ws`, on the engine: an EventEmitter.
 *
 * ```ts
 * const ws = new WebSocket("ws://127.0.0.1:8080");
 * ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
 * ```
 */
export class WebSocket extends EventEmitter<WebSocketEvents> {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly #connection: Connection;
  readonly #dom: DomListeners;

  /**
   * Begins to connect. `null` as the URL is for servers, which make their clients by it.
   *
   * @throws SyntaxError for a URL or subprotocols that are none; TwinwireError ERR_UNSUPPORTED for an option that can't be
   * honoured, ERR_ARGUMENT for one that is wrong.
   */
  constructor(
    url: string | URL | null,
    protocols?: string | readonly string[] | ClientOptions,
    options?: ClientOptions,
  ) {
    super();
    const isOptions = typeof protocols === "object" && protocols !== null && !Array.isArray(protocols);
    const given = (isOptions ? protocols : (options ?? {})) as ClientOptions;
    const listed = isOptions || protocols === undefined || protocols === null ? given.protocols : protocols;
    this.#connection = new Connection(this as EventEmitter, url === null, given.closeTimeout ?? CLOSE_TIMEOUT);
    this.#dom = new DomListeners(this as EventEmitter, this.#connection);
    if (url === null) return;
    const target = urlOf(url);
    this.#connection.url = target.href;
    this.#connection.opening = new Dial(this.#connection, target, protocolsOf(listed as readonly string[]), given);
  }

  static {
    connectionOf = (ws) => ws.#connection;
    for (const [name, value] of Object.entries(ReadyState)) {
      for (const place of [WebSocket, WebSocket.prototype]) {
        Object.defineProperty(place, name, { value, enumerable: true, configurable: false, writable: false });
      }
    }
  }

  get CONNECTING(): 0 {
    return 0;
  }

  get OPEN(): 1 {
    return 1;
  }

  get CLOSING(): 2 {
    return 2;
  }

  get CLOSED(): 3 {
    return 3;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#connection.readyState;
  }

  get url(): string {
    return this.#connection.url;
  }

  /** The subprotocol that was chosen, or `""`. */
  get protocol(): string {
    return this.#connection.protocol;
  }

  /** `"permessage-deflate"` if that was agreed upon, or `""`. */
  get extensions(): string {
    return this.#connection.extensions;
  }

  /** Bytes that were sent and have not left yet. */
  get bufferedAmount(): number {
    return this.#connection.outbound.buffered;
  }

  /** What a binary message comes as; text is always a Buffer. */
  get binaryType(): BinaryType {
    return this.#connection.binaryType;
  }

  set binaryType(type: BinaryType) {
    if (binaryTypes.includes(type)) this.#connection.binaryType = type;
  }

  get isPaused(): boolean {
    return this.#connection.isPaused;
  }

  /** Of a server's client the socket that was taken over; of a client, what can be known of the engine's. To look at. */
  get _socket(): unknown {
    return this.#connection.socket;
  }

  get onopen(): Listener | null {
    return this.#dom.handler("open");
  }

  set onopen(listener: Listener | null) {
    this.#dom.setHandler("open", listener);
  }

  get onmessage(): Listener | null {
    return this.#dom.handler("message");
  }

  set onmessage(listener: Listener | null) {
    this.#dom.setHandler("message", listener);
  }

  get onerror(): Listener | null {
    return this.#dom.handler("error");
  }

  set onerror(listener: Listener | null) {
    this.#dom.setHandler("error", listener);
  }

  get onclose(): Listener | null {
    return this.#dom.handler("close");
  }

  set onclose(listener: Listener | null) {
    this.#dom.setHandler("close", listener);
  }

  addEventListener(type: string, listener: Listener, options: CompatListenerOptions = {}): void {
    this.#dom.add(type, listener, options);
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#dom.remove(type, listener);
  }

  /**
   * Sends a message, or a fragment of one. The callback is called when the engine has taken it.
   *
   * @throws Error before it is open; TypeError for what can't be sent.
   */
  send(data: unknown, options?: SendOptions | SendCallback, callback?: SendCallback): void {
    const done = typeof options === "function" ? options : callback;
    const given = typeof options === "function" ? {} : (options ?? {});
    if (!this.#isOpen(data, done)) return;
    sendMessage(this.#connection, data, given, done);
  }

  /** Sends a ping with at most 125 bytes. */
  ping(data?: unknown, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#control("wsPing", data, mask, callback);
  }

  /** Sends a pong with at most 125 bytes. */
  pong(data?: unknown, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#control("wsPong", data, mask, callback);
  }

  /**
   * Closes it behind all that was sent.
   *
   * @throws TypeError for a code that may not be sent, RangeError for a reason of more than 123 bytes.
   */
  close(code?: number, data?: string | Uint8Array): void {
    const connection = this.#connection;
    if (connection.readyState === ReadyState.CONNECTING) {
      connection.abandon("WebSocket was closed before the connection was established");
    } else if (connection.readyState === ReadyState.OPEN) {
      const checked = closeArguments(code, data);
      connection.close(checked.code, checked.reason);
    }
  }

  /** Ends it at once, without a close frame. */
  terminate(): void {
    const connection = this.#connection;
    if (connection.readyState === ReadyState.CONNECTING) {
      connection.abandon("WebSocket was closed before the connection was established");
    } else {
      connection.cut();
    }
  }

  /** Stops reading: the peer is slowed down by TCP. */
  pause(): void {
    if (this.readyState === ReadyState.OPEN || this.readyState === ReadyState.CLOSING) this.#connection.read(false);
  }

  resume(): void {
    if (this.readyState === ReadyState.OPEN || this.readyState === ReadyState.CLOSING) this.#connection.read(true);
  }

  #control(
    how: "wsPing" | "wsPong",
    data: unknown,
    mask: boolean | SendCallback | undefined,
    callback: SendCallback | undefined,
  ): void {
    const done = [data, mask, callback].find((it): it is SendCallback => typeof it === "function");
    const payload = typeof data === "function" ? undefined : data;
    if (!this.#isOpen(payload, done)) return;
    const bytes = controlData(payload);
    this.#connection.control((link) => link.engine[how](link.handle, bytes), done);
  }

  /** Whether something can be sent. What is sent too late only counts, and its callback is told so. */
  #isOpen(data: unknown, done: SendCallback | undefined): boolean {
    const state = this.readyState;
    if (state === ReadyState.OPEN) return true;
    const message = `WebSocket is not open: readyState ${state} (${names[state]})`;
    if (state === ReadyState.CONNECTING) throw new Error(message);
    const size = data instanceof Blob ? data.size : Buffer.byteLength(dataOf(data));
    this.#connection.outbound.lose(size);
    if (done !== undefined) process.nextTick(done, new Error(message));
    return false;
  }
}
