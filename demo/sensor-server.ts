/**
 * A WebSocket server in a process of its own. To each client it sends, ten times a second, how busy this machine's
 * processors were since the last time, in percent: {"n":1,"cpu":12.5}. It reports the same to the demo over the channel between the processes.
 *
 *   node sensor-server.js [port]
 */
import { type WebSocket, WebSocketServer } from "ws";
import { lies, post } from "./peer-side.ts";
import { Processors } from "./processors.ts";

const INTERVAL_MS = 100;

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), path: "/sensors" });
server.on("listening", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) post({ kind: "ready", ports: [address.port] });
});
server.on("connection", (client) => stream(client));

function stream(client: WebSocket): void {
  const processors = new Processors();
  let n = 0;
  const timer = setInterval(() => {
    const cpu = processors.busy();
    n++;
    post({ kind: "sent", text: JSON.stringify({ n, cpu }) });
    client.send(JSON.stringify({ n, cpu: lies("reading") && n === 5 ? cpu + 0.1 : cpu }));
  }, INTERVAL_MS);
  client.on("close", () => clearInterval(timer));
}
