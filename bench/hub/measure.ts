/** Measures a case of hubs once, with a broker, nodes and clients of its own. */
import type { Job, Measured } from "../protocol.ts";
import { within } from "./broker.ts";
import type { HubCase } from "./cases.ts";
import type { BenchClient } from "./client.ts";
import { recover } from "./recovery.ts";
import { World } from "./world.ts";

/** Fresh processes compile their code while they warm up, and a round has to be long beside that. */
const SETTLE_FACTOR = 2;
const MEASURE_FACTOR = 2;
/** Messages that warm up, for each millisecond: on a busy machine, time alone is not enough to compile what is measured. */
const WARM_UP = 4;
/** How long no message may arrive, in ms. */
const STALL_MS = 10_000;
/** How often messages of a fixed rate are sent, in ms. */
const STEP_MS = 2;
/** Characters of a message, beside a number and a time. */
const PADDING = "0123456789abcdef".repeat(3);

/** What a contender needs for this case, from the broker to the clients, is started for it and ended after it. */
export async function measureHub(one: HubCase, job: Job): Promise<Measured> {
  const world = await World.make(one, job.contender, one.task !== "late");
  try {
    if (one.task === "topic" || one.task === "membership") return await keep(one, world, job);
    const ports = await world.startNodes(one.task !== "late", []);
    await world.connect(ports);
    if (one.task !== "publish" && one.task !== "join") return await recover(one, world, job.contender);
    const start = performance.now();
    await world.join(0, one.clients);
    if (one.task === "join") {
      const count = one.nodes * one.clients * one.joins;
      return {
        value: (count * 1000) / (performance.now() - start),
        cpuMicros: (await world.cpuMicros()) / count,
        count,
      };
    }
    return one.rate === undefined ? await flood(one, world, job) : await drip(one, one.rate, world, job);
  } finally {
    await world.end();
  }
}

/** What a node keeps of 10,000 topics with one member each, or of each further membership. */
async function keep(one: HubCase, world: World, { settleMs }: Job): Promise<Measured> {
  const ports = await world.startNodes(true, ["--expose-gc"]);
  await world.connect(ports);
  const alone = one.topics / one.joins;
  if (one.task === "membership") await world.join(0, alone);
  const kept = async (): Promise<number> => {
    await pause(settleMs);
    return (await world.nodes[0]?.usage())?.memory ?? 0;
  };
  const before = await kept();
  const [from, to] = one.task === "topic" ? [0, alone] : [alone, one.clients];
  await world.join(from, to);
  const count = (to - from) * one.joins;
  return { value: Math.max(1, ((await kept()) - before) / count), cpuMicros: 0, count };
}

/**
 * The clients by the numbers that messages have: each message names the client that waits for it, which is of the next node
 * and has joined the same topics as the one that sends it.
 */
class Watch {
  readonly #all: readonly BenchClient[];
  readonly #one: HubCase;
  readonly #world: World;
  #round = 0;

  constructor(one: HubCase, world: World) {
    this.#one = one;
    this.#world = world;
    this.#all = world.clients.flat();
  }

  /** Calls `arrived` with the number of a client and the time in a message that it has waited for. */
  onArrival(arrived: (client: number, time: number) => void): void {
    for (const [at, client] of this.#all.entries()) {
      client.onMessage = ([to, time]) => {
        if (Number(to) === at) arrived(at, Number(time));
      };
    }
  }

  /** Has a client publish a message to one of its topics, which another one waits for. */
  publish(client: number, time: number): void {
    const { clients, nodes, joins, topics } = this.#one;
    const [node, own] = [Math.floor(client / clients), client % clients];
    const groups = Math.max(1, topics / joins);
    this.#round++;
    /* One of the same topics: every client in a case of one topic, every tenth in one of ten times as many as each joins. */
    const step = groups * (1 + (this.#round % Math.max(1, Math.floor(clients / groups) - 1)));
    const target = ((node + 1) % nodes) * clients + ((own + step) % clients);
    const topic = this.#world.firstTopic(own) + (this.#round % joins);
    const message = `${target}|${time}|${PADDING}`;
    this.#all[client]?.send({ kind: "publish", topic, message });
  }
}

/** As many messages as come through, each of which is followed by the next one once it has reached the next node. */
async function flood(one: HubCase, world: World, job: Job): Promise<Measured> {
  const watch = new Watch(one, world);
  let count = 0;
  watch.onArrival((client) => {
    count++;
    watch.publish(client, 0);
  });
  for (let node = 0; node < one.nodes; node++) {
    for (let token = 0; token < one.inFlight; token++) watch.publish(node * one.clients + (token % one.clients), 0);
  }
  await pause(job.settleMs * SETTLE_FACTOR);
  const end = performance.now() + STALL_MS;
  while (count < job.settleMs * WARM_UP && performance.now() < end) await pause(STEP_MS);
  const cpu = await world.cpuMicros();
  const [before, start] = [count, performance.now()];
  await pause(job.measureMs * MEASURE_FACTOR);
  const [received, ms] = [count - before, performance.now() - start];
  if (received === 0) throw new Error("no message has reached another node");
  return { value: (received * 1000) / ms, cpuMicros: ((await world.cpuMicros()) - cpu) / received, count: received };
}

/** Messages at a fixed rate: how long each takes from when it was due until it has reached the next node. */
async function drip(one: HubCase, rate: number, world: World, job: Job): Promise<Measured> {
  const watch = new Watch(one, world);
  const settle = job.settleMs * SETTLE_FACTOR;
  const all = one.nodes * one.clients;
  const latencies: number[] = [];
  const start = performance.now();
  let [sent, arrivals, expected] = [0, 0, 0];
  let done = (): void => {};
  const complete = new Promise<void>((resolve) => {
    done = resolve;
  });
  watch.onArrival((_client, time) => {
    arrivals++;
    if (time - start >= settle) latencies.push((performance.now() - time) * 1000);
    if (arrivals === expected) done();
  });
  const timer = setInterval(() => {
    const now = performance.now();
    for (; start + (sent * 1000) / rate <= now; sent++) watch.publish(sent % all, start + (sent * 1000) / rate);
  }, STEP_MS);
  await pause(settle + job.measureMs * MEASURE_FACTOR);
  clearInterval(timer);
  expected = sent;
  if (arrivals < expected) await within(complete, "the last messages", STALL_MS);
  latencies.sort((a, b) => a - b);
  const at = (part: number): number => latencies[Math.floor(latencies.length * part)] ?? Number.NaN;
  return { value: at(0.5), cpuMicros: 0, count: latencies.length, latency: [at(0.5), at(0.99), at(0.999)] };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
