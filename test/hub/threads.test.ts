/** "What happens when ..." of docs/hub.md with worker threads: real ones, with the package as it was built. */
import { MessageChannel, Worker } from "node:worker_threads";
import { afterEach, expect, test } from "@jest/globals";
import { MemoryBroker } from "../../api/hub.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, until } from "../support/wait.ts";
import { clientOf, haveJoined, isUp, lists, TOPIC } from "./failure-suite.ts";
import { type Listener, type Node, OPTIONS, receives, startNode } from "./support.ts";

afterEach(endPeers);

interface Thread {
  readonly worker: Worker;
  readonly url: string;
  /** Stops the thread until the function that is returned is called. */
  block(): () => void;
}

async function startThread(broker: MemoryBroker): Promise<Thread> {
  const { port1, port2 } = new MessageChannel();
  broker.serve(port1);
  const program = new URL("thread.mjs", import.meta.url);
  const worker = new Worker(program, { workerData: { port: port2 }, transferList: [port2], execArgv: [], env: {} });
  atEnd(() => worker.terminate());
  const lines = new Inbox<string>("a line of the thread");
  worker.on("message", lines.push);
  const url = `ws://${(await lines.next()).replace("up ", "")}/`;
  const block = (): (() => void) => {
    const flag = new SharedArrayBuffer(4);
    worker.postMessage(flag);
    return () => {
      const view = new Int32Array(flag);
      Atomics.store(view, 0, 1);
      Atomics.notify(view, 0);
    };
  };
  return { worker, url, block };
}

async function nodeWith(broker: MemoryBroker, member: string): Promise<[Node, Listener]> {
  const node = await startNode(broker.driver(), { ...OPTIONS, history: 10_000, leaseMs: 1500 });
  await isUp(node);
  const listener = await node.connect();
  await node.hub.join(listener.socket, TOPIC, { member });
  await haveJoined(listener);
  return [node, listener];
}

test("a thread ends: its members leave once, and its clients resume in another thread", async () => {
  const broker = new MemoryBroker();
  const [node, ada] = await nodeWith(broker, "Ada");
  const threads = [await startThread(broker), await startThread(broker)];
  const bob = clientOf(
    threads.map(({ url }) => url),
    "Bob",
  );
  await lists(node, ["Ada", "Bob"]);
  await node.hub.publish(TOPIC, "1");
  await until(() => bob.messages.length === 1, "the first message");
  await threads[0]?.worker.terminate();
  for (const text of ["2", "3"]) await node.hub.publish(TOPIC, text);
  await until(() => bob.messages.length === 3, "what it missed");
  expect(bob.messages).toEqual(["1", "2", "3"]);
  await until(() => node.presence.filter((it) => it === "left Bob").length === 1, "Bob has left once");
  await lists(node, ["Ada", "Bob"]);
  expect(await bob.it.publish(TOPIC, "4")).toBe("everywhere");
  await receives(ada, TOPIC, ["1", "2", "3", "4"]);
});

test("a thread is blocked beyond its lease, while more is published than may wait for it: it reads what it missed, once", async () => {
  const broker = new MemoryBroker();
  const [node, ada] = await nodeWith(broker, "Ada");
  const thread = await startThread(broker);
  const bob = clientOf([thread.url], "Bob");
  await lists(node, ["Ada", "Bob"]);
  const goOn = thread.block();
  atEnd(goOn);
  const sent = Array.from({ length: 6000 }, (_, at) => `${at}`);
  for (const text of sent) expect(await node.hub.publish(TOPIC, text)).toBe("everywhere");
  await lists(node, ["Ada"]);
  goOn();
  await until(() => bob.messages.length >= sent.length, "what it missed");
  expect(bob.messages.join() === sent.join()).toBe(true);
  expect(bob.gaps).toEqual([]);
  await lists(node, ["Ada", "Bob"]);
  expect(ada.messages(TOPIC).length).toBe(sent.length);
});
