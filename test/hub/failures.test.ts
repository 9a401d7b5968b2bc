/** "What happens when ..." of docs/hub.md with Redis. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { createClient } from "redis";
import { RedisDriver } from "../../api/hub.ts";
import { describeWith } from "../support/child.ts";
import { endPeers, tcpPeer } from "../support/peers.ts";
import { pause, until, within } from "../support/wait.ts";
import { BrokenNetwork } from "./broken-network.ts";
import { failureSuite, haveJoined, isUp, lists, nodeWith, TOPIC } from "./failure-suite.ts";
import { RedisServer, redisKind, redisTool } from "./redis-server.ts";
import { OPTIONS, receives, startNode } from "./support.ts";

describeWith(redisTool, "Redis", (redis) => {
  failureSuite(redisKind, redis);

  describe("with Redis only, when", () => {
    afterEach(endPeers);

    test("a failover loses the end of a topic: a gap, then the messages of the new epoch", async () => {
      const [first, second] = [await RedisServer.start(redis), await RedisServer.start(redis)];
      await second.command("REPLICAOF", "127.0.0.1", `${first.port}`);
      const proxy = await BrokenNetwork.to(first.port);
      const [[one, ada], [two, bob]] = [
        await nodeWith(first, "Ada", proxy.port),
        await nodeWith(first, "Bob", proxy.port),
      ];
      await isUp(one, two);
      await haveJoined(ada, bob);
      await one.hub.publish(TOPIC, "kept");
      const kept = async (): Promise<boolean> => String(await second.command("XLEN", "{twinwire}:s:news")) === "1";
      for (let tries = 0; !(await kept()); tries++) {
        if (tries > 400) throw new Error("the replica does not follow");
        await pause(20);
      }
      await second.command("REPLICAOF", "NO", "ONE");
      for (const text of ["lost 1", "lost 2"]) expect(await one.hub.publish(TOPIC, text)).toBe("everywhere");
      await receives(bob, TOPIC, ["kept", "lost 1", "lost 2"]);
      proxy.switchTo(second.port);
      await until(() => one.events.includes("gap") && two.events.includes("gap"), "the gaps");
      await isUp(one, two);
      for (const text of ["new 1", "new 2", "new 3"]) expect(await one.hub.publish(TOPIC, text)).toBe("everywhere");
      await receives(bob, TOPIC, ["kept", "lost 1", "lost 2", "new 1", "new 2", "new 3"]);
      await lists(two, ["Ada", "Bob"]);
    });

    test("the broker sends garbage: it is reported, and what follows arrives", async () => {
      const server = await RedisServer.start(redis);
      const [node, ada] = await nodeWith(server, "Ada");
      await isUp(node);
      await haveJoined(ada);
      const garbage = ["", "x", "M", "Mx:1\n{}\n", 'Ma:1\n{"id":1}\n', "J", "Jnull", "L{}", "M".repeat(100_000)];
      for (const text of garbage) await server.forge(TOPIC, text);
      await until(() => node.events.filter((it) => it === "error").length === garbage.length, "the errors");
      await server.command("XADD", "{twinwire}:s:news", "1-0", "b", "no message of a hub");
      await server.command("HSET", "{twinwire}:t:news", "o", "1");
      expect(await node.hub.publish(TOPIC, "after it")).toBe("everywhere");
      const late = await node.connect();
      await node.hub.join(late.socket, TOPIC, { since: ada.at(TOPIC) });
      await receives(ada, TOPIC, ["after it"]);
      await receives(late, TOPIC, ["after it"]);
      await server.command("SET", "{twinwire}:t:other", "no hash");
      expect(await node.hub.publish("other", "refused")).toBe("here");
      expect(node.hub.isUp).toBe(true);
    });
  });
});

describe("what answers is no Redis", () => {
  afterEach(endPeers);

  const replies = [
    "+OK\r\n",
    ":7\r\n",
    "$-1\r\n",
    "*0\r\n",
    "*2\r\n$3\r\nabc\r\n:-1\r\n",
    "-ERR unknown command\r\n",
    "%1\r\n+server\r\n+redis\r\n",
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "\0\xff".repeat(100),
  ];

  test.each(replies)("it answers %j: the node serves its own members, and ends", async (reply) => {
    const { port } = await tcpPeer((socket) => socket.on("data", () => socket.write(Buffer.from(reply, "latin1"))));
    const client = createClient({ socket: { host: "127.0.0.1", port, reconnectStrategy: () => 50 } });
    client.on("error", () => {});
    const node = await startNode(new RedisDriver(client), { ...OPTIONS, timeoutMs: 500 });
    const ada = await node.connect();
    expect(await within(node.hub.join(ada.socket, TOPIC, { member: "Ada" }), "the join")).toBe(undefined);
    expect(await within(node.hub.publish(TOPIC, "x"), "the result")).toBe("here");
    await receives(ada, TOPIC, ["x"]);
    const members = node.hub.members(TOPIC).catch((error: { code: string }) => error.code);
    expect(await within(members, "the members")).toBe("ERR_BROKER");
    expect(node.events).not.toContain("gap");
    await within(node.close(), "the end of the node");
  });
});
