/** Topics: named sets of clients, to which a server publishes. */
import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "../internal/arguments.ts";

const NONE: ReadonlySet<never> = new Set<never>();

/** Who has subscribed to what. A topic exists while somebody has subscribed to it. */
export class Topics<Member> {
  readonly #members = new Map<string, Set<Member>>();

  subscribe(member: Member, topic: string): void {
    const members = this.#members.get(topic);
    if (members === undefined) this.#members.set(topic, new Set([member]));
    else members.add(member);
  }

  unsubscribe(member: Member, topic: string): void {
    const members = this.#members.get(topic);
    if (members?.delete(member) && members.size === 0) this.#members.delete(topic);
  }

  /** The members of a topic, in the order in which they subscribed. */
  of(topic: string): ReadonlySet<Member> {
    return this.#members.get(topic) ?? NONE;
  }

  /** Each topic and the number of its members. */
  *counts(): Generator<readonly [string, number]> {
    for (const [topic, members] of this.#members) yield [topic, members.size];
  }
}

/** @throws TwinwireError ERR_ARGUMENT for a topic that is not a string. */
export function checkTopic(topic: unknown, operation: string): string {
  if (typeof topic === "string") return topic;
  const problem = `a topic must be a string, not ${show(topic)}`;
  throw new TwinwireError("ERR_ARGUMENT", { step: "call", operation, problem });
}
