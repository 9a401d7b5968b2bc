import { type ErrorCode, EventFlag, Kind, NONE, State } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { type ErrorFacts, errorCode, TwinwireError } from "../../wasm/errors.ts";
import { NO_STATS, type Stats } from "../../wasm/memory.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { asciiText, freeBytes, validUtf8Text } from "../../wasm/text.ts";
import { afterMicrotasks } from "../../wasm/timing.ts";
import { Codec, type Coded, type Compression } from "../internal/deflate.ts";
import { closeCodeOf, MessageReceiver, type MessageSink, type ReceivedMessage, WINDOW } from "../internal/messages.ts";
import { Waiter } from "../internal/waiting.ts";

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
  /** The error that ended the connection, if any. */
  readonly error?: TwinwireError | undefined;
}

/** A ping that waits for its pong. Fulfilled with the milliseconds that it took. */
export class Ping extends Waiter<number> {
  readonly payload: string;
  readonly sentAt = performance.now();

  constructor(payload: string) {
    super();
    this.payload = payload;
  }
}

/** What a connection reports to. */
export interface ConnectionOwner {
  connectionOpened(connection: Connection): void;
  /** A message: a string, or bytes that the owner may keep. `credit` goes to `Connection.consumed` when it is used up. */
  connectionMessage(message: string | ReceivedBytes, credit: number): void;
  /** Whether another message can be taken now; if not, the owner calls `Connection.resume` later. */
  connectionHasRoom(): boolean;
  connectionDrained(): void;
  /** The peer began the close handshake. */
  connectionClosing(): void;
  /** There is an error, which ends the connection within `closeTimeoutMs`. */
  connectionFailed(error: TwinwireError): void;
  /** It has ended, or was never open. `opened`: whether it was. */
  connectionEnded(info: CloseInfo, opened: boolean): void;
  /** Whether anything is done with the payloads of pings and of pongs: else none is copied, however many a peer sends. */
  readonly usesPings: boolean;
  readonly usesPongs: boolean;
  connectionPing(payload: ReceivedBytes): void;
  connectionPong(payload: ReceivedBytes): void;
  /** The head of a response to the handshake, in one piece. */
  connectionHead(status: number, head: string): void;
}

/** How a connection behaves. */
export interface ConnectionOptions {
  /** Bytes that a message may have, also once it is inflated; 0: as limits say. */
  readonly maxMessage: number;
  readonly compression: Compression | undefined;
  /** Whether we are the server. */
  readonly server: boolean;
  /** Whether what comes after `close` is delivered, until the peer's close frame: it has `RECEIVE_WHILE_CLOSING`. */
  readonly receivesWhileClosing?: boolean;
}

/** One connection of a WebSocket: messages in order, compression, the end with its reason. */
export class Connection extends Endpoint implements MessageSink {
  readonly engine: Engine;
  readonly #owner: ConnectionOwner;
  readonly #options: ConnectionOptions;
  #messages: MessageReceiver;
  #codec: Codec | undefined;
  #opened = false;
  #ended = false;
  #reason = "";
  #failure: TwinwireError | undefined;
  /** The response to the handshake, as far as it was read. */
  head = "";
  #lastStats: Stats | undefined;
  /** Bytes that were queued and never written. Known in the end. */
  unsent = 0;
  /** What was wrong with the frame that ended it, as `WsCalls.fault`. */
  frameFault = 0;

  constructor(engine: Engine, address: string, owner: ConnectionOwner, options: ConnectionOptions) {
    super(Kind.WS, address);
    this.engine = engine;
    this.#owner = owner;
    this.#options = options;
    this.#messages = this.#newMessages();
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
    return this.handle === NONE ? 0 : Math.max(0, this.engine.ws.deflate(this.handle));
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
      this.#messages = this.#newMessages();
    }
    this.#opened = true;
    /* Whoever awaited the opening may begin to listen before the first message is delivered, though both arrived at once. */
    this.#messages.hold();
    afterMicrotasks(() => this.#messages.release());
    this.#owner.connectionOpened(this);
  }

  override message(at: number, size: number, flags: number): void {
    if (!this.#messages.isDirect(flags) || !this.#owner.connectionHasRoom()) {
      this.#messages.add(at, size, flags);
      return;
    }
    const { memory } = this.engine;
    if ((flags & EventFlag.TEXT) === 0) this.#owner.connectionMessage(memory.separate(at, size), size);
    else
      this.#owner.connectionMessage(
        (flags & EventFlag.ASCII) !== 0 ? memory.ascii(at, size) : memory.validUtf8(at, size),
        size,
      );
  }

  override drain(): void {
    this.#owner.connectionDrained();
  }

  override ping(at: number, size: number): void {
    if (this.#owner.usesPings) this.#owner.connectionPing(this.engine.memory.copy(at, size));
  }

  override pong(at: number, size: number): void {
    if (this.#owner.usesPongs) this.#owner.connectionPong(this.engine.memory.copy(at, size));
  }

  override closing(_code: number, at: number, size: number): void {
    this.#reason = this.engine.memory.utf8(at, size);
    this.#messages.after(() => this.#owner.connectionClosing());
  }

  override httpHead(at: number, size: number, flags: number, code: number): void {
    if ((flags & EventFlag.FIRST) !== 0) this.head = "";
    this.head += this.engine.memory.ascii(at, size);
    if ((flags & EventFlag.FINAL) !== 0) this.#owner.connectionHead(code, this.head);
  }

  override error(make: () => TwinwireError): void {
    this.#failure ??= make();
    const failure = this.#failure;
    if (failure.code === "ERR_WS_PROTOCOL" || failure.code === "ERR_WS_TOO_BIG") {
      this.frameFault = this.engine.ws.fault(this.handle);
    }
    if (this.#opened) this.#messages.after(() => this.#owner.connectionFailed(failure));
  }

  override disconnected({ code, clean, unsent }: Ending): void {
    this.unsent = unsent;
    this.#lastStats = this.engine.stats(this.handle);
    if (!this.released) this.engine.close(this);
    const info: CloseInfo =
      this.#failure === undefined
        ? { code, reason: this.#reason, wasClean: clean }
        : { code: ABNORMAL, reason: "", wasClean: false, error: this.#failure };
    this.#messages.end();
    this.#messages.after(() => this.#end(info));
  }

  /** As `MessageSink`. */
  hasRoom(): boolean {
    return this.#owner.connectionHasRoom();
  }

  /** As `MessageSink`. */
  take({ bytes, flags, text, credit }: ReceivedMessage): void {
    const { length } = bytes;
    if (text !== undefined) this.#owner.connectionMessage(text, credit);
    else if ((flags & EventFlag.TEXT) === 0) this.#owner.connectionMessage(bytes, credit);
    else {
      const decoded = ((flags & EventFlag.ASCII) !== 0 ? asciiText : validUtf8Text)(bytes, 0, length);
      freeBytes(bytes);
      this.#owner.connectionMessage(decoded, credit);
    }
  }

  /** As `MessageSink`. */
  broken(code: ErrorCode, cause: unknown): void {
    this.fail(this.fault(code, { step: "receive", cause }), closeCodeOf(code));
  }

  /** So many bytes of messages are used up. */
  consumed(size: number): void {
    if (size > 0 && !this.released) this.engine.consumed(this.handle, size);
  }

  /** There is room for messages again. */
  resume(): void {
    this.#messages.resume();
  }

  /** Whether this would be sent compressed. */
  compresses(data: string | Uint8Array): boolean {
    return this.#codec !== undefined && data.length >= this.#codec.threshold;
  }

  /** Compresses a message. */
  compress(data: Uint8Array, done: Coded): void {
    this.#codec?.compress(data, done);
  }

  /** Starts the close handshake; 0: without a code. The end is reported by `connectionEnded`, within `closeTimeoutMs`. */
  close(code: number, reason: string): void {
    if (this.released || this.handle === NONE) return;
    const open = this.engine.state(this.handle) === State.OPEN;
    if (this.#options.receivesWhileClosing) this.engine.ws.startClosing(this.handle, code, reason);
    else this.engine.ws.close(this, code, reason);
    if (!open && !this.#opened) this.giveUp();
  }

  /** Something is wrong with the peer: closes with `code`, and ends with `error`. */
  fail(error: TwinwireError, code: number): void {
    if (this.#ended) return;
    /* What is wrong with a message came before the end of the connection, though it is known later. */
    if (this.#failure === undefined || this.#failure.code === "ERR_ENDED") this.#failure = error;
    this.#messages.drop();
    if (this.#ended) return; /* it had ended already, behind the message that this is about */
    this.close(code, "");
    this.#owner.connectionClosing();
    const failure = this.#failure;
    afterMicrotasks(() => {
      if (!this.#ended) this.#owner.connectionFailed(failure);
    });
  }

  /** A message has begun and can't be ended. */
  abandon(): void {
    this.fail(this.fault("ERR_ABORTED", { step: "send", reason: "a message was left unfinished" }), 0);
  }

  /** Ends immediately, without a close frame, and reports nothing further. */
  cut(): void {
    if (this.handle !== NONE) {
      this.#lastStats ??= this.engine.stats(this.handle);
      this.engine.abort(this);
    }
    this.giveUp();
  }

  /** Reports nothing further. The engine does what is still to be done with its socket. */
  giveUp(): void {
    this.#ended = true;
    this.#lastStats ??= this.handle === NONE ? undefined : this.engine.stats(this.handle);
    if (!this.released && this.handle !== NONE) {
      this.unsent = Math.max(0, this.engine.buffered(this.handle));
      /* What never opened has nothing to deliver. */
      if (this.#opened) this.engine.close(this);
      else this.engine.abort(this);
    }
    this.#messages.drop();
    this.#codec?.close();
  }

  #end(info: CloseInfo): void {
    this.#codec?.close();
    if (this.#ended) return;
    this.#ended = true;
    const error = this.#failure; /* perhaps of a message in front of the end */
    const end = error === info.error ? info : { code: ABNORMAL, reason: "", wasClean: false, error };
    this.#owner.connectionEnded(end, this.#opened);
  }

  #newMessages(): MessageReceiver {
    const { maxMessage } = this.#options;
    return new MessageReceiver(this, maxMessage === 0 ? this.engine.limits.maxMessage : maxMessage, this.#codec);
  }
}
