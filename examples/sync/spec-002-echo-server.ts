// net, "Complete Example: Echo Server", by calls that wait: each client has a thread. Start it with an address and a port, for
// example
//   node build/tools/examples/sync/spec-002-echo-server.js 0.0.0.0 9000

import { writeSync } from "node:fs";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { Conn, TcpServer } from "twinwire/sync";

const [host = "0.0.0.0", port = "9000"] = process.argv.slice(2);

/** What threads print by `console.log` passes through the main thread, which waits in `accept`. */
function println(line: string): void {
  writeSync(1, `${line}\n`);
}

function handleClient(client: Conn): void {
  println(`Client connected: ${client.remoteAddr()}`);
  while (true) {
    const data = client.read(4096);
    if (data.length === 0) {
      println("Client disconnected");
      break;
    }
    // Echo back
    client.writeAll(data);
  }
  client.close();
}

function main(): void {
  const server = new TcpServer(host, Number(port));
  println(`Echo server listening on ${server.addr()}`);

  while (true) {
    const client = server.accept();
    // spawn handleClient(client)
    new Worker(new URL(import.meta.url), { workerData: client.share() });
  }
}

if (isMainThread) {
  main();
} else {
  try {
    handleClient(Conn.from(workerData));
  } catch (error) {
    // A client that fails ends its own conversation only.
    println((error as Error).message);
  }
}
