/** What asks a server: a process of its own, which does as little as it can for each response. */
import { connect } from "node:net";
import type { LoadAnswer, LoadOrder } from "./protocol.ts";

/** The length of the first response is that of all, since all are alike. */
const LENGTH = /\r\ncontent-length: (\d+)\r\n/i;

let count = 0;

/** Opens a connection, and reports when it is ready. `asks`: whether requests are sent on it. */
function open(order: LoadOrder, asks: boolean, failed: (error: Error) => void): Promise<() => void> {
  const { port, opening, request, inFlight, answerSize } = order;
  const one = Buffer.from(request, "latin1");
  const many = Buffer.concat(Array.from({ length: inFlight }, () => one));
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let first = "";
  let size = answerSize;
  let got = 0;
  let open = opening === "";
  let ready: (begin: () => void) => void = () => {};
  const begin = (): void => void (asks && socket.write(many));
  socket.on("connect", () => {
    if (open) ready(begin);
    else socket.write(opening);
  });
  socket.on("error", failed);
  socket.on("close", () => failed(new Error("the server closed the connection")));
  socket.on("data", (data: Buffer) => {
    if (!open) {
      first += data.toString("latin1");
      open = first.endsWith("\r\n\r\n");
      if (open) ready(begin);
      return;
    }
    got += data.length;
    if (size === 0) {
      first += data.toString("latin1");
      const end = first.indexOf("\r\n\r\n") + 4;
      const length = LENGTH.exec(first.slice(0, end))?.[1];
      if (end < 4) return;
      if (!first.startsWith("HTTP/1.1 200 ") || length === undefined)
        failed(new Error(`not answered by 200: ${first}`));
      size = end + Number(length);
    }
    const whole = Math.floor(got / size);
    if (whole === 0) return;
    got -= whole * size;
    count += whole;
    if (asks) socket.write(whole === 1 ? one : many.subarray(0, whole * one.length));
  });
  return new Promise((resolve) => {
    ready = resolve;
  });
}

/** The share of a processor that this process has taken since. */
function share(since: NodeJS.CpuUsage, begin: number): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000 / (performance.now() - begin);
}

process.on("message", (message) => {
  const order = message as LoadOrder;
  const answer = (it: LoadAnswer): void => void process.send?.(it);
  const failed = (error: Error): void => answer({ failed: error.message });
  const opened = Array.from({ length: order.connections }, (_, at) => open(order, at === 0 || !order.oneAsks, failed));
  Promise.all(opened).then((begins) => {
    for (const begin of begins) begin();
    setTimeout(measure, order.settleMs);
  });
  const measure = (): void => {
    count = 0;
    const begin = performance.now();
    const cpu = process.cpuUsage();
    answer({ begun: true });
    setTimeout(() => answer({ count, ms: performance.now() - begin, cpu: share(cpu, begin) }), order.measureMs);
  };
});
process.on("disconnect", () => process.exit(0));
