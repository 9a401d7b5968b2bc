/** A topic on one node: its local members, and how far they have received its messages. */

import { frame, positionText } from "../hub-client.ts";
import type { ServerSocket } from "../ws-server/socket.ts";
import type { History, Member, Position, StoredMessage } from "./driver.ts";

/** Messages that are read from the history at a time, and the most that wait while it is read. */
const PAGE = 100;
const MOST_HELD = 256;
/** How long a message that the history has is awaited from the subscription, in ms: what is read may overtake it. */
const LATE_MS = 1000;

/** Bytes that may wait to be sent to a client while it is sent the history. */
const MOST_BUFFERED = 262_144;

/** What a topic needs of its hub. */
export interface TopicHost {
  /**
   * The number under which this node has sent a message to its members itself, in `publish`; `undefined`: it has not. A message
   * with an id may have been published here, too, before the broker reported it.
   */
  sentAs(topic: string, message: StoredMessage): number | undefined;
  /** How long the broker keeps messages, in ms. */
  readonly historyMs: number;
  /** Whether the broker can be used. */
  readonly isUp: boolean;
  subscribe(topic: string): Promise<void>;
  read(topic: string, after: Position | undefined, most: number): Promise<History>;
  send(sockets: Iterable<ServerSocket>, data: string | Uint8Array): void;
  gap(topic: string, after: Position, socket: ServerSocket | undefined): void;
  /** Local members have received messages whose position they do not know yet. */
  noteLater(topic: Topic): void;
}

/** One local member. */
export interface Membership {
  /** The number of the last message that this node had published when it joined: later ones it was sent directly. */
  readonly seq: number;
  /** The member as others see it; `undefined` for one that only receives. */
  readonly member: Member | undefined;
  /** Where it continues; `undefined`: with what follows. */
  since: Position | undefined;
  /** Whether it is sent what the broker reports. Until then, it is sent the history. */
  live: boolean;
  /** It has been sent the messages up to this offset, though the topic has not yet come that far. */
  ahead: number;
  /** Counts the attempts to send the history; only the latest goes on. */
  run: number;
  /** No attempt is under way, and the last one has failed. */
  waiting: boolean;
}

export class Topic {
  readonly name: string;
  readonly members = new Map<ServerSocket, Membership>();
  readonly #host: TopicHost;
  readonly #live = new Set<ServerSocket>();
  /** Everything up to here was delivered to the live members. */
  #position: Position | undefined;
  #syncing: Promise<void> | undefined;
  #held: StoredMessage[] = [];
  #overflow = false;
  /** Called when a message is held. */
  #onHeld: (() => void) | undefined;
  #subscribed = false;
  /** When the members were last sent a position, by the monotonic clock. */
  #notedAt = performance.now();
  /** The highest `seq` and `ahead` of the members: later messages need not be compared with each of them. */
  #lastSeq = -1;
  #lastAhead = -1;

  constructor(name: string, host: TopicHost) {
    this.name = name;
    this.#host = host;
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** Adds a member. Fulfilled with the position from which it receives messages; `undefined` if the broker fails. */
  async add(socket: ServerSocket, membership: Membership): Promise<Position | undefined> {
    this.members.set(socket, membership);
    this.#lastSeq = Math.max(this.#lastSeq, membership.seq);
    const joined = this.#host.isUp ? await this.#catchUp(socket, membership).catch(() => undefined) : undefined;
    if (joined === undefined && this.#has(socket, membership)) this.#sendJoined(socket, null);
    return joined;
  }

  remove(socket: ServerSocket): Membership | undefined {
    const membership = this.members.get(socket);
    this.members.delete(socket);
    this.#live.delete(socket);
    return membership;
  }

  /** Sends a message that this node publishes to the local members, before the broker knows of it. */
  publish(id: string, data: string | Uint8Array, except: ServerSocket | undefined): void {
    const sockets = [...this.members.keys()].filter((socket) => socket !== except);
    if (sockets.length > 0) this.#host.send(sockets, frame({ topic: this.name, id }, data));
  }

  /** Takes a message that the broker reports. */
  receive(message: StoredMessage): void {
    if (this.#syncing === undefined && this.#accept(message)) return;
    if (this.#held.length < MOST_HELD) this.#held.push(message);
    else this.#overflow = true;
    this.#onHeld?.();
    this.sync().catch(() => {});
  }

  /** Begins again after the broker was down: subscribes, and delivers what was missed. */
  async resume(): Promise<void> {
    this.#subscribed = false;
    await this.sync();
    /* Slow clients delay themselves only. */
    for (const [socket, membership] of this.members) {
      if (membership.waiting) this.#catchUp(socket, membership).catch(() => {});
    }
  }

  /** Looks for what is missing; as `resume`, if that has failed. */
  async resumeIfNeeded(): Promise<void> {
    const isBehind = !this.#subscribed || [...this.members.values()].some(({ waiting }) => waiting);
    await (isBehind ? this.resume() : this.sync());
  }

  /** Delivers all that the history has after the position. Rejects if the broker fails; `resume` follows then. */
  sync(): Promise<void> {
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
      /* If the broker failed: later messages may continue from here without another look at the history. */
      this.#takeHeld();
      this.#held = [];
      this.#overflow = false;
    });
    return this.#syncing;
  }

  /** Sends the position to the members, which have received all up to it. */
  note(): void {
    if (this.#position === undefined || this.#live.size === 0) return;
    this.#notedAt = performance.now();
    this.#host.send(this.#live, frame({ topic: this.name, at: positionText(this.#position) }));
  }

  async #sync(): Promise<void> {
    if (!this.#subscribed) {
      await this.#host.subscribe(this.name);
      this.#subscribed = true;
    }
    for (;;) {
      this.#overflow = false;
      const before = this.#position;
      const { messages, gap, end } = await this.#host.read(this.name, before, PAGE);
      if (gap && before !== undefined) {
        /* More may have come meanwhile than the broker keeps. What continues from here shows that nothing is missing. */
        if (messages[0] !== undefined) await this.#arrival(messages[0]);
        this.#takeHeld();
        if (this.#position !== before) continue;
        this.#host.gap(this.name, before, undefined);
        this.#host.send(this.#live, frame({ topic: this.name, gap: positionText(before) }));
        if (end.epoch !== before.epoch || end.offset < before.offset) this.#beginAgain();
      }
      for (const message of messages) this.#deliver(message);
      if (messages.length === 0) this.#moveTo(end);
      if (this.#takeHeld() && messages.length < PAGE && !this.#overflow) return;
    }
  }

  /** Waits until the held messages lead up to a message of the history, unless those before it are lost. */
  #arrival({ epoch, offset }: Position): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#onHeld = undefined;
        resolve();
      };
      const timer = setTimeout(end, LATE_MS);
      this.#onHeld = () => {
        if (this.#overflow || epoch !== this.#position?.epoch || this.#reach() >= offset) end();
      };
      this.#onHeld();
    });
  }

  /** The offset up to which the held messages continue what was delivered, without a gap. */
  #reach(): number {
    let reach = this.#position?.offset ?? -1;
    for (const { epoch, offset, previous } of this.#sortHeld()) {
      if (epoch !== this.#position?.epoch || previous > reach) break;
      reach = Math.max(reach, offset);
    }
    return reach;
  }

  /** Brings the held messages into order: a broker may report messages that were published at one time in another. */
  #sortHeld(): StoredMessage[] {
    return this.#held.sort((a, b) => a.offset - b.offset);
  }

  /** Delivers what came while the history was read, up to where others are missing. Returns whether that was all of it. */
  #takeHeld(): boolean {
    const held = this.#sortHeld();
    this.#held = [];
    return held.every((message) => this.#accept(message));
  }

  /** Delivers a message if it is the next one. Returns false if others are missing before it. */
  #accept(message: StoredMessage): boolean {
    const position = this.#position;
    if (position === undefined || message.epoch !== position.epoch) return false;
    if (message.offset <= position.offset) return true;
    if (message.previous > position.offset) return false;
    this.#deliver(message);
    return true;
  }

  #deliver(message: StoredMessage): void {
    const { epoch, offset, id, data } = message;
    this.#position = { epoch, offset };
    const seq = this.#host.sentAs(this.name, message);
    if (seq !== undefined) this.#host.noteLater(this);
    const sockets = seq !== undefined || offset <= this.#lastAhead ? this.#receivers(seq, offset) : this.#live;
    if (sockets.size > 0) this.#host.send(sockets, frame({ topic: this.name, at: `${epoch}:${offset}`, id }, data));
  }

  /**
   * Takes the end of a topic without new messages. Where positions advance with other topics, a client that is not sent any
   * message would come back with one that the broker no longer knows.
   */
  #moveTo(end: Position): void {
    const hasMoved = this.#position !== undefined && this.#position.offset !== end.offset;
    this.#position = end;
    if (hasMoved && performance.now() - this.#notedAt > this.#host.historyMs / 4) this.#host.noteLater(this);
  }

  /** Forgets which offsets members were sent ahead: those that follow may be lower. */
  #beginAgain(): void {
    for (const it of this.members.values()) it.ahead = -1;
    this.#lastAhead = -1;
  }

  /** The live members that have not been sent this message: in `publish`, as number `seq`, or from the history. */
  #receivers(seq: number | undefined, offset: number): Set<ServerSocket> {
    const found = new Set<ServerSocket>();
    if (seq !== undefined && seq > this.#lastSeq) return found;
    for (const socket of this.#live) {
      const it = this.members.get(socket);
      if (it !== undefined && offset > it.ahead && !wasSent(it, seq)) found.add(socket);
    }
    return found;
  }

  /** Sends the history after `since`, until the member is as far as the topic. */
  async #catchUp(socket: ServerSocket, membership: Membership): Promise<Position | undefined> {
    const run = ++membership.run;
    membership.waiting = false;
    try {
      return await this.#follow(socket, membership, run);
    } catch (error) {
      if (membership.run === run) membership.waiting = true;
      throw error;
    }
  }

  async #follow(socket: ServerSocket, membership: Membership, run: number): Promise<Position | undefined> {
    const isOver = (): boolean => this.members.get(socket) !== membership || membership.run !== run;
    if (this.#position === undefined || !this.#subscribed) await this.sync();
    for (;;) {
      if (isOver() || this.#position === undefined) return undefined;
      const at = membership.since;
      if (at === undefined) return this.#goLive(socket, membership, this.#position);
      const { messages, gap, end } = await this.#host.read(this.name, at, PAGE);
      if (isOver()) return undefined;
      if (gap) {
        this.#host.gap(this.name, at, socket);
        this.#host.send([socket], frame({ topic: this.name, gap: positionText(at) }));
      }
      for (const message of messages) {
        const { epoch, offset, id, data } = message;
        membership.since = { epoch, offset };
        if (wasSent(membership, this.#host.sentAs(this.name, message))) continue;
        this.#host.send([socket], frame({ topic: this.name, at: `${epoch}:${offset}`, id }, data));
        /* A page of large messages must not exceed what may wait for the client. */
        if (socket.bufferedAmount > MOST_BUFFERED) await socket.drained.catch(() => {});
        if (isOver()) return undefined;
      }
      if (messages.length === 0) membership.since = end;
      if (end.epoch !== this.#position?.epoch) await this.sync();
      if (isOver()) return undefined;
      const now = membership.since ?? end;
      if (now.epoch === this.#position.epoch && now.offset >= this.#position.offset && messages.length < PAGE)
        return this.#goLive(socket, membership, now);
    }
  }

  #goLive(socket: ServerSocket, membership: Membership, at: Position): Position {
    membership.live = true;
    membership.ahead = at.offset;
    this.#lastAhead = Math.max(this.#lastAhead, at.offset);
    this.#live.add(socket);
    this.#sendJoined(socket, positionText(at));
    return at;
  }

  #sendJoined(socket: ServerSocket, joined: string | null): void {
    this.#host.send([socket], frame({ topic: this.name, joined }));
  }

  #has(socket: ServerSocket, membership: Membership): boolean {
    return this.members.get(socket) === membership;
  }
}

/** Whether a member was there when this node sent message `seq` to its members. */
function wasSent(member: Membership, seq: number | undefined): boolean {
  return seq !== undefined && seq > member.seq;
}

/** Some topics after the others, in turn: that a message was lost at the end of a topic is not noticed by a later one. */
export class Rounds {
  readonly #topics: ReadonlyMap<string, Topic>;
  #round: Iterator<Topic> | undefined;

  constructor(topics: ReadonlyMap<string, Topic>) {
    this.#topics = topics;
  }

  next(most: number): Topic[] {
    const some: Topic[] = [];
    while (some.length < Math.min(most, this.#topics.size)) {
      this.#round ??= this.#topics.values();
      const { value, done } = this.#round.next();
      if (done) this.#round = undefined;
      else some.push(value);
    }
    return some;
  }
}
