/** What the engine has no place for: the client hears of it, and those that are here do not. */
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { afterEach, expect, test } from "@jest/globals";
import { limits, TwinwireError } from "twinwire";
import { WebSocketServer } from "twinwire/ws-compat";
import { WebSocket as Client } from "ws";
import { atEnd, endPeers } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { life, next } from "./libraries.ts";

limits({ webSockets: 2, sockets: 3 });

afterEach(endPeers);

async function serve(): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  atEnd(() => {
    for (const ws of server.clients ?? []) ws.terminate();
    server.close();
  });
  await next(server, "listening");
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("a client too many is answered by 503, and the next one has its place", async () => {
  const { server, url } = await serve();
  server.on("connection", (ws) => ws.on("message", (data) => ws.send(data)));
  const open: Client[] = [];
  let log: unknown[][] = [];
  while (log.length === 0 && open.length < 10) {
    const client = new Client(url);
    const end = life(client);
    await until(() => client.readyState !== client.CONNECTING, "an answer");
    if (client.readyState === client.OPEN) open.push(client);
    else log = await end;
  }
  expect(open.length).toBe(2);
  expect(log[0]).toEqual(["error", { name: "Error", code: undefined, message: "Unexpected server response: 503" }]);
  const [first, second] = open as [Client, Client];
  second.send("still here");
  expect(String((await next(second, "message"))[0])).toBe("still here");
  first.close();
  await next(first, "close");
  const again = new Client(url);
  await next(again, "open");
});

test("what is no connection of the runtime's can't be taken over", () => {
  const server = new WebSocketServer({ noServer: true });
  const headers = {
    upgrade: "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
  };
  const request = { method: "GET", url: "/", headers, socket: {} } as unknown as IncomingMessage;
  let error: unknown;
  try {
    server.handleUpgrade(request, new PassThrough(), Buffer.alloc(0), () => {});
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(TwinwireError);
  expect((error as TwinwireError).code).toBe("ERR_ARGUMENT");
});
