/** Hosts that talk to each other over a simulated network. */
import { describe, expect, test } from "@jest/globals";
import { TcpConnection, TcpServer } from "twinwire";
import { type SimNetwork, sim } from "twinwire/sim";

/** Echoes what a client sends, as a program would that knows nothing of simulations. */
async function echoServer(port: number): Promise<TcpServer> {
  const server = new TcpServer("", port);
  await server.opened;
  (async () => {
    for await (const conn of server) {
      for (let data = await conn.read(1024); data.length > 0; data = await conn.read(1024)) await conn.writeAll(data);
      conn.close();
    }
  })();
  return server;
}

async function tcpEcho(net: SimNetwork): Promise<string> {
  const server = await net.host("server").run(() => echoServer(7));
  const answer = await net.host("client").run(async () => {
    const conn = new TcpConnection("server", 7);
    await conn.writeAll("hello");
    const data = await conn.readExact(5);
    conn.close();
    await conn.closed;
    return new TextDecoder().decode(data);
  });
  server.close();
  return answer;
}

describe("two hosts in one process", () => {
  test("a TCP echo takes the time that the network takes", async () => {
    const ms = await sim.run(1, { latencyMs: 100 }, async (net) => {
      expect(await tcpEcho(net)).toBe("hello");
      return sim.now();
    });
    /* A round trip for the handshake, one for the echo, one for the ends. */
    expect(ms).toBeGreaterThanOrEqual(600);
    expect(ms).toBeLessThan(700);
  });

  test("a WebSocket echo, with the classes of each host", async () => {
    await sim.run(2, { latencyMs: 20, jitterMs: 5 }, async (net) => {
      const { WebSocketServer } = net.host("server");
      const server = new WebSocketServer("", 80, { onMessage: (socket, message) => socket.send(message) });
      await server.opened;
      expect(server.addr()).toBe("0.0.0.0:80");
      const client = new (net.host("client").WebSocket)("ws://server/path");
      await client.opened;
      client.send("hello");
      for await (const message of client) {
        expect(message).toBe("hello");
        break;
      }
      expect(server.clients.size).toBe(1);
      expect(client.close()).toBeUndefined();
      expect(await client.closed).toMatchObject({ code: 1005, wasClean: true });
      await server.close();
    });
  });

  test("of a name's addresses only those are tried that a policy allows", async () => {
    const dns = { "both.test": ["10.0.0.2", "10.0.0.3"], "inner.test": ["10.0.0.2"] };
    await sim.run("policy", { dns }, async (net) => {
      const [inner, outer, client] = [net.host("inner"), net.host("outer"), net.host("client")];
      expect([inner.address, outer.address]).toEqual(dns["both.test"]);
      const servers = [inner, outer].map(({ TcpServer }) => new TcpServer("", 7));
      for (const server of servers) await server.opened;
      const policy = { deny: ["10.0.0.2", "fd00::/8"] };
      const conn = new client.TcpConnection("both.test", 7, { policy });
      await conn.opened;
      expect(conn.remoteAddr()).toBe("10.0.0.3:7");
      for (const name of ["inner.test", "inner"]) {
        await expect(new client.TcpConnection(name, 7, { policy }).opened).rejects.toMatchObject({
          code: "ERR_POLICY",
        });
      }
      conn.close();
      for (const server of servers) server.close();
    });
  });

  test("HTTP and UDP", async () => {
    await sim.run("http", async (net) => {
      const a = net.host("a");
      const b = net.host("b");
      const server = new a.TcpServer("", 8080);
      await server.opened;
      a.http.serve(server, (request) => ({ status: 200, body: JSON.stringify({ path: request.path }) }));
      const response = await b.http.request({ method: "GET", url: "http://a:8080/it" });
      expect(response).toMatchObject({ status: 200, body: { path: "/it" } });
      const bound = new a.UdpSocket("", 53);
      const socket = new b.UdpSocket("", 0);
      await socket.sendTo("ping", "a", 53);
      const { data, address } = await bound.recvFrom();
      expect(new TextDecoder().decode(data)).toBe("ping");
      expect(address).toContain(b.address);
    });
  });
});

describe("a run", () => {
  const digestOf = (seed: number) =>
    sim.run(seed, { latencyMs: 5, jitterMs: 20, partialRead: 0.5, partialWrite: 0.5 }, async (net) => {
      await tcpEcho(net);
      return net.digest;
    });

  test("is the same for the same seed, and another one for another seed", async () => {
    const first = await digestOf(1);
    expect(await digestOf(1)).toBe(first);
    expect(await digestOf(2)).not.toBe(first);
  });

  test("has simulated timers, dates and chance, and restores the real ones", async () => {
    const real = { setTimeout, Date, performance, random: Math.random };
    const found = await sim.run(7, { startMs: 1_000 }, async (net) => {
      const started = [Date.now(), performance.now(), new Date().toISOString(), new Date(5).getTime()];
      const begun = setTimeout(() => {}, 10);
      clearTimeout(begun);
      let ticks = 0;
      const ticking = setInterval(() => ticks++, 1_000);
      await sim.advance(3_600_500);
      clearInterval(ticking);
      await expect(
        new Promise((_, reject) => {
          const signal = AbortSignal.timeout(10_000);
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
      ).rejects.toMatchObject({ name: "TimeoutError" });
      net.host("late").jumpClock(-500);
      const late = net.host("late").run(() => Date.now());
      expect(new Date() instanceof Date).toBe(true);
      return { started, ticks, now: sim.now(), late: Date.now() - late, random: Math.random() };
    });
    expect(found).toMatchObject({
      started: [1_000, 0, "1970-01-01T00:00:01.000Z", 5],
      ticks: 3_600,
      now: 3_610_500,
      late: 500,
    });
    expect(await sim.run(7, () => Math.random())).toBe(found.random);
    expect({ setTimeout, Date, performance, random: Math.random }).toEqual(real);
  });

  test("ends with an error that names the seed if the program fails, a callback throws, or nothing can happen", async () => {
    const seed = /\n\nIn a simulation, after 5.000 ms. The seed 3 does it again.$/;
    const failing = async () => {
      await sim.advance(5);
      throw new Error("wrong");
    };
    await expect(sim.run(3, failing)).rejects.toThrow(seed);
    const throwing = async (net: SimNetwork) => {
      net.host("a").run(() =>
        setTimeout(() => {
          throw new Error("wrong");
        }, 5),
      );
      await sim.advance(10);
    };
    await expect(sim.run(3, throwing)).rejects.toThrow(seed);
    const stuck = sim.run(3, () => new Promise(() => {}));
    await expect(stuck).rejects.toMatchObject({ code: "ERR_STATE" });
    const endless = { maxMs: 1e6, pauses: { everyMs: 10, forMs: 1 } };
    await expect(sim.run(3, endless, () => new Promise(() => {}))).rejects.toMatchObject({ code: "ERR_DEADLINE" });
    await expect(sim.run(3, { maxMs: 100 }, () => sim.advance(101))).rejects.toMatchObject({ code: "ERR_DEADLINE" });
  });

  test("refuses wrong options and a second simulation at the same time", async () => {
    const run = (options: object) => sim.run(1, options, () => {});
    await expect(run({ latency: 3 })).rejects.toThrow('unknown option "latency"; did you mean "latencyMs"?');
    await expect(run({ reset: 2 })).rejects.toThrow("reset must be a number from 0 to 1, not 2");
    await expect(run({ pauses: { everyMs: 3 } })).rejects.toThrow("pauses.forMs is missing");
    await expect(sim.run(1, () => sim.run(2, () => {}))).rejects.toMatchObject({ code: "ERR_STATE" });
    expect(() => sim.now()).toThrow("sim.now: no simulation runs");
  });
});
