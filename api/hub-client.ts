/**
 * The protocol between a hub and its clients, and the side of the client. One line of JSON begins each frame, and in most
 * cases the message follows. A message of text is in a text frame, bytes are in a binary frame. This file has no imports, so
 * that a page can load it as it is.
 *
 * @module
 */

/** The first line of a frame of a hub. */
export interface ServerLine {
  readonly topic?: string;
  /** The message's id. Who has received it before, ignores it. */
  readonly id?: string;
  /** The client has received everything up to this position. */
  readonly at?: string;
  /** The answer to a `join`: the position from which messages follow, `null` if the broker can't be reached. */
  readonly joined?: string | null;
  /** Messages after this position are lost. */
  readonly gap?: string;
  /** The id of a `publish` that was received, and where the message went. */
  readonly ack?: string;
  readonly result?: "everywhere" | "here";
  /** The code and the topic or id of a request that was refused. */
  readonly error?: string;
}

/** The first line of a frame of a client. */
export interface ClientLine {
  readonly join?: string;
  /** With `join`: the last position that it has. */
  readonly since?: string;
  readonly leave?: string;
  /** A topic; the message follows the line. */
  readonly publish?: string;
  /** With `publish`: identifies it, so that it can be sent again. */
  readonly id?: string;
}

/** A line that was received: nothing is known of its values. `node`, `seq` and `text` are those of a stored message. */
export type ParsedLine = {
  readonly [K in keyof ServerLine | keyof ClientLine | "node" | "seq" | "text"]?: unknown;
};

const NEWLINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Returns a frame: the line, then the message, of the message's kind. */
export function frame(line: ServerLine | ClientLine, message: string | Uint8Array = ""): string | Uint8Array {
  const head = `${JSON.stringify(line)}\n`;
  if (typeof message === "string") return head + message;
  const start = encoder.encode(head);
  const bytes = new Uint8Array(start.length + message.length);
  bytes.set(start);
  bytes.set(message, start.length);
  return bytes;
}

/** Returns the line and the message of a frame, or `undefined` if it does not begin with a line of JSON. */
export function parse(data: string | Uint8Array): { line: ParsedLine; message: string | Uint8Array } | undefined {
  try {
    const end = typeof data === "string" ? data.indexOf("\n") : data.indexOf(NEWLINE);
    if (end < 0) return undefined;
    const head = typeof data === "string" ? data.slice(0, end) : decoder.decode(data.subarray(0, end));
    const line: unknown = JSON.parse(head);
    if (typeof line !== "object" || line === null || Array.isArray(line)) return undefined;
    const message = typeof data === "string" ? data.slice(end + 1) : data.subarray(end + 1);
    return { line: line as ParsedLine, message };
  } catch {
    return undefined;
  }
}

/** A position as text: `epoch:offset`. */
export function positionText(position: { readonly epoch: string; readonly offset: number }): string {
  return `${position.epoch}:${position.offset}`;
}

/** Returns the position that a text names, or `undefined`. */
export function positionOf(text: unknown): { epoch: string; offset: number } | undefined {
  const match = typeof text === "string" && text.length <= 200 ? /^([\w.-]+):(\d{1,15})$/.exec(text) : null;
  return match === null ? undefined : { epoch: match[1] ?? "", offset: Number(match[2]) };
}

/** The last ids that were added, at most a fixed number, each with a number. */
export class RecentIds {
  readonly #ids = new Map<string, number>();
  readonly #most: number;

  constructor(most = 4096) {
    this.#most = most;
  }

  /** Returns whether the id is new. */
  add(id: string, number = 0): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.set(id, number);
    if (this.#ids.size > this.#most) for (const oldest of this.#ids.keys()) return this.#ids.delete(oldest);
    return true;
  }

  /** Returns the number of an id; `undefined` for one that is not known any more. */
  get(id: string): number | undefined {
    return this.#ids.get(id);
  }
}

/** What a client uses of a `WebSocket`, of this package or of a browser. */
export interface HubSocket {
  binaryType: string;
  send(data: string | Uint8Array): unknown;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
}

/** The options of `new HubClient`. */
export interface HubClientOptions {
  /** Called with each message, once, with its id and, unless it is not known yet, its position. */
  readonly onMessage?: (topic: string, message: string | Uint8Array, id: string, at: string | undefined) => void;
  /** Called when messages of a topic were lost: load what you need by other means. */
  readonly onGap?: (topic: string, after: string) => void;
  /** Called when it has connected, and when it has lost the connection and tries again. */
  readonly onState?: (state: "open" | "waiting" | "closed", code: number) => void;
  /** Called with what the hub refused: the code of the error, and the topic. */
  readonly onRefused?: (code: string, topic: string) => void;
  /** The upper limit of the first delay before it connects again; it doubles up to `maxDelayMs`. Defaults: 500, 30,000. */
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
  /**
   * How long it waits for a connection to open, and for the answer to a message, before it gives the connection up and makes
   * another, in ms. Default: 10,000.
   */
  readonly timeoutMs?: number;
  /** How long `publish` goes on, over reconnects and while the broker is down, in ms. Default: 60,000. */
  readonly publishMs?: number;
  /** The most messages that wait to be acknowledged. Default: 1000. */
  readonly maxPending?: number;
}

interface Pending {
  readonly topic: string;
  readonly message: string | Uint8Array;
  readonly until: number;
  /** When it was sent over the present connection. */
  sent: number;
  /** When it is sent again, if the last answer was "here". */
  again: number;
  here: boolean;
  readonly resolve: (result: "everywhere" | "here") => void;
  readonly reject: (error: Error) => void;
}

/** The pause before a message is published again that reached one node only, and between checks, in ms. */
const AGAIN_MS = 250;

/** The close code of a connection that ended without a close frame, RFC 6455 7.1.5. */
const ABNORMAL = 1006;

/** The close code of a server that does not want the client to come back, RFC 6455 7.4.1. */
const POLICY_VIOLATION = 1008;

/**
 * A client of a hub, in a page or a program, that connects again by itself and continues where it was. Each message is
 * delivered once; what is lost is reported to `onGap`.
 *
 * ```ts
 * const client = new HubClient(() => new WebSocket(url), { onMessage: (topic, message) => console.log(topic, message) });
 * client.join("news");
 * await client.publish("news", "hello");
 * ```
 */
export class HubClient {
  readonly #connect: () => HubSocket;
  readonly #options: HubClientOptions;
  /** The topics that it has joined, and the last position of each. */
  readonly #topics = new Map<string, string | undefined>();
  readonly #recent = new RecentIds();
  readonly #pending = new Map<string, Pending>();
  readonly #name = Math.random().toString(36).slice(2, 12) + Date.now().toString(36);
  #socket: HubSocket | undefined;
  #isOpen = false;
  #attempts = 0;
  #published = 0;
  #closed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #opening: ReturnType<typeof setTimeout> | undefined;
  #check: ReturnType<typeof setInterval> | undefined;

  /** Connects at once. `connect` makes a socket for each attempt. */
  constructor(connect: () => HubSocket, options: HubClientOptions = {}) {
    this.#connect = connect;
    this.#options = options;
    this.#open();
  }

  /** Whether it is connected. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The last position of a topic; `undefined` before it has joined. */
  position(topic: string): string | undefined {
    return this.#topics.get(topic);
  }

  /** Joins a topic, now and whenever it has connected again. With `since`, from this position on. */
  join(topic: string, since?: string): void {
    this.#topics.set(topic, since);
    if (this.#isOpen) this.#sendJoin(topic, since);
  }

  leave(topic: string): void {
    if (this.#topics.delete(topic) && this.#isOpen) this.#send({ leave: topic });
  }

  /**
   * Publishes a message, again and again until the broker has it; it is stored once.
   *
   * @returns "everywhere", or "here" if only the members on one node have it after `publishMs`.
   * @throws Error with the code of what the hub refused, ERR_BACKPRESSURE for more than `maxPending`, ERR_TIMEOUT if no answer came
   * within `publishMs`, ERR_ABORTED after `close`.
   */
  publish(topic: string, message: string | Uint8Array): Promise<"everywhere" | "here"> {
    const { maxPending = 1000, publishMs = 60_000 } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(failure("ERR_ABORTED", "the client is closed"));
      if (this.#pending.size >= maxPending) return reject(failure("ERR_BACKPRESSURE", `${maxPending} messages wait`));
      const id = `${this.#name}.${++this.#published}`;
      const until = performance.now() + publishMs;
      const [sent, again] = [performance.now(), Number.POSITIVE_INFINITY];
      this.#pending.set(id, { topic, message, until, sent, again, here: false, resolve, reject });
      this.#check ??= setInterval(() => this.#checkPending(), AGAIN_MS);
      if (this.#isOpen) this.#send({ publish: topic, id }, message);
    });
  }

  /** Closes the connection for good. */
  close(code = 1000, reason = ""): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#opening);
    this.#socket?.close(code, reason);
    for (const { reject } of this.#pending.values()) reject(failure("ERR_ABORTED", "the client was closed"));
    this.#pending.clear();
    this.#stopChecks();
  }

  #open(): void {
    let socket: HubSocket;
    try {
      socket = this.#connect();
    } catch (error) {
      later(error);
      this.#wait(0);
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    const isCurrent = (): boolean => this.#socket === socket;
    socket.onopen = () => {
      if (isCurrent()) this.#opened();
    };
    socket.onmessage = ({ data }: { data: string | ArrayBuffer }) => {
      if (isCurrent()) this.#receive(typeof data === "string" ? data : new Uint8Array(data));
    };
    socket.onerror = () => {};
    socket.onclose = ({ code }: { code: number }) => {
      if (isCurrent()) this.#lost(code);
    };
    this.#opening = setTimeout(() => this.#giveUp(), this.#timeoutMs);
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 10_000;
  }

  /** The peer is silent: what its end of the connection does is not waited for. */
  #giveUp(): void {
    const socket = this.#socket;
    this.#lost(ABNORMAL);
    socket?.close();
  }

  #lost(code: number): void {
    clearTimeout(this.#opening);
    this.#isOpen = false;
    this.#socket = undefined;
    this.#wait(code);
  }

  #opened(): void {
    clearTimeout(this.#opening);
    this.#isOpen = true;
    this.#attempts = 0;
    for (const [topic, since] of this.#topics) this.#sendJoin(topic, since);
    for (const [id, it] of this.#pending) this.#publish(id, it);
    this.#call(() => this.#options.onState?.("open", 0));
  }

  #wait(code: number): void {
    if (code === POLICY_VIOLATION) this.close();
    this.#call(() => this.#options.onState?.(this.#closed ? "closed" : "waiting", code));
    if (this.#closed) return;
    const { minDelayMs = 500, maxDelayMs = 30_000 } = this.#options;
    const most = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(this.#attempts++, 20));
    /* Any delay up to the limit, so that many clients do not come back at once. */
    this.#retry = setTimeout(() => this.#open(), Math.random() * most);
  }

  #receive(data: string | Uint8Array): void {
    const parsed = parse(data);
    if (parsed === undefined) return;
    const line = parsed.line as ServerLine;
    if (line.ack !== undefined) {
      this.#acknowledged(line.ack, line);
      return;
    }
    const { topic, id, at, joined, gap } = line;
    if (topic === undefined) return;
    if (line.error !== undefined) {
      const { error } = line;
      this.#call(() => this.#options.onRefused?.(error, topic));
    }
    if (!this.#topics.has(topic)) return;
    if (gap !== undefined) this.#call(() => this.#options.onGap?.(topic, gap));
    const position = at ?? joined;
    if (typeof position === "string") this.#topics.set(topic, position);
    if (id === undefined || !this.#recent.add(`${topic}\n${id}`)) return;
    this.#call(() => this.#options.onMessage?.(topic, parsed.message, id, at));
  }

  #acknowledged(id: string, { result, error }: ServerLine): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (result === "here") {
      pending.here = true;
      pending.again = performance.now() + AGAIN_MS;
      return;
    }
    this.#pending.delete(id);
    if (error === undefined) pending.resolve("everywhere");
    else pending.reject(failure(error, `the hub refused a message to ${pending.topic}`));
    this.#stopChecks();
  }

  #checkPending(): void {
    const now = performance.now();
    for (const [id, it] of this.#pending) {
      if (now >= it.until) {
        this.#pending.delete(id);
        if (it.here) it.resolve("here");
        else it.reject(failure("ERR_TIMEOUT", `no answer to a message to ${it.topic}`));
      } else if (this.#isOpen && now >= it.again) {
        it.again = Number.POSITIVE_INFINITY;
        this.#publish(id, it);
      } else if (this.#isOpen && it.again === Number.POSITIVE_INFINITY && now - it.sent > this.#timeoutMs) {
        this.#giveUp();
      }
    }
    this.#stopChecks();
  }

  #stopChecks(): void {
    if (this.#pending.size > 0) return;
    clearInterval(this.#check);
    this.#check = undefined;
  }

  #publish(id: string, pending: Pending): void {
    pending.sent = performance.now();
    this.#send({ publish: pending.topic, id }, pending.message);
  }

  #sendJoin(topic: string, since: string | undefined): void {
    this.#send(since === undefined ? { join: topic } : { join: topic, since });
  }

  #send(line: ClientLine, message?: string | Uint8Array): void {
    try {
      this.#socket?.send(frame(line, message));
    } catch {
      /* It is closing; what is pending is sent again. */
    }
  }

  #call(call: () => void): void {
    try {
      call();
    } catch (error) {
      later(error);
    }
  }
}

/** Reports what a callback threw as an uncaught exception. */
function later(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function failure(code: string, problem: string): Error & { readonly code: string } {
  return Object.assign(new Error(`${code}: HubClient: ${problem}`), { code });
}
