/** The broker in memory: for tests, and for a single process, also with several worker threads. */
import { TwinwireError } from "../../wasm/errors.ts";
import type {
  DriverEvents,
  DriverLimits,
  History,
  HubDriver,
  Member,
  OutgoingMessage,
  Position,
  StoredMessage,
} from "./driver.ts";
import { type HubPort, servePort } from "./port.ts";

/** The ids that are compared for messages that are to be stored once, over all topics. */
const MOST_IDS = 10_000;

interface Log {
  readonly epoch: string;
  readonly messages: StoredMessage[];
  end: number;
  used: number;
}

interface Node {
  readonly events: DriverEvents;
  readonly topics: Set<string>;
  readonly members: Map<string, Map<string, Member>>;
  leaseMs: number;
  until: number;
}

/**
 * A broker that lives in this process. Each hub gets a driver of its own: `new Hub(broker.driver())`.
 *
 * ```ts
 * const broker = new MemoryBroker();
 * const [one, two] = [new Hub(broker.driver()), new Hub(broker.driver())];
 * ```
 */
export class MemoryBroker {
  readonly #logs = new Map<string, Log>();
  readonly #nodes = new Map<string, Node>();
  readonly #ids = new Map<string, Position>();
  #epochs = 0;
  #down: TwinwireError | undefined;

  /** A driver for one hub. */
  driver(): HubDriver {
    return new MemoryDriver(this);
  }

  /**
   * Serves a `PortDriver` at the other end of a port, in another thread. The members of its hub leave when the port closes, or
   * when their lease expires.
   *
   * ```ts
   * const { port1, port2 } = new MessageChannel();
   * broker.serve(port1);
   * new Worker(program, { workerData: { port: port2 }, transferList: [port2] });
   * ```
   */
  serve(port: HubPort): void {
    servePort(this.driver(), port);
  }

  /** Fails all calls until `start`, as a broker does that can't be reached. With `forget`, its messages are lost. */
  stop({ forget = false }: { readonly forget?: boolean } = {}): void {
    this.#down = new TwinwireError("ERR_BROKER", { step: "send", reason: "the broker in memory was stopped" });
    if (forget) this.#logs.clear();
    for (const { events } of this.#nodes.values()) events.down(this.#down);
  }

  start(): void {
    this.#down = undefined;
    for (const { events, topics } of this.#nodes.values()) {
      topics.clear();
      events.up();
    }
  }

  /** @internal */
  open(node: string, events: DriverEvents, { leaseMs }: DriverLimits): void {
    const until = performance.now() + leaseMs;
    this.#nodes.set(node, { events, topics: new Set(), members: new Map(), leaseMs, until });
    queueMicrotask(() => {
      if (this.#down === undefined) events.up();
      else events.down(this.#down);
    });
  }

  /** @internal */
  close(node: string): void {
    const it = this.#nodes.get(node);
    if (it === undefined) return;
    this.#dismiss(it);
    this.#nodes.delete(node);
  }

  /** @internal */
  publish(topic: string, { unique, ...message }: OutgoingMessage, limits: DriverLimits): Position {
    this.#check();
    const key = `${topic}\n${message.id}`;
    const known = unique ? this.#ids.get(key) : undefined;
    if (known !== undefined) return known;
    const log = this.#log(topic, limits);
    const stored: StoredMessage = { ...message, epoch: log.epoch, previous: log.end, offset: log.end + 1 };
    log.end++;
    log.messages.push(stored);
    if (log.messages.length > limits.history) log.messages.shift();
    const position = { epoch: log.epoch, offset: log.end };
    if (unique) this.#remember(key, position);
    this.#each(topic, (events) => events.message(topic, stored));
    return position;
  }

  /** @internal */
  subscribe(node: string, topic: string, on: boolean): void {
    this.#check();
    const topics = this.#node(node).topics;
    if (on) topics.add(topic);
    else topics.delete(topic);
  }

  /** @internal */
  read(topic: string, after: Position | undefined, most: number, limits: DriverLimits): History {
    this.#check();
    const { epoch, end, messages } = this.#log(topic, limits);
    const known = after?.epoch === epoch && after.offset <= end;
    if (after === undefined) return { messages: [], gap: false, end: { epoch, offset: end } };
    const from = known ? after.offset : after.epoch === epoch ? end : 0;
    const found = messages.filter((it) => it.offset > from).slice(0, most);
    const gap = !known || (found[0]?.offset ?? end + 1) > from + 1;
    return { messages: found, gap, end: { epoch, offset: end } };
  }

  /** @internal */
  enter(node: string, topic: string, members: readonly Member[]): void {
    this.#check();
    const own = this.#node(node).members;
    const there = own.get(topic) ?? new Map<string, Member>();
    own.set(topic, there);
    for (const member of members) {
      const isNew = !there.has(member.id);
      there.set(member.id, member);
      if (isNew) this.#each(topic, (events) => events.joined(topic, member));
    }
  }

  /** @internal */
  exit(node: string, topic: string, member: Member): void {
    this.#check();
    if (this.#node(node).members.get(topic)?.delete(member.id))
      this.#each(topic, (events) => events.left(topic, member));
  }

  /** @internal */
  members(topic: string): Member[] {
    this.#check();
    const now = performance.now();
    const alive = [...this.#nodes.values()].filter(({ until }) => until > now);
    return alive.flatMap(({ members }) => [...(members.get(topic)?.values() ?? [])]);
  }

  /** @internal */
  renew(node: string): boolean {
    this.#check();
    const now = performance.now();
    const own = this.#node(node);
    const kept = own.until > now;
    for (const it of this.#nodes.values()) if (it.until <= now) this.#dismiss(it);
    own.until = now + own.leaseMs;
    return kept;
  }

  /** Removes the members of a node. */
  #dismiss(node: Node): void {
    const members = [...node.members];
    node.members.clear();
    for (const [topic, there] of members)
      for (const member of there.values()) this.#each(topic, (events) => events.left(topic, member));
  }

  #each(topic: string, report: (events: DriverEvents) => void): void {
    for (const { topics, events } of this.#nodes.values()) if (topics.has(topic)) report(events);
  }

  #log(topic: string, { historyMs }: DriverLimits): Log {
    const now = performance.now();
    let log = this.#logs.get(topic);
    if (log === undefined || now - log.used > historyMs) {
      this.#expire(now - historyMs);
      log = { epoch: `m${++this.#epochs}.${Math.floor(performance.timeOrigin)}`, messages: [], end: 0, used: now };
    }
    log.used = now;
    /* The least recently used first. */
    this.#logs.delete(topic);
    this.#logs.set(topic, log);
    return log;
  }

  #expire(before: number): void {
    for (const [topic, { used }] of this.#logs) {
      if (used > before) return;
      this.#logs.delete(topic);
    }
  }

  #remember(key: string, position: Position): void {
    this.#ids.set(key, position);
    const [oldest] = this.#ids.keys();
    if (this.#ids.size > MOST_IDS && oldest !== undefined) this.#ids.delete(oldest);
  }

  #node(node: string): Node {
    const it = this.#nodes.get(node);
    if (it === undefined) throw new TwinwireError("ERR_STATE", { step: "send", reason: "the driver is closed" });
    return it;
  }

  #check(): void {
    if (this.#down !== undefined) throw this.#down;
  }
}

/** The connection of one hub with a `MemoryBroker`. */
class MemoryDriver implements HubDriver {
  readonly #broker: MemoryBroker;
  #node = "";
  #limits: DriverLimits = { history: 0, historyMs: 0, leaseMs: 0 };

  constructor(broker: MemoryBroker) {
    this.#broker = broker;
  }

  open(node: string, events: DriverEvents, limits: DriverLimits): void {
    this.#node = node;
    this.#limits = limits;
    this.#broker.open(node, events, limits);
  }

  async publish(topic: string, message: OutgoingMessage): Promise<Position> {
    return this.#broker.publish(topic, message, this.#limits);
  }

  async subscribe(topic: string): Promise<void> {
    this.#broker.subscribe(this.#node, topic, true);
  }

  async unsubscribe(topic: string): Promise<void> {
    this.#broker.subscribe(this.#node, topic, false);
  }

  async read(topic: string, after: Position | undefined, most: number): Promise<History> {
    return this.#broker.read(topic, after, most, this.#limits);
  }

  async enter(topic: string, members: readonly Member[]): Promise<void> {
    this.#broker.enter(this.#node, topic, members);
  }

  async exit(topic: string, member: Member): Promise<void> {
    this.#broker.exit(this.#node, topic, member);
  }

  async members(topic: string): Promise<readonly Member[]> {
    return this.#broker.members(topic);
  }

  async renew(): Promise<boolean> {
    return this.#broker.renew(this.#node);
  }

  async close(): Promise<void> {
    this.#broker.close(this.#node);
  }
}
