import type { ErrorCode } from "../../wasm/abi.gen.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { NO_STATS, type Stats } from "../../wasm/memory.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { utf8Text } from "../../wasm/text.ts";
import { afterMicrotasks } from "../../wasm/timing.ts";
import { extensionsText } from "../internal/deflate.ts";
import { TimerGroup, Waiter, WaitingList } from "../internal/waiting.ts";
import { type CloseInfo, type Connection, type ConnectionOwner, Ping } from "./connection.ts";
import { MessageSender, type SenderOptions } from "./sender.ts";

/** The state of a WebSocket, in the numbers of the standard. */
export const ReadyState = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
export type ReadyState = (typeof ReadyState)[keyof typeof ReadyState];

const ABNORMAL = 1006;

/** How a session behaves. */
export interface SessionOptions extends SenderOptions {
  readonly closeTimeoutMs: number;
  /** Whether the end of a connection that failed is awaited; else it has ended for the application as soon as it fails. */
  readonly awaitsEnd?: boolean;
  /** Whether messages are delivered after `close`, until the peer's close frame. The standard discards them. */
  readonly receivesWhileClosing?: boolean;
}

/** What a session reports to the API that shows it. State is consistent whenever one of these is called. */
export interface SessionEvents {
  /** A connection is open. */
  opened(): void;
  /** A message: a string, or bytes that the application may keep. `credit` goes to `Session.consumed` when it is used up. */
  message(message: string | ReceivedBytes, credit: number): void;
  /** Whether another message can be taken now; if not, `Session.resume` is called later. */
  hasRoom(): boolean;
  /** There is room in the engine for what it refused. */
  drained?(): void;
  ping?(payload: ReceivedBytes): void;
  pong?(payload: ReceivedBytes): void;
  /** An attempt or a connection failed. */
  failed(error: TwinwireError): void;
  /** A connection has ended, or the last attempt failed. */
  closed(info: CloseInfo): void;
  /** Called before the last `failed` and `closed`: nothing follows. */
  finished(error: TwinwireError | null): void;
}

/** What follows the end of a connection: nothing, another attempt, or a redirect, which is not reported. */
export type Sequel =
  | { readonly kind: "end"; readonly error: TwinwireError | undefined }
  | { readonly kind: "again" }
  | { readonly kind: "elsewhere" };

/** Makes connections, where there can be more than one. */
export interface Connector {
  /** Called when a connection is open. Returns why it can't be used. */
  opened(connection: Connection): TwinwireError | undefined;
  /** Called when a connection has ended or an attempt failed. A promise where the application decides; never rejected. */
  again(info: CloseInfo, opened: boolean): Sequel | Promise<Sequel>;
  /** Makes no further attempt. */
  stop(): void;
  /** Called with the head of a response. */
  head(status: number, head: string): void;
}

/**
 * The state machine of every WebSocket, of clients and of servers: one connection or, if it connects again, several. An API
 * shows it by `SessionEvents`.
 */
export class Session implements ConnectionOwner {
  url: string;
  readonly options: SessionOptions;
  readonly sender: MessageSender;
  readyState: ReadyState = ReadyState.CONNECTING;
  extensions = "";
  protocol = "";
  connector: Connector | undefined;
  /** The last response to a handshake, as far as it was read. */
  head = "";
  /** Ends the socket where the session does not own it: one that was taken over from node:http. */
  destroySocket: (() => void) | undefined;
  readonly #address: string;
  #events: SessionEvents | undefined;
  #connection: Connection | undefined;
  #opened: Waiter<void> | undefined;
  #failure: TwinwireError | undefined;
  /** Called once, when it has ended for good. */
  onEnd: (() => void) | undefined;
  #closed: Waiter<CloseInfo> | undefined;
  #closeInfo: CloseInfo | undefined;
  #cancelClose: (() => void) | undefined;
  readonly #timers = new TimerGroup();
  readonly #pings = new WaitingList<Ping>();
  #pingCount = 0;
  #stats: Stats = NO_STATS;
  #kept = true;
  #closedByUs = false;
  #wasOpen = false;
  /** It is open, and its connection is on its way to the engine: what is to be done then, besides sending. */
  #arrival: (() => void)[] | undefined;

  /** @param address what errors name: the origin of the URL. */
  constructor(url: string, address: string, options: SessionOptions) {
    this.url = url;
    this.#address = address;
    this.options = options;
    this.sender = new MessageSender(options);
  }

  /** Sets where events go, before there are any. */
  report(events: SessionEvents): void {
    this.#events = events;
  }

  /** Settled once it is open, or never will be. While it connects again: once it is open again. */
  get opened(): Promise<void> {
    if (this.#opened !== undefined) return this.#opened.promise;
    const opened = new Waiter<void>();
    this.#opened = opened;
    /* A failure is reported by an event, too. */
    opened.promise.catch(() => {});
    if (this.#wasOpen) opened.resolve();
    else if (this.readyState === ReadyState.CLOSED) opened.reject(this.#failure ?? this.#overFault());
    return opened.promise;
  }

  get closed(): Promise<CloseInfo> {
    if (this.#closed === undefined) {
      this.#closed = new Waiter();
      if (this.#closeInfo !== undefined) this.#closed.resolve(this.#closeInfo);
    }
    return this.#closed.promise;
  }

  /** The connection that there is, or that is being made. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  get stats(): Stats {
    return this.#connection?.stats ?? this.#stats;
  }

  fault(code: ErrorCode, reason?: string): TwinwireError {
    return new TwinwireError(code, { step: "send", address: this.#connection?.address ?? this.#address, reason });
  }

  /** A connection is being made. */
  connectionStarted(connection: Connection): void {
    this.#connection = connection;
    if (!this.#kept) connection.engine.keep(connection, false);
  }

  /** Whether its connection is still on its way to the engine (`begin`). */
  get awaitsConnection(): boolean {
    return this.#arrival !== undefined;
  }

  /**
   * Its handshake was done elsewhere: it is open, and what is sent waits until the engine has the connection, which calls
   * `connectionOpened`.
   */
  begin(protocol: string, deflate: number): void {
    this.#arrival = [];
    this.protocol = protocol;
    this.extensions = extensionsText(deflate);
    this.readyState = ReadyState.OPEN;
    this.#wasOpen = true;
    this.#opened?.resolve();
    this.#events?.opened();
  }

  connectionOpened(connection: Connection): void {
    if (this.#arrival !== undefined) {
      this.#arrived(connection, this.#arrival);
      return;
    }
    const fault = this.connector?.opened(connection);
    if (fault !== undefined) {
      connection.cut();
      this.finish({ code: ABNORMAL, reason: "", wasClean: false, error: fault });
      return;
    }
    this.#connection = connection;
    this.readyState = ReadyState.OPEN;
    this.#wasOpen = true;
    const protocol = connection.engine.ws.protocol(connection.handle);
    this.protocol = typeof protocol === "string" ? protocol : "";
    this.extensions = extensionsText(connection.deflate);
    this.#opened?.resolve();
    this.sender.attach(connection);
    this.#events?.opened();
  }

  connectionMessage(message: string | ReceivedBytes, credit: number): void {
    const wanted = !this.#closedByUs || this.options.receivesWhileClosing === true;
    if (wanted && this.readyState !== ReadyState.CLOSED) this.#events?.message(message, credit);
    else this.#connection?.consumed(credit);
  }

  /** The application has used up so many bytes of messages, and could answer to them. */
  consumed(credit: number): void {
    this.#connection?.consumed(this.sender.hold(credit));
  }

  /** The API has room for messages again. */
  resume(): void {
    this.#connection?.resume();
  }

  connectionHasRoom(): boolean {
    return this.#events?.hasRoom() !== false;
  }

  connectionDrained(): void {
    this.sender.drain();
    this.#events?.drained?.();
  }

  get usesPings(): boolean {
    return this.#events?.ping !== undefined;
  }

  get usesPongs(): boolean {
    return this.#pings.length > 0 || this.#events?.pong !== undefined;
  }

  connectionPing(payload: ReceivedBytes): void {
    if (this.readyState < ReadyState.CLOSED) this.#events?.ping?.(payload);
  }

  connectionPong(payload: ReceivedBytes): void {
    if (this.#pings.length > 0) this.#answered(utf8Text(payload, 0, payload.length));
    if (this.readyState < ReadyState.CLOSED) this.#events?.pong?.(payload);
  }

  connectionHead(status: number, head: string): void {
    this.connector?.head(status, head);
  }

  connectionClosing(): void {
    if (this.readyState === ReadyState.OPEN) this.readyState = ReadyState.CLOSING;
  }

  connectionFailed(error: TwinwireError): void {
    this.connectionClosing();
    if (this.options.awaitsEnd) {
      this.#events?.failed(error);
      return;
    }
    /* RFC 6455 7.1.7: who fails a connection need not wait for the peer. The engine closes it within closeTimeoutMs. */
    this.#connection?.giveUp();
    this.connectionEnded({ code: ABNORMAL, reason: "", wasClean: false, error }, true);
  }

  connectionEnded(info: CloseInfo, opened: boolean): void {
    const sequel = this.#closedByUs ? undefined : this.connector?.again(info, opened);
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

  /** It has ended for good. */
  finish(info: CloseInfo): void {
    if (this.readyState === ReadyState.CLOSED) return;
    this.readyState = ReadyState.CLOSED;
    this.#cancelClose?.();
    this.connector?.stop();
    this.#failure = info.error;
    this.#leaveConnection(false, info);
    this.#events?.finished(this.#closedByUs ? null : (info.error ?? null));
    this.#opened?.reject(info.error ?? this.#overFault());
    this.#closeInfo = info;
    this.#closed?.resolve(info);
    this.onEnd?.();
    if (info.error !== undefined) this.#events?.failed(info.error);
    this.#events?.closed(info);
  }

  /** Starts the close handshake behind all that was sent. Code 0: without a code. */
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
    this.#cancelClose = this.after(this.options.closeTimeoutMs, () => this.terminate());
    const leave = (): void => {
      this.sender.leave();
      this.#connection?.close(code, reason);
    };
    if (!this.sender.isEmpty) this.sender.drained().then(leave, leave);
    else if (this.#arrival !== undefined) this.#arrival.push(leave);
    else leave();
  }

  /** Gives up what is not open yet; reported later. */
  abort(error: TwinwireError): void {
    this.#closedByUs = true;
    if (this.readyState < ReadyState.CLOSING) this.readyState = ReadyState.CLOSING;
    this.connector?.stop();
    this.#connection?.giveUp();
    afterMicrotasks(() => this.finish({ code: ABNORMAL, reason: "", wasClean: false, error }));
  }

  /** Ends it at once, without a close frame: the peer does not answer, or what was sent does not leave. */
  terminate(): void {
    if (this.destroySocket !== undefined) {
      if (this.readyState < ReadyState.CLOSING) this.readyState = ReadyState.CLOSING;
      this.sender.detach(false, this.fault("ERR_STATE", "the connection was terminated"), 0);
      this.destroySocket();
      return;
    }
    this.#connection?.cut();
    this.finish({ code: ABNORMAL, reason: "", wasClean: false });
  }

  /** Sends a ping; fulfilled with the milliseconds to its pong. */
  ping(data: string | undefined, signal: AbortSignal | undefined): Promise<number> {
    const connection = this.#connection;
    if (connection === undefined || this.readyState !== ReadyState.OPEN) {
      return Promise.reject(this.fault("ERR_STATE", "it is not open"));
    }
    const aborted = (): TwinwireError => new TwinwireError("ERR_ABORTED", { step: "send", cause: signal?.reason });
    if (signal?.aborted) return Promise.reject(aborted());
    if (data === undefined) this.#pingCount += 1;
    const ping = new Ping(data ?? `ping ${this.#pingCount}`);
    const result = connection.engine.ws.ping(connection.handle, ping.payload);
    if (result < 0) return Promise.reject(this.fault(errorCode(result)));
    this.#pings.add(ping);
    ping.until(signal, () => {
      this.#pings.remove(ping);
      ping.reject(aborted());
    });
    return ping.promise;
  }

  /** Sets whether it keeps the process alive, also while it waits for its next attempt. */
  keep(on: boolean): void {
    this.#kept = on;
    const connection = this.#connection;
    if (connection !== undefined && !connection.released) connection.engine.keep(connection, on);
    this.#timers.keep(on);
  }

  /** Starts a timer that keeps the process alive if this does. Returns what stops it. */
  after(ms: number, run: () => void): () => void {
    return this.#timers.after(ms, run);
  }

  #arrived(connection: Connection, waiting: readonly (() => void)[]): void {
    this.#arrival = undefined;
    this.#connection = connection;
    if (!this.#kept) connection.engine.keep(connection, false);
    this.sender.attach(connection);
    this.#events?.drained?.();
    for (const run of waiting) run();
  }

  #awaitNext(info: CloseInfo, opened: boolean): void {
    this.readyState = ReadyState.CONNECTING;
    this.#leaveConnection(this.options.offlineBytes > 0 || !opened, info);
    this.#wasOpen = false;
    if (opened) this.#opened = undefined;
  }

  #follow(sequel: Sequel, info: CloseInfo, opened: boolean): void {
    if (sequel.kind === "end") {
      const { error = info.error } = sequel;
      this.finish(error === info.error ? info : { code: ABNORMAL, reason: "", wasClean: false, error });
    } else if (sequel.kind === "elsewhere") {
      this.#leaveConnection(true, info);
    } else {
      this.#awaitNext(info, opened);
      if (info.error !== undefined) this.#events?.failed(info.error);
      if (opened) this.#events?.closed(info);
    }
  }

  /** RFC 6455 5.5.3: a peer may answer the latest of several pings alone. A pong that was not asked for means nothing. */
  #answered(payload: string): void {
    if (!this.#pings.some((ping) => ping.payload === payload)) return;
    const now = performance.now();
    for (let ping = this.#pings.shift(); ping !== undefined; ping = this.#pings.shift()) {
      ping.resolve(now - ping.sentAt);
      if (ping.payload === payload) return;
    }
  }

  #overFault(): TwinwireError {
    return this.fault("ERR_STATE", "it is closed");
  }

  #leaveConnection(keepQueued: boolean, info: CloseInfo): void {
    const connection = this.#connection;
    const error = info.error ?? this.fault("ERR_STATE", "the connection has ended");
    this.sender.detach(keepQueued, error, connection?.unsent ?? 0);
    this.#pings.rejectAll(() => error);
    if (connection !== undefined) {
      this.#stats = connection.stats;
      this.head = connection.head;
    }
    this.#connection = undefined;
  }
}
