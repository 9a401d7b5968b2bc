// How a program ends: "return", "exit", "throw", "handler", "idle". Arguments: the way, and the port of a peer that counts.
import { dial, TcpConnection } from "twinwire/sync";

const [way, port] = process.argv.slice(2);
const conn = new TcpConnection("127.0.0.1", Number(port));
if (way === "idle") {
  // An open connection does not keep the process alive.
  console.log("end");
} else if (way === "handler") {
  const listener = dial.listen("tcp", "127.0.0.1:0");
  dial.accept(listener, (client) => {
    client.writeAll("bye\n");
    client.close();
    conn.close();
    dial.close(listener);
  });
  console.log(listener.addr());
} else {
  // What was written is sent, whatever follows.
  conn.writeAll(new Uint8Array(3_000_000));
  if (way !== "open") conn.close();
  if (way === "exit") process.exit(3);
  if (way === "throw") throw new Error("an uncaught exception");
}
