/** "What happens when ..." of docs/hub.md: each row is a test, against real brokers and real processes. */
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { HubClient } from "../../api/hub.ts";
import { WebSocket } from "../../api/index.ts";
import { type Child, startChild, stopProcess } from "../support/child.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { pause, until, within } from "../support/wait.ts";
import { BrokenNetwork } from "./broken-network.ts";
import type { BrokerKind, BrokerOptions, BrokerServer } from "./broker-server.ts";
import { type Listener, type Node, OPTIONS, receives, startNode } from "./support.ts";

const nodeProgram = fileURLToPath(new URL("node-process.mjs", import.meta.url));
export const TOPIC = "news";

/** A node in this process with one member. */
export async function nodeWith(server: BrokerServer, member: string, port = server.port): Promise<[Node, Listener]> {
  const node = await startNode(server.driver(port), { ...OPTIONS, history: 500, leaseMs: 1500 });
  const listener = await node.connect();
  const joined = node.hub.join(listener.socket, TOPIC, { member });
  await within(joined, "the join");
  return [node, listener];
}

export async function isUp(...nodes: readonly Node[]): Promise<void> {
  for (const node of nodes) await node.up();
}

/** Waits until each of the listeners knows a position: it receives what the broker publishes. */
export async function haveJoined(...listeners: readonly Listener[]): Promise<void> {
  await until(() => listeners.every((it) => it.at(TOPIC) !== ""), "the joins");
}

/** A node in a process of its own. */
async function startProcess(
  kind: BrokerKind["name"],
  port: number,
  clockMs = 0,
): Promise<{ child: Child; url: string }> {
  const child = startChild(process.execPath, [nodeProgram, kind, `${port}`, "1500", `${clockMs}`], {
    NODE_OPTIONS: "",
  });
  const url = `ws://${(await child.lines.next()).replace("up ", "")}/`;
  return { child, url };
}

/** A client of nodes in other processes, by a name. */
export function clientOf(urls: readonly string[], name: string) {
  const messages: string[] = [];
  const gaps: string[] = [];
  let attempts = 0;
  const it = new HubClient(() => new WebSocket(`${urls[attempts++ % urls.length]}?${name}`), {
    onMessage: (_topic, message) => messages.push(String(message)),
    onGap: (_topic, after) => gaps.push(after),
    minDelayMs: 50,
    maxDelayMs: 200,
  });
  atEnd(() => it.close());
  it.join(TOPIC);
  return { it, messages, gaps };
}

const names = async (node: Node): Promise<unknown[]> => (await node.hub.members(TOPIC)).map(({ data }) => data).sort();

/** Waits until a member has left once less than it has joined: it leaves once, and may have joined again if its node was slow. */
async function hasLeftOnceEach(node: Node, name: string): Promise<void> {
  const count = (event: string): number => node.presence.filter((it) => it === `${event} ${name}`).length;
  const once = until(() => count("left") > 0 && count("joined") - count("left") === 1, `${name} leaves once`);
  await once.catch((error: Error) => {
    throw new Error(`${error.message}; the events are ${node.presence}`);
  });
}

/** Waits until a node lists these members. */
export async function lists(node: Node, expected: readonly string[]): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;) {
    const found = await names(node);
    if (found.join() === expected.join()) return;
    if (performance.now() > end) throw new Error(`the members are to be ${expected}, and are ${found}`);
    await pause(50);
  }
}

/** The rows that do not depend on the broker. */
export function failureSuite(kind: BrokerKind, program: string): void {
  const start = async (options?: BrokerOptions): Promise<BrokerServer> => {
    const server = await kind.at(program, options);
    await server.start();
    return server;
  };

  describe(`what happens with ${kind.name} when`, () => {
    afterEach(endPeers);

    test("the broker is down at the start: the node serves its own members, and all others once it is up", async () => {
      const server = await kind.at(program);
      const [[one, ada], [two, bob]] = [await nodeWith(server, "Ada"), await nodeWith(server, "Bob")];
      expect(await one.hub.publish(TOPIC, "early")).toBe("here");
      await receives(ada, TOPIC, ["early"]);
      expect(await one.hub.members(TOPIC).catch((error: { code: string }) => error.code)).toBe("ERR_BROKER");
      await server.start();
      await isUp(one, two);
      await haveJoined(ada, bob);
      await lists(two, ["Ada", "Bob"]);
      expect(await one.hub.publish(TOPIC, "late")).toBe("everywhere");
      await receives(bob, TOPIC, ["late"]);
      await receives(ada, TOPIC, ["early", "late"]);
    });

    test("the broker is down under load and restarts with its data: all that was everywhere arrives once, and no gap", async () => {
      const server = await start({ keeps: true });
      const [[one, ada], [two, bob]] = [await nodeWith(server, "Ada"), await nodeWith(server, "Bob")];
      await isUp(one, two);
      await haveJoined(ada, bob);
      const results = new Map<string, Promise<string>>();
      const load = setInterval(() => results.set(`${results.size}`, one.hub.publish(TOPIC, `${results.size}`)), 2);
      try {
        await until(() => bob.messages(TOPIC).length > 20, "some messages");
        await server.kill();
        await until(() => one.events.includes("down") && two.events.includes("down"), "down");
        await pause(300);
        await server.start();
        await until(() => one.hub.isUp && two.hub.isUp, "up");
        const before = bob.messages(TOPIC).length;
        await until(() => bob.messages(TOPIC).length > before + 20, "more messages");
      } finally {
        clearInterval(load);
      }
      const everywhere: string[] = [];
      for (const [text, result] of results) if ((await result) === "everywhere") everywhere.push(text);
      await until(() => everywhere.every((it) => bob.messages(TOPIC).includes(it)), "all messages");
      expect(new Set(bob.messages(TOPIC)).size).toBe(bob.messages(TOPIC).length);
      expect(ada.messages(TOPIC)).toEqual([...results.keys()]);
      expect(everywhere.length).toBeLessThan(results.size);
      expect([...one.events, ...two.events].filter((it) => it === "gap")).toEqual([]);
      await lists(one, ["Ada", "Bob"]);
    });

    test("it restarts without its data: a gap, and what follows arrives", async () => {
      const server = await start();
      const [[one, ada], [two, bob]] = [await nodeWith(server, "Ada"), await nodeWith(server, "Bob")];
      await isUp(one, two);
      await haveJoined(ada, bob);
      await one.hub.publish(TOPIC, "before");
      await receives(bob, TOPIC, ["before"]);
      /* It begins at an offset that the new epoch has again. */
      const late = await two.connect();
      await two.hub.join(late.socket, TOPIC);
      await server.kill();
      server.forget();
      await server.start();
      await until(() => one.events.includes("gap") && two.events.includes("gap"), "the gaps");
      await isUp(one, two);
      expect(await one.hub.publish(TOPIC, "after")).toBe("everywhere");
      await receives(bob, TOPIC, ["before", "after"]);
      await receives(late, TOPIC, ["after"]);
      await receives(ada, TOPIC, ["before", "after"]);
      expect(bob.frames.filter((it) => it.gap !== undefined).length).toBe(1);
      await lists(one, ["Ada", "Bob"]);
    });

    test("the broker stops answering: local members are served at once, and all others once it goes on", async () => {
      const server = await start();
      const [[one, ada], [two, bob]] = [await nodeWith(server, "Ada"), await nodeWith(server, "Bob")];
      await isUp(one, two);
      await haveJoined(ada, bob);
      await server.stop();
      try {
        const published = one.hub.publish(TOPIC, "while it is stopped");
        await receives(ada, TOPIC, ["while it is stopped"]);
        expect(await published).toBe("here");
        expect(one.hub.isUp).toBe(false);
      } finally {
        server.goOn();
      }
      await isUp(one, two);
      expect(await one.hub.publish(TOPIC, "again")).toBe("everywhere");
      await until(() => bob.messages(TOPIC).includes("again"), "the message");
      expect(ada.messages(TOPIC)).toEqual(["while it is stopped", "again"]);
      await lists(two, ["Ada", "Bob"]);
    });

    test("a node is paused beyond its lease, and cut off as a slow subscriber: it reads what it missed, once", async () => {
      const server = await start({ isImpatient: true });
      const { child, url } = await startProcess(kind.name, server.port);
      const [node, ada] = await nodeWith(server, "Ada");
      await isUp(node);
      await haveJoined(ada);
      const bob = clientOf([url], "Bob");
      await lists(node, ["Ada", "Bob"]);
      const hasCutOff = await server.watch();
      await stopProcess(child.process);
      await lists(node, ["Ada"]);
      const sent: string[] = [];
      for (let count = 0; count < 400; count++) {
        sent.push(`${count} ${"x".repeat(20_000)}`);
        expect(await node.hub.publish(TOPIC, sent[count] ?? "")).toBe("everywhere");
      }
      for (let tries = 0; !(await hasCutOff()) && tries < 200; tries++) await pause(20);
      expect(await hasCutOff()).toBe(true);
      child.process.kill("SIGCONT");
      await until(() => bob.messages.length >= sent.length, "what it missed");
      expect(bob.messages.join("\n") === sent.join("\n")).toBe(true);
      await lists(node, ["Ada", "Bob"]);
      await hasLeftOnceEach(node, "Bob");
      expect(bob.gaps).toEqual([]);
      expect(ada.messages(TOPIC).length).toBe(sent.length);
    });

    test("a node is killed, its clock wrong by an hour: its members leave once, its clients resume elsewhere", async () => {
      const server = await start();
      const [killed, other] = await Promise.all([
        startProcess(kind.name, server.port, 3_600_000),
        startProcess(kind.name, server.port, -3_600_000),
      ]);
      const [node, ada] = await nodeWith(server, "Ada");
      await isUp(node);
      await haveJoined(ada);
      const bob = clientOf([killed.url, other.url], "Bob");
      await lists(node, ["Ada", "Bob"]);
      await node.hub.publish(TOPIC, "1");
      await until(() => bob.messages.length === 1, "the first message");
      killed.child.process.kill("SIGKILL");
      for (const text of ["2", "3", "4"]) await node.hub.publish(TOPIC, text);
      await until(() => bob.messages.length >= 4, "what it missed");
      await until(() => node.presence.includes("left Bob"), "the first Bob has left", 12_000);
      await lists(node, ["Ada", "Bob"]);
      /* Two leases later, nobody has left again. */
      await pause(2 * 1500);
      await hasLeftOnceEach(node, "Bob");
      expect(bob.messages).toEqual(["1", "2", "3", "4"]);
      expect(await names(node)).toEqual(["Ada", "Bob"]);
      expect(ada.messages(TOPIC)).toEqual(["1", "2", "3", "4"]);
    });

    test("one node can't reach the broker: its members leave for the others, and return", async () => {
      const server = await start();
      const proxy = await BrokenNetwork.to(server.port);
      const [[one, ada], [two, bob]] = [await nodeWith(server, "Ada", proxy.port), await nodeWith(server, "Bob")];
      await isUp(one, two);
      await haveJoined(ada, bob);
      await lists(two, ["Ada", "Bob"]);
      proxy.cut();
      await lists(two, ["Bob"]);
      await until(() => !one.hub.isUp, "down");
      expect(await two.hub.publish(TOPIC, "meanwhile")).toBe("everywhere");
      expect(await one.hub.publish(TOPIC, "on one side")).toBe("here");
      proxy.heal();
      await isUp(one);
      await until(() => ada.messages(TOPIC).length === 2, "what it missed");
      expect(ada.messages(TOPIC)).toEqual(["on one side", "meanwhile"]);
      await lists(two, ["Ada", "Bob"]);
      /* Events come by another connection than the list. */
      const last = (): string[] => two.presence.filter((it) => it.endsWith("Ada")).slice(-2);
      await until(() => last().join() === "left Ada,joined Ada", "that Ada has left and is there again");
      expect(one.events).not.toContain("gap");
    });
  });
}
