/** The recipes of docs/sim.md: how an application behaves on a bad network. The application is examples/prices.ts. */
import { describe, expect, test } from "@jest/globals";
import { type SimHost, type SimNetwork, sim } from "twinwire/sim";
import { PriceClient, PriceServer } from "../../examples/prices.ts";

/** Starts the server on a host, with a price every second. */
async function serve(host: SimHost, from = 0): Promise<PriceServer> {
  const server = host.run(() => new PriceServer("", 80));
  await server.opened;
  let price = from;
  host.run(() => setInterval(() => server.publish(price++), 1_000));
  return server;
}

const follow = (net: SimNetwork, name: string): PriceClient =>
  net.host(name).run(() => new PriceClient("ws://server/"));

describe("a price feed", () => {
  test("notices an outage of an hour within 15 s, and is back within 20 s of its end", async () => {
    await sim.run(1, { latencyMs: 20, jitterMs: 10 }, async (net) => {
      const server = await serve(net.host("server"));
      const client = follow(net, "client");
      await sim.advance(10_000);
      expect(client.current).toBe(true);

      net.partition("client", "server");
      await sim.advance(16_000);
      expect(client.current).toBe(false);
      expect(server.clients).toBe(0);
      await sim.advance(3_600_000);

      net.heal();
      await sim.advance(31_000); /* the delay of 20 s at most, and an attempt that had begun before */
      expect(client.current).toBe(true);
      expect(client.connections).toBe(2);
      expect(client.price).toBeGreaterThan(3_600);
    });
  });

  test("shows increasing numbers over a link that fails every few seconds", async () => {
    await sim.run(2, { latencyMs: 30, jitterMs: 100, segmentLoss: 0.05 }, async (net) => {
      await serve(net.host("server"));
      const client = follow(net, "client");
      const seen: number[] = [];
      for (let minute = 0; minute < 60; minute++) {
        net.partition("client", "server");
        await sim.advance(5_000 + Math.random() * 15_000);
        net.heal();
        await sim.advance(5_000 + Math.random() * 30_000);
        if (client.number !== seen.at(-1)) seen.push(client.number);
      }
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(seen.length).toBeGreaterThan(20);
      await sim.advance(60_000);
      expect(client.current).toBe(true);
    });
  });

  test("a client that stops reading does not hold up the others, and ends", async () => {
    await sim.run(3, { latencyMs: 5, socketBuffer: 4_096, limits: { stallTimeoutMs: 30_000 } }, async (net) => {
      const server = await serve(net.host("server"));
      const slow = follow(net, "slow");
      const other = follow(net, "other");
      await sim.advance(5_000);
      expect(server.clients).toBe(2);
      net.host("slow").pause(120_000);
      const before = other.number;
      await sim.advance(20_000);
      expect(other.number).toBe(before + 20);
      expect(server.clients).toBe(1); /* the heartbeat found no answer */
      await sim.advance(140_000);
      expect(slow.current).toBe(true);
      expect(server.clients).toBe(2);
    });
  });

  test("200 clients that lose their server at once come back spread over time", async () => {
    await sim.run(4, { latencyMs: 10, jitterMs: 5, limits: { sockets: 256, webSockets: 256 } }, async (net) => {
      await serve(net.host("server"));
      const clients = net.host("clients").run(() => Array.from({ length: 200 }, () => new PriceClient("ws://server/")));
      await sim.advance(5_000);
      expect(clients.filter((it) => it.current)).toHaveLength(200);

      net.host("server").crash();
      await sim.advance(3_000);
      const server = await serve(net.host("server"));
      const perSecond: number[] = [];
      for (let second = 0, had = 0; second < 30; second++) {
        await sim.advance(1_000);
        perSecond.push(server.clients - had);
        had = server.clients;
      }
      expect(server.clients).toBe(200);
      expect(Math.max(...perSecond)).toBeLessThan(150);
      expect(perSecond.filter((count) => count > 0).length).toBeGreaterThan(1);
    });
  });

  test("a server that loses its power is noticed within 15 s, although no segment says so", async () => {
    await sim.run(5, { latencyMs: 20 }, async (net) => {
      await serve(net.host("server"));
      const client = follow(net, "client");
      await sim.advance(5_000);
      net.host("server").powerOff();
      await sim.advance(5_000);
      expect(client.current).toBe(true); /* it can't know yet */
      await sim.advance(11_000);
      expect(client.current).toBe(false);
      net.host("server").powerOn();
      await serve(net.host("server"), 1_000);
      await sim.advance(40_000);
      expect(client.current).toBe(true);
      expect(client.price).toBeGreaterThanOrEqual(1_000);
    });
  });
});
