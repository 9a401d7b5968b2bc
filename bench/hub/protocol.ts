/** The messages between a case and its nodes, and what clients send and are sent. */
import type { Contender } from "../contenders.ts";

/** To a node: so it is to be started. */
export interface NodeOrder {
  readonly contender: Contender;
  /** Of the broker; 0 for a node that is a thread and has a `MessagePort` to it. */
  readonly brokerPort: number;
  /** How long the broker may take to answer, and how long the members of a node that has died are listed, in ms. */
  readonly timeoutMs: number;
  readonly leaseMs: number;
  readonly maxTopics: number;
}

/** To a node: report what you have used so far, the garbage left out. */
export interface UsageRequest {
  readonly usage: true;
}

/** What a node has used. */
export interface Usage {
  /** What lives on the heap, and what that keeps elsewhere, in bytes: the resident set also has what V8 has freed and kept. */
  readonly memory: number;
  /** User and system, in microseconds. */
  readonly cpuMicros: number;
}

/** From a node: it listens; it can use the broker, or can't; messages are lost; a member has joined or left; what it has used. */
export type NodeReport =
  | { readonly kind: "port"; readonly port: number }
  | { readonly kind: "up" | "down" | "gap" }
  | { readonly kind: "joined" | "left"; readonly member: string }
  | ({ readonly kind: "usage" } & Usage);

/** Called by a contender's node with what it reports. */
export type Report = (report: NodeReport) => void;

/**
 * A request of a client: to join `count` topics from the topic number `topic` on, as the member of this name or only to
 * receive; or to publish a message to a topic.
 */
export type Request =
  | { readonly kind: "join"; readonly topic: number; readonly count: number; readonly member: string }
  | { readonly kind: "publish"; readonly topic: number; readonly message: string };

/** Separates the fields of a request and of a message: no contender has it in what it adds to a message. */
export const MARK = "|";

/** The message with which a node reports that a client has joined. */
export const JOINED = `${MARK}joined`;

/** Returns a request as a client sends it. */
export function write(request: Request): string {
  if (request.kind === "join") return ["j", request.topic, request.count, request.member].join(MARK);
  return ["p", request.topic, request.message].join(MARK);
}

/** Returns what `write` has written. */
export function read(text: string): Request {
  const [kind, topic, count, member = ""] = text.split(MARK, 4);
  if (kind === "j") return { kind: "join", topic: Number(topic), count: Number(count), member };
  return { kind: "publish", topic: Number(topic), message: text.slice(text.indexOf(MARK, 2)) };
}

/** Returns the names of some topics. */
export function topicsFrom(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => topicName(first + at));
}

/** Returns the name of a topic. */
export const topicName = (number: number): string => `topic-${number}`;
