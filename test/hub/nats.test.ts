import { afterEach, expect, test } from "@jest/globals";
import * as nats from "@nats-io/transport-node";
import { JetStream, type NatsConnection } from "../../api/hub/jetstream.ts";
import { describeWith } from "../support/child.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { NatsServer, natsTool } from "./nats-server.ts";
import { driverSuite } from "./suite.ts";

describeWith(natsTool, "NATS", (program) => {
  driverSuite("NATS", async () => {
    const server = await NatsServer.start(program);
    return () => server.driver();
  });

  afterEach(endPeers);

  /** Streams whose messages change after a list has counted them and before it takes them. */
  async function changing(change: (streams: JetStream) => Promise<unknown>): Promise<readonly string[]> {
    const server = await NatsServer.start(program);
    const connection = await nats.connect({ servers: `127.0.0.1:${server.port}` });
    atEnd(() => connection.close());
    const streams = new JetStream(connection, nats.headers);
    let left = 1;
    const slow = new Proxy(connection, {
      get: (of, name) => {
        const found = Reflect.get(of, name);
        if (typeof found !== "function") return found;
        if (name !== "requestMany") return found.bind(of);
        return async (...args: Parameters<NatsConnection["requestMany"]>) => {
          if (left-- > 0) await change(streams);
          return found.apply(of, args);
        };
      },
    });
    await streams.create("S", { subjects: ["s.*"], max_msgs_per_subject: 1 });
    for (const it of ["a", "b", "c"]) await streams.publish(`s.${it}`, it);
    const { messages } = await new JetStream(slow, nats.headers).list("S", "s.*", 100);
    return messages.map(({ data }) => String(Buffer.from(data)));
  }

  test("a list whose messages are all removed meanwhile ends, without any", async () => {
    const started = performance.now();
    const removed = await changing(async (streams) => {
      for (const it of ["a", "b", "c"]) {
        const found = await streams.message("S", { last_by_subj: `s.${it}` });
        await streams.remove("S", found?.seq ?? 0);
      }
    });
    expect(removed).toEqual([]);
    expect(performance.now() - started).toBeLessThan(9_000);
  });

  test("a list whose messages are replaced meanwhile has each subject's last one, once", async () => {
    const replaced = await changing(async (streams) => {
      for (const it of ["a", "b", "c"]) await streams.publish(`s.${it}`, it.toUpperCase());
    });
    expect(replaced).toEqual(["A", "B", "C"]);
  });
});
