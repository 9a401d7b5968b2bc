import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { ClientRequest } from "node:http";
import process from "node:process";
import { showMembers } from "../internal/websocket.ts";
import { ReadyState } from "../websocket/session.ts";
import { canAdopt } from "./adoption.ts";
import { CompatDialer } from "./dialer.ts";
import { type CompatListenerOptions, DomListeners, type Listener } from "./events.ts";
import { type BinaryType, Facade, type WebSocketEvents } from "./facade.ts";
import { protocolsOf, urlOf } from "./handshake.ts";
import {
  type ClientOptions,
  closeArguments,
  controlData,
  dataOf,
  type SendCallback,
  type SendOptions,
} from "./options.ts";
import { HttpDialer } from "./request.ts";

const names = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"];
const binaryTypes: readonly string[] = ["nodebuffer", "arraybuffer", "fragments", "blob"];

/** `ws` waits so long for the answer to a close frame; the engine's own limit may be shorter. */
const CLOSE_TIMEOUT = 30_000;

/** The façade of a WebSocket. @internal */
export let facadeOf: (ws: WebSocket) => Facade;

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
  readonly #facade: Facade;
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
    const listed = isOptions || protocols === undefined ? given.protocols : protocols;
    const target = url === null ? undefined : urlOf(url);
    this.#facade = new Facade(this as EventEmitter, target?.href ?? "", given.closeTimeout ?? CLOSE_TIMEOUT);
    this.#dom = new DomListeners(this as EventEmitter, this.#facade);
    if (target === undefined) return;
    const Dialer = canAdopt() && !given.proxy && given.policy === undefined ? HttpDialer : CompatDialer;
    new Dialer(this.#facade, target, protocolsOf(listed), given);
  }

  static {
    facadeOf = (ws) => ws.#facade;
    showMembers(WebSocket.prototype);
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
    return this.#facade.readyState;
  }

  get url(): string {
    return this.#facade.session.url;
  }

  /** The subprotocol that was chosen, or `""`. */
  get protocol(): string {
    return this.#facade.session.protocol;
  }

  /** `"permessage-deflate"` if that was agreed upon, or `""`. */
  get extensions(): string {
    return this.#facade.session.extensions.split(";", 1)[0] ?? "";
  }

  /** Bytes that were sent and have not left yet. */
  get bufferedAmount(): number {
    return this.#facade.session.sender.buffered;
  }

  /** What a binary message comes as; text is always a Buffer. */
  get binaryType(): BinaryType {
    return this.#facade.binaryType;
  }

  set binaryType(type: BinaryType) {
    if (binaryTypes.includes(type)) this.#facade.binaryType = type;
  }

  get isPaused(): boolean {
    return this.#facade.isPaused;
  }

  /** Of a server's client the socket that was taken over; of a client, what can be known of the engine's. To look at. */
  get _socket(): unknown {
    return this.#facade.socket;
  }

  /** The request of a client's handshake, until that is done. To look at. */
  get _req(): ClientRequest | null {
    const { opening } = this.#facade;
    return opening instanceof HttpDialer ? opening.request : null;
  }

  /** How many redirects a client has followed. To look at. */
  get _redirects(): number {
    const { opening } = this.#facade;
    return opening instanceof HttpDialer ? opening.redirects : 0;
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
    this.#facade.send(data, given, done);
  }

  /** Sends a ping with at most 125 bytes. */
  ping(data?: unknown, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#control("ping", data, mask, callback);
  }

  /** Sends a pong with at most 125 bytes. */
  pong(data?: unknown, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#control("pong", data, mask, callback);
  }

  /**
   * Closes it behind all that was sent.
   *
   * @throws TypeError for a code that may not be sent, RangeError for a reason of more than 123 bytes.
   */
  close(code?: number, data?: string | Uint8Array): void {
    if (this.readyState === ReadyState.CONNECTING) {
      this.#facade.abandon("WebSocket was closed before the connection was established");
    } else if (this.readyState === ReadyState.OPEN) {
      const checked = closeArguments(code, data);
      this.#facade.session.close(checked.code, checked.reason);
    }
  }

  /** Ends it at once, without a close frame. */
  terminate(): void {
    this.#facade.terminate();
  }

  /** Stops reading: the peer is slowed down by TCP. */
  pause(): void {
    if (this.readyState === ReadyState.OPEN || this.readyState === ReadyState.CLOSING) this.#facade.read(false);
  }

  resume(): void {
    if (this.readyState === ReadyState.OPEN || this.readyState === ReadyState.CLOSING) this.#facade.read(true);
  }

  #control(
    how: "ping" | "pong",
    data: unknown,
    mask: boolean | SendCallback | undefined,
    callback: SendCallback | undefined,
  ): void {
    const done = [data, mask, callback].find((it): it is SendCallback => typeof it === "function");
    const payload = typeof data === "function" ? undefined : data;
    if (!this.#isOpen(payload, done)) return;
    if (payload instanceof Blob) {
      payload.arrayBuffer().then(
        (buffer) => this.#control(how, buffer, mask, done),
        (error: Error) => done?.(error),
      );
      return;
    }
    const bytes = controlData(payload);
    this.#facade.control((connection) => connection.engine.ws[how](connection.handle, bytes), done);
  }

  /** Whether something can be sent. What is sent too late only counts, and its callback receives an error. */
  #isOpen(data: unknown, done: SendCallback | undefined): boolean {
    const state = this.readyState;
    if (state === ReadyState.OPEN) return true;
    const message = `WebSocket is not open: readyState ${state} (${names[state]})`;
    if (state === ReadyState.CONNECTING) throw new Error(message);
    const size = data instanceof Blob ? data.size : Buffer.byteLength(dataOf(data));
    this.#facade.session.sender.lose(size);
    if (done !== undefined) process.nextTick(done, new Error(message));
    return false;
  }
}
