/** A node of twinwire: a WebSocket server with a hub. */
import type { MessagePort } from "node:worker_threads";
import * as nats from "@nats-io/transport-node";
import { createClient } from "redis";
import { type ServerSocket, WebSocketServer } from "twinwire";
import { Hub, type HubDriver, NatsDriver, PortDriver, RedisDriver } from "twinwire/hub";
import { brokerOf } from "./broker.ts";
import { JOINED, type NodeOrder, type Report, read, topicName, topicsFrom } from "./protocol.ts";

/** How long clients of brokers wait before they connect again, in ms. */
const RETRY_MS = 50;

function driverOf({ contender, brokerPort }: NodeOrder, port: MessagePort | undefined): HubDriver {
  if (port !== undefined) return new PortDriver(port);
  if (brokerOf(contender) === "nats") {
    return new NatsDriver(nats, { servers: `127.0.0.1:${brokerPort}`, reconnectTimeWait: RETRY_MS });
  }
  const client = createClient({
    socket: { host: "127.0.0.1", port: brokerPort, reconnectStrategy: () => RETRY_MS },
  });
  client.on("error", () => {});
  return new RedisDriver(client);
}

/** Starts the node; it reports its port, what its hub notices, and who joins and leaves. */
export async function start(order: NodeOrder, report: Report, port?: MessagePort): Promise<void> {
  const { leaseMs, timeoutMs, maxTopics } = order;
  const hub = new Hub(driverOf(order, port), { leaseMs, timeoutMs, maxTopics });
  for (const kind of ["up", "down", "gap"] as const) hub.on(kind, () => report({ kind }));
  for (const kind of ["joined", "left"] as const) {
    hub.on(kind, ({ member }) => report({ kind, member: `${member.data}` }));
  }
  const answer = async (socket: ServerSocket, text: string): Promise<void> => {
    const request = read(text);
    if (request.kind === "publish") {
      await hub.publish(topicName(request.topic), request.message);
      return;
    }
    const options = request.member === "" ? {} : { member: request.member };
    await Promise.all(topicsFrom(request.topic, request.count).map((it) => hub.join(socket, it, options)));
    socket.send(JOINED);
  };
  const server = new WebSocketServer("127.0.0.1", 0, { onMessage: (socket, text) => answer(socket, `${text}`) });
  await server.opened;
  report({ kind: "port", port: Number(server.addr().split(":").at(-1)) });
}
