/** What asks a server: a process of its own, which does as little as it can for each response. */
import { connect } from "node:net";
import type { LoadAnswer, LoadOrder } from "./protocol.ts";

/** The first response tells how long each one is, as all are alike. */
const LENGTH = /\r\ncontent-length: (\d+)\r\n/i;

let count = 0;

function open({ port, request, inFlight }: LoadOrder, failed: (error: Error) => void): void {
  const one = Buffer.from(request, "latin1");
  const many = Buffer.concat(Array.from({ length: inFlight }, () => one));
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let first = "";
  let size = 0;
  let got = 0;
  socket.on("connect", () => socket.write(many));
  socket.on("error", failed);
  socket.on("close", () => failed(new Error("the server closed the connection")));
  socket.on("data", (data: Buffer) => {
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
    socket.write(whole === 1 ? one : many.subarray(0, whole * one.length));
  });
}

process.on("message", (message) => {
  const order = message as LoadOrder;
  const answer = (it: LoadAnswer): void => void process.send?.(it);
  const failed = (error: Error): void => answer({ failed: error.message });
  for (let index = 0; index < order.connections; index++) open(order, failed);
  setTimeout(() => {
    count = 0;
    const begin = performance.now();
    answer({ begun: true });
    setTimeout(() => answer({ count, ms: performance.now() - begin }), order.measureMs);
  }, order.settleMs);
});
process.on("disconnect", () => process.exit(0));
