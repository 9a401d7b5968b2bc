/** Topics of a WebSocket server: who gets what is published. */
import { once } from "node:events";
import { afterEach, expect, test } from "@jest/globals";
import { type ServerSocket, upgrade, type WebSocketServer, type WebSocketServerOptions } from "twinwire";
import type { WebSocket } from "ws";
import { endPeers } from "../../support/peers.ts";
import { until, within } from "../../support/wait.ts";
import { thrown } from "../support.ts";
import { nextOf, serve, urlOf, wsClient } from "./support.ts";

afterEach(endPeers);

interface Member {
  readonly client: WebSocket;
  readonly socket: ServerSocket;
  readonly got: string[];
}

/** A client and the server's end of it. */
async function join(server: WebSocketServer): Promise<Member> {
  const client = await wsClient(urlOf(server));
  const got: string[] = [];
  client.on("message", (data) => got.push(String(data)));
  return { client, socket: await nextOf(server), got };
}

const trio = async (options: WebSocketServerOptions = {}): Promise<[WebSocketServer, Member, Member, Member]> => {
  const server = await serve(options);
  return [server, await join(server), await join(server), await join(server)];
};

test.each<[string, WebSocketServerOptions]>([
  ["plain", {}],
  ["compressed", { deflate: { threshold: 1 } }],
])("those who subscribed get it, in order with other messages, and nobody else (%s)", async (_, options) => {
  const [server, one, two, other] = await trio(options);
  one.socket.subscribe("news");
  one.socket.subscribe("news");
  two.socket.subscribe("news");
  two.socket.subscribe("sport");
  one.socket.send("first");
  expect(server.publish("news", "1").sent).toBe(2);
  expect(server.publish("sport", "2").sent).toBe(1);
  expect(server.publish("news", "3", { except: two.socket }).sent).toBe(1);
  expect(server.publish("weather", "4")).toEqual({ sent: 0, skipped: [] });
  server.broadcast("end");
  await until(() => [one, two, other].every(({ got }) => got.at(-1) === "end"), "the end");
  expect(one.got).toEqual(["first", "1", "3", "end"]);
  expect(two.got).toEqual(["1", "2", "end"]);
  expect(other.got).toEqual(["end"]);
});

test("a subscription ends by unsubscribe and with the client, and an empty topic is forgotten", async () => {
  const [server, one, two] = await trio();
  for (const { socket } of [one, two]) for (const topic of ["a", "b"]) socket.subscribe(topic);
  expect(one.socket.subscriptions).toEqual(["a", "b"]);
  one.socket.unsubscribe("a");
  one.socket.unsubscribe("never");
  expect(one.socket.subscriptions).toEqual(["b"]);
  expect([...server.topics]).toEqual([
    ["a", 1],
    ["b", 2],
  ]);
  two.client.close();
  await within(once(two.client, "close"), "the end of a client");
  await until(() => server.clients.size === 2, "two clients");
  expect([...server.topics]).toEqual([["b", 1]]);
  expect(two.socket.subscriptions).toEqual([]);
  expect(thrown(() => two.socket.subscribe("a")).code).toBe("ERR_STATE");
  one.socket.terminate();
  await until(() => server.topics.size === 0, "no topic");
});

test("what is no topic, no message or no option", async () => {
  const [server, one] = await trio();
  expect(thrown(() => one.socket.subscribe(5 as never)).code).toBe("ERR_ARGUMENT");
  expect(thrown(() => server.publish({} as never, "x")).code).toBe("ERR_ARGUMENT");
  expect(thrown(() => server.publish("a", 5 as never)).code).toBe("ERR_ARGUMENT");
  expect(thrown(() => server.publish("a", "x", { to: [] } as never)).message).toContain('unknown option "to"');
});

test("a client of upgrade has no server", async () => {
  let socket: ServerSocket | undefined;
  const server = await serve({
    authorize: (request) => {
      socket = upgrade(request);
      return true;
    },
    onError: () => {},
  });
  await wsClient(urlOf(server));
  expect(thrown(() => socket?.subscribe("a")).code).toBe("ERR_STATE");
});
