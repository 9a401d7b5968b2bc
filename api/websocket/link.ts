import { type ErrorCode, EventFlag, Kind, NONE, State } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { type ErrorFacts, errorCode, TwinwireError } from "../../wasm/errors.ts";
import { NO_STATS, type Stats } from "../../wasm/memory.ts";
import { asciiText, utf8Text } from "../../wasm/text.ts";
import { atEndOfTurn } from "../../wasm/turn.ts";
import { Codec, type Coded, type Compression } from "../internal/deflate.ts";
import { closeCodeOf, Inbound, type Message, type Sink, WINDOW } from "./inbound.ts";

/** RFC 6455 7.1.5 */
const ABNORMAL = 1006;

/** How a connection ended. */
export interface CloseInfo {
  /** The peer's close code; 1005 if its close frame had none, 1006 without a close frame, or after an error. */
  readonly code: number;
  /** The peer's reason. */
  readonly reason: string;
  /** Whether both close frames were exchanged. */
  readonly wasClean: boolean;
  /** What went wrong, if that ended it. */
  readonly error?: TwinwireError | undefined;
}

/** Whom a connection tells of what happens. */
export interface LinkOwner {
  linkOpened(link: Link): void;
  /** A message: text, or bytes that are ours. `credit` goes to `Link.consumed` when it is used up. */
  linkMessage(message: string | Uint8Array, credit: number): void;
  /** Whether another message can be taken now; if not, `Link.resume` is to be called later. */
  linkHasRoom(): boolean;
  linkDrain(): void;
  /** The connection is closing: the peer asked for it, or there is an error. */
  linkClosing(error: TwinwireError | undefined): void;
  /** It is over, or never came to be. `opened`: whether it had been open. */
  linkEnded(info: CloseInfo, opened: boolean): void;
  /** A pong, and its payload. */
  linkPong(payload: string): void;
  /** The head of the answer to the handshake. */
  linkHead?(status: number, head: string): void;
}

/** How a connection behaves. */
export interface LinkOptions {
  /** Bytes that a message may have, also once it is inflated; 0: as limits say. */
  readonly maxMessage: number;
  readonly compression: Compression | undefined;
  /** Whether we are the server. */
  readonly server: boolean;
}

/** One connection of a WebSocket: messages in order, compression, the end with its reason. */
export class Link extends Endpoint implements Sink {
  readonly engine: Engine;
  readonly #owner: LinkOwner;
  readonly #options: LinkOptions;
  #inbound: Inbound;
  #codec: Codec | undefined;
  #opened = false;
  #ended = false;
  #reason = "";
  #failure: TwinwireError | undefined;
  #head = "";
  #lastStats: Stats | undefined;
  /** Bytes that were queued and never written. Known in the end. */
  unsent = 0;

  constructor(engine: Engine, address: string, owner: LinkOwner, options: LinkOptions) {
    super(Kind.WS, address);
    this.engine = engine;
    this.#owner = owner;
    this.#options = options;
    this.#inbound = this.#newInbound();
  }

  /** An error of this connection. */
  fault(code: ErrorCode | number, facts: ErrorFacts): TwinwireError {
    return new TwinwireError(typeof code === "number" ? errorCode(code) : code, { address: this.address, ...facts });
  }

  /** Whether we are the server. */
  get isServer(): boolean {
    return this.#options.server;
  }

  /** What was agreed upon: `Deflate` parameters, or 0. */
  get deflate(): number {
    return this.handle === NONE ? 0 : Math.max(0, this.engine.deflate(this.handle));
  }

  /** What it has done; at the end, and from then on, all that it did. */
  get stats(): Stats {
    return this.#lastStats ?? this.engine.stats(this.handle) ?? NO_STATS;
  }

  /** To be called before anything is received: messages may come in one segment with the handshake. */
  limitReading(): void {
    this.engine.setWindow(this.handle, WINDOW);
  }

  override connected(): void {
    const { engine } = this;
    const { compression, server } = this.#options;
    const { deflate } = this;
    const host = engine.deflateHost;
    if (deflate > 0 && compression !== undefined && host !== undefined) {
      this.#codec = new Codec(host, deflate, compression, server);
      this.#inbound = this.#newInbound();
    }
    this.#opened = true;
    /* Whoever awaited the opening may begin to listen before the first message is told, though both came at once. */
    this.#inbound.hold();
    atEndOfTurn(() => this.#inbound.release());
    this.#owner.linkOpened(this);
  }

  override message(at: number, size: number, flags: number): void {
    if (!this.#inbound.isDirect(flags) || !this.#owner.linkHasRoom()) {
      this.#inbound.add(at, size, flags);
      return;
    }
    const { memory } = this.engine;
    if ((flags & EventFlag.TEXT) === 0) this.#owner.linkMessage(memory.separate(at, size), size);
    else
      this.#owner.linkMessage((flags & EventFlag.ASCII) !== 0 ? memory.ascii(at, size) : memory.utf8(at, size), size);
  }

  override drain(): void {
    this.#owner.linkDrain();
  }

  override pong(at: number, size: number): void {
    this.#owner.linkPong(this.engine.memory.utf8(at, size));
  }

  override closing(_code: number, at: number, size: number): void {
    this.#reason = this.engine.memory.utf8(at, size);
    this.#inbound.after(() => this.#owner.linkClosing(undefined));
  }

  override httpHead(at: number, size: number, flags: number, code: number): void {
    if ((flags & EventFlag.FIRST) !== 0) this.#head = "";
    this.#head += this.engine.memory.ascii(at, size);
    if ((flags & EventFlag.FINAL) !== 0) this.#owner.linkHead?.(code, this.#head);
  }

  override error(make: () => TwinwireError): void {
    this.#failure ??= make();
    const failure = this.#failure;
    if (this.#opened) this.#inbound.after(() => this.#owner.linkClosing(failure));
  }

  override disconnected({ code, clean, unsent }: Ending): void {
    this.unsent = unsent;
    this.#lastStats = this.engine.stats(this.handle);
    if (!this.released) this.engine.close(this);
    const info: CloseInfo =
      this.#failure === undefined
        ? { code, reason: this.#reason, wasClean: clean }
        : { code: ABNORMAL, reason: "", wasClean: false, error: this.#failure };
    this.#inbound.end();
    this.#inbound.after(() => this.#end(info));
  }

  /** As `Sink`. */
  hasRoom(): boolean {
    return this.#owner.linkHasRoom();
  }

  /** As `Sink`. */
  take({ bytes, flags, text, credit }: Message): void {
    const { length } = bytes;
    if (text !== undefined) this.#owner.linkMessage(text, credit);
    else if ((flags & EventFlag.TEXT) === 0) this.#owner.linkMessage(bytes, credit);
    else this.#owner.linkMessage(((flags & EventFlag.ASCII) !== 0 ? asciiText : utf8Text)(bytes, 0, length), credit);
  }

  /** As `Sink`. */
  broken(code: ErrorCode, cause: unknown): void {
    this.fail(this.fault(code, { step: "receive", cause }), closeCodeOf(code));
  }

  /** So many bytes of messages are used up. */
  consumed(size: number): void {
    if (size > 0 && !this.released) this.engine.consumed(this.handle, size);
  }

  /** There is room for messages again. */
  resume(): void {
    this.#inbound.resume();
  }

  /** Whether this would be sent compressed. */
  compresses(data: string | Uint8Array): boolean {
    return this.#codec !== undefined && data.length >= this.#codec.threshold;
  }

  /** Compresses a message. */
  compress(data: Uint8Array, done: Coded): void {
    this.#codec?.compress(data, done);
  }

  /** Starts the close handshake; 0: without a code. The end is told by `linkEnded`, within `closeTimeoutMs`. */
  close(code: number, reason: string): void {
    if (this.released || this.handle === NONE) return;
    const open = this.engine.state(this.handle) === State.OPEN;
    this.engine.wsClose(this, code, reason);
    if (!open && !this.#opened) this.giveUp();
  }

  /** Something is wrong with the peer: closes with `code`, and ends with `error`. */
  fail(error: TwinwireError, code: number): void {
    if (this.#ended) return;
    this.#failure ??= error;
    this.#inbound.drop();
    this.close(code, "");
    this.#owner.linkClosing(this.#failure);
  }

  /** A message has begun and can't be ended. */
  abandon(): void {
    this.fail(this.fault("ERR_ABORTED", { step: "send", reason: "a message was left unfinished" }), 0);
  }

  /** Ends at once, without a close frame, and is not heard of any more. */
  cut(): void {
    if (this.handle !== NONE) {
      this.#lastStats ??= this.engine.stats(this.handle);
      this.engine.abort(this);
    }
    this.giveUp();
  }

  /** Is not heard of any more. What is still to be done with its socket is the engine's. */
  giveUp(): void {
    this.#ended = true;
    this.#lastStats ??= this.handle === NONE ? undefined : this.engine.stats(this.handle);
    if (!this.released && this.handle !== NONE) {
      this.unsent = Math.max(0, this.engine.buffered(this.handle));
      /* What never opened has nothing to deliver. */
      if (this.#opened) this.engine.close(this);
      else this.engine.abort(this);
    }
    this.#inbound.drop();
    this.#codec?.close();
  }

  #end(info: CloseInfo): void {
    this.#codec?.close();
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.linkEnded(info, this.#opened);
  }

  #newInbound(): Inbound {
    const { maxMessage } = this.#options;
    return new Inbound(this, maxMessage === 0 ? this.engine.limits.maxMessage : maxMessage, this.#codec);
  }
}
