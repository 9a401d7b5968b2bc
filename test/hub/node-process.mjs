// A node in a process of its own: a hub and a WebSocket server, of the package as it was built.
//   node node-process.mjs redis|nats PORT LEASE_MS CLOCK_MS     CLOCK_MS is how much this process's clock is wrong
import * as nats from "@nats-io/transport-node";
import { createClient } from "redis";
import { Hub, NatsDriver, RedisDriver } from "../../dist/hub.js";
import { WebSocketServer } from "../../dist/index.js";

const [kind, port = "0", leaseMs = "1500", clockMs = "0"] = process.argv.slice(2);
const now = Date.now;
Date.now = () => now() + Number(clockMs);

function driver() {
  if (kind === "nats") return new NatsDriver(nats, { servers: `127.0.0.1:${port}`, reconnectTimeWait: 50 });
  const client = createClient({ socket: { host: "127.0.0.1", port: Number(port), reconnectStrategy: () => 50 } });
  client.on("error", () => {});
  return new RedisDriver(client);
}

const allow = ({ socket }) => ({ member: decodeURIComponent(socket.request.query) });
const hub = new Hub(driver(), { history: 500, leaseMs: Number(leaseMs), timeoutMs: 1500, allow });
const server = new WebSocketServer("127.0.0.1", 0, { onMessage: (socket, message) => hub.receive(socket, message) });
await server.opened;
hub.on("up", () => console.log(`up ${server.addr()}`));
