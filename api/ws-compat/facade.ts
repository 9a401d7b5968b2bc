/** A session in the way of the package `ws`: its events, errors and order. */
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import process from "node:process";
import type { Duplex, Readable } from "node:stream";
import { Errors } from "../../wasm/abi.gen.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { report } from "../../wasm/report.ts";
import { afterMicrotasks } from "../../wasm/timing.ts";
import type { CloseInfo, Connection } from "../websocket/connection.ts";
import { type Framing, flagsOf, WholeMessage } from "../websocket/queued-message.ts";
import { ReadyState, Session, type SessionEvents } from "../websocket/session.ts";
import { brokenError, type Head } from "./handshake.ts";
import { dataOf, type SendCallback, type SendOptions } from "./options.ts";

/** What a message comes as: a Buffer, unless `binaryType` says otherwise of binary ones. */
export type MessageData = Buffer | ArrayBuffer | Buffer[] | Blob;

/** The events of a WebSocket, and their values. */
export interface WebSocketEvents {
  open: [];
  message: [data: MessageData, isBinary: boolean];
  ping: [data: Buffer];
  pong: [data: Buffer];
  /** The peer's code, 1005 if it gave none, 1006 if the connection broke. */
  close: [code: number, reason: Buffer];
  error: [error: Error];
  /** The answer that accepts. */
  upgrade: [response: Head];
  redirect: [url: string, request: EventEmitter];
  /** An answer that refuses: whoever listens ends the WebSocket. */
  "unexpected-response": [request: EventEmitter, response: Readable & Head];
}

/** What a listener is called with. */
export interface CompatEvent {
  readonly type: string;
  readonly target: unknown;
}

/** As the DOM has them. */
export type Listener = ((event: CompatEvent) => unknown) | { handleEvent(event: CompatEvent): unknown };
type Wrapper = (...values: unknown[]) => void;

interface Added {
  readonly type: string;
  readonly listener: Listener;
  readonly wrapper: Wrapper;
}

/** How a listener is added: `once`. */
export interface CompatListenerOptions {
  readonly once?: boolean | undefined;
}

class BasicEvent implements CompatEvent {
  readonly type: string;
  readonly target: unknown;

  constructor(type: string, target: unknown, facts: object = {}) {
    this.type = type;
    this.target = target;
    Object.assign(this, facts);
  }
}

/** What an event of that name says of the values that it was emitted with; `undefined`: the DOM has no such event. */
function factsOf(type: string, values: readonly unknown[], source: { readonly wasClean: boolean }): object | undefined {
  const [first, second] = values;
  switch (type) {
    case "open":
      return {};
    case "message":
      return { data: second === true ? first : String(first) };
    case "close":
      return { code: first, reason: String(second), wasClean: source.wasClean };
    case "error":
      return { error: first, message: (first as Error).message };
    default:
      return undefined;
  }
}

const known = ["open", "message", "close", "error"];

/** The listeners that one WebSocket was given in the DOM's way. */
export class DomListeners {
  readonly #emitter: EventEmitter;
  readonly #source: { readonly wasClean: boolean };
  readonly #added: Added[] = [];
  readonly #handlers = new Map<string, Added>();

  constructor(emitter: EventEmitter, source: { readonly wasClean: boolean }) {
    this.#emitter = emitter;
    this.#source = source;
  }

  add(type: string, listener: Listener, { once = false }: CompatListenerOptions): void {
    if (!known.includes(type) || this.#find(type, listener) !== undefined) return;
    const wrapper = this.#wrap(type, listener, once ? () => this.remove(type, listener) : undefined);
    this.#added.push({ type, listener, wrapper });
    this.#emitter.on(type, wrapper);
  }

  remove(type: string, listener: Listener): void {
    const found = this.#find(type, listener);
    if (found === undefined) return;
    this.#added.splice(this.#added.indexOf(found), 1);
    this.#emitter.removeListener(type, found.wrapper);
  }

  /** What `onmessage` and its like are. */
  handler(type: string): Listener | null {
    return this.#handlers.get(type)?.listener ?? null;
  }

  setHandler(type: string, listener: unknown): void {
    const before = this.#handlers.get(type);
    if (before !== undefined) this.#emitter.removeListener(type, before.wrapper);
    this.#handlers.delete(type);
    if (typeof listener !== "function") return;
    const wrapper = this.#wrap(type, listener as Listener, undefined);
    this.#handlers.set(type, { type, listener: listener as Listener, wrapper });
    this.#emitter.on(type, wrapper);
  }

  #find(type: string, listener: Listener): Added | undefined {
    return this.#added.find((it) => it.type === type && it.listener === listener);
  }

  #wrap(type: string, listener: Listener, before: (() => void) | undefined): Wrapper {
    const target = this.#emitter;
    return (...values) => {
      before?.();
      const event = new BasicEvent(type, target, factsOf(type, values, this.#source));
      if (typeof listener === "function") listener.call(target, event);
      else listener.handleEvent(event);
    };
  }
}

/** The type of binary messages. */
export type BinaryType = "nodebuffer" | "arraybuffer" | "fragments" | "blob";

const EMPTY = Buffer.alloc(0);
const ABNORMAL = 1006;
const BACKPRESSURE = Errors.ERR_BACKPRESSURE.value;

/** What a client's façade asks of the one who connects it. */
export interface Opening {
  /** What `_socket` is, once the connection is open. */
  socketOf(connection: Connection): unknown;
  /** The error of a connection that never opened, in the words of `ws`. */
  errorOf(error: TwinwireError): Error;
}

/** Shows a session as an EventEmitter in the way of npm's `ws`. */
export class Facade implements SessionEvents {
  readonly emitter: EventEmitter;
  readonly session: Session;
  binaryType: BinaryType = "nodebuffer";
  isPaused = false;
  wasClean = false;
  opening: Opening | undefined;
  /** `_socket`: known once it is open. */
  socket: unknown = null;
  /** Whether the fragmented message that has begun is text; `undefined` without one. */
  #fragmentText: boolean | undefined;
  #opened = false;
  #failed = false;
  #ended = false;
  /** Pings and pongs that wait for room. */
  #controls: (() => void)[] = [];

  constructor(emitter: EventEmitter, url: string, closeTimeoutMs: number) {
    this.emitter = emitter;
    const maxBuffered = Number.POSITIVE_INFINITY;
    this.session = new Session(url, url, { closeTimeoutMs, maxBuffered, offlineBytes: 0, awaitsEnd: true });
    this.session.report(this);
  }

  /** CLOSED only once `close` was emitted. */
  get readyState(): ReadyState {
    const { readyState } = this.session;
    return readyState === ReadyState.CLOSED && !this.#ended ? ReadyState.CLOSING : readyState;
  }

  /** Calls listeners. What one throws is an uncaught exception, and what goes on here is not disturbed. */
  emit(name: string, ...values: unknown[]): void {
    try {
      this.emitter.emit(name, ...values);
    } catch (error) {
      report(error);
    }
  }

  /** The connection is a server's: of a socket that node:http has let go of. */
  adopted(socket: Duplex): void {
    this.socket = socket;
    /* What has been written still leaves; the engine reports the end. */
    this.session.destroySocket = () => socket.destroy();
  }

  opened(): void {
    this.#opened = true;
    const { connection } = this.session;
    if (this.opening !== undefined && connection !== undefined) this.socket = this.opening.socketOf(connection);
    this.emit("open");
  }

  message(message: string | Uint8Array, credit: number): void {
    if (typeof message === "string") this.emit("message", Buffer.from(message), false);
    else this.emit("message", this.#binary(message as Uint8Array<ArrayBuffer>), true);
    this.session.consumed(credit);
  }

  hasRoom(): boolean {
    return true;
  }

  ping(payload: Uint8Array): void {
    if (this.readyState === ReadyState.OPEN) this.emit("ping", bufferOf(payload));
  }

  pong(payload: Uint8Array): void {
    if (this.readyState === ReadyState.OPEN) this.emit("pong", bufferOf(payload));
  }

  drained(): void {
    for (const control of this.#controls.splice(0)) control();
  }

  failed(failure: TwinwireError): void {
    if (this.#failed) return;
    const error = this.#opened ? brokenError(failure) : (this.opening?.errorOf(failure) ?? failure);
    if (error === undefined) return;
    this.#failed = true;
    this.emit("error", error);
  }

  finished(): void {
    for (const control of this.#controls.splice(0)) control();
  }

  closed(info: CloseInfo): void {
    this.wasClean = info.wasClean;
    const end = (): void => {
      this.#ended = true;
      if (this.#failed) this.emit("close", ABNORMAL, EMPTY);
      else this.emit("close", info.code, Buffer.from(info.reason));
    };
    /* By then what the last message has set off is done, as where the end of the socket has to be awaited. */
    if (this.#opened) afterMicrotasks(end);
    else end();
  }

  /** Gives up what is not open yet; reported later. */
  abandon(message: string): void {
    if (this.readyState !== ReadyState.CONNECTING) return;
    this.session.abort(new TwinwireError("ERR_ABORTED", { step: "open", cause: new Error(message) }));
  }

  /** Ends it at once, without a close frame. */
  terminate(): void {
    if (this.readyState === ReadyState.CONNECTING) {
      this.abandon("WebSocket was closed before the connection was established");
    } else if (this.session.readyState !== ReadyState.CLOSED) {
      this.session.terminate();
    }
  }

  /** Sends a message, or a fragment of one, on an open connection: at once if the engine has room, else behind what waits. */
  send(data: unknown, options: SendOptions, done: SendCallback | undefined): void {
    const { connection, sender } = this.session;
    const { binary = typeof data !== "string" && typeof data !== "number", compress = true, fin = true } = options;
    const begun = this.#fragmentText;
    const text = begun ?? !binary;
    const framing: Framing = { text, compress, part: !fin || begun !== undefined, final: fin };
    const finish = (error?: Error): void => {
      if (done !== undefined) process.nextTick(done, error);
    };
    if (data instanceof Blob) {
      sender.add(new WholeMessage(data, framing, finish));
      return;
    }
    const taken = dataOf(data);
    const bytes = typeof taken === "string" && !text ? Buffer.from(taken) : taken;
    this.#fragmentText = fin ? undefined : text;
    if (connection !== undefined && sender.isEmpty && (framing.part || !compress || !connection.compresses(bytes))) {
      const result = connection.engine.ws.send(connection.handle, bytes, flagsOf(framing));
      if (result >= 0) {
        sender.took(result);
        finish();
        return;
      }
    }
    sender.add(new WholeMessage(bytes, framing, finish));
  }

  /** Sends a ping or a pong, as soon as there is room. */
  control(send: (connection: Connection) => number, done: SendCallback | undefined): void {
    const { connection } = this.session;
    const result = connection === undefined ? Errors.ERR_STATE.value : send(connection);
    if (result === BACKPRESSURE) {
      this.#controls.push(() => this.control(send, done));
    } else if (done !== undefined) {
      const error = result < 0 ? new TwinwireError(errorCode(result), { step: "send" }) : undefined;
      afterMicrotasks(() => done(error));
    }
  }

  /** Pauses or resumes reading. */
  read(on: boolean): void {
    this.isPaused = !on;
    const { connection } = this.session;
    if (connection !== undefined && !connection.released) connection.engine.setReceiving(connection.handle, on);
  }

  #binary(bytes: Uint8Array<ArrayBuffer>): unknown {
    if (this.binaryType === "blob") return new Blob([bytes]);
    const whole = bytes.byteLength === bytes.buffer.byteLength;
    if (this.binaryType === "arraybuffer") return whole ? bytes.buffer : bytes.slice().buffer;
    const buffer = bufferOf(bytes);
    return this.binaryType === "fragments" ? [buffer] : buffer;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
