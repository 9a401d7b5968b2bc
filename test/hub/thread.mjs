// A hub in a worker thread, of the package as it was built. It publishes and joins nothing: it has one member, and a server.
import { parentPort, workerData } from "node:worker_threads";
import { Hub, PortDriver } from "../../dist/hub.js";
import { WebSocketServer } from "../../dist/index.js";

const allow = ({ socket }) => ({ member: socket.request.query });
const hub = new Hub(new PortDriver(workerData.port), { history: 10_000, leaseMs: 1500, timeoutMs: 1500, allow });
const server = new WebSocketServer("127.0.0.1", 0, { onMessage: (socket, message) => hub.receive(socket, message) });
await server.opened;
hub.on("up", () => parentPort.postMessage(`up ${server.addr()}`));
parentPort.on("message", (flag) => Atomics.wait(new Int32Array(flag), 0, 0));
