/** How long it takes after a failure until topics are whole again: the rows of "What happens when" in docs/hub.md. */
import { Contender } from "../contenders.ts";
import type { Measured } from "../protocol.ts";
import { within } from "./broker.ts";
import type { HubCase, HubTask } from "./cases.ts";
import type { BenchClient } from "./client.ts";
import { LEASE_MS, TIMEOUT_MS, type World } from "./world.ts";

/** How often a message is published to see whether it arrives, in ms. */
const PROBE_MS = 5;
/** How long a failure lasts, in ms: one that is noticed at once, and one that takes a time-out. */
const SHORT_MS = 300;
const LONG_MS = TIMEOUT_MS * 2;
/** What a subscriber that does not read is sent, so that the broker cuts it off: more than the buffers of the system hold. */
const LARGE = { count: 400, text: "x".repeat(20_000) } as const;
/** How long recovering may take, in ms. */
const MOST_MS = 30_000;

/** What a hub must have noticed of failures that might not have happened otherwise. */
const SIGNS: ReadonlyMap<HubTask, "down" | "gap"> = new Map([
  ["empty", "gap"],
  ["failover", "gap"],
  ["slow", "down"],
]);

/** The clients of a node and of the next: the first publishes, the second receives. */
export async function recover(one: HubCase, world: World, contender: Contender): Promise<Measured> {
  const { task } = one;
  const value =
    task === "node-killed" || task === "node-paused"
      ? await ofMember(task, world)
      : await ofTopic(one, world, contender);
  return { value, cpuMicros: 0, count: 1 };
}

/** From the end of a failure until a message that was published after it is received on the other node. */
async function ofTopic({ task }: HubCase, world: World, contender: Contender): Promise<number> {
  const { broker, cable } = world;
  const receiver = world.nodes.at(-1);
  if (broker === undefined) throw new Error("a broker in memory does not fail");
  const probes = new Probes(world);
  try {
    if (task !== "late") await world.join(0, 1);
    else for (const own of world.clients) own[0]?.join(0, 1, "");
    if (task !== "late") await within(probes.arrivesAfter(performance.now()), "the first message");
    switch (task) {
      case "late":
        await pause(SHORT_MS);
        await broker.start();
        break;
      case "restart":
      case "empty":
        await broker.kill();
        if (task === "empty") broker.forget();
        await pause(SHORT_MS);
        await broker.start();
        break;
      case "failover":
        broker.keep();
        await pause(SHORT_MS);
        await broker.kill();
        broker.fallBack();
        await broker.start();
        break;
      case "stopped":
        broker.stop();
        await pause(LONG_MS);
        broker.goOn();
        break;
      case "slow":
        receiver?.signal("SIGSTOP");
        await probes.flood();
        receiver?.signal("SIGCONT");
        break;
      case "cut":
        cable?.cut();
        await pause(LONG_MS);
        cable?.heal();
        break;
    }
    const end = performance.now();
    const ms = (await within(probes.arrivesAfter(end), "a message after the failure", MOST_MS)) - end;
    /* socket.io does not notice. */
    const sign = contender === Contender.SOCKET_IO ? undefined : SIGNS.get(task);
    if (sign !== undefined) await within(Promise.resolve(receiver?.reports.first(sign)), `the event ${sign}`, MOST_MS);
    return ms;
  } finally {
    probes.end();
  }
}

/** Messages from one node to the other, again and again, each with the time at which it was published. */
class Probes {
  readonly #from: BenchClient;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #waits: { readonly time: number; resolve(now: number): void }[] = [];

  constructor({ clients }: World) {
    const [from, to] = [clients[0]?.[0], clients[1]?.[0]];
    if (from === undefined || to === undefined) throw new Error("two nodes are needed");
    to.onMessage = ([, time]) => {
      const now = performance.now();
      for (const [at, wait] of [...this.#waits.entries()].reverse()) {
        if (Number(time) < wait.time) continue;
        this.#waits.splice(at, 1);
        wait.resolve(now);
      }
    };
    this.#from = from;
    this.#timer = setInterval(() => {
      from.send({ kind: "publish", topic: 0, message: `probe|${performance.now()}|` });
    }, PROBE_MS);
  }

  /** Resolves with the time at which a message arrives that was published after `time`. */
  arrivesAfter(time: number): Promise<number> {
    return new Promise((resolve) => {
      this.#waits.push({ time, resolve });
    });
  }

  /** Publishes large messages to the topic, slowly enough for those who read. */
  async flood(): Promise<void> {
    for (let count = 0; count < LARGE.count; count++) {
      this.#from.send({ kind: "publish", topic: 0, message: `flood|0|${LARGE.text}` });
      await pause(PROBE_MS);
    }
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

/** From the death of a node until its member has left for the others, or from the end of a pause until it is there again. */
async function ofMember(task: "node-killed" | "node-paused", world: World): Promise<number> {
  const [first, second] = world.nodes;
  if (first === undefined || second === undefined) throw new Error("two nodes are needed");
  const { reports } = first;
  await world.join(0, 1, "member");
  await within(arrives("joined", 0), "the member");
  const from = reports.length;
  let start = performance.now();
  second.signal(task === "node-killed" ? "SIGKILL" : "SIGSTOP");
  await within(arrives("left", from), "the end of the member", MOST_MS);
  if (task === "node-killed") return performance.now() - start;
  await pause(LEASE_MS);
  const paused = reports.length;
  start = performance.now();
  second.signal("SIGCONT");
  await within(arrives("joined", paused), "the member after the pause", MOST_MS);
  return performance.now() - start;

  /** The member of the second node, not that of the first. */
  async function arrives(kind: "joined" | "left", at: number): Promise<void> {
    for (let next = at; ; next++) {
      const report = await reports.first(kind, next);
      if (report.member === "member-1") return;
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
