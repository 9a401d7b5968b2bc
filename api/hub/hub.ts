/** The hub: topics and presence over several processes. */
import { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { Metric } from "../../wasm/metrics.ts";
import { positionOf, positionText, RecentIds } from "../hub-client.ts";
import { type Bytes, show } from "../internal/arguments.ts";
import { broadcast } from "../ws-server/clients.ts";
import { ServerSocket } from "../ws-server/socket.ts";
import { Calls } from "./calls.ts";
import { brokerError, type DriverEvents, type HubDriver, inTime, type Member, type Position } from "./driver.ts";
import {
  type CheckedHub,
  checkHub,
  checkJoin,
  checkMember,
  checkMessage,
  checkPublish,
  checkTopic,
  type HubEvents,
  type HubOptions,
  type HubPublishOptions,
  type HubStats,
  type JoinOptions,
  type Listener,
  Listeners,
  metricsOf,
  type Published,
  wrong,
} from "./options.ts";
import { receive } from "./requests.ts";
import { type Membership, Rounds, Topic, type TopicHost } from "./topic.ts";

/** How often members are sent positions that they do not know yet, and a broker that is down is tried, in ms. */
const NOTE_MS = 500;
const PROBE_MS = 1000;
/** Topics whose position is compared with the broker's at each renewal of the lease. */
const CHECKED = 500;

const JOINING = { live: false, ahead: -1, run: 0, waiting: true };

/**
 * Topics and presence over several processes, called nodes, by way of a broker that they share. What it guarantees:
 *
 * 1. **Local delivery never waits for the broker.** `publish` sends a message to the local members before it returns, whether
 *    the broker can be reached or not, and is fulfilled with `"everywhere"` once the broker has stored it and sent it to all
 *    nodes, or `"here"` if that is not certain.
 * 2. **Each topic has one order.** The broker assigns each message a position, `epoch:offset`, in the atomic step that stores
 *    and publishes it. Members receive the messages of other nodes in this order, and those of their own node in the order
 *    in which they were published.
 * 3. **Nothing is lost silently.** A node that notices missing messages reads them from the broker's bounded history. What that
 *    does not have any more is reported: as the event `gap`, and to the members as a frame.
 * 4. **Presence is leased.** The members of a node that dies leave within `leaseMs`, by the broker's clock, and each leaves once.
 * 5. **A frame is made once per process** and broadcast; there is one subscription for each topic with local members.
 *
 * ```ts
 * const hub = new Hub(new RedisDriver(client));
 * await hub.join(socket, "news", { since, member: { name: "Ada" } });
 * await hub.publish("news", "hello"); // "everywhere"
 * ```
 */
export class Hub {
  /** The name of this node, which is new for each hub. */
  readonly node: string = crypto.randomUUID().slice(0, 13);
  readonly #driver: HubDriver;
  readonly #options: CheckedHub;
  readonly #calls: Calls;
  readonly #topics = new Map<string, Topic>();
  readonly #joinedBy = new Map<ServerSocket, Set<string>>();
  readonly #listeners = new Listeners();
  /** The members of this node. */
  readonly #present = new Set<Member>();
  /** Members that have left while the broker could not be reached. */
  readonly #leaving = new Map<string, { readonly topic: string; readonly member: Member }>();
  /** The last messages that were published with an id: each with its `seq` if it was published here first, else 0. */
  readonly #recent = new RecentIds();
  readonly #toNote = new Set<Topic>();
  readonly #rounds = new Rounds(this.#topics);
  readonly #host: TopicHost;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  /** What the driver reports, and whether the broker also answers. */
  #connected = false;
  #isUp = false;
  #renewing = false;
  #closed = false;
  #seq = 0;
  #members = 0;
  #pending = 0;
  #counts = { everywhere: 0, here: 0, received: 0, gaps: 0 };

  /** @throws TwinwireError ERR_ARGUMENT for a bad option. That the broker can't be reached is reported as `down`. */
  constructor(driver: HubDriver, options?: HubOptions) {
    this.#options = checkHub(options);
    const { history, historyMs, leaseMs, timeoutMs } = this.#options;
    this.#driver = driver;
    this.#calls = new Calls(timeoutMs, (error, isLate) => this.#failed(error, isLate));
    const hub = this;
    this.#host = {
      sentAs: (topic, { node, seq, id }) =>
        (this.#recent.get(`${topic}\n${id}`) ?? (node === this.node ? seq : 0)) || undefined,
      historyMs,
      get isUp() {
        return hub.#isUp;
      },
      subscribe: (topic) => this.#calls.queue("subscribe", () => this.#driver.subscribe(topic)),
      read: (topic, after, most) => this.#calls.queue("read", () => this.#driver.read(topic, after, most)),
      send: (sockets, data) => this.#send(sockets, data),
      gap: (topic, after, socket) => this.#gap(topic, after, socket),
      noteLater: (topic) => this.#toNote.add(topic),
    };
    driver.open(this.node, this.#driverEvents(), { history, historyMs, leaseMs });
    this.#every(Math.ceil(leaseMs / 3), () => this.#renew());
    this.#every(PROBE_MS, () => this.#probe());
    this.#every(NOTE_MS, () => this.#note());
  }

  /** Whether the broker can be used. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /**
   * Adds a socket to a topic, until it leaves or is closed. With `since`, it is first sent what was published after that
   * position. A socket that has joined already joins again.
   *
   * @returns the position from which it receives messages, or `undefined` if the broker can't be used now: it then receives
   * local messages, and the others once the broker is up.
   * @throws TwinwireError ERR_ARGUMENT for a bad topic, position or member, ERR_STATE for a socket that is closed, ERR_LIMIT for
   * more than `maxTopics`.
   */
  async join(socket: ServerSocket, topic: string, options?: JoinOptions): Promise<string | undefined> {
    const { since, member } = checkJoin(options);
    const name = checkTopic(topic, "Hub.join", this.#options.maxTopic);
    const position = since === undefined ? undefined : positionOf(since);
    if (since !== undefined && position === undefined) {
      throw wrong("Hub.join", `since must be a position that a client was sent, not ${show(since)}`);
    }
    const it = member === undefined ? undefined : { id: `${this.node}.${++this.#members}`, data: checkMember(member) };
    this.#checkSocket(socket);
    if (this.#joinedBy.get(socket)?.has(name)) this.leave(socket, name);
    this.#remember(socket, name);
    let entry = this.#topics.get(name);
    if (entry === undefined) {
      entry = new Topic(name, this.#host);
      this.#topics.set(name, entry);
    }
    const membership: Membership = { seq: this.#seq, member: it, since: position, ...JOINING };
    if (it !== undefined) this.#present.add(it);
    const joined = await entry.add(socket, membership);
    if (it !== undefined && this.#isUp && this.#present.has(it)) await this.#enter(name, [it]);
    return joined === undefined ? undefined : positionText(joined);
  }

  /** Removes a socket from a topic. Does nothing if it has not joined. */
  leave(socket: ServerSocket, topic: string): void {
    if (!this.#joinedBy.get(socket)?.delete(topic)) return;
    const entry = this.#topics.get(topic);
    const member = entry?.remove(socket)?.member;
    if (member !== undefined) {
      this.#present.delete(member);
      this.#exit(topic, member);
    }
    if (entry === undefined || entry.members.size > 0) return;
    this.#topics.delete(topic);
    this.#toNote.delete(entry);
    if (this.#isUp) this.#calls.queue("unsubscribe", () => this.#driver.unsubscribe(topic)).catch(() => {});
  }

  /**
   * Publishes a message to the members of a topic on all nodes. It has been sent to the local members when this returns.
   *
   * @returns "everywhere" once the broker has stored and published it; "here" if it is only certain that the local members
   * were sent it: the broker is down, did not answer in time, or `maxPending` messages wait for it.
   * @throws TwinwireError ERR_ARGUMENT for a bad topic, message or id, ERR_TOO_LARGE for more than `maxMessage`, ERR_STATE after
   * `close`.
   */
  async publish(topic: string, message: string | Bytes, options?: HubPublishOptions): Promise<Published> {
    const { except, id } = checkPublish(options);
    const name = checkTopic(topic, "Hub.publish", this.#options.maxTopic);
    const data = checkMessage(message, this.#options.maxMessage);
    if (this.#closed) throw wrong("Hub.publish", "the hub is closed", "ERR_STATE");
    const seq = ++this.#seq;
    const unique = id !== undefined;
    const out = { id: id ?? `${this.node}.${seq}`, node: this.node, seq, data, unique };
    /* Published again: the local members have it. */
    if (!unique || this.#recent.add(`${name}\n${id}`, seq)) this.#topics.get(name)?.publish(out.id, data, except);
    const published = await this.#forward(name, out);
    this.#counts[published]++;
    return published;
  }

  /**
   * Does what a message of a client requests, if it is a request of a `HubClient`: to join, to leave or to publish, as far as
   * the option `allow` grants it.
   *
   * ```ts
   * onMessage: (socket, message) => hub.receive(socket, message) ?? answer(socket, message)
   * ```
   *
   * @returns `undefined` for another message; otherwise a promise that is fulfilled when the request was answered, and rejected
   * with what `allow` throws.
   */
  receive(socket: ServerSocket, message: string | Uint8Array): Promise<void> | undefined {
    return receive(this, socket, message, this.#options.allow);
  }

  /**
   * Returns the members of a topic on all nodes: those that joined with `member`.
   *
   * @throws TwinwireError ERR_BROKER if the broker can't be used, ERR_ARGUMENT for a bad topic.
   */
  async members(topic: string): Promise<readonly Member[]> {
    const name = checkTopic(topic, "Hub.members", this.#options.maxTopic);
    if (!this.#isUp) throw new TwinwireError("ERR_BROKER", { step: "send", reason: "the hub is down" });
    return this.#calls.answer("members", this.#driver.members(name));
  }

  /** Calls a listener with each event of a kind. What it throws becomes an uncaught exception. */
  on<K extends keyof HubEvents>(kind: K, listener: Listener<HubEvents[K]>): this {
    this.#listeners.add(kind, listener);
    return this;
  }

  /** Removes a listener. */
  off<K extends keyof HubEvents>(kind: K, listener: Listener<HubEvents[K]>): this {
    this.#listeners.delete(kind, listener);
    return this;
  }

  /** Returns what it has done so far, and holds. */
  stats(): HubStats {
    let memberships = 0;
    for (const { members } of this.#topics.values()) memberships += members.size;
    return { up: this.#isUp, topics: this.#topics.size, memberships, pending: this.#pending, ...this.#counts };
  }

  /** Returns its counts, for `openMetrics` of `twinwire`. */
  measure(): readonly Metric[] {
    return metricsOf(this.stats());
  }

  /** Leaves all topics with all sockets, which stay open, and removes this node from the broker. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#isUp = false;
    this.#topics.clear();
    this.#joinedBy.clear();
    await this.#calls.answer("close", this.#driver.close()).catch(() => {});
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #forward(topic: string, message: Parameters<HubDriver["publish"]>[1]): Promise<Published> {
    if (!this.#isUp || this.#pending >= this.#options.maxPending) return "here";
    this.#pending++;
    try {
      await this.#calls.answer("publish", this.#driver.publish(topic, message));
      return "everywhere";
    } catch {
      return "here";
    } finally {
      this.#pending--;
    }
  }

  #drop(topic: string): void {
    if (!this.#isUp) return;
    this.#calls.once("unsubscribe", topic, () => this.#driver.unsubscribe(topic)).catch(() => {});
  }

  /** If the broker does not answer in time, it is down until it does. */
  #failed(error: TwinwireError, isLate: boolean): void {
    if (isLate) this.#setUp(false, error);
    else this.#listeners.emit("error", { error });
  }

  #driverEvents(): DriverEvents {
    return {
      up: () => {
        this.#connected = true;
        this.#setUp(true);
      },
      down: (error) => {
        this.#connected = false;
        this.#setUp(false, error);
      },
      message: (topic, message) => {
        this.#counts.received++;
        const isNamed = message.id !== `${message.node}.${message.seq}`;
        if (message.node !== this.node && isNamed) this.#recent.add(`${topic}\n${message.id}`);
        /* Without members, it was left while the broker was down. */
        if (!this.#topics.has(topic)) this.#drop(topic);
        this.#topics.get(topic)?.receive(message);
      },
      joined: (topic, member) => this.#listeners.emit("joined", { topic, member }),
      left: (topic, member) => this.#listeners.emit("left", { topic, member }),
      invalid: (error) => this.#listeners.emit("error", { error }),
    };
  }

  #setUp(isUp: boolean, error?: TwinwireError): void {
    if (this.#closed) return;
    const was = this.#isUp;
    this.#isUp = isUp;
    if (error !== undefined) this.#calls.fail(error);
    if (!isUp && was && error !== undefined) this.#listeners.emit("down", { error });
    if (!isUp) return;
    if (!was) this.#listeners.emit("up", {});
    this.#resume().catch(() => {});
  }

  /** Brings the broker and the topics to the same state after `up`. */
  async #resume(): Promise<void> {
    await this.#calls.answer("renew", this.#driver.renew());
    await Promise.all([...this.#topics.values()].map((topic) => topic.resume()));
    await this.#enterAll();
  }

  async #enterAll(): Promise<void> {
    for (const [key, { topic, member }] of this.#leaving) {
      await this.#calls.queue("exit", () => this.#driver.exit(topic, member));
      this.#leaving.delete(key);
    }
    const entering: Promise<void>[] = [];
    for (const topic of this.#topics.values()) {
      const members = [...topic.members.values()].flatMap(({ member }) => (member === undefined ? [] : [member]));
      if (members.length > 0) entering.push(this.#calls.queue("enter", () => this.#driver.enter(topic.name, members)));
    }
    await Promise.all(entering);
  }

  async #enter(topic: string, members: readonly Member[]): Promise<void> {
    await this.#calls.queue("enter", () => this.#driver.enter(topic, members)).catch(() => {});
    /* It may have left meanwhile, and then before it entered. */
    for (const member of members) if (!this.#present.has(member)) this.#exit(topic, member);
  }

  #exit(topic: string, member: Member): void {
    const later = (): unknown => this.#leaving.set(member.id, { topic, member });
    if (this.#isUp) this.#calls.queue("exit", () => this.#driver.exit(topic, member)).catch(later);
    else later();
  }

  async #renew(): Promise<void> {
    if (!this.#isUp || this.#renewing) return;
    this.#renewing = true;
    try {
      const kept = await this.#calls.answer("renew", this.#driver.renew());
      if (!kept || this.#leaving.size > 0) await this.#enterAll();
      await Promise.all(this.#rounds.next(CHECKED).map((topic) => topic.resumeIfNeeded()));
    } catch {
      /* Reported as `down` or `error`. */
    } finally {
      this.#renewing = false;
    }
  }

  /** Tries a broker that is connected, but has not answered in time. */
  #probe(): void {
    if (this.#isUp || !this.#connected || this.#renewing) return;
    this.#renewing = true;
    inTime(this.#driver.renew(), "renew", this.#options.timeoutMs)
      .then(() => this.#setUp(true))
      .catch(() => {})
      .finally(() => {
        this.#renewing = false;
      });
  }

  #note(): void {
    for (const topic of this.#toNote) topic.note();
    this.#toNote.clear();
  }

  #send(sockets: Iterable<ServerSocket>, data: string | Uint8Array): void {
    try {
      broadcast(defaultEngine(), sockets, data, "queue");
    } catch (error) {
      this.#listeners.emit("error", { error: brokerError(error) });
    }
  }

  #gap(topic: string, after: Position, socket: ServerSocket | undefined): void {
    this.#counts.gaps++;
    this.#listeners.emit("gap", { topic, after: positionText(after), socket });
  }

  #every(ms: number, run: () => unknown): void {
    const timer: ReturnType<typeof setInterval> & { unref?(): unknown } = setInterval(run, ms);
    timer.unref?.();
    this.#timers.push(timer);
  }

  #remember(socket: ServerSocket, topic: string): void {
    const topics = this.#joinedBy.get(socket) ?? new Set();
    if (topics.size >= this.#options.maxTopics) {
      const reason = `the socket has joined ${topics.size} topics; raise maxTopics if you trust the client`;
      throw new TwinwireError("ERR_LIMIT", { step: "call", operation: "Hub.join", problem: reason });
    }
    topics.add(topic);
    /* Once for each socket, however often it joins and leaves. */
    if (this.#joinedBy.has(socket)) return;
    this.#joinedBy.set(socket, topics);
    socket.closed.then(() => {
      for (const it of topics) this.leave(socket, it);
      this.#joinedBy.delete(socket);
    });
  }

  #checkSocket(socket: unknown): void {
    if (this.#closed) throw wrong("Hub.join", "the hub is closed", "ERR_STATE");
    if (!(socket instanceof ServerSocket))
      throw wrong("Hub.join", `the socket must be a ServerSocket, not ${show(socket)}`);
    if (socket.readyState !== 1) throw wrong("Hub.join", "the socket is closed", "ERR_STATE");
  }
}
