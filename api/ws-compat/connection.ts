import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import { Errors } from "../../wasm/abi.gen.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { report } from "../../wasm/report.ts";
import { atEndOfTurn } from "../../wasm/turn.ts";
import { extensionsText } from "../internal/deflate.ts";
import type { CloseInfo } from "../websocket/link.ts";
import { Outbound } from "../websocket/outbound.ts";
import { ReadyState } from "../websocket/session.ts";
import type { SendCallback } from "./arguments.ts";
import { brokenError } from "./errors.ts";
import type { CompatLink, CompatOwner } from "./link.ts";

/** What a binary message is told as. */
export type BinaryType = "nodebuffer" | "arraybuffer" | "fragments" | "blob";

/** What makes the connection of a client. */
export interface Opening {
  /** The head of an answer. */
  head(status: number, text: string): void;
  /** Why what was opened can't be used after all. */
  fault(link: CompatLink): Error | undefined;
  /** An attempt failed. */
  failed(info: CloseInfo): void;
  stop(): void;
}

const EMPTY = Buffer.alloc(0);
const ABNORMAL = 1006;
const BACKPRESSURE = Errors.ERR_BACKPRESSURE.value;

/** One WebSocket: its state, and what the engine tells of it, as an EventEmitter tells it in the way of `ws`. */
export class Connection implements CompatOwner {
  readonly emitter: EventEmitter;
  readonly isServer: boolean;
  readonly outbound: Outbound = new Outbound();
  readyState: ReadyState = ReadyState.CONNECTING;
  binaryType: BinaryType = "nodebuffer";
  url = "";
  protocol = "";
  extensions = "";
  isPaused = false;
  wasClean = false;
  /** Whether a message has begun that `send` was given in fragments, and whether it is text. */
  fragmentText: boolean | undefined;
  opening: Opening | undefined;
  link: CompatLink | undefined;
  /** What `_socket` is: made, or known, when it is open. */
  socket: unknown = null;
  closeTimeoutMs: number;
  #closeCode = ABNORMAL;
  /** Whether an error was emitted. */
  #failed = false;
  #closeReason: Buffer = EMPTY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Pings and pongs that wait for room. */
  #controls: (() => void)[] = [];

  constructor(emitter: EventEmitter, isServer: boolean, closeTimeoutMs: number) {
    this.emitter = emitter;
    this.isServer = isServer;
    this.closeTimeoutMs = closeTimeoutMs;
  }

  linkOpened(link: CompatLink): void {
    const fault = this.opening?.fault(link);
    if (fault !== undefined) {
      link.cut();
      this.fail(fault);
      return;
    }
    this.link = link;
    this.readyState = ReadyState.OPEN;
    this.opening?.stop();
    const protocol = link.engine.protocol(link.handle);
    this.protocol = typeof protocol === "string" ? protocol : "";
    this.extensions = extensionsText(link.deflate).split(";", 1)[0] ?? "";
    this.outbound.attach(link);
    this.emit("open");
  }

  /** Calls listeners. What one throws is an uncaught exception, and what goes on here is not disturbed. */
  emit(name: string, ...values: unknown[]): void {
    try {
      this.emitter.emit(name, ...values);
    } catch (error) {
      report(error);
    }
  }

  linkMessage(message: string | Uint8Array, credit: number): void {
    if (this.readyState === ReadyState.OPEN) {
      if (typeof message === "string") this.emit("message", Buffer.from(message), false);
      else this.emit("message", this.#binary(message as Uint8Array<ArrayBuffer>), true);
    }
    this.link?.consumed(this.outbound.hold(credit));
  }

  linkHasRoom(): boolean {
    return true;
  }

  linkDrain(): void {
    this.outbound.drain();
    for (const control of this.#controls.splice(0)) control();
  }

  linkPinged(data: Buffer): void {
    if (this.readyState === ReadyState.OPEN) this.emit("ping", data);
  }

  linkPonged(data: Buffer): void {
    if (this.readyState === ReadyState.OPEN) this.emit("pong", data);
  }

  linkPong(): void {}

  linkHead(status: number, text: string): void {
    this.opening?.head(status, text);
  }

  linkCloseFrame(code: number, reason: Buffer): void {
    this.#closeCode = code;
    this.#closeReason = reason;
  }

  linkClosing(failure: TwinwireError | undefined): void {
    if (this.readyState === ReadyState.OPEN) this.readyState = ReadyState.CLOSING;
    const error = failure === undefined ? undefined : brokenError(failure);
    if (error === undefined || this.#failed) return;
    this.#failed = true;
    this.#closeCode = ABNORMAL;
    this.#closeReason = EMPTY;
    this.emit("error", error);
  }

  linkEnded(info: CloseInfo, opened: boolean): void {
    if (!opened) {
      this.opening?.failed(info);
      return;
    }
    this.readyState = ReadyState.CLOSING;
    this.wasClean = info.wasClean;
    /* By then what the last message has set off is done, as where the end of the socket has to be awaited. */
    atEndOfTurn(() => this.#over(info.error));
    this.linkClosing(info.error);
  }

  /** Gives up what was never open: `error`, then `close`. */
  fail(error: Error): void {
    if (this.readyState === ReadyState.CLOSED) return;
    this.readyState = ReadyState.CLOSING;
    this.opening?.stop();
    this.emit("error", error);
    this.#over(undefined);
  }

  /** As `fail`, on a later turn: from inside the application's own call. */
  abandon(message: string): void {
    if (this.readyState !== ReadyState.CONNECTING) return;
    this.readyState = ReadyState.CLOSING;
    this.opening?.stop();
    this.link?.giveUp();
    const error = new Error(message);
    atEndOfTurn(() => this.fail(error));
  }

  /** Starts the close handshake behind all that was sent. */
  close(code: number, reason: string): void {
    this.readyState = ReadyState.CLOSING;
    const timer = setTimeout(() => this.cut(), this.closeTimeoutMs);
    this.#timer = timer;
    const leave = (): void => {
      this.outbound.leave();
      this.link?.close(code, reason);
    };
    if (this.outbound.isEmpty) leave();
    else this.outbound.drained().then(leave, leave);
  }

  /** Ends it at once, without a close frame. */
  cut(): void {
    if (this.readyState === ReadyState.CLOSED) return;
    this.readyState = ReadyState.CLOSING;
    if (this.isServer) {
      (this.socket as Duplex).destroy(); /* what has been written still leaves; the end is told by linkEnded */
      return;
    }
    this.link?.cut();
    atEndOfTurn(() => this.#over(undefined));
  }

  /** Sends a ping or a pong, as soon as there is room. */
  control(send: (link: CompatLink) => number, done: SendCallback | undefined): void {
    const { link } = this;
    const result = link === undefined ? Errors.ERR_STATE.value : send(link);
    if (result === BACKPRESSURE) {
      this.#controls.push(() => this.control(send, done));
    } else if (done !== undefined) {
      const error = result < 0 ? new TwinwireError(errorCode(result), { step: "send" }) : undefined;
      atEndOfTurn(() => done(error));
    }
  }

  /** Whether it reads. */
  read(on: boolean): void {
    this.isPaused = !on;
    if (this.link !== undefined && !this.link.released) this.link.engine.setReceiving(this.link.handle, on);
  }

  #over(error: TwinwireError | undefined): void {
    if (this.readyState === ReadyState.CLOSED) return;
    clearTimeout(this.#timer);
    this.readyState = ReadyState.CLOSED;
    const why = error ?? new TwinwireError("ERR_STATE", { step: "send", reason: "the connection has ended" });
    this.outbound.detach(false, why, this.link?.unsent ?? 0);
    for (const control of this.#controls.splice(0)) control();
    this.emit("close", this.#closeCode, this.#closeReason);
  }

  #binary(bytes: Uint8Array<ArrayBuffer>): unknown {
    if (this.binaryType === "blob") return new Blob([bytes]);
    const whole = bytes.byteLength === bytes.buffer.byteLength;
    if (this.binaryType === "arraybuffer") return whole ? bytes.buffer : bytes.slice().buffer;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.binaryType === "fragments" ? [buffer] : buffer;
  }
}
