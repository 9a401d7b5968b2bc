/** What is measured of hubs: nodes in processes of their own, which share a broker. */
import { Contender } from "../contenders.ts";

/**
 * `publish`: messages that clients publish, and that clients of another node receive. `join`: how many memberships begin in a
 * second. `topic`, `membership`: what a node keeps in memory. The others: how long after the end of a failure the first message
 * reaches another node, or, of `node-`, how long it takes the other nodes to see that a member has left or is there again.
 */
export type HubTask =
  | "publish"
  | "join"
  | "topic"
  | "membership"
  | "late"
  | "restart"
  | "empty"
  | "failover"
  | "stopped"
  | "slow"
  | "cut"
  | "node-killed"
  | "node-paused";

/** Topics of several nodes. */
export interface HubCase {
  readonly kind: "hub";
  readonly name: string;
  readonly runtime: "node";
  readonly protocol: "ws";
  readonly task: HubTask;
  readonly nodes: number;
  /** Of each node. */
  readonly clients: number;
  readonly topics: number;
  /** How many of the topics each client joins. */
  readonly joins: number;
  /** Messages that are on their way at once, from each node. */
  readonly inFlight: number;
  /** Messages a second of all nodes, whether or not the last one was received; the value is then a latency. */
  readonly rate?: number;
  readonly unit: "msg/s" | "joins/s" | "µs" | "bytes/topic" | "bytes/membership" | "ms";
  readonly better: "more" | "less";
  readonly contenders: readonly Contender[];
}

const { TWINWIRE, SOCKET_IO, HUB_NATS, HUB_MEMORY } = Contender;
const FIXED = { kind: "hub", runtime: "node", protocol: "ws" } as const;
const ALL = [TWINWIRE, SOCKET_IO, HUB_NATS, HUB_MEMORY];

function publish(nodes: number): HubCase {
  return {
    ...FIXED,
    name: `hub/publish/${nodes}`,
    task: "publish",
    nodes,
    clients: 5,
    topics: 1,
    joins: 1,
    inFlight: 16,
    unit: "msg/s",
    better: "more",
    contenders: ALL,
  };
}

/** 100 clients that join 1000 of 10,000 topics each: 10 members a topic, 100,000 memberships. */
const MANY = { nodes: 2, clients: 50, topics: 10_000, joins: 1000 } as const;

function many(task: "publish" | "join", unit: HubCase["unit"]): HubCase {
  return {
    ...{ ...publish(2), ...MANY, name: `hub/${task}-10000-topics/2`, task, unit },
    contenders: [TWINWIRE, SOCKET_IO, HUB_NATS],
  };
}

function latency(rate: number): HubCase {
  return { ...publish(2), name: `hub/latency/2/${rate}`, rate, unit: "µs", better: "less" };
}

function memory(task: "topic" | "membership"): HubCase {
  const unit = `bytes/${task}` as const;
  const contenders = [TWINWIRE, SOCKET_IO];
  const [name, better] = [`hub/memory/${task}`, "less"] as const;
  return { ...publish(1), ...MANY, nodes: 1, clients: 100, name, task, unit, better, contenders };
}

function recovery(task: HubTask, contenders: readonly Contender[]): HubCase {
  return { ...publish(2), name: `hub/recovery/${task}`, task, clients: 1, unit: "ms", better: "less", contenders };
}

/** What is measured of hubs. */
export const hubCases: readonly HubCase[] = [
  publish(1),
  publish(2),
  publish(4),
  many("join", "joins/s"),
  many("publish", "msg/s"),
  latency(500),
  memory("topic"),
  memory("membership"),
  ...(["late", "restart", "empty", "failover", "stopped", "slow", "cut"] as const).map((task) =>
    recovery(task, [TWINWIRE, SOCKET_IO, HUB_NATS]),
  ),
  ...(["node-killed", "node-paused"] as const).map((task) => recovery(task, [TWINWIRE, HUB_NATS])),
];
