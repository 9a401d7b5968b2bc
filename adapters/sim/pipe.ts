/** One direction of a simulated TCP connection: the sender's buffer, what is under way, and the receiver's window. */
import type { Machine } from "./machine.ts";
import { GIVE_UP_MS, LONGEST_RETRANSMIT_MS, type Network, RETRANSMIT_MS } from "./network.ts";

/** An item that is not bytes: the end of the stream, a reset, or a message of a TLS handshake. */
export type Mark =
  | { readonly kind: "end"; readonly notified: boolean }
  | { readonly kind: "reset" }
  | { readonly kind: "hello"; readonly alpn: readonly string[] }
  | { readonly kind: "answer"; readonly alpn: string }
  | { readonly kind: "done" };

/** What passes through a pipe. */
export type Item = Uint8Array | Mark;

/** The end that sends. */
export interface Source {
  /** Called when bytes have left the buffer. */
  hasRoom(): void;
  /** Called when the connection is over: the peer has reset it, or no longer answers. */
  broken(reason: "reset" | "timeout"): void;
}

/** The end that receives. */
export interface Sink {
  /** Called when something has arrived. Returns false if the receiver is closed: then the sender gets a reset. */
  arrived(item: Item): boolean;
}

const sizeOf = (item: Item): number => (item instanceof Uint8Array ? item.length : 0);

/** Bytes and marks from one stream to another, in order. */
export class Pipe {
  /** Bytes that have arrived and were not consumed. */
  unread = 0;
  readonly #network: Network;
  readonly #from: Machine;
  readonly #to: Machine;
  readonly #source: Source;
  readonly #sink: Sink;
  /** What waits at the sender. */
  #queue: Item[] = [];
  #queued = 0;
  /** What has left the sender, and when it arrives. */
  #flight: { readonly item: Item; readonly atMs: number }[] = [];
  #flying = 0;
  #busyUntil = 0;
  #lastArrival: number;
  /** Milliseconds for which the first segment has been retransmitted. */
  #triedMs = 0;
  /** Whether an arrival is scheduled. */
  #awaited = false;
  #over = false;
  #total = 0;
  #fault: { readonly at: number; readonly kind: "reset" | "end" } | undefined;

  /** `opensMs`: the simulated time before which nothing arrives. */
  constructor(network: Network, ends: { from: Machine; to: Machine; source: Source; sink: Sink }, opensMs: number) {
    this.#network = network;
    this.#from = ends.from;
    this.#to = ends.to;
    this.#source = ends.source;
    this.#sink = ends.sink;
    this.#lastArrival = opensMs;
    const { faults, random } = network.simulation;
    const kind = random.happens(faults.reset) ? "reset" : random.happens(faults.earlyEnd) ? "end" : undefined;
    if (kind !== undefined) this.#fault = { at: random.between(0, faults.faultWithin), kind };
  }

  /** Bytes that the sender's system takes. */
  get room(): number {
    return this.#network.simulation.faults.socketBuffer - this.#queued;
  }

  /** Whether everything has arrived. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#flight.length === 0;
  }

  /** Sends bytes, which belong to the pipe then, or a mark. */
  send(item: Item): void {
    if (this.#over) return;
    this.#queue.push(item);
    this.#queued += sizeOf(item);
    this.#transmit();
  }

  /** Drops what has not left, and resets the connection. */
  reset(): void {
    this.#queue = [];
    this.#queued = 0;
    this.send({ kind: "reset" });
  }

  /** Drops everything: the sender's machine is off. */
  cut(): void {
    this.#over = true;
    this.#queue = [];
    this.#flight = [];
  }

  /** The receiver has consumed bytes. */
  consumed(size: number): void {
    this.unread -= size;
    this.#transmit();
  }

  #transmit(): void {
    const { faults } = this.#network.simulation;
    let left = false;
    for (let item = this.#queue[0]; item !== undefined && !this.#over; item = this.#queue[0]) {
      if (item instanceof Uint8Array) {
        const size = Math.min(item.length, faults.segment, faults.socketBuffer - this.#flying - this.unread);
        if (size <= 0) break;
        if (size === item.length) this.#queue.shift();
        else this.#queue[0] = item.subarray(size);
        this.#queued -= size;
        this.#flying += size;
        left = true;
        this.#launch(item.subarray(0, size));
      } else {
        this.#queue.shift();
        this.#launch(item);
      }
    }
    if (left) this.#source.hasRoom();
  }

  #launch(item: Item): void {
    const { simulation } = this.#network;
    const { faults, random, nowMs } = simulation;
    const departs = Math.max(nowMs, this.#busyUntil);
    this.#busyUntil = departs + (faults.bandwidth > 0 ? (sizeOf(item) / faults.bandwidth) * 1000 : 0);
    let atMs = this.#busyUntil + this.#network.delay(this.#from, this.#to);
    for (let wait = RETRANSMIT_MS; wait < LONGEST_RETRANSMIT_MS && random.happens(faults.segmentLoss); wait *= 2) {
      atMs += wait;
    }
    this.#lastArrival = Math.max(this.#lastArrival, atMs);
    this.#flight.push({ item, atMs: this.#lastArrival });
    if (this.#flight.length === 1) this.#await(this.#lastArrival - nowMs);
  }

  #await(delayMs: number): void {
    if (this.#awaited) return;
    this.#awaited = true;
    this.#network.simulation.after(delayMs, undefined, () => {
      this.#awaited = false;
      this.#land();
    });
  }

  /** The first segment arrives, or is sent again. */
  #land(): void {
    const first = this.#flight[0];
    if (first === undefined || this.#over) return;
    if (!this.#network.passes(this.#from, this.#to)) {
      this.#retry();
      return;
    }
    this.#triedMs = 0;
    this.#flight.shift();
    this.#flying -= sizeOf(first.item);
    this.#arrive(first.item);
    const next = this.#flight[0];
    if (next !== undefined) this.#await(next.atMs - this.#network.simulation.nowMs);
    this.#transmit();
  }

  #retry(): void {
    const wait = Math.min(Math.max(this.#triedMs, RETRANSMIT_MS), LONGEST_RETRANSMIT_MS);
    this.#triedMs += wait;
    if (this.#triedMs > GIVE_UP_MS) {
      this.cut();
      this.#source.broken("timeout");
    } else this.#await(wait);
  }

  #arrive(item: Item): void {
    const fault = this.#fault;
    if (fault !== undefined && item instanceof Uint8Array && this.#total + item.length > fault.at) {
      const before = item.subarray(0, fault.at - this.#total);
      if (before.length > 0) this.#hand(before);
      this.#fault = undefined;
      this.#sink.arrived(fault.kind === "reset" ? { kind: "reset" } : { kind: "end", notified: false });
      this.#refuse();
      return;
    }
    this.#hand(item);
  }

  #hand(item: Item): void {
    this.#total += sizeOf(item);
    this.unread += sizeOf(item);
    if (!this.#sink.arrived(item)) this.#refuse();
  }

  /** Answers what arrives by a reset. */
  #refuse(): void {
    if (this.#over) return;
    this.cut();
    const { simulation } = this.#network;
    const back = (delayMs: number): void => {
      simulation.after(delayMs, undefined, () => {
        if (this.#network.passes(this.#to, this.#from)) this.#source.broken("reset");
        else if (delayMs < LONGEST_RETRANSMIT_MS) back(Math.max(RETRANSMIT_MS, delayMs * 2));
      });
    };
    back(this.#network.delay(this.#to, this.#from));
  }
}
