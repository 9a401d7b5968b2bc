/** "What happens when ..." of docs/hub.md with NATS. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { describeWith } from "../support/child.ts";
import { endPeers } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { failureSuite, haveJoined, isUp, lists, nodeWith, TOPIC } from "./failure-suite.ts";
import { NatsServer, natsKind, natsTool } from "./nats-server.ts";
import { receives } from "./support.ts";

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
