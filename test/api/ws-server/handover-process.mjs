// A server with the address that its first argument says. When it is asked to end, it closes its clients over a second, or
// a millisecond for each:
//   inherit      the socket that it was started with, descriptor 3
//   port N       a port that it shares with other processes, by `reusePort`
//   receive      the socket that its parent passes by `process.send`
//   open         a socket of its own; at SIGUSR2 it starts its successor, passes the socket on, and ends once that serves
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { limits, TcpServer, WebSocketServer } from "../../../dist/index.js";

/* Connections wait while this process, or the clients' one, gets no processor: that is not what is tested. */
limits({ sockets: 16_384, webSockets: 16_384, connectTimeoutMs: 60_000 });

const [how, port] = process.argv.slice(2);
let listening; // of node:net

async function find() {
  if (how === "inherit") return TcpServer.inherit(3);
  if (how === "port") return new TcpServer("127.0.0.1", Number(port), { reusePort: true });
  if (how === "open") {
    listening = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
    await once(listening, "listening");
  } else {
    [, listening] = await new Promise((resolve) => process.once("message", (...given) => resolve(given)));
  }
  return TcpServer.inherit(listening);
}

const server = new WebSocketServer(await find(), {
  onMessage: (socket, text) => socket.send(text === "pid" ? `pid ${process.pid}` : text),
});
await server.opened;
const end = () => server.close({ spreadMs: Math.max(1000, server.clients.size) });
process.once("SIGTERM", end);
process.once("SIGUSR2", async () => {
  const next = fork(fileURLToPath(import.meta.url), ["receive"], { detached: true });
  next.send("serve", listening);
  await once(next, "message");
  next.disconnect();
  next.unref();
  await end();
  console.log(`ended ${process.pid}`);
});
console.log(`serving ${server.addr()} ${process.pid}`);
process.send?.("serving");
