/** What the NATS driver asks of JetStream: its requests are messages of JSON, so that the core client is enough. */
import { TwinwireError } from "../../wasm/errors.ts";
import { invalid } from "./driver.ts";

/** What the driver uses of a message of NATS. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply?: string | undefined;
  readonly headers?: { get(name: string): string } | undefined;
}

/** Headers as `headers()` of the client makes them. */
export interface NatsHeaders {
  set(name: string, value: string): void;
}

/** What the driver uses of a connection of `@nats-io/transport-node`, or of another transport of NATS. */
export interface NatsConnection {
  request(
    subject: string,
    payload?: Uint8Array | string,
    options?: { timeout: number; headers?: never },
  ): Promise<NatsMessage>;
  requestMany(
    subject: string,
    payload: Uint8Array | string,
    options: { strategy: "count"; maxMessages: number; maxWait: number; noMux: boolean },
  ): Promise<AsyncIterable<NatsMessage>>;
  publish(subject: string, payload?: Uint8Array | string): void;
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: NatsMessage) => void },
  ): { unsubscribe(): void };
  flush(): Promise<void>;
  status(): AsyncIterable<{ readonly type: string }>;
  closed(): Promise<unknown>;
  isClosed(): boolean;
  close(): Promise<void>;
}

/** A message that a stream has stored. */
export interface Stored {
  readonly subject: string;
  readonly seq: number;
  /** When it was stored, in ms, by the clock of the broker. */
  readonly at: number;
  readonly data: Uint8Array;
}

/** Messages of a stream; `count`: how many there were when they were counted. */
export interface Listed {
  readonly count: number;
  readonly messages: readonly Stored[];
}

export interface StreamState {
  readonly created: string;
  readonly description: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly first: number;
  readonly last: number;
}

/** Codes of JetStream's errors. */
export const NO_STREAM = 10059;
const NO_MESSAGE = 10037;
const WRONG_SEQUENCE = 10071;

const TIMEOUT_MS = 10_000;
const NANOS_PER_MS = 1_000_000;
/** The bytes of messages that are taken at a time. */
const PAGE_BYTES = 262_144;
/** How long messages that were announced are awaited; they may have been removed meanwhile. */
const GONE_NANOS = 300 * NANOS_PER_MS;
/** How often messages are listed, if they change meanwhile. */
const LIST_ATTEMPTS = 3;
/** How long a consumer that was not deleted stays. */
const IDLE_NANOS = 5000 * NANOS_PER_MS;

const decoder = new TextDecoder();

/** An error that JetStream answers with. */
export class JetStreamError extends TwinwireError {
  readonly number: number;

  constructor(number: number, reason: string) {
    super("ERR_BROKER", { step: "send", address: "NATS", reason: `JetStream: ${reason} (${number})` });
    this.number = number;
  }
}

/** The streams of a NATS server by one connection. */
export class JetStream {
  readonly #connection: NatsConnection;
  readonly #headers: () => NatsHeaders;
  readonly #waiting = new Set<(error: unknown) => void>();

  constructor(connection: NatsConnection, headers: () => NatsHeaders) {
    this.#connection = connection;
    this.#headers = headers;
  }

  /** Fails what waits for an answer, since none comes on a connection that has ended. */
  fail(error: TwinwireError): void {
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** Stores a message, and returns its number in the stream; `undefined` if the subject is not at `expected`. */
  async publish(
    subject: string,
    data: Uint8Array | string,
    { id, expected }: { readonly id?: string; readonly expected?: number } = {},
  ): Promise<number | undefined> {
    const headers = id === undefined && expected === undefined ? undefined : this.#headers();
    if (id !== undefined) headers?.set("Nats-Msg-Id", id);
    if (expected !== undefined) headers?.set("Nats-Expected-Last-Subject-Sequence", `${expected}`);
    const options =
      headers === undefined ? { timeout: TIMEOUT_MS } : { timeout: TIMEOUT_MS, headers: headers as never };
    try {
      return numberOf(parse(await this.#unlessFailed(this.#connection.request(subject, data, options))), "seq");
    } catch (error) {
      if (error instanceof JetStreamError && error.number === WRONG_SEQUENCE) return undefined;
      throw error;
    }
  }

  /** What is known of a stream; `undefined` if it does not exist. */
  async info(stream: string): Promise<StreamState | undefined> {
    try {
      return stateOf(await this.#ask(`STREAM.INFO.${stream}`, {}));
    } catch (error) {
      if (error instanceof JetStreamError && error.number === NO_STREAM) return undefined;
      throw error;
    }
  }

  async create(stream: string, config: object): Promise<StreamState> {
    return stateOf(await this.#ask(`STREAM.CREATE.${stream}`, { name: stream, ...config }));
  }

  async update(stream: string, config: object): Promise<StreamState> {
    return stateOf(await this.#ask(`STREAM.UPDATE.${stream}`, { ...config, name: stream }));
  }

  /** Returns one message: that of a number, the last of a subject, or the first of a subject from a number on. */
  async message(
    stream: string,
    which: { readonly seq: number; readonly next_by_subj?: string } | { readonly last_by_subj: string },
  ): Promise<Stored | undefined> {
    try {
      const { message } = await this.#ask(`STREAM.MSG.GET.${stream}`, which);
      const found = recordOf(message);
      const { subject, time, data } = found;
      const at = Date.parse(String(time));
      if (typeof subject !== "string" || Number.isNaN(at)) throw invalid("NATS", "a message without a subject or time");
      const bytes = typeof data === "string" ? bytesOf(data) : new Uint8Array();
      return { subject, seq: numberOf(found, "seq"), at, data: bytes };
    } catch (error) {
      if (error instanceof JetStreamError && error.number === NO_MESSAGE) return undefined;
      throw error;
    }
  }

  /** Removes a message, if it is still there. */
  async remove(stream: string, seq: number): Promise<void> {
    await this.#ask(`STREAM.MSG.DELETE.${stream}`, { seq, no_erase: true }).catch((error: unknown) => {
      if (!(error instanceof JetStreamError)) throw error;
    });
  }

  /**
   * Returns messages of a subject, which may have wildcards: with `from`, those from a number on; without, the last of each
   * subject. At most `most`; `count` is how many there are.
   */
  async list(stream: string, filter: string, most: number, from?: number): Promise<Listed> {
    for (let attempt = 1; ; attempt++) {
      const { count, messages } = await this.#list(stream, filter, most, from);
      /* A server sends one message again in place of another that is gone. */
      const unique = [...new Map(messages.map((it) => [it.seq, it])).values()];
      /* The last message of a subject may have been replaced or removed meanwhile. */
      const isShort = from !== undefined && unique.length < Math.min(count, most);
      if (unique.length === messages.length && !isShort) return { count, messages };
      if (attempt < LIST_ATTEMPTS) continue;
      if (isShort) throw invalid("NATS", "fewer messages than it announced");
      return { count, messages: unique };
    }
  }

  async #list(stream: string, filter: string, most: number, from: number | undefined): Promise<Listed> {
    const start =
      from === undefined
        ? { deliver_policy: "last_per_subject" }
        : { deliver_policy: "by_start_sequence", opt_start_seq: from };
    const fixed = { ack_policy: "none", replay_policy: "instant", mem_storage: true, num_replicas: 1 };
    const config = { ...fixed, ...start, filter_subject: filter, inactive_threshold: IDLE_NANOS };
    const consumer = await this.#ask(`CONSUMER.CREATE.${stream}`, { stream_name: stream, config });
    const { name } = consumer;
    if (typeof name !== "string") throw invalid("NATS", "a consumer without a name");
    try {
      const count = numberOf(consumer, "num_pending");
      const messages: Stored[] = [];
      while (messages.length < Math.min(count, most)) {
        const left = Math.min(count, most) - messages.length;
        const some = await this.#unlessFailed(this.#next(stream, name, left, PAGE_BYTES));
        /* One message may be larger than a page. */
        if (some.length === 0) some.push(...(await this.#unlessFailed(this.#next(stream, name, 1))));
        messages.push(...some);
        if (some.length === 0) break;
      }
      return { count, messages };
    } finally {
      if (!this.#connection.isClosed()) this.#connection.publish(`$JS.API.CONSUMER.DELETE.${stream}.${name}`);
    }
  }

  /** Takes some messages of a consumer. More bytes at a time would look to the server like a client that is too slow. */
  async #next(stream: string, consumer: string, most: number, bytes?: number): Promise<Stored[]> {
    const batch = Math.min(most, 256);
    const found: Stored[] = [];
    /* Without a bound, nothing is answered if the messages that were announced are gone. */
    const request = JSON.stringify({ batch, max_bytes: bytes, no_wait: true, expires: GONE_NANOS });
    /* Messages come with their own subjects, by which the common subscription for answers would not know them. */
    const options = { strategy: "count", maxMessages: batch, maxWait: TIMEOUT_MS, noMux: true } as const;
    const replies = await this.#connection.requestMany(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      request,
      options,
    );
    for await (const { subject, reply, data } of replies) {
      /* Without a subject for the acknowledgement: a status, "no messages". */
      const place = placeOf(reply);
      if (place === undefined) break;
      found.push({ subject, data, ...place });
    }
    return found;
  }

  async #ask(request: string, body: object): Promise<Record<string, unknown>> {
    const answer = this.#connection.request(`$JS.API.${request}`, JSON.stringify(body), { timeout: TIMEOUT_MS });
    return parse(await this.#unlessFailed(answer));
  }

  #unlessFailed<T>(answer: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject);
      answer.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }
}

/** The number and the time of a message, from where it is acknowledged: `$JS.ACK[.domain.account].stream.consumer.1.7.7.time.0`. */
function placeOf(reply: string | undefined): { seq: number; at: number } | undefined {
  const parts = reply?.split(".") ?? [];
  if (parts[0] !== "$JS" || parts[1] !== "ACK") return undefined;
  const at = parts.length > 9 ? 7 : 5;
  return { seq: Number(parts[at]), at: Math.floor(Number(parts[at + 2]) / NANOS_PER_MS) };
}

function parse({ data }: NatsMessage): Record<string, unknown> {
  let answer: Record<string, unknown>;
  try {
    answer = recordOf(JSON.parse(decoder.decode(data)));
  } catch {
    throw invalid("NATS", "an answer that is no JSON object");
  }
  const { error } = answer;
  if (error === undefined) return answer;
  const { err_code: number, description } = recordOf(error);
  throw new JetStreamError(typeof number === "number" ? number : 0, String(description));
}

function stateOf(answer: Record<string, unknown>): StreamState {
  const { created, state: counts, config: fixed } = answer;
  const state = recordOf(counts);
  const config = recordOf(fixed);
  const { description } = config;
  const last = numberOf(state, "last_seq");
  return {
    created: String(created),
    config,
    description: typeof description === "string" ? description : "",
    first: numberOf(state, "messages") === 0 ? last + 1 : numberOf(state, "first_seq"),
    last,
  };
}

function recordOf(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw invalid("NATS", "an answer with a part that is no object");
  return value as Record<string, unknown>;
}

function numberOf(of: Record<string, unknown>, name: string): number {
  const value = of[name];
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw invalid("NATS", `an answer whose ${name} is no number`);
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (it) => it.charCodeAt(0));
}
