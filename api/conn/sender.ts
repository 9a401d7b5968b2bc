/** The sending half of a stream. */
import { Errors, State } from "../../wasm/abi.gen.ts";
import type { Payload } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { type Bytes, show, toPayload } from "../internal/arguments.ts";
import { type HalfStream, Waiter, WaitingList } from "../internal/waiting.ts";

const BACKPRESSURE = Errors.ERR_BACKPRESSURE.value;
const STATE = Errors.ERR_STATE.value;

/** Above this it is worth asking for room before bytes are copied in vain. */
const LARGE = 65_536;

const DONE: Promise<void> = Promise.resolve();
const ZERO: Promise<number> = Promise.resolve(0);
const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();

class Writer extends Waiter<number> {
  readonly data: Uint8Array;
  /** Whether it waits until all is written; else until something is. */
  readonly all: boolean;
  /** Bytes that are written. */
  at = 0;

  constructor(data: Uint8Array, all: boolean) {
    super();
    this.data = data;
    this.all = all;
  }
}

/** Ends our half of the stream behind what is before it. */
class Finish extends Writer {
  constructor() {
    super(NO_BYTES, true);
  }
}

/** Stands between what goes out in the clear and what does not. */
class Gate extends Writer {
  readonly reached: () => void;

  constructor(reached: () => void) {
    super(NO_BYTES, true);
    this.reached = reached;
  }
}

/** Something that is not bytes is queued, whole or not at all. */
class Call extends Writer {
  /** Returns what the engine does: ERR_BACKPRESSURE has it called again when there is room. */
  readonly run: () => number;

  constructor(run: () => number) {
    super(NO_BYTES, true);
    this.run = run;
  }
}

/** The sending half of a stream: calls that wait for room, in order. What is queued is the engine's. */
export class StreamSender {
  readonly #stream: HalfStream;
  readonly #writers = new WaitingList<Writer>();
  /** Whether the connection is open. */
  #open = false;
  /** The gate that has been reached: nothing passes. */
  #gate: Gate | undefined;
  /** Why nothing can be written any more. */
  #end: TwinwireError | undefined;
  #late = false;
  /** `closeWrite` was called. */
  #finishing = false;
  /* The same few sizes are written over and over, and a promise is not cheap. */
  #lastSize = 0;
  #lastPromise = ZERO;

  constructor(stream: HalfStream) {
    this.#stream = stream;
  }

  /** Whether a write would be settled at once. */
  get ready(): boolean {
    if (this.#late || this.#end !== undefined) return true;
    return this.#open && this.#writers.length === 0 && this.#stream.engine.streams.room(this.#stream.handle) > 0;
  }

  /** Whether a write waits. */
  get isAwaited(): boolean {
    return this.#writers.length > 0;
  }

  /** Writes as much as fits, once anything does. */
  write(data: string | Bytes, signal: AbortSignal | undefined): Promise<number> {
    const size = this.#now(data, signal);
    if (size < 0) return this.#later(data, false, signal);
    if (size !== this.#lastSize) {
      this.#lastSize = size;
      this.#lastPromise = Promise.resolve(size);
    }
    return this.#lastPromise;
  }

  /** Writes all of it. */
  writeAll(data: string | Bytes, signal: AbortSignal | undefined): Promise<void> {
    return this.#now(data, signal) < 0 ? this.#later(data, true, signal).then(nothing) : DONE;
  }

  /**
   * Has `run` queue something in order with what is written. It is called until it returns something else than
   * ERR_BACKPRESSURE, each time that there is room.
   */
  call(run: () => number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#free && !signal?.aborted) {
      const result = run();
      if (result >= 0) return DONE;
      if (result !== BACKPRESSURE && !this.#isOver(result))
        return Promise.reject(this.#stream.fault(result, { step: "send" }));
    }
    return this.#enqueue(new Call(run), signal).then(nothing);
  }

  /** Ends our half of the stream behind all that is written. */
  finish(): Promise<void> {
    if (this.#finishing) return DONE;
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (this.#late) return Promise.reject(this.#deadline(0));
    this.#finishing = true;
    const writer = new Finish();
    this.#writers.add(writer);
    this.#pump();
    return writer.promise.then(nothing);
  }

  /**
   * Lets nothing pass that is written from now on. `reached` is called when the engine has all that was written before;
   * rejected if it never will be.
   */
  hold(reached: () => void): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (this.#finishing) return this.#reject("ERR_STATE", "our half of the stream was ended by closeWrite");
    const gate = new Gate(reached);
    this.#writers.add(gate);
    this.#pump();
    return gate.promise;
  }

  /** Lets go on what was held. */
  release(): void {
    if (this.#gate !== undefined) {
      this.#gate = undefined;
      this.#writers.shift();
    }
    this.#pump();
  }

  /** The connection is open. */
  open(): void {
    this.#open = true;
    this.#pump();
  }

  /** There is room again. */
  drain(): void {
    this.#pump();
  }

  /** Nothing can be written any more. */
  end(error: TwinwireError): void {
    this.#end = error;
    this.#open = false;
    this.#gate = undefined;
    this.#late = false;
    this.#writers.rejectAll(() => error);
  }

  /** A deadline passed, or (`false`) holds no more. */
  setLate(late: boolean): void {
    this.#late = late;
    if (!late) return;
    this.#writers.rejectAll((writer) => {
      if (writer instanceof Finish) this.#finishing = false;
      return this.#deadline(writer.at);
    });
  }

  /** Whether nothing stands in the way. */
  get #free(): boolean {
    return this.#open && this.#writers.length === 0 && !this.#late && !this.#finishing;
  }

  /** Writes the whole of it if nothing stands in the way. Returns a negative number if something does. */
  #now(data: string | Bytes, signal: AbortSignal | undefined): number {
    if (!this.#free || signal?.aborted) return -1;
    const { engine, handle } = this.#stream;
    const payload = toPayload(data);
    if (payload === undefined || (payload.length > LARGE && engine.streams.room(handle) < payload.length)) return -1;
    return engine.streams.send(handle, payload);
  }

  #later(data: string | Bytes, all: boolean, signal: AbortSignal | undefined): Promise<number> {
    const payload = toPayload(data);
    if (payload === undefined) {
      return this.#reject("ERR_ARGUMENT", `what is written is text or bytes, not ${show(data)}`);
    }
    return this.#enqueue(new Writer(toBytes(payload), all), signal);
  }

  #enqueue(writer: Writer, signal: AbortSignal | undefined): Promise<number> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (this.#finishing) return this.#reject("ERR_STATE", "our half of the stream was ended by closeWrite");
    if (signal?.aborted) return Promise.reject(this.#aborted(signal, 0));
    if (this.#late) return Promise.reject(this.#deadline(0));
    this.#writers.add(writer);
    writer.until(signal, () => {
      this.#writers.remove(writer);
      writer.reject(this.#aborted(signal, writer.at));
      this.#pump();
    });
    this.#pump();
    return writer.promise;
  }

  /** Lets those who wait have what room there is. */
  #pump(): void {
    while (this.#open && this.#gate === undefined) {
      const writer = this.#writers.first;
      if (writer === undefined) return;
      if (writer instanceof Gate) {
        this.#gate = writer;
        writer.reached();
        return;
      }
      const result = this.#perform(writer);
      if (result === BACKPRESSURE || this.#isOver(result)) return;
      if (result < 0) {
        this.#writers.shift();
        writer.reject(this.#stream.fault(result, { step: "send", detail: writer.at }));
        continue;
      }
      writer.at += result;
      const whole = writer.at === writer.data.length;
      if (!whole && writer.all) continue;
      this.#writers.shift();
      writer.resolve(writer.at);
    }
  }

  /** Returns how much of it was done; ERR_BACKPRESSURE: a drain follows; or another error. */
  #perform(writer: Writer): number {
    if (writer instanceof Call) return Math.min(writer.run(), 0);
    return writer instanceof Finish ? this.#stream.engine.streams.shutdown(this.#stream.handle) : this.#offer(writer);
  }

  /** Whether it was refused because the connection has just ended: who waits gets the error of the end, which follows. */
  #isOver(result: number): boolean {
    const { engine, handle } = this.#stream;
    return result === STATE && engine.state(handle) >= State.CLOSING;
  }

  /** Queues what fits of what is left. Returns how much that is, or an error. */
  #offer({ data, at }: Writer): number {
    const { engine, handle } = this.#stream;
    const left = data.length - at;
    const room = Math.min(left, engine.streams.room(handle));
    /* Without room a part is still tried: once it is refused, the engine reports when it fits. */
    const { blockSize, sendBuffer, stageBuffer } = engine.limits;
    const size = room > 0 ? room : Math.min(left, blockSize, sendBuffer, stageBuffer);
    return engine.streams.send(handle, size === data.length ? data : data.subarray(at, at + size));
  }

  #reject(code: "ERR_ARGUMENT" | "ERR_STATE", reason: string): Promise<never> {
    return Promise.reject(this.#stream.fault(code, { step: "send", reason }));
  }

  #deadline(detail: number): TwinwireError {
    return this.#stream.fault("ERR_DEADLINE", { step: "send", detail });
  }

  #aborted(signal: AbortSignal | undefined, detail: number): TwinwireError {
    return this.#stream.fault("ERR_ABORTED", { step: "send", detail, cause: signal?.reason });
  }
}

function toBytes(payload: Payload): Uint8Array {
  return typeof payload === "string" ? encoder.encode(payload) : payload;
}

function nothing(): void {}
