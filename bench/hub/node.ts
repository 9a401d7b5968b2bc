/** The program of a node: a process, or a thread beside a broker in memory. It serves until its parent leaves. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { Contender } from "../contenders.ts";
import type { NodeOrder, NodeReport, Report, UsageRequest } from "./protocol.ts";

/** What a thread is given. */
export interface ThreadData {
  readonly order: NodeOrder;
  readonly port: MessagePort;
}

/** Starts what a contender's file exports; only its own code is loaded. */
async function start(order: NodeOrder, report: Report, port?: MessagePort): Promise<void> {
  if (order.contender === Contender.SOCKET_IO) await (await import("./node-socket-io.ts")).start(order, report);
  else await (await import("./node-twinwire.ts")).start(order, report, port);
}

/** What this process has used, once the garbage is gone where its flags allow to collect it. */
async function usage(): Promise<NodeReport> {
  const { gc } = globalThis as { gc?: () => void };
  for (let round = 0; gc !== undefined && round < 4; round++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { user, system } = process.cpuUsage();
  const { heapUsed, external } = process.memoryUsage();
  return { kind: "usage", memory: heapUsed + external, cpuMicros: user + system };
}

if (parentPort === null) {
  const report: Report = (it) => process.send?.(it);
  process.once("message", (order: NodeOrder) => {
    process.on("message", async (_request: UsageRequest) => report(await usage()));
    start(order, report).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
  process.on("disconnect", () => process.exit(0));
} else {
  const { order, port } = workerData as ThreadData;
  const parent = parentPort;
  await start(order, (it) => parent.postMessage(it), port);
}
