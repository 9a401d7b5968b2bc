import { expect, test } from "@jest/globals";
import { type HubDriver, MemoryBroker } from "../../api/hub.ts";
import { endPeers } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { driverSuite } from "./suite.ts";
import { OPTIONS, receives, startNode } from "./support.ts";

driverSuite("memory", async () => {
  const broker = new MemoryBroker();
  return () => broker.driver();
});

/** A driver whose `read` is slow: it returns when the gate is open. `again` has the hub look for what it missed. */
function slowReader(driver: HubDriver): { driver: HubDriver; again(): void; gate(closed: boolean): void } {
  let again = (): void => {};
  let open = (): void => {};
  let gate = Promise.resolve();
  const slow: Partial<HubDriver> = {
    open(node, events, limits) {
      again = () => events.up();
      driver.open(node, events, limits);
    },
    async read(topic, after, most) {
      await gate;
      return driver.read(topic, after, most);
    },
  };
  return {
    driver: new Proxy(driver, {
      get: (of, name) => {
        const found = Reflect.get(name in slow ? slow : of, name);
        return typeof found === "function" ? found.bind(of) : found;
      },
    }),
    again: () => again(),
    gate(closed) {
      open();
      if (closed)
        gate = new Promise((resolve) => {
          open = resolve;
        });
    },
  };
}

test("more messages than the broker keeps, while a node looks for what it missed, are no gap", async () => {
  try {
    const broker = new MemoryBroker();
    const reader = slowReader(broker.driver());
    const [sends, looks] = [await startNode(broker.driver()), await startNode(reader.driver)];
    await Promise.all([sends.up(), looks.up()]);
    const ada = await looks.connect();
    await looks.hub.join(ada.socket, "news");
    await sends.hub.publish("news", "first");
    await receives(ada, "news", ["first"]);

    reader.gate(true);
    reader.again();
    const more = Array.from({ length: 3 * (OPTIONS.history ?? 0) }, (_, at) => `${at}`);
    for (const it of more) expect(await sends.hub.publish("news", it)).toBe("everywhere");
    await until(() => looks.hub.stats().received > more.length, "all messages at the node");
    reader.gate(false);
    await receives(ada, "news", ["first", ...more]);
    expect(ada.frames.filter(({ gap }) => gap !== undefined)).toEqual([]);
    expect(looks.events).not.toContain("gap");
  } finally {
    await endPeers();
  }
});
