import { afterEach, describe, expect, test } from "@jest/globals";
import { type HubDriver, MemoryBroker } from "../../api/hub.ts";
import { endPeers } from "../support/peers.ts";
import { pause, until } from "../support/wait.ts";
import { driverSuite } from "./suite.ts";
import { OPTIONS, receives, startNode } from "./support.ts";

driverSuite("memory", async () => {
  const broker = new MemoryBroker();
  return () => broker.driver();
});

/** How a broker is slow, and has the hub look for what it missed. */
interface Slowness {
  readonly driver: HubDriver;
  /** Has the hub look for what it missed. */
  again(): void;
  /** `read` waits until the gate opens; with an error it fails then. */
  closeGate(): void;
  openGate(error?: Error): void;
  /** What the broker reports is kept until it is released, in another order. */
  keep(): void;
  release(): void;
}

function slow(driver: HubDriver): Slowness {
  let again = (): void => {};
  let open = (_error?: Error): void => {};
  let gate = Promise.resolve<Error | undefined>(undefined);
  let kept: (() => void)[] | undefined;
  const slower: Partial<HubDriver> = {
    open(node, events, limits) {
      again = () => events.up();
      const message: typeof events.message = (...report) => {
        if (kept === undefined) events.message(...report);
        else kept.push(() => events.message(...report));
      };
      driver.open(node, { ...events, message }, limits);
    },
    async read(topic, after, most) {
      const error = await gate;
      if (error !== undefined) throw error;
      return driver.read(topic, after, most);
    },
  };
  return {
    driver: new Proxy(driver, {
      get: (of, name) => {
        const found = Reflect.get(name in slower ? slower : of, name);
        return typeof found === "function" ? found.bind(of) : found;
      },
    }),
    again: () => again(),
    closeGate() {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    openGate: (error) => open(error),
    keep() {
      kept = [];
    },
    release() {
      const reports = kept ?? [];
      kept = undefined;
      /* Pairs are exchanged. */
      for (const [at, report] of reports.entries()) (reports[at ^ 1] ?? report)();
    },
  };
}

describe("more messages than the broker keeps, while a node looks for what it missed, are no gap", () => {
  afterEach(endPeers);

  /** `publish` publishes them all while a read is under way. */
  async function isDelivered(during: (slowness: Slowness, publish: () => Promise<void>) => Promise<void>) {
    const broker = new MemoryBroker();
    const slowness = slow(broker.driver());
    const [sends, looks] = [await startNode(broker.driver()), await startNode(slowness.driver)];
    await Promise.all([sends.up(), looks.up()]);
    const ada = await looks.connect();
    await looks.hub.join(ada.socket, "news");
    await sends.hub.publish("news", "first");
    await receives(ada, "news", ["first"]);

    slowness.closeGate();
    slowness.again();
    const more = Array.from({ length: 3 * (OPTIONS.history ?? 0) }, (_, at) => `${at}`);
    await during(slowness, async () => {
      for (const it of more) expect(await sends.hub.publish("news", it)).toBe("everywhere");
    });
    await receives(ada, "news", ["first", ...more]);
    expect(ada.frames.filter(({ gap }) => gap !== undefined)).toEqual([]);
    expect(looks.events).not.toContain("gap");
  }

  test("if the broker answers late", () =>
    isDelivered(async ({ openGate }, publish) => {
      await publish();
      openGate();
    }));

  test("if the broker reports them late, and in another order", () =>
    isDelivered(async ({ keep, release, openGate }, publish) => {
      keep();
      await publish();
      openGate();
      await pause(20);
      release();
    }));

  test("if the broker fails", () =>
    isDelivered(async ({ openGate }, publish) => {
      await publish();
      openGate(new Error("the broker fails"));
    }));
});

test.each([false, true])(
  "a message that is published on two nodes before the second has received it reaches each member once; read from the history: %s",
  async (isRead) => {
    try {
      const broker = new MemoryBroker();
      const late = slow(broker.driver());
      const [one, two] = [await startNode(broker.driver()), await startNode(late.driver)];
      await Promise.all([one.up(), two.up()]);
      const [ada, bob, eve] = [await one.connect(), await two.connect(), await two.connect()];
      await one.hub.join(ada.socket, "news");
      await two.hub.join(bob.socket, "news");
      late.keep();
      for (const { hub } of [one, two]) expect(await hub.publish("news", "once", { id: "x" })).toBe("everywhere");
      await receives(bob, "news", ["once"]);
      /* She joins after it was published here, and from before it was. */
      const [start] = ada.at("news").split(":");
      const joined = two.hub.join(eve.socket, "news", { since: `${start}:0` });
      if (isRead) late.again();
      else late.release();
      await joined;
      if (isRead) late.release();
      await one.hub.publish("news", "end", { id: "y" });
      for (const it of [ada, bob, eve]) await receives(it, "news", ["once", "end"]);
    } finally {
      await endPeers();
    }
  },
);

test("a socket that joins and leaves over and over is waited for once, and leaves when it is closed", async () => {
  try {
    const one = await startNode(new MemoryBroker().driver());
    await one.up();
    const ada = await one.connect();
    const { closed } = ada.socket;
    let asked = 0;
    Object.defineProperty(ada.socket, "closed", {
      get() {
        asked++;
        return closed;
      },
    });
    for (let at = 0; at < 50; at++) {
      await one.hub.join(ada.socket, "news");
      one.hub.leave(ada.socket, "news");
    }
    expect(asked).toBe(1);
    await one.hub.join(ada.socket, "news");
    expect(one.hub.stats().memberships).toBe(1);
    await ada.close();
    await until(() => one.hub.stats().memberships === 0, "it has left");
  } finally {
    await endPeers();
  }
});
