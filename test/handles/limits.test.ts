import { afterAll, expect, test } from "@jest/globals";
import { lastError, limits, net, TwinwireError, ws } from "twinwire/handles";
import { endPeers, tcpPeer } from "../support/peers.ts";
import { Inbox } from "../support/wait.ts";

/* One engine serves a process, and its limits are fixed by the first open: the order of these tests matters. */

afterAll(endPeers);

function thrown(call: () => unknown): TwinwireError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(TwinwireError);
    return error as TwinwireError;
  }
  throw new Error("nothing was thrown");
}

test("without an argument it returns the limits in force", () => {
  expect(limits()).toMatchObject({ sockets: 8192, webSockets: 8192, closeTimeoutMs: 5000 });
  expect(net.isUp()).toBe(true);
  expect(limits({}).sockets).toBe(8192);
});

test("a limit that is none, or out of its range, is refused by a message with the allowed range", () => {
  const unknown = thrown(() => limits(JSON.parse('{"sokets": 4}')));
  expect(unknown.code).toBe("ERR_ARGUMENT");
  expect(unknown.message).toContain('"sokets"');
  expect(unknown.message).toContain("webSockets");
  for (const sockets of [-1, 16_385, 1.5, Number.NaN, "4", null]) {
    const error = thrown(() => limits(JSON.parse(`{"sockets": ${JSON.stringify(sockets)}}`)));
    expect(error.code).toBe("ERR_ARGUMENT");
    expect(error.message).toContain("sockets is a whole number from 0 to 16384");
  }
  expect(thrown(() => limits({ stageBuffer: 0 })).message).toContain("from 1024");
  for (const wrong of [7, "sockets", null]) {
    expect(thrown(() => limits(JSON.parse(JSON.stringify(wrong)))).code).toBe("ERR_ARGUMENT");
  }
  expect(limits().sockets).toBe(8192);
});

test("limits add up until the first open, and a larger sendBuffer has a larger way in", () => {
  limits({ sockets: 2 });
  expect(limits({ webSockets: 1, sendBuffer: 4_194_304, recvBuffer: 1024 })).toMatchObject({
    sockets: 2,
    webSockets: 1,
    sendBuffer: 4_194_304,
    stageBuffer: 4_194_304,
  });
});

test("a full table refuses with -1, and a closed handle makes room", async () => {
  const { port } = await tcpPeer((socket) => socket.pipe(socket));
  const first = net.tcpConnect("127.0.0.1", port);
  const second = net.udpOpen(0);
  expect(net.tcpConnect("127.0.0.1", port)).toBe(-1);
  expect(lastError()).toMatchObject({ code: "ERR_LIMIT", step: "open", address: `127.0.0.1:${port}` });
  expect(net.udpOpen(0)).toBe(-1);
  const conn = ws.open(`ws://127.0.0.1:${port}/`);
  expect(conn).toBeGreaterThan(0);
  expect(ws.open(`ws://127.0.0.1:${port}/`)).toBe(-1);
  expect(lastError()?.code).toBe("ERR_LIMIT");
  ws.close(conn);
  net.close(second);
  await new Promise(setImmediate);
  const third = net.tcpConnect("127.0.0.1", port);
  expect(third).toBeGreaterThan(0);
  expect(third).not.toBe(second);
  expect(net.bufferedAmount(second)).toBe(-1);

  const data = new Inbox<unknown>("connected");
  net.on(third, "connected", data.push);
  await data.next();
  let echoed = 0;
  const done = new Inbox<void>("the echo");
  net.on(third, "data", ({ data: { length } }) => {
    expect(length).toBeLessThanOrEqual(1024);
    echoed += length;
    if (echoed === 3_000_000) done.push();
  });
  expect(net.send(third, "x".repeat(3_000_000))).toBe(3_000_000);
  await done.next();
  net.close(first);
  net.close(third);
});

test("after the first open limits are fixed", () => {
  const error = thrown(() => limits({ sockets: 64 }));
  expect(error.code).toBe("ERR_STARTED");
  expect(error.message).toBe(
    "ERR_STARTED: limits cannot change after the first handle was opened; call limits() before the first open",
  );
  expect(limits().sockets).toBe(2);
});
