/** A server that accepts no connection: whoever connects to it waits. */
import { connect } from "node:net";
import { portFrom, startChild } from "./child.ts";
import { differs } from "./host.ts";
import { atEnd } from "./peers.ts";
import { pause } from "./wait.ts";

const program = (
  ms: number,
): string => `const server = require("node:net").createServer((it) => it.on("error", () => {})).listen(
  { host: "127.0.0.1", port: 0, backlog: 1 },
  () => {
    require("node:fs").writeSync(1, server.address().port + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0${ms === Number.POSITIVE_INFINITY ? "" : `, ${ms}`});
  });`;

/**
 * Starts one, with a full queue, so that the system itself answers no connection any more.
 *
 * @param ms when it begins to accept. Default: never.
 * @returns its port.
 */
export async function deafPeer(ms: number = Number.POSITIVE_INFINITY): Promise<number> {
  const child = startChild(process.execPath, ["-e", program(ms)]);
  const port = await portFrom(child.lines, /^(\d+)$/);
  const fillers = differs("backlog") ? 600 : 4;
  for (let count = 0; count < fillers; count++) {
    const filler = connect(port, "127.0.0.1").on("error", () => {});
    atEnd(() => filler.destroy());
  }
  await pause(50);
  return port;
}
