// Threads: one that calls while its parent waits, and one whose parent ends. The argument is the port of an echo server.
import { writeSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Conn, TcpConnection } from "twinwire/sync";

const println = (line) => writeSync(1, `${line}\n`);

if (isMainThread) {
  const [port] = process.argv.slice(2).map(Number);
  const [one, two] = [new TcpConnection("127.0.0.1", port), new TcpConnection("127.0.0.1", port)];
  // The thread reads what is written here, and answers by way of the server.
  new Worker(new URL(import.meta.url), { workerData: [one.share(), two.share()] });
  one.writeAll("ping");
  println(`main ${new TextDecoder().decode(two.readExact(4))}`);
  // A thread with an engine of its own passes a connection to this one, and ends.
  const child = new Worker(new URL(import.meta.url), { workerData: port });
  child.once("message", (shared) => {
    child.once("exit", () => {
      try {
        Conn.from(shared).read();
        println("returned");
      } catch (error) {
        println(error.code);
      }
      process.exit(0);
    });
    child.postMessage("end");
  });
} else if (typeof workerData === "number") {
  parentPort.postMessage(new TcpConnection("127.0.0.1", workerData).share());
  parentPort.once("message", () => process.exit(0));
} else {
  const [one, two] = workerData.map((it) => Conn.from(it));
  println(`thread ${new TextDecoder().decode(one.readExact(4))}`);
  two.writeAll("pong");
}
