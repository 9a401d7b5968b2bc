import { type ErrorCode, Errors } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { WaitingList } from "../internal/waiting.ts";
import type { Connection } from "./connection.ts";
import {
  FragmentedMessage,
  type Piece,
  type QueuedMessage,
  type SendQueue,
  sizeOf,
  WHOLE_BINARY,
  WHOLE_TEXT,
  WholeMessage,
} from "./queued-message.ts";

const BACKPRESSURE = Errors.ERR_BACKPRESSURE.value;
const TOO_LARGE = Errors.ERR_TOO_LARGE.value;
const STATE = Errors.ERR_STATE.value;

/** The largest fragment of a message that is too large for the outbound buffer. */
const LARGEST_PART = 262_144;

/** A call that waits until nothing waits to be sent. */
interface Drained {
  resolve(): void;
  reject(error: TwinwireError): void;
}

/**
 * The bytes that all WebSockets together keep here, while their peers take nothing. Each may keep at most as much as all
 * leave of it (a dynamic threshold, as the core has for its pool), so that those who read nothing can't use up the memory.
 */
const MOST_BY_ALL = 512 * 1024 * 1024;
let queuedByAll = 0;

/** What bounds a sender. */
export interface SenderOptions {
  /** Bytes that may wait to be sent. */
  readonly maxBuffered: number;
  /** Bytes that may wait for a connection; 0: none is sent before it is open. */
  readonly offlineBytes: number;
}

/**
 * The sending half of a WebSocket: what the engine could not take at once waits here, in order. A message that is larger
 * than the outbound buffer is sent in fragments. What the engine has taken it writes.
 */
export class MessageSender implements SendQueue {
  readonly #options: SenderOptions;
  #fragments: FragmentedMessage | undefined;
  #connection: Connection | undefined;
  #items: QueuedMessage[] = [];
  #running = false;
  #leaving = false;
  /** Whether a byte of what was received is kept back. */
  #holds = false;
  /** Bytes that wait here. */
  #queued = 0;
  /** Payload that the engine took since it last had nothing. */
  #given = 0;
  /** Bytes that will never be sent. */
  #lost = 0;
  readonly #drained = new WaitingList<Drained>();

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Bytes that were sent and have not left: payloads alone, as the standard has it. */
  get buffered(): number {
    return this.#queued + this.#lost + this.#inEngine();
  }

  /** Bytes that wait for room in the engine, or for a connection. */
  get queued(): number {
    return this.#queued;
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** A connection is open. */
  attach(connection: Connection): void {
    this.#connection = connection;
    this.#given = 0;
    this.#leaving = false;
    this.#run();
  }

  /**
   * The connection is over, and `unsent` bytes of what the engine took never left. `keep`: what has not begun to be sent
   * waits for the next one; all else is given up with `error`.
   */
  detach(keep: boolean, error: TwinwireError, unsent: number): void {
    this.#lost += Math.min(this.#given, unsent);
    this.#connection = undefined;
    this.#holds = false;
    this.#given = 0;
    const kept = keep ? this.#items.filter((item) => !item.begun) : [];
    const given = this.#items.filter((item) => !kept.includes(item));
    this.#items = kept;
    for (const item of given) this.#giveUp(item, error);
    for (const item of kept) item.connectionLost();
    if (!keep) this.#drained.rejectAll(() => error);
  }

  /** The connection closes behind what the engine has, of which nothing is known from now on but in the end. */
  leave(): void {
    this.#given = this.#inEngine();
    this.#leaving = true;
  }

  /** Sends a message at once, or as soon as there is room. */
  send(data: string | Uint8Array | Blob): void {
    const connection = this.#connection;
    if (
      connection !== undefined &&
      this.#items.length === 0 &&
      !(data instanceof Blob) &&
      !connection.compresses(data)
    ) {
      const result = connection.engine.ws.send(connection.handle, data);
      if (result >= 0) {
        this.took(result);
        return;
      }
    }
    this.add(whole(data));
    this.#bound();
  }

  /** Keeps a message until there is a connection. @throws TwinwireError ERR_BACKPRESSURE. */
  sendOffline(data: string | Uint8Array | Blob): void {
    const { offlineBytes } = this.#options;
    if (this.#queued + sizeOf(data) > offlineBytes) {
      const reason = `the offline queue holds ${offlineBytes} bytes`;
      throw new TwinwireError("ERR_BACKPRESSURE", { step: "send", reason });
    }
    this.add(whole(data));
  }

  /** Sends one message in as many fragments as it has parts. */
  async sendParts(parts: AsyncIterable<unknown>, payloadOf: PayloadOf, signal: AbortSignal | undefined): Promise<void> {
    const fragments = new FragmentedMessage();
    this.add(fragments); /* its place is here, whenever its first part comes */
    const stop = (): void => this.failed(fragments, signal?.reason, "ERR_ABORTED");
    signal?.addEventListener("abort", stop, { once: true });
    let iterator: AsyncIterator<unknown> | undefined;
    try {
      const source = parts[Symbol.asyncIterator]();
      iterator = source;
      /* The end of the connection does not wait for the application's next part. */
      const next = (): Promise<IteratorResult<unknown>> => Promise.race([source.next(), fragments.over]);
      for (let step = await next(); !step.done; step = await next()) {
        await this.#give(fragments, payloadOf(step.value), false);
      }
      await this.#give(fragments, fragments.isText === false ? new Uint8Array(0) : "", true);
    } catch (error) {
      /* What was sent of it can't be taken back: the connection ends with an unfinished message. */
      this.failed(fragments, error, "ERR_ABORTED");
      if (iterator !== undefined) finish(iterator);
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Sends a fragment of the message that has begun, or of a new one. */
  async sendFragment(data: string | Uint8Array, final: boolean): Promise<void> {
    this.#fragments ??= new FragmentedMessage();
    const fragments = this.#fragments;
    if (final) this.#fragments = undefined;
    try {
      await this.#give(fragments, data, final);
    } catch (error) {
      if (this.#fragments === fragments) this.#fragments = undefined;
      throw error;
    }
  }

  /** Puts something behind all that waits. */
  add(item: QueuedMessage): void {
    this.#items.push(item);
    this.#count(item.size);
    this.#run();
  }

  /** What an item waited for has come. */
  changed(): void {
    this.#run();
  }

  #give(fragments: FragmentedMessage, data: string | Uint8Array, final: boolean): Promise<void> {
    const before = fragments.size;
    const given = fragments.give(data, final);
    if (this.#items.includes(fragments)) this.#count(fragments.size - before);
    else if (!fragments.isOver) this.add(fragments);
    this.#run();
    return given;
  }

  /** An item can't be sent; what was sent of it can't be taken back. */
  failed(item: QueuedMessage, cause: unknown, code: ErrorCode = "ERR_HOST"): void {
    if (!this.#items.includes(item)) return;
    this.#items = this.#items.filter((it) => it !== item);
    this.#giveUp(item, new TwinwireError(code, { step: "send", cause }));
    if (item.begun) this.#connection?.abandon();
    this.#run();
  }

  /**
   * A message that is being compressed, or a Blob that is being read, is not known to the core, which would let a close of
   * the peer's pass it: one byte of what was received stays unconsumed until it has been handed over.
   *
   * @returns the part of `credit` that can be reported as consumed now.
   */
  hold(credit: number): number {
    if (credit === 0 || this.#holds || this.#items[0]?.isOpenEnded !== false) return credit;
    this.#holds = true;
    return credit - 1;
  }

  /** Takes out what has not begun to be sent. Returns whether it did. */
  remove(item: QueuedMessage): boolean {
    if (item.begun || !this.#items.includes(item)) return false;
    this.#items = this.#items.filter((it) => it !== item);
    this.#count(-item.size);
    this.#run();
    return true;
  }

  /** It will not be sent: it only counts. */
  lose(size: number): void {
    this.#lost += size;
  }

  /** Fulfilled once nothing waits. */
  drained(): Promise<void> {
    if (this.#items.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#drained.add({ resolve, reject }));
  }

  /** There is room. */
  drain(): void {
    this.#run();
  }

  #inEngine(): number {
    const connection = this.#connection;
    if (connection === undefined || this.#given === 0) return 0;
    if (this.#leaving) return this.#given;
    const left = connection.engine.buffered(connection.handle);
    if (left <= 0) this.#given = 0;
    return Math.min(this.#given, left < 0 ? 0 : left);
  }

  /**
   * The engine has taken so many bytes of a message, from here or from a broadcast: `payload` bytes in its frame. What it
   * still has of earlier ones is what lies before that frame.
   */
  took(size: number, payload = size): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const before = connection.engine.buffered(connection.handle) - frameSize(payload, connection.isServer);
    this.#given = Math.min(this.#given, Math.max(0, before)) + size;
  }

  /** Hands over what there is room for. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    for (let item = this.#items[0]; item !== undefined && this.#connection !== undefined; item = this.#items[0]) {
      if (!this.#advance(item, this.#connection)) break;
    }
    this.#running = false;
    if (this.#holds && this.#items[0]?.isOpenEnded !== false) {
      this.#holds = false;
      this.#connection?.consumed(1);
    }
    if (this.#items.length > 0) return;
    for (let waiter = this.#drained.shift(); waiter !== undefined; waiter = this.#drained.shift()) waiter.resolve();
  }

  /** Returns whether the item is done with; else it waits for something. */
  #advance(item: QueuedMessage, connection: Connection): boolean {
    for (;;) {
      const piece = item.next(connection, this);
      if (piece === undefined) return false;
      const result = this.#hand(connection, piece);
      if (result === BACKPRESSURE) return false;
      if (result === TOO_LARGE && item.split(partSize(connection))) continue;
      if (result < 0) {
        this.#items.shift();
        this.#giveUp(item, connection.fault(result, { step: "send" }));
        /* One that is closing has an end of its own. */
        if (item.begun && result !== STATE) connection.abandon();
        return true;
      }
      const done = item.handed();
      this.#count(-piece.size);
      if (!done) continue;
      this.#items.shift();
      item.resolve();
      return true;
    }
  }

  #hand(connection: Connection, { data, flags, size }: Piece): number {
    const result = connection.engine.ws.send(connection.handle, data, flags);
    if (result >= 0) this.took(size, result);
    return result;
  }

  #count(bytes: number): void {
    this.#queued += bytes;
    queuedByAll += bytes;
  }

  #bound(): void {
    const connection = this.#connection;
    const most = Math.min(this.#options.maxBuffered, MOST_BY_ALL - queuedByAll);
    if (connection === undefined || this.#queued <= most) return;
    const reason =
      most < this.#options.maxBuffered
        ? "too much waits to be sent on all connections together"
        : "more than maxBuffered waits to be sent";
    connection.fail(connection.fault("ERR_BACKPRESSURE", { step: "send", reason }), 0);
  }

  #giveUp(item: QueuedMessage, error: TwinwireError): void {
    this.#count(-item.size);
    this.#lost += item.size;
    item.reject(error);
  }
}

function partSize({ engine: { limits } }: Connection): number {
  const most = Math.min(limits.stageBuffer, limits.sendBuffer) >> 2;
  return Math.max(1, Math.min(LARGEST_PART, most));
}

/** RFC 6455 5.2: a client's frame has a mask of 4 bytes. */
function frameSize(payload: number, server: boolean): number {
  const header = payload < 126 ? 2 : payload <= 65_535 ? 4 : 10;
  return header + (server ? 0 : 4) + payload;
}

/** Converts what an application sends. @throws TwinwireError ERR_ARGUMENT. */
export type PayloadOf = (given: unknown) => string | Uint8Array;

/** Text is sent as such, bytes as binary; they are copied, as the application may change them. */
function whole(data: string | Uint8Array | Blob): WholeMessage {
  if (typeof data === "string") return new WholeMessage(data, WHOLE_TEXT);
  return new WholeMessage(data instanceof Blob ? data : new Uint8Array(data), WHOLE_BINARY);
}

/** Ends an iterator of the application's; what that throws or rejects with does not matter any more. */
function finish(iterator: AsyncIterator<unknown>): void {
  Promise.resolve()
    .then(() => iterator.return?.())
    .catch(() => {});
}
