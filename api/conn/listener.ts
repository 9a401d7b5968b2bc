/** The endpoint of a listening socket. */
import { AddressOf, type ErrorCode, Kind } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { type ErrorFacts, errorCode, TwinwireError } from "../../wasm/errors.ts";
import { type AddressStats, NO_ADDRESS_STATS } from "../../wasm/memory.ts";
import type { Metric } from "../../wasm/metrics.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { report } from "../../wasm/report.ts";
import { afterMicrotasks } from "../../wasm/timing.ts";
import { Waiter, WaitingList } from "../internal/waiting.ts";
import { type AddressLimits, backlogOf, type ServerOptions, socketOptions, windowOf } from "./options.ts";
import { Stream } from "./stream.ts";

/** An accepted connection. */
interface Accepted {
  close(): void;
}

/** The endpoint of a listening socket: connections that wait to be accepted, and calls that wait for connections. */
export class Listener<C extends Accepted> extends Endpoint {
  readonly #engine: Engine;
  readonly #wrap: (stream: Stream) => C;
  readonly #onError: ((error: TwinwireError) => void) | undefined;
  readonly #window: number;
  readonly #backlog: number;
  readonly #acceptors = new WaitingList<Waiter<C>>();
  readonly #opened = new Waiter<void>();
  /** Open, and not yet accepted. */
  #ready: C[] = [];
  /** In the middle of a TLS handshake. */
  readonly #pending = new Set<Stream>();
  /** Whether the application has asked for something that reports a failure to listen. */
  observed = false;
  #listening = false;
  #addressStats = NO_ADDRESS_STATS;
  #acceptedCount = 0;
  /** Why it accepts no more. */
  #end: TwinwireError | undefined;
  #failure: TwinwireError | undefined;

  constructor(engine: Engine, address: string, options: ServerOptions, wrap: (stream: Stream) => C) {
    super(Kind.LISTENER, address);
    this.#engine = engine;
    this.#wrap = wrap;
    this.#onError = options.onError;
    this.#window = windowOf(options);
    this.#backlog = backlogOf(options);
    this.options = socketOptions({ ...options, backlog: this.#backlog });
    /* `#failed` reports a failure that no one observes. */
    this.#opened.promise.catch(() => {});
  }

  get opened(): Promise<void> {
    this.observed = true;
    return this.#opened.promise;
  }

  /** Whether `accept` would be settled immediately. */
  get hasReady(): boolean {
    return this.#end !== undefined || (this.#ready.length > 0 && this.#acceptors.length === 0);
  }

  fault(code: ErrorCode | number, facts: ErrorFacts): TwinwireError {
    return new TwinwireError(typeof code === "number" ? errorCode(code) : code, { address: this.address, ...facts });
  }

  /** What opening it returned. */
  begun(result: number): void {
    if (result < 0) this.failed(this.fault(result, { step: "open", cause: this.#engine.cause }));
  }

  /** Takes the next connection. */
  accept(signal: AbortSignal | undefined): Promise<C> {
    const aborted = (): TwinwireError => this.fault("ERR_ABORTED", { step: "accept", cause: signal?.reason });
    if (signal?.aborted) return Promise.reject(aborted());
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const next = this.#acceptors.length === 0 ? this.#ready.shift() : undefined;
    if (next !== undefined) return Promise.resolve(next);
    const waiter = new Waiter<C>();
    this.#acceptors.add(waiter);
    waiter.until(signal, () => {
      this.#acceptors.remove(waiter);
      waiter.reject(aborted());
    });
    return waiter.promise;
  }

  /** Where it listens. */
  localAddress(): string {
    this.observed = true;
    if (this.#end !== undefined) throw this.#end;
    const found = this.#engine.address(this.handle, AddressOf.LOCAL);
    if (typeof found === "string") return found;
    throw this.fault("ERR_STATE", { reason: "it does not listen yet: await opened first" });
  }

  limitAddresses({ connections = 0, handshakesPerSecond = 0, messagesPerSecond = 0 }: AddressLimits): void {
    if (this.handle < 0) return;
    const { listeners } = this.#engine;
    const result = listeners.limitAddresses(this.handle, connections, handshakesPerSecond, messagesPerSecond);
    if (result >= 0) return;
    const reason = "limits().addresses is 0, so there is no room for perAddress";
    this.#engine.close(this);
    this.failed(this.fault(result, { step: "open", reason }));
  }

  /** Replaces the TLS of the connections that it accepts from now on. */
  replaceTls(tls: TlsOptions): void {
    const operation = "setTls";
    if (this.#end !== undefined) throw this.fault("ERR_STATE", { operation, problem: "the server is closed" });
    const result = this.#engine.checkTls(tls);
    if (result < 0) throw this.fault(result, { operation, cause: this.#engine.cause });
    this.tls = tls;
  }

  /** What the limits per address have done; also after the end. */
  addressStats(): AddressStats {
    const now = this.handle < 0 || this.released ? undefined : this.#engine.listeners.addressStats(this.handle);
    this.#addressStats = now ?? this.#addressStats;
    return this.#addressStats;
  }

  /** Its counts; also after the end. */
  measure(): readonly Metric[] {
    const { refusedConnections, refusedHandshakes, refusedMessages } = this.addressStats();
    const counter = (name: string, help: string, value: number): Metric => {
      return { name: `twinwire_tcp_${name}`, kind: "counter", help, value };
    };
    const [name, help] = ["twinwire_tcp_waiting", "Connections that wait to be accepted by the application."];
    return [
      { name, kind: "gauge", help, value: this.#ready.length },
      counter("accepted", "Connections that have opened.", this.#acceptedCount),
      counter("refused_connections", "Connections above a limit for their address.", refusedConnections),
      counter("refused_handshakes", "Connections above the rate for their address.", refusedHandshakes),
      counter("refused_messages", "Messages and requests above the rate for their address.", refusedMessages),
    ];
  }

  keep(on: boolean): void {
    if (this.handle >= 0 && !this.released) this.#engine.keep(this, on);
  }

  override connected(): void {
    this.#listening = true;
    this.#opened.resolve();
  }

  override accepted(handle: number): Endpoint | undefined {
    const peer = this.#engine.address(handle, AddressOf.REMOTE);
    const address = typeof peer === "string" && peer !== "" ? peer : this.address;
    if (this.#ready.length + this.#pending.size >= this.#backlog) {
      const reason = `${this.#backlog} connections wait for accept already`;
      this.#reportError(new TwinwireError("ERR_LIMIT", { step: "accept", address, reason }));
      return undefined;
    }
    const stream = new Stream(this.#engine, address, this.#window);
    /* A socket that was taken over brings its TLS with it. */
    stream.secure = this.options.adopts === true && this.#engine.tlsInfo(handle) !== undefined;
    this.#pending.add(stream);
    stream.onSettled = this.#settled;
    return stream;
  }

  override error(make: () => TwinwireError): void {
    this.#failure = make();
    if (this.#listening) this.#reportError(this.#failure);
  }

  override disconnected(_ending: Ending): void {
    if (!this.released) this.#engine.close(this);
    this.failed(this.#failure ?? this.fault("ERR_STATE", { step: "accept", reason: "the server has ended" }));
  }

  /**
   * Stops because it can't listen, or no longer. As with node:net, that is never silent: unless the application asks for it
   * within this loop iteration, it is an uncaught exception.
   */
  failed(error: TwinwireError): void {
    if (this.#end !== undefined) return;
    this.stop(error);
    afterMicrotasks(() => {
      if (!this.observed) report(error);
    });
  }

  /** Stops accepting. Connections that were not accepted are closed. */
  stop(error: TwinwireError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    if (this.handle >= 0 && !this.released) this.#engine.close(this);
    this.#opened.reject(error);
    this.#acceptors.rejectAll(() => error);
    for (const stream of this.#pending) stream.close();
    for (const conn of this.#ready) conn.close();
    this.#ready = [];
  }

  readonly #settled = (stream: Stream, error: TwinwireError | undefined): void => {
    this.#pending.delete(stream);
    if (error !== undefined) {
      if (this.#end === undefined) this.#reportError(error);
      return;
    }
    this.#acceptedCount++;
    const conn = this.#wrap(stream);
    const waiter = this.#acceptors.shift();
    if (waiter === undefined) this.#ready.push(conn);
    else waiter.resolve(conn);
  };

  #reportError(error: TwinwireError): void {
    try {
      this.#onError?.(error);
    } catch (thrown) {
      report(thrown);
    }
  }
}
