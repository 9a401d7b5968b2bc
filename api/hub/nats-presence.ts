/** Who is in which topic, in a stream of NATS: one message for each member, and one for the lease of each node. */

import type { Member } from "./driver.ts";
import { memberOf } from "./driver.ts";
import type { JetStream, Stored } from "./jetstream.ts";

/** Requests that are under way at a time. */
const AT_A_TIME = 500;
/** Attempts to change a message that others change as well. */
const ATTEMPTS = 5;
const MOST = 1_000_000;
/** Nodes whose members one `renew` removes at the most. */
const MOST_GONE = 10;

const decoder = new TextDecoder();

/**
 * The stream keeps the last message of each subject. A member that enters is a message `J` and its JSON; it leaves by a message
 * `L`, which replaces that, and is then deleted. Each is stored under the condition that the subject has not changed, so that a
 * member leaves once although several nodes notice that its node is dead. All are republished to who subscribes to the topic.
 */
export class NatsPresence {
  readonly #streams: JetStream;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #node: string;
  /** The clock of the broker at a reading of this machine's monotonic one, both in ms. */
  #clock: { readonly broker: number; readonly local: number } | undefined;

  constructor(streams: JetStream, prefix: string, node: string) {
    this.#streams = streams;
    this.#stream = `${prefix}_presence`;
    this.#prefix = prefix;
    this.#node = node;
  }

  async enter(topic: string, members: readonly Member[]): Promise<void> {
    await this.#each(members, (member) => this.#enter(this.#subject(topic, this.#node, member), member));
  }

  async exit(topic: string, member: Member): Promise<void> {
    const subject = this.#subject(topic, this.#node, member);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const there = await this.#streams.message(this.#stream, { last_by_subj: subject });
      if (there === undefined || (await this.#remove(there))) return;
    }
  }

  async members(topic: string): Promise<Member[]> {
    const [{ messages: leases }, { messages }] = await Promise.all([
      this.#list(`${this.#prefix}.l.*`),
      this.#list(`${this.#prefix}.p.${topic}.>`),
    ]);
    const clock = this.#clock;
    const now = clock === undefined ? 0 : clock.broker + performance.now() - clock.local;
    const alive = new Set(leases.filter((it) => endOf(it) > now).map(({ subject }) => subject.split(".")[2]));
    return messages.flatMap((it) => (isThere(it) && alive.has(it.subject.split(".")[3]) ? [memberIn(it)] : []));
  }

  /** Extends the lease of the node, and removes the members of nodes whose lease has expired. Returns whether it still had its lease. */
  async renew(leaseMs: number): Promise<boolean> {
    const { messages: leases } = await this.#list(`${this.#prefix}.l.*`);
    const local = performance.now();
    const seq = await this.#streams.publish(`${this.#prefix}.l.${this.#node}`, `${leaseMs}`);
    const own = seq === undefined ? undefined : await this.#streams.message(this.#stream, { seq });
    /* Stored by another call meanwhile: that one decides. */
    if (own === undefined) return true;
    this.#clock = { broker: own.at, local };
    const expired = leases.filter((it) => endOf(it) <= own.at);
    const isOwn = ({ subject }: Stored): boolean => subject === own.subject;
    for (const lease of expired.filter((it) => !isOwn(it)).slice(0, MOST_GONE)) {
      try {
        await this.#dismiss(lease.subject.split(".")[2] ?? "");
        await this.#streams.remove(this.#stream, lease.seq);
      } catch {
        /* The next renewal goes on with it; that this node's own lease had expired must not get lost. */
      }
    }
    return leases.some(isOwn) && !expired.some(isOwn);
  }

  /** Removes the node with its members. */
  async close(): Promise<void> {
    await this.#dismiss(this.#node);
    const lease = await this.#streams.message(this.#stream, { last_by_subj: `${this.#prefix}.l.${this.#node}` });
    if (lease !== undefined) await this.#streams.remove(this.#stream, lease.seq);
  }

  async #dismiss(node: string): Promise<void> {
    const { messages } = await this.#list(`${this.#prefix}.p.*.${node}.*`);
    await this.#each(messages, async (it) => {
      await this.#remove(it);
    });
  }

  async #enter(subject: string, member: Member): Promise<void> {
    let expected = 0;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const entered = await this.#streams.publish(subject, `J${JSON.stringify(member)}`, { expected });
      if (entered !== undefined) return;
      const there = await this.#streams.message(this.#stream, { last_by_subj: subject });
      if (there !== undefined && isThere(there)) return;
      expected = there?.seq ?? 0;
    }
  }

  /** Reports that a member has left, once, and forgets it. Returns false if its message has changed meanwhile. */
  async #remove(there: Stored): Promise<boolean> {
    const { subject, data, seq: expected } = there;
    const isIn = isThere(there);
    const left = isIn
      ? await this.#streams.publish(subject, `L${decoder.decode(data.subarray(1))}`, { expected })
      : expected;
    if (left === undefined) return false;
    await this.#streams.remove(this.#stream, left);
    return true;
  }

  #list(filter: string): ReturnType<JetStream["list"]> {
    return this.#streams.list(this.#stream, filter, MOST);
  }

  async #each<T>(all: readonly T[], run: (it: T) => Promise<void>): Promise<void> {
    for (let at = 0; at < all.length; at += AT_A_TIME) await Promise.all(all.slice(at, at + AT_A_TIME).map(run));
  }

  /** The id of a member is the name of its node, a dot and a number. */
  #subject(topic: string, node: string, { id }: Member): string {
    return `${this.#prefix}.p.${topic}.${node}.${id.slice(id.lastIndexOf(".") + 1)}`;
  }
}

function isThere({ data }: Stored): boolean {
  return data[0] === 74;
}

function memberIn({ data }: Stored): Member {
  return memberOf(decoder.decode(data.subarray(1)), "NATS");
}

function endOf({ at, data }: Stored): number {
  return at + Number(decoder.decode(data));
}
