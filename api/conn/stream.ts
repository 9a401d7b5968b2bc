import { type AddressOf, Deadline, type ErrorCode, Errors, Kind, NONE, State } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { type ErrorFacts, type ErrorStep, errorCode, errorWithoutStack, TwinwireError } from "../../wasm/errors.ts";
import { NO_STATS, type Stats } from "../../wasm/memory.ts";
import type { ReceivedBytes, TlsInfo, TlsOptions } from "../../wasm/port-types.ts";
import { afterMicrotasks } from "../../wasm/timing.ts";
import { show } from "../internal/arguments.ts";
import { Deadlines, Waiter } from "../internal/waiting.ts";
import { StreamReceiver } from "./receiver.ts";
import { StreamSender } from "./sender.ts";

/** Consumes a stream's bytes as HTTP: receives the engine's events of messages. */
export interface HttpEndpoint {
  httpHead(at: number, size: number, flags: number, status: number, what: number): void;
  httpBody(at: number, size: number, flags: number): void;
  httpTrailer(at: number, size: number): void;
  httpEnd(error: number, status: number): void;
  /** The peer ended its half of the stream. */
  peerEnded(): void;
  /** The stream is over. `error` returns the reason, which may be created only then. */
  ended(error: () => TwinwireError): void;
  /** The application's deadline for reading passed. */
  late(error: TwinwireError): void;
}

/* Connections that are open have this in common, so that none keeps a promise of its own. */
const OPEN: Promise<void> = Promise.resolve();

/** Where a stream stands. `gone`: the peer or an error ended it; what came before that can still be read. */
type Phase = "opening" | "open" | "gone" | "closed";

/** A stream of the connection API: connects the engine's events with the calls that wait for them. */
export class Stream extends Endpoint {
  readonly engine: Engine;
  readonly window: number;
  /** The object that stands for it in the application. */
  owner: unknown;
  /** Called once, when it is open or has failed. */
  onSettled: ((stream: Stream, error: TwinwireError | undefined) => void) | undefined;
  /** What reads its bytes as HTTP, if something does. */
  http: HttpEndpoint | undefined;
  phase: Phase = "opening";
  /** Whether it is protected, or will be before the first byte. */
  secure = false;
  #receiver: StreamReceiver | undefined = new StreamReceiver(this);
  #sender: StreamSender | undefined = new StreamSender(this);
  /** Why its handle is another endpoint's. */
  #handedOver: string | undefined;
  #opened: Waiter<void> | undefined;
  #failure: TwinwireError | undefined;
  #deadlines: Deadlines | undefined;
  #upgrade: Upgrade | undefined;
  /** Resolved when the engine has forgotten it. */
  #closed: Waiter<void> | undefined;
  #forgotten = false;
  #isSetUp = false;
  #wasOpened = false;
  #lastStats: Stats | undefined;

  constructor(engine: Engine, address: string, window: number) {
    super(Kind.TCP, address);
    this.engine = engine;
    this.window = window;
  }

  /** An error of this stream. `code`: also the number of one. */
  fault(code: ErrorCode | number, facts: ErrorFacts): TwinwireError {
    return new TwinwireError(typeof code === "number" ? errorCode(code) : code, { address: this.address, ...facts });
  }

  /** Its receiving half. One that was handed over gets another when a call asks for it: every WebSocket of a server has one. */
  get receiver(): StreamReceiver {
    if (this.#receiver === undefined) {
      this.#receiver = new StreamReceiver(this);
      this.#receiver.end(this.#over ?? null);
    }
    return this.#receiver;
  }

  /** Its sending half, likewise. */
  get sender(): StreamSender {
    if (this.#sender === undefined) {
      this.#sender = new StreamSender(this);
      this.#sender.end(this.#over ?? this.#closedFault("send"));
    }
    return this.#sender;
  }

  /** The error that ended it. That of one that was handed over is created when it is asked for. */
  get #over(): TwinwireError | undefined {
    if (this.#handedOver !== undefined)
      this.#failure ??= errorWithoutStack("ERR_STATE", { address: this.address, reason: this.#handedOver });
    return this.#failure;
  }

  /** What opening it returned. */
  begun(result: number): void {
    if (result < 0) this.fail(this.fault(result, { step: "open", cause: this.engine.cause }));
    else this.#setUp();
  }

  /** Takes over a handle that is open already, or about to be. */
  taken(): void {
    this.#setUp();
    if (this.engine.state(this.handle) === State.OPEN) this.connected();
  }

  /** Settled once it is open, or never will be. */
  get opened(): Promise<void> {
    if (this.#wasOpened) return OPEN;
    if (this.#opened === undefined) {
      this.#opened = new Waiter();
      /* Reads and writes report it. */
      this.#opened.promise.catch(() => {});
      if (this.phase !== "opening") this.#opened.reject(this.#over ?? this.#closedFault("connect"));
    }
    return this.#opened.promise;
  }

  /** The error that ended it: not one of `close`, and not the peer's end. */
  get failure(): TwinwireError | undefined {
    return this.phase === "closed" ? undefined : this.#over;
  }

  get closed(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = new Waiter();
      if (this.#forgotten) this.#closed.resolve();
    }
    return this.#closed.promise;
  }

  override connected(): void {
    if (this.phase !== "opening") return;
    this.phase = "open";
    /* Not before: the core reads what a proxy says of a tunnel. */
    this.takesBytes = true;
    this.secure ||= this.tls !== undefined;
    this.#setUp();
    this.#wasOpened = true;
    this.#opened?.resolve();
    this.#opened = undefined;
    this.sender.open();
    this.#settled(undefined);
  }

  override data(at: number, size: number): void {
    this.receiver.received(at, size);
  }

  override given(bytes: ReceivedBytes): void {
    this.receiver.given(bytes);
  }

  override httpHead(at: number, size: number, flags: number, status: number, what: number): void {
    this.http?.httpHead(at, size, flags, status, what);
  }

  override httpBody(at: number, size: number, flags: number): void {
    this.http?.httpBody(at, size, flags);
  }

  override httpTrailer(at: number, size: number): void {
    this.http?.httpTrailer(at, size);
  }

  override httpEnd(error: number, status: number): void {
    this.http?.httpEnd(error, status);
  }

  override drain(): void {
    this.sender.drain();
  }

  override ended(): void {
    this.receiver.end(null);
    this.http?.peerEnded();
  }

  override deadline(which: Deadline): void {
    const late = this.#deadlines?.passed(which) ?? 0;
    if (late !== 0) this.#upgrade?.giveUp(this.fault("ERR_DEADLINE", { step: "tls" }));
    if ((late & Deadline.READ) !== 0) this.http?.late(this.fault("ERR_DEADLINE", { step: "receive" }));
  }

  override secured(): void {
    this.secure = true;
    const upgrade = this.#upgrade;
    this.#upgrade = undefined;
    upgrade?.resolve();
    this.sender.release();
  }

  override error(make: () => TwinwireError): void {
    this.#failure ??= make();
  }

  override disconnected({ clean }: Ending): void {
    this.#lastStats = this.engine.stats(this.handle);
    this.#forget();
    if (this.phase === "closed") return;
    if (!this.released) this.engine.close(this);
    this.phase = "gone";
    this.receiver.end(this.#failure ?? null);
    const code = clean ? "ERR_STATE" : "ERR_ENDED";
    this.#stop(this.#failure ?? this.fault(code, { step: "send", reason: "the connection has ended" }));
  }

  /** Gives it up before it is open, or in the middle of a TLS handshake. */
  fail(error: TwinwireError): void {
    if (this.phase === "closed" || this.phase === "gone") return;
    this.#failure ??= error;
    this.phase = "gone";
    this.#leave();
    this.receiver.end(error);
    this.#stop(error);
  }

  /** As the application closes it. */
  close(): void {
    if (this.phase === "closed") return;
    const opening = this.phase === "opening";
    this.phase = "closed";
    this.#leave();
    if (opening) this.#failure = this.#closedFault("connect");
    this.receiver.close(this.#closedFault("receive"));
    this.#stop(this.#closedFault(opening ? "connect" : "send"));
  }

  /**
   * Its handle is another endpoint's now, and it is over. Returns what came and was not read, which goes there.
   */
  handOver(reason: string): ReceivedBytes {
    const { receiver, sender, http } = this;
    const rest = receiver.takeAll();
    this.phase = "gone";
    this.#handedOver = reason;
    this.#forget();
    if (receiver.isAwaited || sender.isAwaited) {
      receiver.end(this.#over ?? null);
      sender.end(this.#over ?? this.#closedFault("send"));
    }
    if (this.#upgrade !== undefined) this.#upgrade.reject(this.#over ?? this.#closedFault("tls"));
    this.#upgrade = undefined;
    this.#receiver = undefined;
    this.#sender = undefined;
    this.#deadlines = undefined;
    http?.ended(() => this.#over ?? this.#closedFault("receive"));
    this.#opened = undefined;
    this.http = undefined;
    this.#closed = undefined;
    return rest;
  }

  /** As the application sets deadlines. */
  setDeadline(which: Deadline, ms: number): void {
    if (this.phase === "closed" || this.#handedOver !== undefined) throw this.#closedFault("call");
    this.#deadlines ??= new Deadlines(this.engine, this, this.receiver, this.sender);
    this.#deadlines.set(which, ms, (code, reason) => this.fault(code, { reason }));
  }

  /** Whether it keeps the process alive. */
  keep(on: boolean): void {
    if (this.handle !== NONE && !this.released) this.engine.keep(this, on);
  }

  /** One end's address. */
  addressOf(which: AddressOf): string {
    const found = this.phase === "open" ? this.engine.address(this.handle, which) : undefined;
    if (typeof found === "string") return found;
    if (this.phase === "opening") throw this.fault("ERR_STATE", { reason: "it is not open yet: await opened first" });
    throw this.#closedFault("call");
  }

  /** What it has done; at the end, and from then on, all that it did. */
  get stats(): Stats {
    return this.#lastStats ?? this.engine.stats(this.handle) ?? NO_STATS;
  }

  /** What the TLS handshake negotiated. */
  get tlsInfo(): TlsInfo | undefined {
    return this.secure && this.phase === "open" ? this.engine.tlsInfo(this.handle) : undefined;
  }

  /** Starts TLS in place. */
  upgrade(name: string, options: TlsOptions, signal: AbortSignal | undefined): Promise<void> {
    if (this.phase === "closed") return Promise.reject(this.#closedFault("tls"));
    if (this.#upgrade !== undefined || this.secure) {
      return Promise.reject(this.fault("ERR_STATE", { step: "tls", reason: "TLS has begun already" }));
    }
    this.#upgrade = new Upgrade(this, name, options);
    return this.#upgrade.run(signal);
  }

  /** The upgrade was refused, and the stream is as it was. */
  upgradeRefused(): void {
    this.#upgrade = undefined;
    this.sender.release();
  }

  /** Why calls fail after the end, after `close`, or when its handle is another endpoint's. */
  #closedFault(step: ErrorStep): TwinwireError {
    const reason = this.#handedOver ?? (this.phase === "gone" ? "the connection has ended" : "close was called");
    return this.fault("ERR_STATE", { step, reason });
  }

  #setUp(): void {
    if (this.#isSetUp) return;
    this.#isSetUp = true;
    this.engine.streams.setHalfOpen(this.handle, true);
    this.engine.setWindow(this.handle, this.window);
  }

  /** Has the engine close it; a connection that was open ends with `disconnected`. */
  #leave(): void {
    if (this.released) return;
    const silent = this.engine.state(this.handle) !== State.OPEN;
    if (this.handle !== NONE) this.engine.close(this);
    if (silent) this.#forget();
  }

  #forget(): void {
    this.#forgotten = true;
    this.#closed?.resolve();
  }

  /** Rejects all calls that wait, except reads. */
  #stop(error: TwinwireError): void {
    this.http?.ended(() => error);
    this.sender.end(error);
    this.#opened?.reject(error);
    this.#upgrade?.reject(error);
    this.#upgrade = undefined;
    this.#settled(error);
  }

  #settled(error: TwinwireError | undefined): void {
    const settled = this.onSettled;
    this.onSettled = undefined;
    settled?.(this, error);
  }
}

/**
 * TLS that begins on an open stream, RFC 3207 and its like. What was written before it leaves in the clear, what is written
 * behind it waits.
 */
export class Upgrade extends Waiter<void> {
  readonly #stream: Stream;
  readonly #name: string;
  readonly #options: TlsOptions;
  #begun = false;
  #over = false;

  constructor(stream: Stream, name: string, options: TlsOptions) {
    super();
    this.#stream = stream;
    this.#name = name;
    this.#options = options;
  }

  /** Settled when TLS is established, was refused, or failed. */
  run(signal: AbortSignal | undefined): Promise<void> {
    if (typeof this.#name !== "string") {
      this.#refuse(this.#stream.fault("ERR_ARGUMENT", { step: "tls", reason: `host ${show(this.#name)}` }));
    } else if (signal?.aborted) {
      this.#refuse(this.#aborted(signal));
    } else {
      this.until(signal, () => this.giveUp(this.#aborted(signal)));
      this.#stream.sender.hold(() => this.#begin()).catch((error: TwinwireError) => this.giveUp(error));
    }
    return this.promise;
  }

  override reject(error: TwinwireError): void {
    this.#over = true;
    super.reject(error);
  }

  /** Ends the attempt. Half a handshake can't be taken back: then the connection ends with it. */
  giveUp(error: TwinwireError): void {
    if (this.#begun) this.#stream.fail(error);
    else this.#refuse(error);
  }

  /** The engine has all that goes out in the clear. `again`: it had not left after the microtasks. */
  #begin(again = false): void {
    if (this.#over) {
      this.#stream.sender.release();
      return;
    }
    const { engine, handle, receiver } = this.#stream;
    if (engine.buffered(handle) > 0) {
      /* Mostly it leaves after the microtasks that run now, so that TLS begins before the peer can answer with it. If not, nothing
         reports it. */
      if (again) setTimeout(() => this.#begin(true), 1);
      else afterMicrotasks(() => this.#begin(true));
      return;
    }
    /* The core knows of bytes that were not consumed; those that a readExact has put aside are known here. */
    const result =
      receiver.size > 0
        ? Errors.ERR_TLS_BUFFERED.value
        : engine.streams.startTls(this.#stream, this.#name, this.#options);
    if (result < 0) this.#refuse(this.#stream.fault(result, { step: "tls", cause: engine.cause }));
    else this.#begun = true;
  }

  /** Nothing has happened yet: the stream lives on in the clear. */
  #refuse(error: TwinwireError): void {
    if (this.#over) return;
    this.reject(error);
    this.#stream.upgradeRefused();
  }

  #aborted(signal: AbortSignal | undefined): TwinwireError {
    return this.#stream.fault("ERR_ABORTED", { step: "tls", cause: signal?.reason });
  }
}
