/** The driver for NATS with JetStream, by the official client `@nats-io/transport-node`. */
import { TwinwireError } from "../../wasm/errors.ts";
import { integer, OptionSet, oneOf, value } from "../internal/options.ts";
import { Combined } from "./calls.ts";
import {
  type Body,
  brokerError,
  type DriverEvents,
  type DriverLimits,
  decodeBody,
  encodeBody,
  type History,
  type HubDriver,
  invalid,
  type Member,
  memberOf,
  type OutgoingMessage,
  type Position,
  type StoredMessage,
} from "./driver.ts";
import { Epochs } from "./epochs.ts";
import { JetStream, type NatsConnection, type NatsHeaders, type NatsMessage, type Stored } from "./jetstream.ts";
import { NatsPresence } from "./nats-presence.ts";

/** What the driver uses of `@nats-io/transport-node`, or of another package with the same functions. */
export interface NatsModule<O> {
  connect(options?: O): Promise<NatsConnection>;
  headers(): NatsHeaders;
}

/** The options of `new NatsDriver`. */
export interface NatsDriverOptions {
  /** What the names of its streams and subjects begin with: letters, digits, `-` and `_`. Default: "twinwire". */
  readonly prefix?: string | undefined;
  /** The servers of a cluster that keep each message, 1 to 5. Default: 1. */
  readonly replicas?: number | undefined;
  /** Where the messages are kept. Default: "file". */
  readonly storage?: "file" | "memory" | undefined;
}

const driverOptions = new OptionSet<NatsDriverOptions>({
  prefix: value(
    "1 to 32 letters, digits, - or _",
    (it): it is string => typeof it === "string" && /^[\w-]{1,32}$/.test(it),
  ),
  replicas: integer(1, 5),
  storage: oneOf("file", "memory"),
});

/** How long JetStream remembers the ids of messages that are to be stored once, in ms. */
const ID_MS = 120_000;
const NANOS_PER_MS = 1_000_000;
/** How long it waits before it tries to connect again, in ms. */
const RETRY_MS = 1000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Connects a hub with NATS 2.9 or later, whose JetStream is enabled. It makes one connection, with `module.connect(options)`.
 *
 * All topics share one stream, which keeps `history` messages of each for `historyMs`, and republishes what it has stored with
 * its number and the number of the message before it on the same topic: that is the position.
 *
 * ```ts
 * import * as nats from "@nats-io/transport-node";
 * const hub = new Hub(new NatsDriver(nats, { servers: "127.0.0.1:4222" }));
 * ```
 */
export class NatsDriver<O extends object = object> implements HubDriver {
  readonly #module: NatsModule<O>;
  readonly #options: O | undefined;
  readonly #prefix: string;
  readonly #stored: { readonly storage: string; readonly num_replicas: number };
  readonly #subscriptions = new Map<string, { unsubscribe(): void }>();
  readonly #epochs = new Epochs();
  /** However many topics subscribe and read at a time, each asks the server only once. */
  readonly #flush = new Combined(() => this.#connected().flush());
  readonly #state = new Combined(() => this.#check(this.#use()));
  #limits: DriverLimits = { history: 1, historyMs: 1000, leaseMs: 1000 };
  #node = "";
  #events: DriverEvents | undefined;
  #connection: NatsConnection | undefined;
  #streams: JetStream | undefined;
  #presence: NatsPresence | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isUp = false;
  #closed = false;

  /**
   * @param options those of `module.connect`; the driver reconnects for as long as it takes.
   * @throws TwinwireError ERR_ARGUMENT for a bad option of the driver.
   */
  constructor(module: NatsModule<O>, options?: O, driver?: NatsDriverOptions) {
    const { prefix = "twinwire", replicas = 1, storage = "file" } = driverOptions.read("NatsDriver", driver);
    this.#module = module;
    this.#options = options;
    this.#prefix = prefix;
    this.#stored = { storage, num_replicas: replicas };
  }

  open(node: string, events: DriverEvents, limits: DriverLimits): void {
    this.#node = node;
    this.#events = events;
    this.#limits = limits;
    this.#connect();
  }

  async publish(topic: string, message: OutgoingMessage): Promise<Position> {
    const name = encode(topic);
    const options = message.unique ? { id: `${message.id}:${name}` } : {};
    const seq = await this.#use().publish(`${this.#prefix}.s.${name}.m`, encodeBody(message), options);
    if (seq === undefined) throw invalid("NATS", "a refusal of a message without a condition");
    this.#epochs.see(seq);
    return { epoch: this.#epochs.at(seq), offset: seq };
  }

  async subscribe(topic: string): Promise<void> {
    const connection = this.#connected();
    if (!this.#subscriptions.has(topic)) {
      const callback = (error: Error | null, message: NatsMessage): void => {
        if (error === null) this.#receive(topic, message);
      };
      /* One subscription for the messages and for the presence. */
      const subscription = connection.subscribe(`${this.#prefix}.m.${encode(topic)}.>`, { callback });
      this.#subscriptions.set(topic, subscription);
    }
    await this.#flush.ask();
  }

  async unsubscribe(topic: string): Promise<void> {
    this.#subscriptions.get(topic)?.unsubscribe();
    this.#subscriptions.delete(topic);
  }

  async read(topic: string, after: Position | undefined, most: number): Promise<History> {
    const streams = this.#use();
    const stream = this.#name("messages");
    const state = await this.#state.ask();
    const end = { epoch: this.#epochs.current, offset: state.last };
    if (after === undefined) return { messages: [], gap: false, end };
    const { from, gap } = this.#epochs.resume(after, state.last);
    if (from >= state.last) return { messages: [], gap, end };
    const subject = `${this.#prefix}.s.${encode(topic)}.m`;
    const next = await streams.message(stream, { seq: from + 1, next_by_subj: subject });
    /* What is older than `historyMs` is removed from the beginning of the stream, of whichever topic it is. */
    const mayHaveAged = from + 1 < state.first;
    if (next === undefined) return { messages: [], gap: gap || mayHaveAged, end };
    const { history } = this.#limits;
    const oldest = from === 0 ? next : await streams.message(stream, { seq: 1, next_by_subj: subject });
    const { count, messages } = await streams.list(stream, subject, most + 1, next.seq);
    /* Others may have been removed before they were listed. */
    const isWhole = messages[0]?.seq === next.seq;
    if (isWhole && oldest !== undefined && oldest.seq <= from) {
      return { messages: this.#parse(messages, from, most), gap, end };
    }
    /* The stream has one message more than the history: if that is there, none before it is certain. */
    const tooMany = Math.max(0, count - history);
    const found = this.#parse(messages.slice(tooMany), from, most);
    return { messages: found, gap: gap || !isWhole || tooMany > 0 || mayHaveAged, end };
  }

  enter(topic: string, members: readonly Member[]): Promise<void> {
    return this.#there().enter(encode(topic), members);
  }

  exit(topic: string, member: Member): Promise<void> {
    return this.#there().exit(encode(topic), member);
  }

  members(topic: string): Promise<readonly Member[]> {
    return this.#there().members(encode(topic));
  }

  async renew(): Promise<boolean> {
    const before = this.#epochs.current;
    await this.#state.ask();
    const kept = await this.#there().renew(this.#limits.leaseMs);
    /* Another node has noticed that messages are lost. */
    if (before !== this.#epochs.current) this.#events?.up();
    return kept;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const connection = this.#connection;
    try {
      if (this.#isUp) await this.#presence?.close();
    } finally {
      await connection?.close();
    }
  }

  /** Connects, and again later if that fails. Once it has connected, the client reconnects by itself. */
  #connect(): void {
    if (this.#closed) return;
    const again = (error: unknown): void => {
      if (this.#closed) return;
      this.#down(error);
      this.#retry = setTimeout(() => this.#connect(), RETRY_MS);
    };
    const always = { maxReconnectAttempts: -1, name: `twinwire hub ${this.#node}` };
    this.#module.connect({ ...always, ...this.#options } as unknown as O).then((connection) => {
      if (this.#closed) {
        connection.close().catch(() => {});
        return;
      }
      this.#connection = connection;
      this.#streams = new JetStream(connection, () => this.#module.headers());
      this.#presence = new NatsPresence(this.#streams, this.#prefix, this.#node);
      this.#subscriptions.clear();
      connection.closed().then(again, again);
      this.#follow(connection).catch(again);
      this.#ready();
    }, again);
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === "disconnect") this.#down(new Error("the connection has ended"));
      else if (type === "reconnect") this.#ready();
    }
  }

  /** Prepares the streams, then reports that the broker can be used. JetStream may be ready later than its server. */
  #ready(): void {
    const connection = this.#connection;
    this.#prepare().then(
      () => {
        if (this.#closed || connection !== this.#connection || this.#isUp) return;
        this.#isUp = true;
        this.#events?.up();
      },
      (error: unknown) => {
        if (this.#closed || connection !== this.#connection || connection?.isClosed()) return;
        this.#down(error);
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#ready(), RETRY_MS);
      },
    );
  }

  async #prepare(): Promise<void> {
    const streams = this.#streams;
    if (streams === undefined) return;
    const { history, historyMs } = this.#limits;
    const prefix = this.#prefix;
    const republish = (from: string): object => ({ republish: { src: `${prefix}.${from}.>`, dest: `${prefix}.m.>` } });
    const ofMessages = {
      max_msgs_per_subject: history + 1,
      max_age: historyMs * NANOS_PER_MS,
      duplicate_window: Math.min(ID_MS, historyMs) * NANOS_PER_MS,
    };
    const fixed = { ...this.#stored, retention: "limits", discard: "old" };
    const ofPresence = { max_msgs_per_subject: 1, subjects: [`${prefix}.p.>`, `${prefix}.l.*`] };
    const presence = this.#name("presence");
    if ((await streams.info(presence)) === undefined) {
      await streams.create(presence, { ...fixed, ...ofPresence, ...republish("p") });
    }
    const messages = this.#name("messages");
    const there = await streams.info(messages);
    if (there === undefined) {
      await streams.create(messages, { ...fixed, ...ofMessages, subjects: [`${prefix}.s.>`], ...republish("s") });
    } else if (Object.entries(ofMessages).some(([key, it]) => there.config[key] !== it)) {
      await streams.update(messages, { ...there.config, ...ofMessages });
    }
    await this.#check(streams);
  }

  /** Reads how far the stream is, and begins an epoch if it is not as far as it was. */
  async #check(streams: JetStream): Promise<{ readonly first: number; readonly last: number }> {
    const stream = this.#name("messages");
    const { seen } = this.#epochs;
    const state = await streams.info(stream);
    if (state === undefined) throw invalid("NATS", `no stream ${stream}`);
    const description = this.#epochs.learn(state, seen);
    if (description !== undefined) {
      this.#epochs.learn(await streams.update(stream, { ...state.config, description }), state.last);
    }
    return state;
  }

  #receive(topic: string, { subject, data, headers }: NatsMessage): void {
    try {
      if (subject.endsWith(".m") && subject.split(".").length === 4) {
        const seq = Number(headers?.get("Nats-Sequence") || Number.NaN);
        const previous = Number(headers?.get("Nats-Last-Sequence") || Number.NaN);
        if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(previous)) {
          throw invalid("NATS", "a message without a position");
        }
        const body = decodeBody(data, "NATS");
        this.#epochs.see(seq);
        this.#events?.message(topic, { ...body, epoch: this.#epochs.at(seq), offset: seq, previous });
        return;
      }
      const kind = String.fromCharCode(data[0] ?? 0);
      const member = memberOf(decoder.decode(data.subarray(1)), "NATS");
      if (kind === "J") this.#events?.joined(topic, member);
      else if (kind === "L") this.#events?.left(topic, member);
      else throw invalid("NATS", "a message of an unknown kind");
    } catch (error) {
      this.#events?.invalid(brokerError(error));
    }
  }

  #parse(found: readonly Stored[], after: number, most: number): StoredMessage[] {
    const messages: StoredMessage[] = [];
    let previous = after;
    for (const { seq, data } of found.slice(0, most)) {
      let body: Body | undefined;
      try {
        body = decodeBody(data, "NATS");
      } catch (error) {
        this.#events?.invalid(brokerError(error));
      }
      if (body !== undefined) messages.push({ ...body, epoch: this.#epochs.at(seq), offset: seq, previous });
      previous = seq;
    }
    return messages;
  }

  #down(cause: unknown): void {
    this.#isUp = false;
    if (this.#closed) return;
    const reason = cause instanceof Error ? {} : { reason: "the connection has ended" };
    const error = new TwinwireError("ERR_BROKER", { step: "connect", address: "NATS", cause, ...reason });
    this.#flush.forget();
    this.#state.forget();
    this.#streams?.fail(error);
    this.#events?.down(error);
  }

  #connected(): NatsConnection {
    if (this.#connection === undefined)
      throw new TwinwireError("ERR_BROKER", { step: "send", reason: "not connected" });
    return this.#connection;
  }

  #use(): JetStream {
    this.#connected();
    return this.#streams as JetStream;
  }

  #there(): NatsPresence {
    this.#connected();
    return this.#presence as NatsPresence;
  }

  #name(stream: string): string {
    return `${this.#prefix}_${stream}`;
  }
}

/** A topic as a part of a subject: base64url. */
function encode(topic: string): string {
  const text = btoa(String.fromCharCode(...encoder.encode(topic)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
