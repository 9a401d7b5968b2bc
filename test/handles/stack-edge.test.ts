/** An application that runs into the end of its stack while it sends: what was sent leaves, and whole. */
import { afterEach, expect, test } from "@jest/globals";
import { net, ws } from "twinwire/handles";
import { TcpClient, WsClient } from "../interop/client.ts";
import { endPeers, tcpPeer, wsPeer } from "../support/peers.ts";
import { pause, until } from "../support/wait.ts";

const ROUNDS = 300;

afterEach(endPeers);

/** Calls `call` where so little of the stack is left that it can throw, then again and again with a little more. */
function atTheEdge(call: () => void, frame: number): void {
  const deeper = (size: number): number => {
    try {
      return deeper(size) + size;
    } catch (error) {
      call();
      return Number(error instanceof RangeError);
    }
  };
  try {
    deeper(frame);
  } catch {
    /* Even the last call had too little. */
  }
}

test("messages of a WebSocket", async () => {
  const received: string[] = [];
  const { url } = await wsPeer((socket) => socket.on("message", (data) => received.push(String(data))));
  const { handle } = await WsClient.open(url);
  const text = "x".repeat(300);
  let sent = 0;
  for (let round = 0; round < ROUNDS; round++) {
    atTheEdge(() => {
      if (ws.send(handle, text) > 0) sent += 1;
    }, round);
    if (round % 10 === 0) await pause(0);
  }
  expect(sent).toBeGreaterThan(0);
  await until(() => received.length === sent, "all that was sent");
  expect(received.every((it) => it === text)).toBe(true);
  expect(ws.state(handle)).toBe("open");
});

test("bytes of a stream, without a later send that would take them along", async () => {
  let received = 0;
  const { port } = await tcpPeer((socket) => socket.on("data", (data) => (received += data.length)));
  const { handle } = await TcpClient.open("127.0.0.1", port);
  let sent = 0;
  for (let round = 0; round < ROUNDS; round++) {
    atTheEdge(() => {
      sent += Math.max(0, net.send(handle, "x"));
    }, round);
    if (round % 10 === 0) await until(() => received === sent, `the bytes of round ${round}`);
  }
  await until(() => received === sent, "all that was sent");
  expect(net.bufferedAmount(handle)).toBe(0);
});
