/** A WebSocket session as npm's `ws` presents it: its events, errors and order. */
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import process from "node:process";
import type { Duplex } from "node:stream";
import { Errors } from "../../wasm/abi.gen.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { report } from "../../wasm/report.ts";
import { afterMicrotasks } from "../../wasm/timing.ts";
import type { CloseInfo, Connection } from "../websocket/connection.ts";
import { type Framing, flagsOf, WholeMessage } from "../websocket/queued-message.ts";
import { ReadyState, Session, type SessionEvents } from "../websocket/session.ts";
import { type Agreement, adopt } from "./adoption.ts";
import { brokenError } from "./handshake.ts";
import { dataOf, type SendCallback, type SendOptions } from "./options.ts";

/** The type of a received message: a Buffer, unless `binaryType` says otherwise for binary ones. */
export type MessageData = Buffer | ArrayBuffer | Buffer[] | Blob;

/** The events of a WebSocket, with their arguments. */
export interface WebSocketEvents {
  open: [];
  message: [data: MessageData, isBinary: boolean];
  ping: [data: Buffer];
  pong: [data: Buffer];
  /** The connection is closed. `code`: that of the peer, 1005 if it sent none, 1006 if the connection broke. */
  close: [code: number, reason: Buffer];
  error: [error: Error];
  /** The server has accepted the handshake. On Bun, and through `proxy`, the response has a head only. */
  upgrade: [response: IncomingMessage];
  /** A redirect is about to be followed. On Bun, and through `proxy`, the request can only be aborted. */
  redirect: [url: string, request: ClientRequest];
  /** The server has refused the handshake. With a listener, no `error` is emitted: the listener has to end the WebSocket. */
  "unexpected-response": [request: ClientRequest, response: IncomingMessage];
}

/** The type of binary messages. */
export type BinaryType = "nodebuffer" | "arraybuffer" | "fragments" | "blob";

const EMPTY = Buffer.alloc(0);
const ABNORMAL = 1006;
const BACKPRESSURE = Errors.ERR_BACKPRESSURE.value;

/** The opening of a client. */
export interface Opening {
  /** Returns what `_socket` is, once the connection is open. */
  socketOf(connection: Connection): unknown;
  /** Returns the error of a connection that never opened, in the words of `ws`. */
  errorOf(error: TwinwireError): Error;
  /** Gives up what is under way. */
  stop(): void;
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
  /** Messages that are Blobs and have not been sent. */
  #blobs = 0;

  constructor(emitter: EventEmitter, url: string, closeTimeoutMs: number) {
    this.emitter = emitter;
    const maxBuffered = Number.POSITIVE_INFINITY;
    const receivesWhileClosing = true;
    const options = { closeTimeoutMs, maxBuffered, offlineBytes: 0, awaitsEnd: true, receivesWhileClosing };
    this.session = new Session(url, url, options);
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

  /** The handshake on a stream of the runtime is done. The WebSocket is open now, and the engine takes the stream over. */
  begin(socket: Duplex, head: Uint8Array, agreement: Agreement): void {
    this.socket = socket;
    /* What has been written still leaves; the engine reports the end. */
    this.session.destroySocket = () => socket.destroy();
    adopt(this.session, socket, head, agreement, () => {
      if (this.isPaused) this.read(false);
    });
    this.session.begin(agreement.protocol, agreement.deflate);
  }

  opened(): void {
    this.#opened = true;
    const { connection } = this.session;
    if (connection !== undefined && this.opening !== undefined) this.socket = this.opening.socketOf(connection);
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
    this.emit("ping", bufferOf(payload));
  }

  pong(payload: Uint8Array): void {
    this.emit("pong", bufferOf(payload));
  }

  drained(): void {
    for (const control of this.#controls.splice(0)) control();
  }

  failed(failure: TwinwireError): void {
    if (this.#failed) return;
    const connection = this.session.connection;
    const error = this.#opened
      ? brokenError(failure, connection?.frameFault ?? 0)
      : (this.opening?.errorOf(failure) ?? failure);
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
    this.giveUp(new Error(message));
  }

  /** As `abandon`, with an error of any class. */
  giveUp(cause: unknown): void {
    if (this.readyState !== ReadyState.CONNECTING) return;
    this.opening?.stop();
    this.session.abort(new TwinwireError("ERR_ABORTED", { step: "open", cause }));
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
    const finish = (error?: TwinwireError): void => {
      if (done === undefined) return;
      if (error !== undefined) process.nextTick(done, this.#sendError(error));
      else afterMicrotasks(done); /* by then the runtime has been given the bytes */
    };
    if (data instanceof Blob) {
      this.#blobs += 1;
      const read = (error?: TwinwireError): void => {
        finish(error);
        if (error === undefined) this.#blobs -= 1;
        if (error?.code === "ERR_HOST") this.#unreadable(error.cause as Error);
      };
      sender.add(new WholeMessage(data, framing, read));
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
    const { awaitsConnection, connection } = this.session;
    if (awaitsConnection) {
      this.#controls.push(() => this.control(send, done));
      return;
    }
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
    const { awaitsConnection, connection } = this.session;
    if (awaitsConnection) {
      const socket = this.socket as Duplex;
      if (on) socket.resume();
      else socket.pause();
      return;
    }
    if (connection !== undefined && !connection.released) connection.engine.setReceiving(connection.handle, on);
  }

  /** Returns the error of a message that was not sent: as in `ws`, it names what its connection was busy with. */
  #sendError(error: TwinwireError): unknown {
    if (error.code === "ERR_HOST") return error.cause;
    if (this.#blobs > 0) return new Error("The socket was closed while the blob was being read", { cause: error });
    const deflated = this.session.extensions !== "";
    return deflated ? new Error("The socket was closed while data was being compressed", { cause: error }) : error;
  }

  /** A Blob could not be read: the messages behind it are not sent, either. */
  #unreadable(error: Error): void {
    if (this.readyState >= ReadyState.CLOSED || this.#failed) return;
    this.#failed = true;
    this.session.terminate();
    this.emit("error", error);
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
