import type { ErrorCode } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { NO_STATS, type Stats } from "../../wasm/memory.ts";
import { report } from "../../wasm/report.ts";
import { atEndOfTurn } from "../../wasm/turn.ts";
import { extensionsText } from "../internal/deflate.ts";
import { Waiter } from "../internal/waiting.ts";
import type { Dialer, Sequel } from "./dialing.ts";
import { closeEvent, errorEvent, messageEvent } from "./events.ts";
import { WINDOW } from "./inbound.ts";
import type { CloseInfo, Link, LinkOwner } from "./link.ts";
import { Mailbox } from "./mailbox.ts";
import { Outbound } from "./outbound.ts";
import { Pings } from "./pings.ts";

/** Where a WebSocket stands, in the numbers of the standard. */
export const ReadyState = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
export type ReadyState = (typeof ReadyState)[keyof typeof ReadyState];

/** What a binary message is told as. */
export type BinaryType = "blob" | "arraybuffer";

const ABNORMAL = 1006;

type Timer = ReturnType<typeof setTimeout>;

/** What bounds it. */
export interface SessionOptions {
  readonly closeTimeoutMs: number;
  /** Bytes that may wait to be sent. */
  readonly maxBuffered: number;
  /** Bytes that may wait for a connection; 0: none is sent before it is open. */
  readonly offlineBytes: number;
}

/**
 * A WebSocket as an application sees it: its state, its events, what is sent and received, over one connection or, if
 * it connects again, several. A door is a thin class around it.
 */
export class Session implements LinkOwner {
  readonly url: string;
  readonly options: SessionOptions;
  readonly outbound: Outbound = new Outbound();
  readonly mailbox: Mailbox;
  readonly pings: Pings = new Pings();
  /** Where events are told. */
  target: EventTarget | undefined;
  dialer: Dialer | undefined;
  /** Takes messages instead of `message` events. */
  onMessage: ((message: string | Uint8Array) => unknown) | undefined;
  /** Called with what `onMessage` throws. */
  onFailure: (error: unknown) => void = report;
  readyState: ReadyState = ReadyState.CONNECTING;
  binaryType: BinaryType = "blob";
  extensions = "";
  protocol = "";
  readonly #origin: string;
  #link: Link | undefined;
  #opened: Waiter<void> | undefined;
  #failure: TwinwireError | undefined;
  readonly #closed = new Waiter<CloseInfo>();
  #cancelClose: (() => void) | undefined;
  readonly #timers = new Set<Timer>();
  #stats: Stats = NO_STATS;
  #kept = true;
  #closedByUs = false;
  #wasOpen = false;

  constructor(url: string, origin: string, options: SessionOptions) {
    this.url = url;
    this.#origin = origin;
    this.options = options;
    this.mailbox = new Mailbox(WINDOW, (credit) => {
      this.#link?.consumed(this.outbound.hold(credit));
      this.#link?.resume();
    });
  }

  /** Settled once it is open, or never will be. While it connects again: once it is open again. */
  get opened(): Promise<void> {
    if (this.#opened !== undefined) return this.#opened.promise;
    const opened = new Waiter<void>();
    this.#opened = opened;
    /* Whoever does not ask hears of it by events. */
    opened.promise.catch(() => {});
    if (this.#wasOpen) opened.resolve();
    else if (this.readyState === ReadyState.CLOSED) opened.reject(this.#failure ?? this.#overFault());
    return opened.promise;
  }

  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  /** The connection that there is, or that is being made. */
  get link(): Link | undefined {
    return this.#link;
  }

  get stats(): Stats {
    return this.#link?.stats ?? this.#stats;
  }

  fault(code: ErrorCode, reason?: string): TwinwireError {
    return new TwinwireError(code, { step: "send", address: this.#link?.address ?? this.#origin, reason });
  }

  /** A connection is being made. */
  linkStarted(link: Link): void {
    this.#link = link;
    if (!this.#kept) link.engine.keep(link, false);
  }

  linkOpened(link: Link): void {
    this.#link = link;
    this.readyState = ReadyState.OPEN;
    this.#wasOpen = true;
    const { engine, handle } = link;
    const protocol = engine.protocol(handle);
    this.protocol = typeof protocol === "string" ? protocol : "";
    this.extensions = extensionsText(link.deflate);
    this.dialer?.opened();
    this.#opened?.resolve();
    this.outbound.attach(link);
    this.dispatch(new Event("open"));
  }

  linkMessage(message: string | Uint8Array, credit: number): void {
    /* As in the standard: a message that arrives after `close` was called is discarded. */
    if (this.readyState !== ReadyState.OPEN) {
      this.#link?.consumed(credit);
    } else if (this.mailbox.active) {
      this.mailbox.put(message, credit);
    } else if (this.onMessage !== undefined) {
      this.#handle(this.onMessage, message, credit);
    } else {
      this.dispatch(messageEvent(this.#data(message), this.#origin));
      this.#link?.consumed(this.outbound.hold(credit));
    }
  }

  linkHasRoom(): boolean {
    return !this.mailbox.active || this.mailbox.hasRoom;
  }

  linkDrain(): void {
    this.outbound.drain();
  }

  linkPong(payload: string): void {
    this.pings.answered(payload);
  }

  linkHead(status: number, head: string): void {
    this.dialer?.head(status, head);
  }

  linkClosing(error: TwinwireError | undefined): void {
    if (this.readyState === ReadyState.OPEN) this.readyState = ReadyState.CLOSING;
    if (error === undefined) return;
    /* RFC 6455 7.1.7: who fails a connection need not wait for the peer. The engine closes it within closeTimeoutMs. */
    this.#link?.giveUp();
    this.linkEnded({ code: ABNORMAL, reason: "", wasClean: false, error }, true);
  }

  linkEnded(info: CloseInfo, opened: boolean): void {
    const sequel = this.#closedByUs ? undefined : this.dialer?.again(info, opened);
    if (sequel === undefined || this.#closedByUs) {
      this.finish(info);
    } else if (!("then" in sequel)) {
      this.#follow(sequel, info, opened);
    } else {
      /* While the application decides it is as if there were another attempt: what is sent meanwhile is queued for it. */
      this.#awaitNext(info, opened);
      sequel.then((decided) => {
        if (!this.#closedByUs) this.#follow(decided, info, opened);
      });
    }
  }

  #awaitNext(info: CloseInfo, opened: boolean): void {
    this.readyState = ReadyState.CONNECTING;
    this.#leaveLink(this.options.offlineBytes > 0 || !opened, info);
    this.#wasOpen = false;
    if (opened) this.#opened = undefined;
  }

  #follow(sequel: Sequel, info: CloseInfo, opened: boolean): void {
    if (sequel.kind === "end") {
      const { error = info.error } = sequel;
      this.finish(error === info.error ? info : { code: ABNORMAL, reason: "", wasClean: false, error });
    } else if (sequel.kind === "elsewhere") {
      this.#leaveLink(true, info);
    } else {
      this.#awaitNext(info, opened);
      if (info.error !== undefined) this.dispatch(errorEvent(info.error));
      if (opened) this.dispatch(closeEvent(info));
    }
  }

  /** It is over for good. */
  finish(info: CloseInfo): void {
    if (this.readyState === ReadyState.CLOSED) return;
    this.readyState = ReadyState.CLOSED;
    this.#cancelClose?.();
    this.dialer?.stop();
    this.#failure = info.error;
    this.#leaveLink(false, info);
    this.mailbox.end(this.#closedByUs ? null : (info.error ?? null));
    this.#opened?.reject(info.error ?? this.#overFault());
    this.#closed.resolve(info);
    if (info.error !== undefined) this.dispatch(errorEvent(info.error));
    this.dispatch(closeEvent(info));
  }

  /** As the application closes it: 0 for no code. */
  close(code: number, reason: string): void {
    if (this.readyState >= ReadyState.CLOSING) {
      this.#closedByUs = true; /* what ends now is not followed by another connection */
      return;
    }
    const connecting = this.readyState === ReadyState.CONNECTING;
    this.readyState = ReadyState.CLOSING;
    this.#closedByUs = true;
    if (connecting) {
      this.abort(this.fault("ERR_ABORTED", "it was closed before it was open"));
      return;
    }
    this.#cancelClose = this.after(this.options.closeTimeoutMs, () => this.#giveUp());
    const leave = (): void => {
      this.outbound.leave();
      this.#link?.close(code, reason);
    };
    if (this.outbound.isEmpty) leave();
    else this.outbound.drained().then(leave, leave);
  }

  /** Gives up what is not open yet; this is told on a later turn. */
  abort(error: TwinwireError): void {
    this.#closedByUs = true;
    if (this.readyState < ReadyState.CLOSING) this.readyState = ReadyState.CLOSING;
    this.dialer?.stop();
    this.#link?.giveUp();
    atEndOfTurn(() => this.finish({ code: ABNORMAL, reason: "", wasClean: false, error }));
  }

  /** Sets whether it keeps the process alive, also while it waits for its next attempt. */
  keep(on: boolean): void {
    this.#kept = on;
    const link = this.#link;
    if (link !== undefined && !link.released) link.engine.keep(link, on);
    for (const timer of this.#timers) keepAlive(timer, on);
  }

  /** Starts a timer that keeps the process alive if this does. Returns what stops it. */
  after(ms: number, run: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
    keepAlive(timer, this.#kept);
    return () => {
      this.#timers.delete(timer);
      clearTimeout(timer);
    };
  }

  dispatch(event: Event): void {
    this.target?.dispatchEvent(event);
  }

  #overFault(): TwinwireError {
    return this.fault("ERR_STATE", "it is closed");
  }

  /** The peer does not answer, or what was sent does not leave. */
  #giveUp(): void {
    this.#link?.cut();
    this.finish({ code: ABNORMAL, reason: "", wasClean: false });
  }

  #leaveLink(keepQueued: boolean, info: CloseInfo): void {
    const link = this.#link;
    const error = info.error ?? this.fault("ERR_STATE", "the connection has ended");
    this.outbound.detach(keepQueued, error, link?.unsent ?? 0);
    this.pings.rejectAll(error);
    if (link !== undefined) this.#stats = link.stats;
    this.#link = undefined;
  }

  /** A promise that the application returns keeps its place in the window until it is settled. */
  #handle(onMessage: (message: string | Uint8Array) => unknown, message: string | Uint8Array, credit: number): void {
    const link = this.#link;
    const done = (): void => {
      if (link === this.#link) link?.consumed(this.outbound.hold(credit));
    };
    try {
      const result = onMessage(message);
      if (isThenable(result)) {
        Promise.resolve(result).then(done, (error: unknown) => {
          done();
          this.onFailure(error);
        });
        return;
      }
    } catch (error) {
      this.onFailure(error);
    }
    done();
  }

  #data(message: string | Uint8Array): unknown {
    if (typeof message === "string") return message;
    if (this.binaryType === "blob") return new Blob([message as Uint8Array<ArrayBuffer>]);
    const { buffer, byteLength } = message;
    return buffer.byteLength === byteLength ? buffer : new Uint8Array(message).buffer;
  }
}

/** Whether a timer keeps the process alive; a runtime's that has numbers for timers always does. */
function keepAlive(timer: Timer, on: boolean): void {
  const { ref, unref } = timer as { ref?(): void; unref?(): void };
  if (on) ref?.call(timer);
  else unref?.call(timer);
}

/** Whether an application's callback has returned a promise. @throws what asking throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
