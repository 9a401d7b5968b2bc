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

/** How long `ws` waits for the answer to a close frame, in milliseconds. The limit of the engine may be shorter. */
const CLOSE_TIMEOUT = 30_000;

/** The façade of a WebSocket. @internal */
export let facadeOf: (ws: WebSocket) => Facade;

/**
 * The class `WebSocket` of npm's `ws`, an EventEmitter. `WebSocketEvents` lists its events.
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
   * Starts connecting. A failure is reported by `error` and then `close`.
   *
   * @param url a URL with the scheme ws, wss, http or https; `null` only in servers, which make their clients with it.
   * @param protocols the subprotocols to offer, in order of preference. Default: none.
   * @throws SyntaxError for an invalid URL or invalid subprotocols; TwinwireError ERR_UNSUPPORTED for an option that the engine
   * does not have, ERR_ARGUMENT for a wrong one.
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

  /** `CONNECTING`, `OPEN`, `CLOSING` or `CLOSED`. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#facade.readyState;
  }

  /** The URL that it connects to; `""` on a server. */
  get url(): string {
    return this.#facade.session.url;
  }

  /** The subprotocol that the server chose, or `""`. */
  get protocol(): string {
    return this.#facade.session.protocol;
  }

  /** `"permessage-deflate"` if messages may be compressed, else `""`. */
  get extensions(): string {
    return this.#facade.session.extensions.split(";", 1)[0] ?? "";
  }

  /** The number of bytes passed to `send` that the runtime has not accepted yet. */
  get bufferedAmount(): number {
    return this.#facade.session.sender.buffered;
  }

  /** The type in which binary messages are delivered; text is always a Buffer. Default: `"nodebuffer"`. */
  get binaryType(): BinaryType {
    return this.#facade.binaryType;
  }

  set binaryType(type: BinaryType) {
    if (binaryTypes.includes(type)) this.#facade.binaryType = type;
  }

  /** Whether reading is paused by `pause`. */
  get isPaused(): boolean {
    return this.#facade.isPaused;
  }

  /** The socket of the connection. On Bun, and with `proxy` or `policy`, a view of the engine's socket. For reading only. */
  get _socket(): unknown {
    return this.#facade.socket;
  }

  /** The request of a client's handshake, `null` once that is done. For reading only. */
  get _req(): ClientRequest | null {
    const { opening } = this.#facade;
    return opening instanceof HttpDialer ? opening.request : null;
  }

  /** The number of redirects that a client has followed. For reading only. */
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

  /** Adds a listener for `open`, `message`, `error` or `close`, which is called with an event as in browsers. */
  addEventListener(type: string, listener: Listener, options: CompatListenerOptions = {}): void {
    this.#dom.add(type, listener, options);
  }

  /** Removes a listener that `addEventListener` has added. */
  removeEventListener(type: string, listener: Listener): void {
    this.#dom.remove(type, listener);
  }

  /**
   * Sends a message, or a fragment of one.
   *
   * @param data a string, a Buffer or other bytes, a Blob, or a number, which is sent as text.
   * @param callback called when the runtime or the engine has accepted it, or with an error.
   * @throws Error while the WebSocket is connecting; TypeError for other data.
   */
  send(data: unknown, options?: SendOptions | SendCallback, callback?: SendCallback): void {
    const done = typeof options === "function" ? options : callback;
    const given = typeof options === "function" ? {} : (options ?? {});
    if (!this.#isOpen(data, done)) return;
    this.#facade.send(data, given, done);
  }

  /** Sends a ping with a payload of at most 125 bytes. @throws Error while the WebSocket is connecting. */
  ping(data?: unknown, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#control("ping", data, mask, callback);
  }

  /** Sends a pong with a payload of at most 125 bytes. @throws Error while the WebSocket is connecting. */
  pong(data?: unknown, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#control("pong", data, mask, callback);
  }

  /**
   * Starts the closing handshake, behind everything that was sent. While connecting, it gives the attempt up: `error` and
   * `close` are emitted.
   *
   * @param code 1000, 1001 to 1014 where RFC 6455 permits them, or 3000 to 4999. Default: none.
   * @param data the reason, at most 123 bytes.
   * @throws TypeError for another code, RangeError for a longer reason.
   */
  close(code?: number, data?: string | Uint8Array): void {
    if (this.readyState === ReadyState.CONNECTING) {
      this.#facade.abandon("WebSocket was closed before the connection was established");
    } else if (this.readyState === ReadyState.OPEN) {
      const checked = closeArguments(code, data);
      this.#facade.session.close(checked.code, checked.reason);
    }
  }

  /** Closes the connection at once, without a close frame. */
  terminate(): void {
    this.#facade.terminate();
  }

  /** Stops reading, so that TCP slows the peer down. */
  pause(): void {
    if (this.readyState === ReadyState.OPEN || this.readyState === ReadyState.CLOSING) this.#facade.read(false);
  }

  /** Goes on reading. */
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

  /** Returns whether something can be sent. What is sent too late counts in `bufferedAmount`; its callback gets an error. */
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
