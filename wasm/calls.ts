import type { DeflateHost, Port, TlsInfo } from "../adapters/port.ts";
import { type AddressOf, type Deadline, Errors, type Limits, MAX_ADDRESS, MAX_PATH, State } from "./abi.gen.ts";
import { type Core, readStats } from "./core.ts";
import type { Endpoint } from "./endpoint.ts";
import { completeLimits } from "./limits.ts";
import type { Memory, Stats } from "./memory.ts";
import { Pump } from "./pump.ts";
import { type ResolveOptions, resolve } from "./resolve.ts";
import type { TraceSink } from "./trace/tracer.ts";

/** What is sent: text goes out as UTF-8. */
export type Payload = string | Uint8Array;

/** The calls that are the same for every kind of handle. See `Engine`. */
export abstract class Calls {
  readonly limits: Limits;
  readonly memory: Memory;
  protected readonly pump: Pump;
  protected readonly core: Core;

  /** @throws TwinwireError for limits out of their range, or more memory than there is. */
  constructor(port: Port, limits?: Partial<Limits>) {
    this.limits = completeLimits(limits);
    this.pump = new Pump(port, this.limits);
    this.core = this.pump.core;
    this.memory = this.core.memory;
  }

  /**
   * Bytes that `data` has delivered go another way now: to `httpRead`, or to a WebSocket that `wsAccept` made. They are
   * delivered once more as soon as this turn's code is done, before anything else is; until then they may not change.
   * `done` is called when the resulting events have been delivered.
   */
  unread(handle: number, bytes: Uint8Array, done?: () => void): void {
    this.pump.unread(handle, bytes, done);
  }

  /** The endpoint that the application owns by this number. */
  find(handle: number): Endpoint | undefined {
    if (typeof handle !== "number") return undefined;
    const endpoint = this.pump.endpoints.find(handle);
    return endpoint === undefined || endpoint.released ? undefined : endpoint;
  }

  /** Every endpoint that the application owns. */
  all(): Endpoint[] {
    return this.pump.endpoints.all().filter((endpoint) => !endpoint.released);
  }

  /** From now on this endpoint receives the events of a handle instead of another one. */
  adopt(endpoint: Endpoint, handle: number): void {
    this.pump.endpoints.add(endpoint, handle);
  }

  /** Records what passes the core interface, of one handle or of all. Returns a function that stops it. */
  trace(sink: TraceSink, only?: number): () => void {
    const { core, port, tracing } = this.pump;
    return tracing.begin(core, sink, Math.floor(port.clock.now()), only);
  }

  /** What the runtime reported, if it is why the last call failed that opens, connects, sends a datagram or starts TLS. */
  get cause(): unknown {
    return this.pump.refusal;
  }

  /** The host's library for raw DEFLATE, or `undefined` where there is none. */
  get deflateHost(): DeflateHost | undefined {
    return this.pump.port.deflate;
  }

  /** Closes any handle; the number is stale from now on. */
  close(endpoint: Endpoint): number {
    this.beforeLeaving();
    return this.left(endpoint, this.core.exports.twc_close(this.core.self, endpoint.handle));
  }

  /** As `close`, at once: what is queued is dropped, and a connection is reset. */
  abort(endpoint: Endpoint): number {
    this.beforeLeaving();
    const wasClosed = endpoint.released;
    const result = this.core.exports.twc_abort(this.core.self, endpoint.handle);
    return wasClosed ? result : this.left(endpoint, result);
  }

  /** The `State` of a handle. */
  state(handle: number): State {
    const state = this.core.exports.twc_state(this.core.self, handle);
    return state < 0 ? State.FREE : (state as State);
  }

  buffered(handle: number): number {
    return this.core.exports.twc_buffered(this.core.self, handle);
  }

  /** What a handle has done; also one whose last event is being delivered. `undefined` for a stale number. */
  stats(handle: number): Stats | undefined {
    return readStats(this.core, handle);
  }

  setReceiving(handle: number, on: boolean): number {
    return this.reviewed(this.core.exports.twc_set_receiving(this.core.self, handle, on ? 1 : 0));
  }

  /** Sets deadlines (`Deadline` bits) to `ms` from now, or clears them with 0. */
  setDeadline(handle: number, which: Deadline, ms: number): number {
    this.pump.touchClock();
    this.pump.queueSettle();
    return this.core.exports.twc_set_deadline(this.core.self, handle, which, ms);
  }

  setAutoReconnect(handle: number, on: boolean): number {
    this.pump.queueSettle();
    return this.core.exports.twc_set_auto_reconnect(this.core.self, handle, on ? 1 : 0);
  }

  /** `delaysMs`: 1 to `MAX_DELAYS` of them. */
  setReconnectDelays(handle: number, delaysMs: readonly number[]): number {
    const { exports, memory, self, stage } = this.core;
    const place = (stage + 3) & ~3;
    memory.writeU32(place, delaysMs);
    return exports.twc_set_reconnect_delays(self, handle, place, delaysMs.length);
  }

  bindEvent(handle: number, event: string, signature: number): number {
    const { exports, self, stage } = this.core;
    const size = this.stage(event);
    return size < 0 ? Errors.ERR_EVENT.value : exports.twc_bind_event(self, handle, stage, size, signature);
  }

  /** The number that stands for an event's declaration. */
  signature(declaration: string): number {
    const size = this.stage(declaration);
    return size < 0 ? 0 : this.core.exports.twc_signature(this.core.stage, size) >>> 0;
  }

  /** One end's address, a path of a Unix socket, or an error number. */
  address(handle: number, which: AddressOf): string | number {
    const { exports, memory, self, stage } = this.core;
    const size = exports.twc_address(self, handle, which, stage, Math.max(MAX_ADDRESS, MAX_PATH));
    return size < 0 ? size : memory.utf8(stage, size);
  }

  /** Whether the endpoint keeps the process alive. */
  keep(endpoint: Endpoint, on: boolean): void {
    this.pump.endpoints.keep(endpoint, on);
  }

  /** What TLS came to on a handle, or `undefined` where there is none. */
  tlsInfo(handle: number): TlsInfo | undefined {
    return this.pump.port.tlsInfo(handle);
  }

  /**
   * Looks a host name up; a literal address is its own answer.
   *
   * @returns 1 or more literal addresses, in the order in which they are to be tried.
   * @throws TwinwireError ERR_ARGUMENT, ERR_NAME_NOT_FOUND, ERR_NAME_FAILED, ERR_ABORTED.
   */
  resolve(host: string, options?: ResolveOptions): Promise<string[]> {
    return resolve(this.pump.port, host, options);
  }

  /** Puts an argument into the stage buffer, `offset` bytes from its start. Returns its bytes, or -1 if it is too long. */
  protected stage(data: Payload, offset = 0): number {
    const { memory, stage } = this.core;
    const room = this.limits.stageBuffer - offset;
    if (typeof data === "string") return memory.writeText(stage + offset, room, data);
    return memory.writeBytes(stage + offset, room, data);
  }

  /** As `stage`, for text of which each character is one byte. -1 also for text that has others. */
  protected stageLatin1(text: string, offset: number): number {
    const { memory, stage } = this.core;
    return memory.writeLatin1(stage + offset, this.limits.stageBuffer - offset, text);
  }

  /** Opens a handle by `call`, which takes its text from the stage buffer; `tooLong` is what a text is that has no room. */
  protected open(endpoint: Endpoint, text: string, tooLong: number, call: (size: number) => number): number {
    const size = this.stage(text);
    return size < 0 ? tooLong : this.openStaged(endpoint, () => call(size));
  }

  /** Opens a handle by `call`, whose arguments are in the stage buffer. */
  protected openStaged(endpoint: Endpoint, call: () => number): number {
    const { exports, self } = this.core;
    this.pump.touchClock();
    this.pump.queueSettle();
    this.pump.refusal = undefined;
    const result = this.pump.endpoints.opening(endpoint, call);
    if (result >= 0 && endpoint.tls !== undefined) exports.twc_set_tls(self, result, 1);
    return result;
  }

  /** What may have held back a deferred end has changed: `result` is 1 if nothing does any more, and a flush is due. */
  protected reviewed(result: number): number {
    if (result <= 0) return result;
    this.pump.queueSettle();
    return 0;
  }

  /** Before a call that closes a handle. */
  protected beforeLeaving(): void {
    this.pump.touchClock();
    this.pump.queueSettle();
    this.pump.queueLater();
  }

  /** After it: `result` is what the call returned. */
  protected left(endpoint: Endpoint, result: number): number {
    if (result >= 0) this.pump.endpoints.leave(endpoint);
    return result;
  }
}
