// One of the processes of the chat: a WebSocket server with a hub, and the page. It gets its port and Redis from main.ts.

import { readFile } from "node:fs/promises";
import { createClient } from "redis";
import { type HttpReply, WebSocketServer } from "twinwire";
import { Hub, RedisDriver } from "twinwire/hub";

const HISTORY = 5_000;
const LEASE_MS = 1_500;
const MOST_NAME = 40;

/** Serves at a port of 127.0.0.1, which the processes of the cluster share. */
export async function serve(port: number, redisUrl: string): Promise<void> {
  const client = createClient({ url: redisUrl, socket: { reconnectStrategy: () => 100 } });
  client.on("error", () => {});
  const hub = new Hub(new RedisDriver(client, { prefix: "chat-cluster" }), {
    history: HISTORY,
    leaseMs: LEASE_MS,
    allow: ({ action, socket }) => action === "publish" || { member: nameOf(socket.request.query) },
  });
  const files: Readonly<Record<string, readonly [string, URL]>> = {
    "/": ["text/html", new URL("../../../../examples/chat-cluster/page.html", import.meta.url)],
    "/hub-client.js": ["text/javascript", new URL(import.meta.resolve("twinwire/hub-client"))],
  };
  const server = new WebSocketServer("127.0.0.1", port, {
    maxMessage: 4_096,
    heartbeat: { intervalMs: 10_000, timeoutMs: 5_000 },
    onMessage: (socket, message) => hub.receive(socket, message) ?? socket.close(1003, "not a request to the hub"),
    onRequest: async ({ path, query }): Promise<HttpReply> => {
      if (path === "/members") return members(hub, decodeURIComponent(query));
      const [type, url] = files[path] ?? [];
      if (type === undefined || url === undefined) return { status: 404 };
      return { headers: { "content-type": `${type}; charset=utf-8` }, body: await readFile(url, "utf8") };
    },
  });
  await server.opened;
}

async function members(hub: Hub, topic: string): Promise<HttpReply> {
  try {
    const names = (await hub.members(topic)).map(({ data }) => data);
    const process = { process: globalThis.process.pid, names };
    return { headers: { "content-type": "application/json" }, body: JSON.stringify(process) };
  } catch {
    return { status: 503, body: "the broker can't be reached, or this is no topic\n" };
  }
}

function nameOf(query: string): string {
  try {
    return decodeURIComponent(query).slice(0, MOST_NAME) || "somebody";
  } catch {
    return "somebody";
  }
}
