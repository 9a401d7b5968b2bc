/** twinwire's WebSocketServer. */
import { WebSocketServer } from "twinwire";
import type { ServeCase } from "../cases.ts";

/** Starts a server that echoes each message, or broadcasts it; returns its port. */
export async function start(task: ServeCase["task"]): Promise<number> {
  const server = new WebSocketServer("127.0.0.1", 0, {
    onMessage: (socket, message) => {
      if (task === "echo") socket.send(message);
      else server.broadcast(message);
    },
  });
  await server.opened;
  return Number(server.addr().split(":")[1]);
}
