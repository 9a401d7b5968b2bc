import { Errors, EventFlag, HttpFlag, HttpRead } from "../../wasm/abi.gen.ts";
import type { ErrorFacts, TwinwireError } from "../../wasm/errors.ts";
import type { HttpEndpoint, Stream } from "../conn/stream.ts";
import { Waiter } from "../internal/waiting.ts";
import { type BodySource, bodyEnds } from "./body.ts";
import { HeaderCache, splitFields } from "./head.ts";
import { HttpMessage, MessageTimeout } from "./message.ts";

/** Bytes that are offered to the core at once: where many short messages follow, it would return more again and again. */
const SLICE = 4_096;

/** The same, where they are known to be part of a body. */
const LARGE_SLICE = 65_536;

/** What is awaited. */
export interface Expected {
  /** `HttpRead` bits. */
  readonly read: number;
  readonly maxBody: number;
  /** Whether to wait for all of it, else for its head. */
  readonly whole: boolean;
  readonly idleTimeoutMs: number;
  readonly headTimeoutMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The HTTP messages that a stream receives, one after the other. Parsing is the core's. */
export class HttpReceiver implements HttpEndpoint, BodySource {
  /** What it is the receiving side of. */
  readonly exchange: unknown;
  /** The last request whose head was whole: how it is answered depends on it. */
  request: HttpMessage | undefined;
  /** Called with interim responses. */
  onInterim: ((message: HttpMessage) => void) | undefined;
  /** Called when the peer ends its half, or the stream is over. */
  onPeerEnd: (() => void) | undefined;
  /** Called when the stream is over. */
  onEnded: ((error: () => TwinwireError) => void) | undefined;
  #left: AbortController | undefined;
  /** Called when a message is over: the stream can carry another one, or not. */
  onOver: ((message: HttpMessage) => void) | undefined;
  readonly #stream: Stream;
  #message: HttpMessage | undefined;
  #expected: Expected | undefined;
  #waiter: Waiter<unknown> | undefined;
  /** What who waits is given of a message. */
  #view: ((message: HttpMessage) => unknown) | undefined;
  #failure: TwinwireError | undefined;
  /** Returns why the stream is over. Most that end have become WebSockets, and no one asks. */
  #end: (() => TwinwireError) | undefined;
  readonly #cache = new HeaderCache();
  readonly #timeout: MessageTimeout;

  constructor(stream: Stream, exchange: unknown) {
    this.#stream = stream;
    this.exchange = exchange;
    this.#timeout = new MessageTimeout((reason) => this.#ranLate(reason));
  }

  /** Whether anything of the message that is awaited has come. */
  get begun(): boolean {
    return this.#message?.begun ?? false;
  }

  /** Waits for the next message, or for what `view` makes of it. A wait that is given up leaves it to the next call. */
  receive<T>(expected: Expected, view: (message: HttpMessage) => T): Promise<T> {
    const refusal = this.#refusal(expected);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#expected = expected;
    this.#view = view;
    const begun = this.#message;
    if (begun === undefined) {
      const message = new HttpMessage(expected.read, expected.maxBody, expected.whole, this.#cache);
      this.#message = message;
      this.#timeout.set("begin", expected.idleTimeoutMs);
      const waiter = this.#wait<T>(expected);
      this.#begin(message);
      return waiter.promise;
    }
    const waiter = this.#wait<T>(expected);
    this.#settle(begun);
    return waiter.promise;
  }

  /** Reads and discards the rest of a body. */
  async skip(): Promise<void> {
    const body = this.#message?.body;
    while (body !== undefined && (await body.next()) !== undefined);
  }

  httpHead(at: number, size: number, flags: number, status: number, what: number): void {
    const message = this.#message;
    if (message === undefined) return;
    message.takeHead(this.#stream.engine.memory.latin1(at, size));
    if ((flags & EventFlag.FINAL) === 0) {
      if (this.#timeout.stage === "begin") this.#timeout.set("head", this.#expected?.headTimeoutMs ?? 0);
      return;
    }
    message.endHead(status, what, this);
    if (!message.isResponse) this.request = message;
    this.#timeout.clear();
    if (message.isResponse && !message.whole) this.#awaitReader();
    if (message.whole && (what & HttpFlag.BODY) !== 0) this.awaited();
    if (message.whole) this.#sendContinue(message);
    if (!message.whole && !message.isInterim) this.#resolve(message);
  }

  httpBody(at: number, size: number, flags: number): void {
    const message = this.#message;
    if (message === undefined) return;
    const { memory } = this.#stream.engine;
    if (message.whole) {
      message.takeBody(memory, at, size, flags);
      if (size > 0) this.consumed(size);
    } else if (size > 0 && message.body !== undefined) {
      this.#timeout.clear();
      if (message.isResponse) this.#awaitReader();
      bodyEnds.push(message.body, memory.copy(at, size));
    }
  }

  httpTrailer(at: number, size: number): void {
    if (this.#message !== undefined) this.#message.trailerText += this.#stream.engine.memory.latin1(at, size);
  }

  httpEnd(error: number, status: number): void {
    const message = this.#message;
    if (message === undefined) return;
    this.#stream.takesBytes = true;
    if (error !== 0) {
      const began = message.begun || error !== Errors.ERR_ENDED.value;
      this.#fail(began ? this.#httpFault(error, status) : this.#nothing(message));
      return;
    }
    if (message.isInterim) {
      /* What follows is delivered as data in this very delivery: it is all there when the next message is begun. */
      queueMicrotask(() => this.#next(message));
      return;
    }
    this.#finish(message);
  }

  peerEnded(): void {
    this.onPeerEnd?.();
    this.#left?.abort(this.#peerLeft());
  }

  /** Aborted once the peer has ended its half, or the stream is over. */
  get left(): AbortSignal {
    if (this.#left === undefined) {
      this.#left = new AbortController();
      const { phase, receiver } = this.#stream;
      if (receiver.hasEnded || phase === "gone" || phase === "closed") this.#left.abort(this.#peerLeft());
    }
    return this.#left.signal;
  }

  /** Why no message can be received any more. */
  get #broken(): TwinwireError | undefined {
    this.#failure ??= this.#end?.();
    return this.#failure;
  }

  set #broken(error: TwinwireError) {
    this.#failure = error;
  }

  #peerLeft(): TwinwireError {
    return this.#broken ?? this.#stream.fault("ERR_ENDED", { step: "receive", reason: "the peer has ended its half" });
  }

  /** The stream is over. */
  ended(error: () => TwinwireError): void {
    this.#timeout.stop();
    if (this.#message?.over === false) this.#fail(error());
    if (this.#message?.body !== undefined) bodyEnds.forgetSource(this.#message.body);
    this.#end ??= error;
    this.onEnded?.(error);
    this.onPeerEnd?.();
    this.onEnded = undefined;
    this.onPeerEnd = undefined;
    this.#left?.abort(error());
  }

  /** The application's deadline passed. */
  late(error: TwinwireError): void {
    if (this.#message?.body !== undefined) bodyEnds.late(this.#message.body, error);
    this.#give(error);
  }

  /** RFC 9112 9.6: behind the message that is being answered, nothing is a request. */
  isLast(): void {
    const reason = "the response before said that the connection ends";
    this.#broken ??= this.#stream.fault("ERR_UNEXPECTED_EOF", { step: "receive", reason });
  }

  consumed(size: number): void {
    const { engine, handle } = this.#stream;
    engine.consumed(handle, size);
    if (this.#timeout.stage === "unread" && this.#message?.over === false) this.#awaitReader();
  }

  wanted(): void {
    if (this.#message !== undefined) this.#sendContinue(this.#message);
  }

  awaited(): void {
    this.#timeout.set("rest", this.#expected?.timeoutMs ?? 0);
  }

  /** A response to the last request begins. */
  answered(): void {
    if (this.request !== undefined) this.request.answered = true;
    this.request = undefined;
  }

  abandoned(): void {
    const message = this.#message;
    if (message === undefined) return;
    this.#broken ??= this.fault("the body of the message before was given up");
    message.error ??= this.#broken;
    this.onOver?.(message);
  }

  /** The message before is over and its body the reader's alone: the stream can carry another one. */
  release(): void {
    const message = this.#message;
    if (message?.over !== true || message.error !== undefined) return;
    if (message.body !== undefined) bodyEnds.detach(message.body);
    this.#message = undefined;
  }

  notJson(cause: unknown): TwinwireError {
    const isResponse = ((this.#expected?.read ?? 0) & HttpRead.RESPONSE) !== 0;
    const status = isResponse ? 0 : 400;
    return this.#stream.fault("ERR_JSON", { step: "receive", status, detail: status, cause });
  }

  fault(reason: string): TwinwireError {
    return this.#stream.fault("ERR_STATE", { step: "receive", reason });
  }

  #refusal({ read, whole, signal }: Expected): TwinwireError | undefined {
    const { receiver } = this.#stream;
    if (signal?.aborted) return this.#stream.fault("ERR_ABORTED", { step: "receive", cause: signal.reason });
    if (this.#waiter !== undefined) return this.fault("a message is being awaited already");
    const before = this.#message;
    if (before !== undefined) {
      const reads = before.body !== undefined;
      if (reads && !bodyEnds.isOver(before.body as NonNullable<typeof before.body>)) {
        return this.fault("the body of the message before has not been read");
      }
      if (reads) this.#message = undefined;
      else if (before.read !== read || before.whole !== whole) return this.fault("another message is under way");
      /* It came after a wait for it was given up. */ else if (before.over && before.error === undefined)
        return undefined;
    }
    if (this.#broken !== undefined) return this.#broken;
    if (receiver.isLate) return this.#stream.fault("ERR_DEADLINE", { step: "receive" });
    if (receiver.isAwaited) return this.fault("a read waits for bytes");
    return undefined;
  }

  #wait<T>({ signal }: Expected): Waiter<T> {
    const waiter = new Waiter<T>();
    this.#waiter = waiter as Waiter<unknown>;
    if (signal === undefined) return waiter;
    waiter.until(signal, () =>
      this.#give(this.#stream.fault("ERR_ABORTED", { step: "receive", cause: signal.reason })),
    );
    return waiter;
  }

  /** Has the core read a message, and gives it what has come of it already. */
  #begin(message: HttpMessage): void {
    const { engine, handle, phase } = this.#stream;
    if (phase === "opening") {
      this.#stream.opened.then(
        () => this.#begin(message),
        (error: TwinwireError) => this.ended(() => error),
      );
      return;
    }
    const result = phase === "open" ? engine.http.read(handle, message.read, message.maxBody) : Errors.ERR_STATE.value;
    if (result < 0) {
      const why = phase === "gone" ? this.#stream.failure : undefined;
      this.#fail(why ?? this.#nothing(message, phase === "open" ? result : undefined));
      return;
    }
    this.#stream.takesBytes = false;
    this.#feed(message);
  }

  #feed(message: HttpMessage): void {
    const { receiver } = this.#stream;
    if (receiver.size === 0) {
      if (!receiver.hasEnded) return;
      const begun = message.begun;
      this.#fail(begun ? this.#httpFault(Errors.ERR_ENDED.value, 400) : this.#nothing(message));
      return;
    }
    receiver.offer(message.headWhole ? LARGE_SLICE : SLICE, () => {
      if (this.#message === message && !message.over && !message.isInterim) this.#feed(message);
    });
  }

  /** An interim response is over, the next one follows. */
  #next(interim: HttpMessage): void {
    if (this.#message !== interim) return;
    this.onInterim?.(interim);
    if (this.#message !== interim || interim.over) return;
    const message = new HttpMessage(interim.read, interim.maxBody, interim.whole, this.#cache);
    this.#message = message;
    this.#begin(message);
  }

  /** It is all there. */
  #finish(message: HttpMessage): void {
    message.over = true;
    this.#timeout.clear();
    if (message.body !== undefined) bodyEnds.end(message.body, splitFields(message.trailerText, 0), undefined);
    this.#settle(message);
    this.onOver?.(message);
  }

  /** Nothing can be received any more. */
  #fail(error: TwinwireError): void {
    this.#timeout.clear();
    this.#broken ??= error;
    const message = this.#message;
    if (message !== undefined) {
      message.over = true;
      message.error = error;
      if (message.body !== undefined) bodyEnds.end(message.body, [], error);
    }
    this.#give(error);
    if (message !== undefined) this.onOver?.(message);
  }

  /** RFC 9110 10.1.1: the client sends the body once it is asked to. It goes before whatever else waits to be sent. */
  #sendContinue(message: HttpMessage): void {
    if (!message.has(HttpFlag.CONTINUE) || message.answered || message.continued) return;
    /* RFC 9110 15.2: no interim response to an HTTP/1.0 client. */
    if (message.has(HttpFlag.HTTP_1_0)) return;
    message.continued = true;
    const { engine, handle } = this.#stream;
    engine.http.send(handle, 0, 100, "Continue\0", 0, "");
  }

  /** A body whose next part is not read holds a connection, so the wait is limited. */
  #awaitReader(): void {
    this.#timeout.set("unread", this.#expected?.timeoutMs ?? 0);
  }

  /** Gives a message to who waits for it, if it is ready. */
  #settle(message: HttpMessage): void {
    if (message.error !== undefined) this.#give(message.error);
    else if (message.whole ? message.over : message.headWhole) this.#resolve(message);
  }

  #resolve(message: HttpMessage): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    this.#waiter = undefined;
    if (message.whole) this.#message = undefined;
    waiter.resolve(this.#view?.(message));
  }

  #give(error: TwinwireError): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.reject(error);
  }

  #ranLate(reason: string): void {
    const status = this.#message?.isResponse || this.#timeout.stage === "begin" ? 0 : 408;
    this.#fail(this.#httpFault(Errors.ERR_TIMEOUT.value, status, reason));
  }

  /** The stream ended, or cannot be read, and nothing of a message has come. */
  #nothing(message: HttpMessage, result?: number): TwinwireError {
    if (result !== undefined) return this.#httpFault(result, 0);
    if (this.#stream.phase === "closed") return this.fault("close was called");
    const what = message.isResponse ? "response" : "request";
    const reason = `the peer closed the connection, and there is no ${what}`;
    return this.#stream.fault("ERR_UNEXPECTED_EOF", { step: "receive", reason });
  }

  #httpFault(code: number, status: number, reason?: string): TwinwireError {
    const facts: ErrorFacts = { step: "receive", detail: status, status, reason };
    return this.#stream.fault(code, facts);
  }
}
