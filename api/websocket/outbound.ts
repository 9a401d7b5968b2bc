import { type ErrorCode, Errors } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { WaitingList } from "../internal/waiting.ts";
import type { Link } from "./link.ts";
import { type Fragments, type Outgoing, type Piece, Whole } from "./outgoing.ts";

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
 * The sending half: what could not be handed to the engine at once, in order. A message that is larger than the outbound
 * buffer goes out in fragments. What the engine has taken is the engine's.
 */
export class Outbound {
  #link: Link | undefined;
  #items: Outgoing[] = [];
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
  attach(link: Link): void {
    this.#link = link;
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
    this.#link = undefined;
    this.#holds = false;
    this.#given = 0;
    const kept = keep ? this.#items.filter((item) => !item.begun) : [];
    for (const item of this.#items) if (!kept.includes(item)) this.#giveUp(item, error);
    this.#items = kept;
    for (const item of kept) item.connectionLost();
    if (!keep) this.#drained.rejectAll(() => error);
  }

  /** The connection closes behind what the engine has, of which nothing is known from now on but in the end. */
  leave(): void {
    this.#given = this.#inEngine();
    this.#leaving = true;
  }

  /** Sends a message, now or as soon as there is room. */
  send(data: string | Uint8Array): void {
    const link = this.#link;
    if (link !== undefined && this.#items.length === 0 && !link.compresses(data)) {
      const result = link.engine.wsSend(link.handle, data);
      if (result >= 0) {
        this.took(result);
        return;
      }
    }
    this.add(new Whole(data, true));
  }

  /** Puts something behind all that waits. */
  add(item: Outgoing): void {
    this.#items.push(item);
    this.#queued += item.size;
    this.#run();
  }

  /** What an item waited for has come. */
  changed(): void {
    this.#run();
  }

  /** Gives a fragment to a message that waits, or is to wait, here. */
  give(fragments: Fragments, data: string | Uint8Array, final: boolean): Promise<void> {
    const before = fragments.size;
    const given = fragments.give(data, final);
    if (this.#items.includes(fragments)) this.#queued += fragments.size - before;
    else if (!fragments.isOver) this.add(fragments);
    this.#run();
    return given;
  }

  /** An item can't be sent; what was sent of it can't be taken back. */
  failed(item: Outgoing, cause: unknown, code: ErrorCode = "ERR_HOST"): void {
    if (!this.#items.includes(item)) return;
    this.#items = this.#items.filter((it) => it !== item);
    this.#giveUp(item, new TwinwireError(code, { step: "send", cause }));
    if (item.begun) this.#link?.abandon();
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
  remove(item: Outgoing): boolean {
    if (item.begun || !this.#items.includes(item)) return false;
    this.#items = this.#items.filter((it) => it !== item);
    this.#queued -= item.size;
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
    const link = this.#link;
    if (link === undefined || this.#given === 0) return 0;
    if (this.#leaving) return this.#given;
    const left = link.engine.buffered(link.handle);
    if (left <= 0) this.#given = 0;
    return Math.min(this.#given, left < 0 ? 0 : left);
  }

  /**
   * The engine has taken so many bytes of a message, from here or from a broadcast: `payload` bytes in its frame. What it
   * still has of earlier ones is what lies before that frame.
   */
  took(size: number, payload = size): void {
    const link = this.#link;
    if (link === undefined) return;
    const before = link.engine.buffered(link.handle) - frameSize(payload, link.isServer);
    this.#given = Math.min(this.#given, Math.max(0, before)) + size;
  }

  /** Hands over what there is room for. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    for (let item = this.#items[0]; item !== undefined && this.#link !== undefined; item = this.#items[0]) {
      if (!this.#advance(item, this.#link)) break;
    }
    this.#running = false;
    if (this.#holds && this.#items[0]?.isOpenEnded !== false) {
      this.#holds = false;
      this.#link?.consumed(1);
    }
    if (this.#items.length > 0) return;
    for (let waiter = this.#drained.shift(); waiter !== undefined; waiter = this.#drained.shift()) waiter.resolve();
  }

  /** Returns whether the item is done with; else it waits for something. */
  #advance(item: Outgoing, link: Link): boolean {
    for (;;) {
      const piece = item.next(link, this);
      if (piece === undefined) return false;
      const result = this.#hand(link, piece);
      if (result === BACKPRESSURE) return false;
      if (result === TOO_LARGE && item.split(partSize(link))) continue;
      if (result < 0) {
        this.#items.shift();
        this.#giveUp(item, link.fault(result, { step: "send" }));
        /* One that is closing has an end of its own. */
        if (item.begun && result !== STATE) link.abandon();
        return true;
      }
      const done = item.handed();
      this.#queued -= piece.size;
      if (!done) continue;
      this.#items.shift();
      item.resolve();
      return true;
    }
  }

  #hand(link: Link, { data, flags, size }: Piece): number {
    const result = link.engine.wsSend(link.handle, data, flags);
    if (result >= 0) this.took(size, result);
    return result;
  }

  #giveUp(item: Outgoing, error: TwinwireError): void {
    this.#queued -= item.size;
    this.#lost += item.size;
    item.reject(error);
  }
}

function partSize({ engine: { limits } }: Link): number {
  const most = Math.min(limits.stageBuffer, limits.sendBuffer) >> 2;
  return Math.max(1, Math.min(LARGEST_PART, most));
}

/** RFC 6455 5.2: a client's frame has a mask of 4 bytes. */
function frameSize(payload: number, server: boolean): number {
  const header = payload < 126 ? 2 : payload <= 65_535 ? 4 : 10;
  return header + (server ? 0 : 4) + payload;
}
