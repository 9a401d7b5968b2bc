/** Thousands of topics at once: the broker is asked a few questions at a time, and is not taken for one that is down. */
import { afterEach, expect, test } from "@jest/globals";
import { Calls, Combined } from "../../api/hub/calls.ts";
import { type DriverEvents, type HubDriver, MemoryBroker } from "../../api/hub.ts";
import { endPeers } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { OPTIONS, startNode } from "./support.ts";

afterEach(endPeers);

const TOPICS = Array.from({ length: 1000 }, (_, at) => `topic-${at}`);
const LONG: number = 60_000;

/** A driver whose broker answers one question after the other, and that counts those that wait. */
function counting(driver: HubDriver): { driver: HubDriver; most(): number; reads(): number } {
  let [waiting, most, reads] = [0, 0, 0];
  let last = Promise.resolve();
  const oneByOne = async <T>(call: () => Promise<T>): Promise<T> => {
    waiting++;
    most = Math.max(most, waiting);
    last = last.then(() => new Promise((resolve) => setImmediate(resolve)));
    await last;
    waiting--;
    return call();
  };
  const counted: HubDriver = {
    open: (node, events, limits) => driver.open(node, events, limits),
    publish: (topic, message) => driver.publish(topic, message),
    subscribe: (topic) => oneByOne(() => driver.subscribe(topic)),
    unsubscribe: (topic) => oneByOne(() => driver.unsubscribe(topic)),
    read: (topic, after, most) => {
      reads++;
      return oneByOne(() => driver.read(topic, after, most));
    },
    enter: (topic, members) => oneByOne(() => driver.enter(topic, members)),
    exit: (topic, member) => oneByOne(() => driver.exit(topic, member)),
    members: (topic) => driver.members(topic),
    renew: () => driver.renew(),
    close: () => driver.close(),
  };
  return { driver: counted, most: () => most, reads: () => reads };
}

test("a client joins 1000 topics, with which the node resumes and which it leaves: few calls at a time, none is late", async () => {
  const broker = new MemoryBroker();
  const { driver, most, reads } = counting(broker.driver());
  const node = await startNode(driver, { ...OPTIONS, timeoutMs: LONG });
  await node.up();
  const { socket, frames, close } = await node.connect();
  const joined = await within(
    Promise.all(TOPICS.map((it) => node.hub.join(socket, it, { member: "Ada" }))),
    "all joins",
  );
  expect(joined.every((position) => position !== undefined)).toBe(true);
  await until(() => frames.filter((it) => it.joined !== undefined).length === TOPICS.length, "the frames");
  const before = reads();
  broker.stop();
  expect(node.hub.isUp).toBe(false);
  broker.start();
  await node.up();
  await until(() => reads() - before >= TOPICS.length, "that all topics are read again");
  expect(await node.hub.publish("topic-999", "hello")).toBe("everywhere");
  await close();
  await until(() => node.hub.stats().topics === 0, "the end of all topics");
  expect(most()).toBeGreaterThan(1);
  expect(most()).toBeLessThanOrEqual(128);
  expect(node.events).toEqual(["down", "up"]);
});

test("the broker fails while 1000 topics wait to be joined: each join returns, and all are joined once it is up", async () => {
  const broker = new MemoryBroker();
  const { driver } = counting(broker.driver());
  const node = await startNode(driver, { ...OPTIONS, timeoutMs: LONG });
  await node.up();
  const { socket, frames } = await node.connect();
  const joins = TOPICS.map((it) => node.hub.join(socket, it));
  broker.stop();
  const positions = await within(Promise.all(joins), "all joins");
  expect(positions.filter((it) => it === undefined).length).toBeGreaterThan(TOPICS.length / 2);
  broker.start();
  const there = (): Set<unknown> => new Set(frames.flatMap(({ topic, joined }) => (joined ? [topic] : [])));
  await until(() => there().size === TOPICS.length, "that all have joined");
});

test("a topic that was left while the broker was down: its subscription ends with the first message that still comes", async () => {
  const broker = new MemoryBroker();
  const { driver } = counting(broker.driver());
  const events: DriverEvents[] = [];
  const asked: string[] = [];
  const node = await startNode({
    ...driver,
    open(name, given, limits) {
      events.push(given);
      driver.open(name, given, limits);
    },
    async subscribe(topic) {
      asked.push(`subscribe ${topic}`);
      await driver.subscribe(topic);
    },
    async unsubscribe(topic) {
      asked.push(`unsubscribe ${topic}`);
      await driver.unsubscribe(topic);
    },
  });
  await node.up();
  const { socket } = await node.connect();
  expect(await node.hub.join(socket, "news")).toBeDefined();
  broker.stop();
  node.hub.leave(socket, "news");
  broker.start();
  await node.up();
  expect(asked).toEqual(["subscribe news"]);
  const message = { id: "other.1", node: "other", seq: 1, data: "x", epoch: "e", previous: 0 };
  for (let offset = 1; offset <= 3; offset++) events[0]?.message("news", { ...message, offset });
  expect(await node.hub.join(socket, "news")).toBeDefined();
  expect(asked).toEqual(["subscribe news", "unsubscribe news", "subscribe news"]);
});

test("the time of a call begins when it is made, and what was not made fails at once with the broker", async () => {
  const errors: string[] = [];
  const calls = new Calls(LONG, (error, isLate) => errors.push(`${error.code} ${isLate}`));
  const answers: (() => void)[] = [];
  const made: number[] = [];
  const all = Array.from({ length: 300 }, (_, at) =>
    calls.queue("read", async () => {
      made.push(at);
      await new Promise<void>((resolve) => answers.push(resolve));
      return at;
    }),
  );
  expect(made).toHaveLength(128);
  answers[0]?.();
  expect(await all[0]).toBe(0);
  await until(() => made.length === 129, "the next call");
  expect(made.at(-1)).toBe(128);
  const error = await calls.answer("renew", Promise.reject(new Error("broken"))).catch((it: unknown) => it);
  expect(errors).toEqual(["ERR_BROKER false"]);
  calls.fail(error as Parameters<typeof calls.fail>[0]);
  const rest = await Promise.allSettled(all.slice(129));
  expect(rest.every((it) => it.status === "rejected" && it.reason === error)).toBe(true);
  for (const answer of answers) answer();
  expect(await Promise.all(all.slice(1, 129))).toHaveLength(128);
  expect(await calls.queue("read", async () => "again")).toBe("again");
});

test("a driver that throws instead of rejecting takes no place from the calls that follow", async () => {
  const errors: string[] = [];
  const calls = new Calls(LONG, (error, isLate) => errors.push(`${error.code} ${isLate}`));
  const answers: (() => void)[] = [];
  const first = Array.from({ length: 128 }, () =>
    calls.queue("read", () => new Promise<void>((resolve) => answers.push(resolve))),
  );
  const thrown = Array.from({ length: 300 }, (_, at) =>
    calls.queue("enter", () => {
      throw new Error(`thrown ${at}`);
    }),
  );
  const last = calls.queue("exit", async () => "done");
  for (const answer of answers) answer();
  await Promise.all(first);
  const results = await Promise.allSettled(thrown);
  expect(results.every((it) => it.status === "rejected" && it.reason.code === "ERR_BROKER")).toBe(true);
  expect(errors).toEqual(Array(300).fill("ERR_BROKER false"));
  expect(await last).toBe("done");
  /* All places are free, once this iteration of the event loop is over. */
  await new Promise((resolve) => setImmediate(resolve));
  const made: number[] = [];
  const ends: (() => void)[] = [];
  const again = Array.from({ length: 129 }, (_, at) =>
    calls.queue("read", () => {
      made.push(at);
      return new Promise<void>((resolve) => ends.push(resolve));
    }),
  );
  expect(made).toHaveLength(128);
  ends[0]?.();
  await until(() => made.length === 129, "the last call");
  for (const end of ends) end();
  await Promise.all(again);
});

test("who asks while a call is under way gets the answer of the next one, which is made once", async () => {
  let made = 0;
  const answers: ((value: number | Error) => void)[] = [];
  const combined = new Combined<number>(() => {
    made++;
    return new Promise((resolve, reject) => answers.push((it) => (typeof it === "number" ? resolve(it) : reject(it))));
  });
  const first = [combined.ask(), combined.ask()];
  await until(() => made === 1, "the first call");
  const second = [combined.ask(), combined.ask(), combined.ask()];
  answers[0]?.(1);
  expect(await Promise.all(first)).toEqual([1, 1]);
  await until(() => made === 2, "the second call");
  const third = combined.ask();
  answers[1]?.(new Error("broken"));
  for (const it of second) await expect(it).rejects.toThrow("broken");
  await until(() => made === 3, "the third call");
  answers[2]?.(3);
  expect(await third).toBe(3);
  const lost = combined.ask();
  await until(() => made === 4, "a call without an answer");
  combined.forget();
  const next = combined.ask();
  await until(() => made === 5, "a call on another connection");
  answers[4]?.(5);
  expect(await next).toBe(5);
  answers[3]?.(4);
  expect(await lost).toBe(4);
});
