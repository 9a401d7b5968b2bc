/** The options of a hub and of its calls, and its events. */
import { TwinwireError } from "../../wasm/errors.ts";
import type { Metric } from "../../wasm/metrics.ts";
import { report } from "../../wasm/report.ts";
import { show, toPayload } from "../internal/arguments.ts";
import { callback, integer, OptionSet, type Rule, text, value } from "../internal/options.ts";
import { ServerSocket } from "../ws-server/socket.ts";
import type { Member } from "./driver.ts";

/** A request of a client. */
export interface HubRequest {
  readonly action: "join" | "publish";
  readonly topic: string;
  readonly socket: ServerSocket;
}

/** Whether a request is granted; for `join`, how others see the member. */
export type Verdict = boolean | { readonly member: unknown };

/** Decides about a request. To keep the order of a client's messages, it should decide about `publish` synchronously. */
export type Allow = (request: HubRequest) => Verdict | Promise<Verdict>;

/** The options of `new Hub`. An unknown name is an error. */
export interface HubOptions {
  /** Messages that the broker keeps of each topic, for members that were away: 1 to 1,000,000. Default: 1000. */
  readonly history?: number | undefined;
  /** How long the broker keeps them, in ms, after the topic was last used. Default: 3,600,000, an hour. */
  readonly historyMs?: number | undefined;
  /** How long the members of a node that has died are still listed, in ms: 100 or more. Default: 15,000. */
  readonly leaseMs?: number | undefined;
  /** How long the broker may take to answer, in ms, until it counts as down. Default: 5000. */
  readonly timeoutMs?: number | undefined;
  /** The largest message, in bytes of UTF-8 or binary data. Default: 65,536. */
  readonly maxMessage?: number | undefined;
  /** The longest topic, in bytes of UTF-8. Default: 255. */
  readonly maxTopic?: number | undefined;
  /** The most topics that one socket may join. Default: 1000. */
  readonly maxTopics?: number | undefined;
  /** The most messages that wait for the broker at a time; further ones go "here" only. Default: 10,000. */
  readonly maxPending?: number | undefined;
  /** Decides what clients may request by `receive`. Default: nothing. */
  readonly allow?: Allow | undefined;
}

/** The options of `Hub.join`. */
export interface JoinOptions {
  /** The last position that the client has, as it was sent to it. Default: what is published from now on. */
  readonly since?: string | undefined;
  /** Lists the socket in `members`, with this as `data`: at most 1024 bytes as JSON. Default: it only receives. */
  readonly member?: unknown;
}

/** The options of `Hub.publish`. */
export interface HubPublishOptions {
  /** A local socket that is not sent the message. */
  readonly except?: ServerSocket | undefined;
  /**
   * Identifies the message, at most 128 characters: if one with this id was published to the topic within the last two minutes, it is
   * not stored again. So a client that did not get an answer can safely publish again, on any node.
   */
  readonly id?: string | undefined;
}

/** Where a message went: to all nodes, or to the members on this node. */
export type Published = "everywhere" | "here";

/** The events of a hub. */
export interface HubEvents {
  /**
   * Messages of a topic after `after` are lost: the broker has forgotten them, or they were more than its history keeps.
   * For all local members, or with `socket` for the one that joined with `since`. Each was sent a frame that says so.
   */
  gap: { readonly topic: string; readonly after: string; readonly socket: ServerSocket | undefined };
  /** The broker can't be used. Messages reach the local members only, and `publish` returns "here". */
  down: { readonly error: TwinwireError };
  /** The broker can be used; what was missed is delivered next. */
  up: Record<string, never>;
  /** A member has joined a topic, here or on another node. Reported for topics with local members. */
  joined: { readonly topic: string; readonly member: Member };
  /** A member has left: by `leave`, by the end of its connection, or because its node's lease has expired. */
  left: { readonly topic: string; readonly member: Member };
  /** The broker sent something invalid, or could not do something; the hub goes on. */
  error: { readonly error: TwinwireError };
}

/** Counts of a hub. */
export interface HubStats {
  readonly up: boolean;
  readonly topics: number;
  readonly memberships: number;
  readonly pending: number;
  readonly everywhere: number;
  readonly here: number;
  readonly received: number;
  readonly gaps: number;
}

/** The counts of a hub for `openMetrics`. */
export function metricsOf(stats: HubStats): readonly Metric[] {
  const of = (name: string, kind: Metric["kind"], help: string, value: number): Metric => {
    return { name: `twinwire_hub_${name}`, kind, help, value };
  };
  return [
    of("up", "gauge", "Whether the broker can be used.", Number(stats.up)),
    of("topics", "gauge", "Topics with members on this node.", stats.topics),
    of("memberships", "gauge", "Members of all topics on this node.", stats.memberships),
    of("pending", "gauge", "Messages that wait for the broker.", stats.pending),
    of("published_everywhere", "counter", "Messages that the broker has stored and published.", stats.everywhere),
    of("published_here", "counter", "Messages that only the members on this node are certain to have.", stats.here),
    of("received", "counter", "Messages that the broker has sent to this node.", stats.received),
    of("gaps", "counter", "Gaps that were reported.", stats.gaps),
  ];
}

/** `HubOptions`, with the defaults. */
export type CheckedHub = Required<{ [K in Exclude<keyof HubOptions, "allow">]: number }> & Pick<HubOptions, "allow">;

const MOST = 2 ** 31 - 1;
const MOST_ID = 128;
const MOST_MEMBER = 1024;
const encoder = new TextEncoder();

const hubOptions = new OptionSet<HubOptions>({
  history: integer(1, 1_000_000),
  historyMs: integer(1000, MOST),
  leaseMs: integer(100, MOST),
  timeoutMs: integer(10, MOST),
  maxMessage: integer(1, MOST),
  maxTopic: integer(1, 65_535),
  maxTopics: integer(1, MOST),
  maxPending: integer(0, MOST),
  allow: callback<Allow>(),
});

const anything: Rule<unknown> = (given) => given;
const joinOptions = new OptionSet<JoinOptions>({ since: text, member: anything });
const isSocket = value("a ServerSocket", (given): given is ServerSocket => given instanceof ServerSocket);
const publishOptions = new OptionSet<HubPublishOptions>({ except: isSocket, id: text });

/** @throws TwinwireError ERR_ARGUMENT for an unknown option or a value out of its range. */
export function checkHub(given: unknown): CheckedHub {
  const { history = 1000, historyMs = 3_600_000, leaseMs = 15_000, ...more } = hubOptions.read("Hub", given);
  const { timeoutMs = 5000, maxMessage = 65_536, maxTopic = 255, maxTopics = 1000, maxPending = 10_000, allow } = more;
  return { history, historyMs, leaseMs, timeoutMs, maxMessage, maxTopic, maxTopics, maxPending, allow };
}

/** @throws TwinwireError as `checkHub`. */
export const checkJoin = (given: unknown): JoinOptions => joinOptions.read("Hub.join", given, "call");

/** @throws TwinwireError as `checkHub`. */
export function checkPublish(given: unknown): HubPublishOptions {
  const options = publishOptions.read("Hub.publish", given, "call");
  const { length = 1 } = options.id ?? {};
  if (length >= 1 && length <= MOST_ID) return options;
  throw wrong("Hub.publish", `id must have 1 to ${MOST_ID} characters, not ${length}`);
}

/** Returns a copy of the data of a member. */
export function checkMember(member: unknown): unknown {
  let json: string | undefined;
  try {
    json = JSON.stringify(member);
  } catch {
    /* Circular, or a bigint. */
  }
  if (json === undefined || encoder.encode(json).length > MOST_MEMBER) {
    throw wrong("Hub.join", `member must be at most ${MOST_MEMBER} bytes as JSON`);
  }
  return JSON.parse(json);
}

/** Returns the error for a call with a wrong argument, or at a wrong time. */
export function wrong(
  operation: string,
  problem: string,
  code: "ERR_ARGUMENT" | "ERR_STATE" | "ERR_TOO_LARGE" = "ERR_ARGUMENT",
): TwinwireError {
  return new TwinwireError(code, { step: "call", operation, problem });
}

/** @throws TwinwireError ERR_ARGUMENT for what is no topic. */
export function checkTopic(topic: unknown, operation: string, maxTopic: number): string {
  if (typeof topic !== "string") throw wrong(operation, `a topic must be a string, not ${show(topic)}`);
  if (topic === "" || topic.length > maxTopic || encoder.encode(topic).length > maxTopic) {
    throw wrong(operation, `a topic must have 1 to ${maxTopic} bytes, not ${topic.length}`);
  }
  if (/\p{Surrogate}/u.test(topic)) throw wrong(operation, "a topic must be well-formed text, without lone surrogates");
  return topic;
}

/** Returns what is sent of a message. @throws TwinwireError ERR_ARGUMENT, ERR_TOO_LARGE. */
export function checkMessage(message: unknown, maxMessage: number): string | Uint8Array {
  const data = toPayload(message);
  if (data === undefined) throw wrong("Hub.publish", `a message must be text or bytes, not ${show(message)}`);
  const size = typeof data === "string" && data.length * 3 > maxMessage ? encoder.encode(data).length : data.length;
  if (size > maxMessage) {
    const remedy = "split it, or raise maxMessage";
    throw wrong("Hub.publish", `the message has ${size} bytes, more than ${maxMessage}; ${remedy}`, "ERR_TOO_LARGE");
  }
  /* Bytes are the caller's, who may change them while the broker waits for them. */
  return typeof data === "string" ? data : data.slice();
}

export type Listener<T> = (event: T) => void;

/** The listeners of a hub. What one throws becomes an uncaught exception. */
export class Listeners {
  readonly #of = new Map<keyof HubEvents, Set<Listener<never>>>();

  add<K extends keyof HubEvents>(kind: K, listener: Listener<HubEvents[K]>): void {
    this.#of.set(kind, (this.#of.get(kind) ?? new Set()).add(listener as Listener<never>));
  }

  delete<K extends keyof HubEvents>(kind: K, listener: Listener<HubEvents[K]>): void {
    this.#of.get(kind)?.delete(listener as Listener<never>);
  }

  emit<K extends keyof HubEvents>(kind: K, event: HubEvents[K]): void {
    for (const listener of this.#of.get(kind) ?? []) {
      try {
        (listener as Listener<HubEvents[K]>)(event);
      } catch (error) {
        report(error);
      }
    }
  }
}
