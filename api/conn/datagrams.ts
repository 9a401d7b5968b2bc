import { type AddressOf, type Deadline, type ErrorCode, Errors, Kind, State } from "../../wasm/abi.gen.ts";
import { Endpoint } from "../../wasm/endpoint.ts";
import type { Engine, Payload } from "../../wasm/engine.ts";
import { type ErrorFacts, errorCode, TwinwireError } from "../../wasm/errors.ts";
import { NO_STATS, type Stats } from "../../wasm/memory.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { callSafely, report } from "../../wasm/report.ts";
import { joinAddress } from "../internal/arguments.ts";
import { Deadlines, Waiter, WaitingList } from "../internal/waiting.ts";
import { type UdpOptions, udpQueueOf } from "./options.ts";

/** A received datagram. */
export interface Datagram {
  /** The payload; a `Buffer` where the runtime has that class. */
  readonly data: ReceivedBytes;
  /** The sender, as `"ip:port"` or `"[ipv6]:port"`. */
  readonly address: string;
  /** The sender's literal address, without brackets. */
  readonly host: string;
  /** The sender's port. */
  readonly port: number;
}

/** A call that waits for a datagram. */
export class Receiver extends Waiter<Datagram> {
  readonly max: number;

  constructor(max: number) {
    super();
    this.max = max;
  }
}

/** A datagram that waits for room. */
export class Sender extends Waiter<number> {
  readonly data: Payload;
  readonly host: string;
  readonly port: number;

  constructor(data: Payload, host: string, port: number) {
    super();
    this.data = data;
    this.host = host;
    this.port = port;
  }
}

/** A datagram of at most `max` bytes: what does not fit is lost, as with every datagram socket. */
export function cut(datagram: Datagram, max: number): Datagram {
  return datagram.data.length <= max ? datagram : { ...datagram, data: datagram.data.subarray(0, max) };
}

/** What a datagram costs besides its bytes, so that empty ones are bounded, too. */
const OVERHEAD = 128;

const RETRY_MS = 2;

const BACKPRESSURE = Errors.ERR_BACKPRESSURE.value;

/** A UDP socket of the connection API: datagrams that wait, and calls that wait. */
export class Datagrams extends Endpoint {
  readonly engine: Engine;
  /** Datagrams that came when there was no place for them. */
  dropped = 0;
  /** Whether it has a peer. */
  hasPeer = false;
  readonly #capacity: number;
  readonly #onError: ((error: TwinwireError) => void) | undefined;
  readonly #receivers = new WaitingList<Receiver>();
  readonly #senders = new WaitingList<Sender>();
  readonly #deadlines: Deadlines;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #queue: Datagram[] = [];
  #queued = 0;
  #late = { reading: false, writing: false };
  /** What the host reported of the peer since the last receive: as with a system socket, the next one receives it. */
  #failure: TwinwireError | undefined;
  #end: TwinwireError | undefined;
  #lastStats: Stats | undefined;

  constructor(engine: Engine, address: string, options: UdpOptions) {
    super(Kind.UDP, address);
    this.engine = engine;
    this.options = { reuseAddress: options.reuseAddress };
    this.#capacity = udpQueueOf(options);
    this.#onError = options.onError;
    this.#deadlines = new Deadlines(
      engine,
      this,
      { setLate: (late) => this.#setReadLate(late) },
      { setLate: (late) => this.#setWriteLate(late) },
    );
  }

  /** Why it can't be used: it could not be opened, failed, or was closed. */
  get end(): TwinwireError | undefined {
    return this.#end;
  }

  /** Whether a receive would be settled at once. */
  get ready(): boolean {
    if (this.#late.reading || this.#end !== undefined) return true;
    return this.#receivers.length === 0 && (this.#queue.length > 0 || this.#failure !== undefined);
  }

  fault(code: ErrorCode | number, facts: ErrorFacts): TwinwireError {
    return new TwinwireError(typeof code === "number" ? errorCode(code) : code, { address: this.address, ...facts });
  }

  /** What opening it returned. */
  begun(result: number): void {
    if (result < 0) this.stop(this.fault(result, { step: "open", cause: this.engine.cause }));
  }

  receive(max: number, signal: AbortSignal | undefined): Promise<Datagram> {
    if (signal?.aborted) return Promise.reject(this.#aborted("receive", signal));
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (this.#late.reading) return Promise.reject(this.fault("ERR_DEADLINE", { step: "receive" }));
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) return Promise.reject(failure);
    const next = this.#receivers.length === 0 ? this.#queue.shift() : undefined;
    if (next !== undefined) {
      this.#queued -= next.data.length + OVERHEAD;
      return Promise.resolve(cut(next, max));
    }
    const receiver = new Receiver(max);
    this.#receivers.add(receiver);
    receiver.until(signal, () => {
      this.#receivers.remove(receiver);
      receiver.reject(this.#aborted("receive", signal));
    });
    return receiver.promise;
  }

  /** Sends to a literal address; `""`: to the peer of `connect`. Waits if the host has no room. */
  send(data: Payload, host: string, port: number, signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted) return Promise.reject(this.#aborted("send", signal));
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (this.#late.writing) return Promise.reject(this.fault("ERR_DEADLINE", { step: "send" }));
    const sender = new Sender(data, host, port);
    if (this.#senders.length === 0 && this.#sent(sender)) return sender.promise;
    this.#senders.add(sender);
    this.#retryLater();
    sender.until(signal, () => {
      this.#senders.remove(sender);
      sender.reject(this.#aborted("send", signal));
    });
    return sender.promise;
  }

  setDeadline(which: Deadline, ms: number): void {
    if (this.#end !== undefined) throw this.#end;
    this.#deadlines.set(which, ms, (code, reason) => this.fault(code, { reason }));
  }

  addressOf(which: AddressOf): string {
    if (this.#end !== undefined) throw this.#end;
    const found = this.engine.address(this.handle, which);
    if (typeof found === "string" && found !== "") return found;
    throw this.fault(typeof found === "number" ? found : "ERR_STATE", {
      reason: "it has no peer: connect was not called",
    });
  }

  /** What it has done; once it has ended, all that it did. */
  get stats(): Stats {
    return this.#lastStats ?? this.engine.stats(this.handle) ?? NO_STATS;
  }

  keep(on: boolean): void {
    if (this.#end === undefined) this.engine.keep(this, on);
  }

  override datagram(at: number, size: number, host: string, port: number): void {
    const receiver = this.#receivers.first;
    if (receiver === undefined && this.#queued + size + OVERHEAD > this.#capacity) {
      this.dropped += 1;
      return;
    }
    const data = this.engine.memory.copy(at, receiver === undefined ? size : Math.min(size, receiver.max));
    const datagram = { data, address: joinAddress(host, port), host, port };
    if (receiver !== undefined) {
      this.#receivers.shift();
      receiver.resolve(datagram);
      return;
    }
    this.#queued += size + OVERHEAD;
    this.#queue.push(datagram);
  }

  override drain(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    for (let sender = this.#senders.first; sender !== undefined; sender = this.#senders.first) {
      if (!this.#sent(sender)) {
        this.#retryLater();
        return;
      }
      this.#senders.shift();
    }
  }

  override deadline(which: Deadline): void {
    this.#deadlines.passed(which);
  }

  override error(make: () => TwinwireError): void {
    const error = make();
    if (this.engine.state(this.handle) !== State.OPEN) {
      this.stop(error);
      return;
    }
    /* Without a peer, an error of one datagram must not end the receiving of all others. */
    if (!this.hasPeer) {
      callSafely(() => this.#onError?.(error), report);
      return;
    }
    const receiver = this.#receivers.shift();
    if (receiver === undefined) this.#failure = error;
    else receiver.reject(error);
  }

  /** It can't be used any more. */
  stop(error: TwinwireError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#lastStats = this.stats;
    if (this.handle >= 0 && !this.released) this.engine.close(this);
    this.#queue = [];
    clearTimeout(this.#retry);
    this.#receivers.rejectAll(() => error);
    this.#senders.rejectAll(() => error);
  }

  /** Not every host says when it has room for datagrams again. */
  #retryLater(): void {
    this.#retry ??= setTimeout(() => this.drain(), RETRY_MS);
  }

  /** Sends, unless there is no room. Settles the call if it does not have to wait. */
  #sent(sender: Sender): boolean {
    const { data, host, port } = sender;
    const result = this.engine.udp.sendTo(this.handle, host, port, data);
    if (result === BACKPRESSURE) return false;
    if (result >= 0) sender.resolve(result);
    else {
      const address = host === "" ? this.address : joinAddress(host, String(port));
      sender.reject(this.fault(result, { step: "send", address, cause: this.engine.cause }));
    }
    return true;
  }

  #setReadLate(late: boolean): void {
    this.#late.reading = late;
    if (late) this.#receivers.rejectAll(() => this.fault("ERR_DEADLINE", { step: "receive" }));
  }

  #setWriteLate(late: boolean): void {
    this.#late.writing = late;
    if (late) this.#senders.rejectAll(() => this.fault("ERR_DEADLINE", { step: "send" }));
  }

  #aborted(step: "receive" | "send", signal: AbortSignal | undefined): TwinwireError {
    return this.fault("ERR_ABORTED", { step, cause: signal?.reason });
  }
}
