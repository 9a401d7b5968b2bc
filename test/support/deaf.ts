/** A server that accepts nobody: whoever connects to it waits. */
import { connect } from "node:net";
import { portFrom, startChild } from "./child.ts";
import { differs } from "./host.ts";
import { atEnd } from "./peers.ts";
import { pause } from "./wait.ts";

const program = `const server = require("node:net").createServer().listen(
  { host: "127.0.0.1", port: 0, backlog: 1 },
  () => {
    require("node:fs").writeSync(1, server.address().port + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** Its port. Its queue is full, so that the system itself answers nobody any more. */
export async function deafPeer(): Promise<number> {
  const child = startChild(process.execPath, ["-e", program]);
  const port = await portFrom(child.lines, /^(\d+)$/);
  const fillers = differs("backlog") ? 600 : 4;
  for (let count = 0; count < fillers; count++) {
    const filler = connect(port, "127.0.0.1").on("error", () => {});
    atEnd(() => filler.destroy());
  }
  await pause(50);
  return port;
}
