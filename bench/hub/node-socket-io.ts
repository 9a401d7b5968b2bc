/** A node of socket.io: a server with the adapter for Redis. */
import { once } from "node:events";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { JOINED, type NodeOrder, type Report, read, topicName, topicsFrom } from "./protocol.ts";

const RETRY_MS = 50;

/** Starts the node; it reports its port, and when its clients of Redis are ready. */
export async function start({ brokerPort }: NodeOrder, report: Report): Promise<void> {
  /* The adapter does not catch what its client of Redis rejects while the connection is broken; that would end the process. */
  process.on("unhandledRejection", () => {});
  const publisher = createClient({
    socket: { host: "127.0.0.1", port: brokerPort, reconnectStrategy: () => RETRY_MS },
  });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on("error", () => {});
  const up = Promise.all([publisher.connect(), subscriber.connect()]);
  const http = createServer();
  const io = new Server(http, {
    transports: ["websocket"],
    serveClient: false,
    adapter: createAdapter(publisher, subscriber),
  });
  io.on("connection", (socket) => {
    socket.on("r", async (text: string) => {
      const request = read(text);
      if (request.kind === "publish") {
        io.to(topicName(request.topic)).emit("m", request.message);
        return;
      }
      await socket.join(topicsFrom(request.topic, request.count));
      socket.emit("m", JOINED);
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const address = http.address();
  report({ kind: "port", port: typeof address === "object" && address !== null ? address.port : 0 });
  await up;
  report({ kind: "up" });
}
