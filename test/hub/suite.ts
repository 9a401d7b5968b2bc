/** What every driver has to pass, against its real broker. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { HubDriver } from "../../api/hub.ts";
import { endPeers } from "../support/peers.ts";
import { pause, until } from "../support/wait.ts";
import { type Node, OPTIONS, receives, startNode } from "./support.ts";

/** Numbers as text. */
const upTo = (count: number, from = 1): string[] => Array.from({ length: count }, (_, at) => `${from + at}`);

/** `start` starts a broker for one test, and returns what makes a driver for a node. */
export function driverSuite(name: string, start: () => Promise<() => HubDriver>): void {
  describe(`the driver for ${name}`, () => {
    let topics = 0;
    const newTopic = (): string => `topic ${++topics} of ${name} Grüße:*?[x]{y}.>`;
    const node = async (options = OPTIONS): Promise<Node> => {
      const it = await startNode(connect(), options);
      await it.up();
      return it;
    };

    let connect: () => HubDriver;

    beforeEach(async () => {
      connect = await start();
    });
    afterEach(endPeers);

    test("a message reaches the members on all nodes, of text and of bytes, and no others", async () => {
      const [one, two] = [await node(), await node()];
      const [ada, bob, cy] = [await one.connect(), await two.connect(), await two.connect()];
      const topic = newTopic();
      expect(await one.hub.join(ada.socket, topic)).toMatch(/^[\w.-]+:0$/);
      await two.hub.join(bob.socket, topic);
      await two.hub.join(cy.socket, newTopic());
      expect(await one.hub.publish(topic, "Grüße\n東京")).toBe("everywhere");
      await receives(bob, topic, ["Grüße\n東京"]);
      expect(await two.hub.publish(topic, new Uint8Array([0, 10, 255, 13]))).toBe("everywhere");
      const bytes = String(Buffer.from([0, 10, 255, 13]));
      await receives(bob, topic, ["Grüße\n東京", bytes]);
      await receives(ada, topic, ["Grüße\n東京", bytes]);
      const received = ada.frames.map((it) => it.message).filter((it) => it !== undefined);
      expect(received.map((it) => typeof it === "string")).toEqual([true, false]);
      expect(cy.frames.length).toBe(1);
      expect(await one.hub.publish("a topic without members", "")).toBe("everywhere");
    });

    test("a local member is sent a message before the broker has it, and its position later", async () => {
      const one = await node();
      const ada = await one.connect();
      const topic = newTopic();
      await one.hub.join(ada.socket, topic);
      expect(await one.hub.publish(topic, "at once")).toBe("everywhere");
      await until(() => ada.frames.some((it) => /:1$/.test(String(it.at))), "the position");
      expect(ada.messages(topic)).toEqual(["at once"]);
      expect(ada.frames.find((it) => it.message !== undefined)?.at).toBeUndefined();
    });

    test("messages of other nodes come in one order", async () => {
      const nodes = [await node(), await node(), await node()];
      const topic = newTopic();
      const [, , third] = nodes;
      const listeners = [await third?.connect(), await third?.connect()];
      for (const it of listeners) if (it !== undefined) await third?.hub.join(it.socket, topic);
      const all = nodes.slice(0, 2).flatMap(({ hub }, at) => upTo(100, at * 1000).map((it) => hub.publish(topic, it)));
      expect(new Set(await Promise.all(all))).toEqual(new Set(["everywhere"]));
      const [x, y] = listeners;
      await until(() => x?.messages(topic).length === 200 && y?.messages(topic).length === 200, "all messages");
      expect(x?.messages(topic)).toEqual(y?.messages(topic));
      const offsets = x?.frames.slice(1).map((it) => Number(String(it.at).split(":")[1])) ?? [];
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      for (const at of [0, 1])
        expect(x?.messages(topic).filter((it) => Number(it) >= 1000 === (at === 1))).toEqual(upTo(100, at * 1000));
    });

    test("a node that looks for what it missed while others publish more than the broker keeps has it all", async () => {
      const looksOften = { ...OPTIONS, leaseMs: 1000 };
      const nodes = [await node(looksOften), await node(looksOften), await node(looksOften)];
      const [one, two, three] = nodes;
      for (const topic of upTo(12).map(newTopic)) {
        const listener = await three?.connect();
        if (listener !== undefined) await three?.hub.join(listener.socket, topic);
        const all = [one, two].flatMap((it, at) => upTo(100, at * 1000).map((text) => it?.hub.publish(topic, text)));
        await Promise.all(all);
        await until(() => (listener?.messages(topic).length ?? 0) >= 200, "all messages");
        expect(listener?.frames.filter((it) => "gap" in it)).toEqual([]);
        expect(new Set(listener?.messages(topic))).toEqual(new Set([...upTo(100, 0), ...upTo(100, 1000)]));
      }
      expect(three?.events.filter((it) => it === "gap" || it === "error")).toEqual([]);
    });

    test("a client that was away is sent what it missed, once, also on another node", async () => {
      const [one, two] = [await node(), await node()];
      const topic = newTopic();
      const [ada, bob] = [await one.connect(), await two.connect()];
      await one.hub.join(ada.socket, topic);
      await two.hub.join(bob.socket, topic);
      await two.hub.publish(topic, "1");
      await receives(ada, topic, ["1"]);
      const since = ada.at(topic);
      await ada.close();
      for (const it of upTo(9, 2)) await two.hub.publish(topic, it);
      const again = await two.connect();
      const during = two.hub.join(again.socket, topic, { since });
      const more = upTo(10, 11).map((it) => one.hub.publish(topic, it));
      await Promise.all([during, ...more]);
      await receives(again, topic, upTo(19, 2));
      expect(again.frames.some((it) => "gap" in it)).toBe(false);
    });

    test("a client that joins during publishing on its own node misses nothing and gets nothing twice", async () => {
      const one = await node();
      const topic = newTopic();
      const first = await one.connect();
      const since = await one.hub.join(first.socket, topic);
      const published: Promise<unknown>[] = [];
      const joined: Promise<unknown>[] = [];
      const listeners = await Promise.all(upTo(5).map(() => one.connect()));
      for (const it of upTo(40)) {
        published.push(one.hub.publish(topic, it));
        const listener = listeners[Number(it) / 8 - 1];
        if (listener !== undefined) joined.push(one.hub.join(listener.socket, topic, { since: String(since) }));
        if (Number(it) % 4 === 0) await Promise.race([...published, pause(1)]);
      }
      await Promise.all([...published, ...joined]);
      for (const listener of listeners) {
        await until(() => listener.messages(topic).length >= 40, "all messages");
        const ids = listener.frames.flatMap((it) => ("message" in it ? [it.id] : []));
        expect(new Set(ids).size).toBe(ids.length);
        expect(
          listener
            .messages(topic)
            .map(Number)
            .sort((a, b) => a - b)
            .map(String),
        ).toEqual(upTo(40));
      }
    });

    test("what the history does not have any more is reported as a gap, and the rest is sent", async () => {
      const one = await node();
      const topic = newTopic();
      const ada = await one.connect();
      const since = await one.hub.join(ada.socket, topic);
      await ada.close();
      await Promise.all(upTo(80).map((it) => one.hub.publish(topic, it)));
      const again = await one.connect();
      await one.hub.join(again.socket, topic, { since: String(since) });
      await receives(again, topic, upTo(50, 31));
      expect(again.frames[0]).toEqual({ topic, gap: since });
      expect(one.events.filter((it) => it === "gap")).toEqual(["gap"]);
      const unknown = await one.connect();
      await one.hub.join(unknown.socket, topic, { since: "unknown:7" });
      await until(() => unknown.frames.some((it) => "joined" in it), "the join");
      expect(unknown.frames[0]).toEqual({ topic, gap: "unknown:7" });
    });

    test("a message that is published again with its id is stored once", async () => {
      const [one, two] = [await node(), await node()];
      const topic = newTopic();
      const [ada, bob] = [await one.connect(), await two.connect()];
      await one.hub.join(ada.socket, topic);
      await two.hub.join(bob.socket, topic);
      for (const { hub } of [one, one, two]) expect(await hub.publish(topic, "once", { id: "x1" })).toBe("everywhere");
      await one.hub.publish(topic, "end", { id: "x2" });
      await receives(bob, topic, ["once", "end"]);
      await receives(ada, topic, ["once", "end"]);
    });

    test("members are listed on all nodes; each joins once and leaves once", async () => {
      const [one, two] = [await node(), await node()];
      const topic = newTopic();
      const [ada, bob, eve] = [await one.connect(), await two.connect(), await two.connect()];
      await two.hub.join(eve.socket, topic);
      await one.hub.join(ada.socket, topic, { member: "Ada" });
      await two.hub.join(bob.socket, topic, { member: "Bob" });
      const names = async (): Promise<unknown[]> => (await two.hub.members(topic)).map(({ data }) => data).sort();
      expect(await names()).toEqual(["Ada", "Bob"]);
      await until(() => two.presence.length === 2, "both have joined");
      one.hub.leave(ada.socket, topic);
      await bob.close();
      await until(() => two.presence.length === 4, "both have left");
      expect([...two.presence].sort()).toEqual(["joined Ada", "joined Bob", "left Ada", "left Bob"]);
      expect(await names()).toEqual([]);
    });

    test("a hub that is closed takes its members with it", async () => {
      const [one, two] = [await node(), await node()];
      const topic = newTopic();
      const [ada, bob] = [await one.connect(), await two.connect()];
      await two.hub.join(bob.socket, topic, { member: "Bob" });
      await one.hub.join(ada.socket, topic, { member: "Ada" });
      await until(() => two.presence.length === 2, "both have joined");
      await one.close();
      await until(() => two.presence.includes("left Ada"), "Ada has left");
      expect((await two.hub.members(topic)).map(({ data }) => data)).toEqual(["Bob"]);
    });

    test("wrong arguments have codes, and a client joins at most maxTopics", async () => {
      const one = await node({ ...OPTIONS, maxTopics: 3, maxMessage: 100 });
      const ada = await one.connect();
      const code = (promise: Promise<unknown>): Promise<unknown> =>
        promise.then(
          () => "fulfilled",
          (error: { code?: unknown }) => error.code,
        );
      for (const topic of ["", "x".repeat(256), "é".repeat(128), "\ud800", 7]) {
        expect(await code(one.hub.join(ada.socket, topic as string))).toBe("ERR_ARGUMENT");
        expect(await code(one.hub.publish(topic as string, ""))).toBe("ERR_ARGUMENT");
      }
      expect(await code(one.hub.publish("t", "é".repeat(51)))).toBe("ERR_TOO_LARGE");
      expect(await code(one.hub.publish("t", "é".repeat(50)))).toBe("fulfilled");
      expect(await code(one.hub.publish("t", 7 as unknown as string))).toBe("ERR_ARGUMENT");
      expect(await code(one.hub.join(ada.socket, "t", { since: "no position" }))).toBe("ERR_ARGUMENT");
      expect(await code(one.hub.join(ada.socket, "t", { member: "x".repeat(2000) }))).toBe("ERR_ARGUMENT");
      for (const topic of ["\0", "\n", "e\u0301"])
        expect(await code(one.hub.join(ada.socket, topic))).toBe("fulfilled");
      expect(await code(one.hub.join(ada.socket, "one too many"))).toBe("ERR_LIMIT");
      expect(one.hub.stats().memberships).toBe(3);
      await ada.close();
      await until(() => one.hub.stats().topics === 0, "no topics");
      expect(await code(one.hub.join(ada.socket, "t"))).toBe("ERR_STATE");
    });
  });
}
