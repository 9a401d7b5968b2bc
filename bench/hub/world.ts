/** A broker with its nodes and their clients, for one measurement. */
import { MemoryBroker } from "twinwire/hub";
import type { Contender } from "../contenders.ts";
import { Broker, brokerOf, Cable, within } from "./broker.ts";
import type { HubCase } from "./cases.ts";
import { BenchClient } from "./client.ts";
import { type BenchNode, startProcess, startThread } from "./nodes.ts";
import type { NodeOrder } from "./protocol.ts";

/** How long the nodes wait for a broker, and their lease, in ms; of recovery shorter than the defaults, so that rows take seconds. */
export const TIMEOUT_MS = 1000;
export const LEASE_MS = 1500;
const DEFAULTS = { timeoutMs: 5000, leaseMs: 15_000 };

/** How long the joins of one client on each node may take, in ms. */
const JOINS_MS = 60_000;
/** Clients that connect at the same time, and topics that one asks to join at once. */
const AT_ONCE = 50;

export class World {
  /** `undefined`: the broker is in this process, and the nodes are threads of it. */
  readonly broker: Broker | undefined;
  /** Between the last node and the broker, where a case may cut it. */
  readonly cable: Cable | undefined;
  readonly nodes: BenchNode[] = [];
  /** Of each node. */
  readonly clients: BenchClient[][] = [];
  readonly #contender: Contender;
  readonly #case: HubCase;
  readonly #memory: MemoryBroker | undefined;

  private constructor(one: HubCase, contender: Contender, broker: Broker | undefined, cable: Cable | undefined) {
    this.#case = one;
    this.#contender = contender;
    this.broker = broker;
    this.cable = cable;
    this.#memory = broker === undefined ? new MemoryBroker() : undefined;
  }

  /** Makes the broker of a case, and starts it. */
  static async make(one: HubCase, contender: Contender, startsBroker = true): Promise<World> {
    const kind = brokerOf(contender);
    const broker = kind === "memory" ? undefined : await Broker.make(kind, one.task === "slow");
    if (startsBroker) await broker?.start();
    const cable = one.task === "cut" && broker !== undefined ? await Cable.to(broker.port) : undefined;
    return new World(one, contender, broker, cable);
  }

  /** Starts the nodes; without `isUp`, it does not wait until they reach the broker. */
  async startNodes(isUp: boolean, flags: readonly string[]): Promise<readonly number[]> {
    const { nodes, name } = this.#case;
    const times = name.includes("/recovery/") ? { timeoutMs: TIMEOUT_MS, leaseMs: LEASE_MS } : DEFAULTS;
    for (let at = 0; at < nodes; at++) {
      const brokerPort = (at === nodes - 1 ? this.cable?.port : undefined) ?? this.broker?.port ?? 0;
      const order: NodeOrder = {
        contender: this.#contender,
        brokerPort,
        ...times,
        maxTopics: this.#case.joins,
      };
      this.nodes.push(this.#memory === undefined ? startProcess(order, flags) : startThread(order, this.#memory));
    }
    const reports = this.nodes.map((it) => it.reports);
    const ports = await within(Promise.all(reports.map((it) => it.first("port"))), "the nodes");
    if (isUp) await within(Promise.all(reports.map((it) => it.first("up"))), "the broker, from the nodes");
    return ports.map(({ port }) => port);
  }

  /** Connects the clients of all nodes. */
  async connect(ports: readonly number[]): Promise<void> {
    for (const port of ports) {
      const own: BenchClient[] = [];
      this.clients.push(own);
      while (own.length < this.#case.clients) {
        const count = Math.min(AT_ONCE, this.#case.clients - own.length);
        const some = Array.from({ length: count }, () => BenchClient.connect(this.#contender, port));
        own.push(...(await within(Promise.all(some), "the clients")));
      }
    }
  }

  /** The first of the topics that the client of this number joins, on each node. */
  firstTopic(client: number): number {
    const { topics, joins } = this.#case;
    return (client * joins) % topics;
  }

  /** Has the clients from `from` up to `to` of each node join their topics, as members of the name `member` and node. */
  async join(from: number, to: number, member = ""): Promise<void> {
    const { joins } = this.#case;
    for (let client = from; client < to; client++) {
      const first = this.firstTopic(client);
      const some = this.clients.map((own, node) =>
        own[client]?.join(first, joins, member === "" ? "" : `${member}-${node}`),
      );
      await within(Promise.all(some), "the joins", JOINS_MS);
    }
  }

  /** Processor time of all nodes so far, in microseconds; 0 for threads. */
  async cpuMicros(): Promise<number> {
    const used = await Promise.all(this.nodes.map((it) => it.usage()));
    return used.reduce((sum, it) => sum + it.cpuMicros, 0);
  }

  async end(): Promise<void> {
    for (const client of this.clients.flat()) client.end();
    await Promise.all(this.nodes.map((it) => it.end()));
    this.cable?.end();
    await this.broker?.end();
  }
}
