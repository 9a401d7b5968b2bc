import { expect, test } from "@jest/globals";
import { RedisDriver } from "../../api/hub.ts";
import { describeWith } from "../support/child.ts";
import { until } from "../support/wait.ts";
import { RedisServer, redisTool } from "./redis-server.ts";
import { driverSuite } from "./suite.ts";

describeWith(redisTool, "Redis", (program) => {
  driverSuite("Redis", async () => {
    const server = await RedisServer.start(program);
    return () => server.driver();
  });
});

test("a Redis that has connections, but still loads its data, is asked again until it has", async () => {
  let loading = 3;
  const events: string[] = [];
  const connection = () => {
    const ready: ((error: unknown) => void)[] = [];
    return {
      isReady: true,
      async connect() {
        for (const it of ready) it(undefined);
      },
      destroy() {},
      on: (event: string, listener: (error: unknown) => void) => event === "ready" && ready.push(listener),
      async sendCommand([name]: readonly (string | Uint8Array)[]) {
        if (name === "SCRIPT" && --loading >= 0) throw new Error("LOADING Redis is loading the dataset in memory");
        return "an answer";
      },
      async subscribe() {},
      async unsubscribe() {},
    };
  };
  const driver = new RedisDriver({ duplicate: connection });
  const report = {
    up: () => events.push("up"),
    down: ({ message }: Error) => events.push(message.includes("LOADING") ? "loading" : message),
    message() {},
    joined() {},
    left() {},
    invalid() {},
  };
  driver.open("node", report, { history: 10, historyMs: 1000, leaseMs: 1000 });
  await until(() => events.includes("up"), "that it can be used");
  await driver.close();
  expect(events.slice(0, -1).every((it) => it === "loading")).toBe(true);
  expect(events.at(-1)).toBe("up");
  expect(events.length).toBeGreaterThan(1);
});
