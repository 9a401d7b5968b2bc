/** "What happens when ..." of docs/hub.md with NATS. */
import { afterEach, describe, expect, test } from "@jest/globals";
import * as natsModule from "@nats-io/transport-node";
import { NatsDriver } from "../../api/hub.ts";
import { describeWith } from "../support/child.ts";
import { endPeers, tcpPeer } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { failureSuite, haveJoined, isUp, lists, nodeWith, TOPIC } from "./failure-suite.ts";
import { NatsServer, natsKind, natsTool } from "./nats-server.ts";
import { OPTIONS, receives, startNode } from "./support.ts";

describeWith(natsTool, "NATS", (nats) => {
  failureSuite(natsKind, nats);

  describe("with NATS only, when", () => {
    afterEach(endPeers);

    test("the server has lost the end of its stream: a gap, then the messages of the new epoch", async () => {
      const server = await NatsServer.start(nats);
      const [[one, ada], [two, bob]] = [await nodeWith(server, "Ada"), await nodeWith(server, "Bob")];
      await isUp(one, two);
      await haveJoined(ada, bob);
      expect(await one.hub.publish(TOPIC, "kept")).toBe("everywhere");
      await server.kill();
      const restore = server.copy();
      await server.start();
      await until(() => one.events.includes("down") && two.events.includes("down"), "down");
      await isUp(one, two);
      for (const text of ["lost 1", "lost 2"]) expect(await one.hub.publish(TOPIC, text)).toBe("everywhere");
      await receives(bob, TOPIC, ["kept", "lost 1", "lost 2"]);
      const late = await two.connect();
      await two.hub.join(late.socket, TOPIC);
      await server.kill();
      restore();
      await server.start();
      await until(() => one.events.includes("gap") && two.events.includes("gap"), "the gaps");
      await isUp(one, two);
      for (const text of ["new 1", "new 2", "new 3"]) expect(await one.hub.publish(TOPIC, text)).toBe("everywhere");
      await receives(bob, TOPIC, ["kept", "lost 1", "lost 2", "new 1", "new 2", "new 3"]);
      await receives(late, TOPIC, ["new 1", "new 2", "new 3"]);
      await lists(two, ["Ada", "Bob"]);
    });

    test("the server sends garbage: it is reported, and what follows arrives", async () => {
      const server = await NatsServer.start(nats);
      const [node, ada] = await nodeWith(server, "Ada");
      await isUp(node);
      await haveJoined(ada);
      const garbage = ["", "x", "{}\n", '{"id":1}\n', "x".repeat(100_000)];
      for (const text of garbage) await server.forge(TOPIC, text);
      await until(() => node.events.filter((it) => it === "error").length === garbage.length, "the errors");
      expect(await node.hub.publish(TOPIC, "after it")).toBe("everywhere");
      await receives(ada, TOPIC, ["after it"]);
      expect(node.hub.isUp).toBe(true);
    });
  });
});

describe("what answers is no NATS", () => {
  afterEach(endPeers);

  const info = (more: object): string => `INFO ${JSON.stringify({ server_id: "x", version: "2.9.0", ...more })}\r\n`;
  const replies = [
    "INFO {\r\n",
    "-ERR 'no'\r\n",
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "\0\xff".repeat(100),
    `${info({ proto: 1, headers: true, max_payload: 1000 })}PONG\r\n`,
    `${info({ proto: 1, headers: true, max_payload: -1, jetstream: true })}PONG\r\n-ERR 'Unknown'\r\n`,
  ];

  test.each(replies)("it answers %j: the node serves its own members, and ends", async (reply) => {
    const { port } = await tcpPeer((socket) => {
      const answer = (): unknown => socket.write(Buffer.from(reply, "latin1"));
      socket.on("data", answer);
      answer();
    });
    const options = { servers: `127.0.0.1:${port}`, reconnectTimeWait: 50, timeout: 500 };
    const node = await startNode(new NatsDriver(natsModule, options), { ...OPTIONS, timeoutMs: 500 });
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
