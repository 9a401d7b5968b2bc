import type { DeflateHost, Port, TlsInfo, TlsOptions } from "../adapters/port.ts";
import { type AddressOf, type Deadline, Errors, type Limits, MAX_ADDRESS, MAX_PATH, NONE, State } from "./abi.gen.ts";
import { CallContext } from "./call-context.ts";
import { readStats } from "./core.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Memory, Stats } from "./memory.ts";
import { HttpCalls, WsCalls } from "./protocol-calls.ts";
import { type ResolveOptions, resolve } from "./resolve.ts";
import { ListenerCalls, StreamCalls, UdpCalls } from "./socket-calls.ts";
import type { Watched, Watcher } from "./trace/watcher.ts";

export type { Payload, ProxyServer } from "./call-context.ts";
export type { Broadcast, WsAnswer } from "./protocol-calls.ts";

/**
 * The core and a port, ready for the APIs: the calls of the core interface with JavaScript's arguments. Those here are the
 * same for every kind of handle; those of one kind are in `streams`, `listeners`, `udp`, `http` and `ws`.
 *
 * A call returns what the core returns, `>= 0` a count or a handle, `< 0` an error number, and never throws. Its handles are
 * those of endpoints; whether a number of the application's names one is checked by the API, with `find`.
 */
export class Engine {
  readonly limits: Limits;
  readonly memory: Memory;
  readonly streams: StreamCalls;
  readonly listeners: ListenerCalls;
  readonly udp: UdpCalls;
  readonly http: HttpCalls;
  readonly ws: WsCalls;
  readonly #context: CallContext;

  /** @throws TwinwireError for limits out of their range, or more memory than there is. */
  constructor(port: Port, limits?: Partial<Limits>) {
    const context = new CallContext(port, limits);
    this.#context = context;
    this.limits = context.limits;
    this.memory = context.core.memory;
    this.streams = new StreamCalls(context);
    this.listeners = new ListenerCalls(context);
    this.udp = new UdpCalls(context);
    this.http = new HttpCalls(context);
    this.ws = new WsCalls(context);
  }

  /**
   * Bytes that `data` has delivered go another way now: to `http.read`, or to a WebSocket that `ws.accept` made. They are
   * delivered once more as soon as the code that runs now is done, before anything else is; until then they may not change.
   * `done` is called when the resulting events have been delivered.
   */
  unread(handle: number, bytes: Uint8Array, done?: () => void): void {
    this.#context.pump.unread(handle, bytes, done);
  }

  /** The endpoint that the application owns by this number. */
  find(handle: number): Endpoint | undefined {
    if (typeof handle !== "number") return undefined;
    const endpoint = this.#context.pump.endpoints.find(handle);
    return endpoint === undefined || endpoint.released ? undefined : endpoint;
  }

  /** Every endpoint that the application owns. */
  all(): Endpoint[] {
    return this.#context.pump.endpoints.all().filter((endpoint) => !endpoint.released);
  }

  /** From now on this endpoint receives the events of a handle instead of another one. */
  adopt(endpoint: Endpoint, handle: number): void {
    this.#context.pump.endpoints.add(endpoint, handle);
  }

  /** Begins to watch the core interface; a watcher of the same kind ends. Returns a function that ends this one. */
  watch(kind: "recorder" | "trace", make: (watched: Watched) => Watcher): () => void {
    const { core, endpoints, port, watching } = this.#context.pump;
    const isLeaving = (handle: number): boolean => endpoints.find(handle)?.released === true;
    const nowMs = Math.floor(port.clock.now());
    return watching.begin(core, kind, make({ core, isLeaving, limits: this.limits, nowMs }));
  }

  /** What the runtime reported, if it is why the last call failed that opens, connects, sends a datagram or starts TLS. */
  get cause(): unknown {
    return this.#context.pump.refusal;
  }

  /** The host's library for raw DEFLATE, or `undefined` where there is none. */
  get deflateHost(): DeflateHost | undefined {
    return this.#context.pump.port.deflate;
  }

  /** Closes any handle; the number is stale from now on. */
  close(endpoint: Endpoint): number {
    this.#context.beforeClosing();
    return this.#context.afterClosing(
      endpoint,
      this.#context.core.exports.twc_close(this.#context.core.self, endpoint.handle),
    );
  }

  /** As `close`, at once: what is queued is dropped, and a connection is reset. */
  abort(endpoint: Endpoint): number {
    this.#context.beforeClosing();
    const wasClosed = endpoint.released;
    const result = this.#context.core.exports.twc_abort(this.#context.core.self, endpoint.handle);
    return wasClosed ? result : this.#context.afterClosing(endpoint, result);
  }

  /** The `State` of a handle. */
  state(handle: number): State {
    const state = this.#context.core.exports.twc_state(this.#context.core.self, handle);
    return state < 0 ? State.FREE : (state as State);
  }

  buffered(handle: number): number {
    return this.#context.core.exports.twc_buffered(this.#context.core.self, handle);
  }

  /** What a handle has done; also one whose last event is being delivered. `undefined` for a stale number. */
  stats(handle: number): Stats | undefined {
    return readStats(this.#context.core, handle);
  }

  setReceiving(handle: number, on: boolean): number {
    return this.#context.reviewed(
      this.#context.core.exports.twc_set_receiving(this.#context.core.self, handle, on ? 1 : 0),
    );
  }

  /** Sets deadlines (`Deadline` bits) to `ms` from now, or clears them with 0. */
  setDeadline(handle: number, which: Deadline, ms: number): number {
    this.#context.pump.touchClock();
    this.#context.pump.queueSettle();
    return this.#context.core.exports.twc_set_deadline(this.#context.core.self, handle, which, ms);
  }

  setAutoReconnect(handle: number, on: boolean): number {
    this.#context.pump.queueSettle();
    return this.#context.core.exports.twc_set_auto_reconnect(this.#context.core.self, handle, on ? 1 : 0);
  }

  /** `delaysMs`: 1 to `MAX_DELAYS` of them. */
  setReconnectDelays(handle: number, delaysMs: readonly number[]): number {
    const { exports, memory, self, stage } = this.#context.core;
    const place = (stage + 3) & ~3;
    memory.writeU32(place, delaysMs);
    return exports.twc_set_reconnect_delays(self, handle, place, delaysMs.length);
  }

  bindEvent(handle: number, event: string, signature: number): number {
    const { exports, self, stage } = this.#context.core;
    const size = this.#context.stage(event);
    return size < 0 ? Errors.ERR_EVENT.value : exports.twc_bind_event(self, handle, stage, size, signature);
  }

  /** The number that stands for an event's declaration. */
  signature(declaration: string): number {
    const size = this.#context.stage(declaration);
    return size < 0 ? 0 : this.#context.core.exports.twc_signature(this.#context.core.stage, size) >>> 0;
  }

  /** One end's address, a path of a Unix socket, or an error number. */
  address(handle: number, which: AddressOf): string | number {
    const { exports, memory, self, stage } = this.#context.core;
    const size = exports.twc_address(self, handle, which, stage, Math.max(MAX_ADDRESS, MAX_PATH));
    return size < 0 ? size : memory.utf8(stage, size);
  }

  /** Whether the endpoint keeps the process alive. */
  keep(endpoint: Endpoint, on: boolean): void {
    this.#context.pump.endpoints.keep(endpoint, on);
  }

  /** What TLS came to on a handle, or `undefined` where there is none. */
  tlsInfo(handle: number): TlsInfo | undefined {
    return this.#context.pump.port.tlsInfo(handle);
  }

  /**
   * Looks a host name up; a literal address is its own answer.
   *
   * @returns 1 or more literal addresses, in the order in which they are to be tried.
   * @throws TwinwireError ERR_ARGUMENT, ERR_NAME_NOT_FOUND, ERR_NAME_FAILED, ERR_ABORTED.
   */
  resolve(host: string, options?: ResolveOptions): Promise<string[]> {
    return resolve(this.#context.pump.port, host, options);
  }

  /** Receives at most about so many bytes ahead of `consumed`; 0: without bound. */
  setWindow(handle: number, bytes: number): number {
    return this.#context.reviewed(this.#context.core.exports.twc_set_window(this.#context.core.self, handle, bytes));
  }

  /** So many bytes of what `data` delivered are consumed. */
  consumed(handle: number, bytes: number): number {
    return this.#context.reviewed(this.#context.core.exports.twc_consumed(this.#context.core.self, handle, bytes));
  }

  /**
   * Asks for TLS from the start; for a listener, on each connection it accepts. To be called before the endpoint is
   * opened, which lets the port begin without a detour, or right after.
   */
  /** Returns 0 if the port takes TLS options for a server. */
  checkTls(options: TlsOptions): number {
    return this.#context.pump.port.checkTls?.(options) ?? Errors.ERR_UNSUPPORTED.value;
  }

  setTls(endpoint: Endpoint, options: TlsOptions): number {
    endpoint.tls = options;
    return endpoint.handle === NONE
      ? 0
      : this.#context.core.exports.twc_set_tls(this.#context.core.self, endpoint.handle, 1);
  }
}
