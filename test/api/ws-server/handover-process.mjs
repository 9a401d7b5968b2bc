// Serves the socket that it was started with, and closes its clients over a second when it is asked to end.
import { TcpServer, WebSocketServer } from "../../../dist/index.js";

const server = new WebSocketServer(TcpServer.inherit(3), { onMessage: (socket, text) => socket.send(text) });
await server.opened;
console.log("serving");
process.once("SIGTERM", () => server.close({ spreadMs: 1000 }));
