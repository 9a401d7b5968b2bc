/** What servers and hubs count, as text of OpenMetrics. */
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { http, type Metric, openMetrics, TcpConnection, TcpServer, WebSocket, WebSocketServer } from "twinwire";
import { Hub, MemoryBroker } from "twinwire/hub";
import { parseOpenMetrics } from "../support/open-metrics.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { thrown } from "./support.ts";

afterEach(endPeers);

/** The values of a text by their names, of one label or none. */
function values(text: string, labels = ""): Record<string, number | undefined> {
  const all = [...parseOpenMetrics(text)].flatMap(([name, { samples }]) =>
    samples.has(labels) ? [[name, samples.get(labels)] as const] : [],
  );
  return Object.fromEntries(all);
}

async function listen(): Promise<TcpServer> {
  const server = new TcpServer("127.0.0.1", 0);
  await server.opened;
  atEnd(() => server.close());
  return server;
}

test("a WebSocketServer counts its clients, topics and what waits", async () => {
  const server = new WebSocketServer("127.0.0.1", 0, { onConnection: (socket) => socket.subscribe("news") });
  await server.opened;
  atEnd(() => server.close());
  const client = new WebSocket(`ws://${server.addr()}/`);
  atEnd(() => client.close());
  await until(() => server.clients.size === 1, "the client");
  expect(values(server.metrics())).toEqual({
    twinwire_ws_clients: 1,
    twinwire_ws_accepted: 1,
    twinwire_ws_buffered_bytes: 0,
    twinwire_ws_topics: 1,
    twinwire_ws_subscriptions: 1,
    twinwire_ws_refused_connections: 0,
    twinwire_ws_refused_handshakes: 0,
    twinwire_ws_refused_messages: 0,
  });
  expect(values(openMetrics({ chat: server }), '{name="chat"}')).toEqual(values(server.metrics()));
});

test("a TcpServer counts what it has accepted, and what waits to be taken", async () => {
  const server = await listen();
  const clients = [1, 2].map(
    () => new TcpConnection(server.addr().split(":")[0] ?? "", Number(server.addr().split(":")[1])),
  );
  for (const client of clients) atEnd(() => client.close());
  await Promise.all(clients.map((client) => client.opened));
  await until(() => server.canAccept, "a connection");
  (await server.accept()).close();
  const of = (): Record<string, number | undefined> => values(openMetrics({ tcp: server }), '{name="tcp"}');
  await until(() => Object.entries(of()).join().includes("twinwire_tcp_accepted,2"), "both");
  expect(of()).toMatchObject({ twinwire_tcp_waiting: 1, twinwire_tcp_refused_connections: 0 });
  server.close();
  expect(of()).toMatchObject({ twinwire_tcp_accepted: 2, twinwire_tcp_waiting: 0 });
});

test("an HTTP server counts requests, handlers that fail, and what is no HTTP", async () => {
  const listener = await listen();
  const server = http.serve(
    listener,
    ({ path }) => {
      if (path === "/bad") throw new Error("a bug");
      return { body: "x" };
    },
    { onError: () => {} },
  );
  const url = `http://${listener.addr()}`;
  await http.request({ method: "GET", url });
  await http.request({ method: "GET", url: `${url}/bad` });
  const socket = connect(Number(listener.addr().split(":").at(-1)), "127.0.0.1", () => socket.write("no HTTP\r\n\r\n"));
  socket.on("error", () => {});
  await within(new Promise((resolve) => socket.resume().on("close", resolve)), "the end");
  expect(values(openMetrics({ api: server }), '{name="api"}')).toMatchObject({
    twinwire_http_requests: 2,
    twinwire_http_failed: 1,
    twinwire_http_invalid: 1,
    twinwire_tcp_accepted: 2,
  });
  await server.close();
  expect(values(openMetrics({ api: server }), '{name="api"}')).toMatchObject({ twinwire_http_connections: 0 });
});

test("a hub counts topics, memberships and messages", async () => {
  const broker = new MemoryBroker();
  const hub = new Hub(broker.driver());
  atEnd(() => hub.close());
  const server = new WebSocketServer("127.0.0.1", 0, { onConnection: (socket) => hub.join(socket, "news") });
  await server.opened;
  atEnd(() => server.close());
  const client = new WebSocket(`ws://${server.addr()}/`);
  atEnd(() => client.close());
  await until(() => hub.stats().memberships === 1, "the member");
  await hub.publish("news", "one");
  broker.stop();
  await hub.publish("news", "two");
  expect(values(openMetrics({ hub }), '{name="hub"}')).toEqual({
    twinwire_hub_up: 0,
    twinwire_hub_topics: 1,
    twinwire_hub_memberships: 1,
    twinwire_hub_pending: 0,
    twinwire_hub_published_everywhere: 1,
    twinwire_hub_published_here: 1,
    twinwire_hub_received: 1,
    twinwire_hub_gaps: 0,
  });
});

describe("the text", () => {
  const source = (...metrics: Metric[]) => ({ measure: () => metrics });
  const gauge = (name: string, value: number, help = "Something."): Metric => ({ name, kind: "gauge", help, value });

  test("has each family once, with the samples of all sources", () => {
    const text = openMetrics({ one: source(gauge("a", 1), gauge("b", 2)), two: source(gauge("a", 3)) });
    expect(Object.fromEntries(parseOpenMetrics(text).get("a")?.samples ?? [])).toEqual({
      '{name="one"}': 1,
      '{name="two"}': 3,
    });
  });

  test("escapes names and helps, and has every number", () => {
    const odd = 'a"b\\c\nd';
    const all = [0, 1.5, 1e21, 5e-324, -1, Infinity, -Infinity, Number.NaN];
    for (const value of all) {
      const [family] = parseOpenMetrics(openMetrics({ [odd]: source(gauge("a", value, odd)) })).values();
      expect([...(family?.samples ?? [])]).toEqual([[String.raw`{name="a\"b\\c\nd"}`, value]]);
      expect(family?.help).toBe(String.raw`a\"b\\c\nd`);
    }
  });

  test("of no sources is the end only", () => expect(openMetrics({})).toBe("# EOF\n"));

  test("what can't be written is refused", () => {
    const wrong: Record<string, never>[] = [
      { one: {} as never },
      { one: source(gauge("1a", 1)) as never },
      { one: source(gauge("", 1)) as never },
      { one: source(gauge("a", 1)) as never, two: source({ ...gauge("a", 1), kind: "counter" }) as never },
    ];
    for (const sources of wrong) expect(thrown(() => openMetrics(sources)).code).toBe("ERR_ARGUMENT");
  });
});

test("the parser of these tests is strict", () => {
  const good = "# TYPE a counter\n# HELP a Some.\na_total 1\n# EOF\n";
  expect(parseOpenMetrics(good).get("a")?.samples.get("")).toBe(1);
  const bad = [
    "",
    "# EOF",
    good.slice(0, -1),
    `${good}\n`,
    good.replace("a_total", "a"),
    good.replace("a_total 1", "a_total  1"),
    good.replace("a_total 1", "a_total -1"),
    good.replace("a_total 1", "a_total{b=c} 1"),
    good.replace("a_total 1\n", ""),
    good.replace("a_total 1\n", "a_total 1\na_total 2\n"),
    good.replace("# EOF", "# TYPE a counter\na_total 1\n# EOF"),
    good.replace("# TYPE a counter\n", ""),
    good.replace("# EOF", "\n# EOF"),
  ];
  for (const text of bad) expect(() => parseOpenMetrics(text)).toThrow();
});
