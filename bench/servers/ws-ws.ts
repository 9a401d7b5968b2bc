/** The server of `ws`, with what it needs to send text as text, and no more. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { ServeCase } from "../cases.ts";

/** Starts a server that echoes each message, or broadcasts it; returns its port. */
export async function start(task: ServeCase["task"]): Promise<number> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => {
      /* As text it is decoded, which is what the other server's application gets. */
      const message = isBinary ? data : data.toString();
      if (task === "echo") socket.send(message);
      else for (const client of server.clients) if (client.readyState === WebSocket.OPEN) client.send(message);
    });
  });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
