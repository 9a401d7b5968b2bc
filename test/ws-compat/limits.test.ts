/** What the engine has no place for: the client receives 503, and the others go on. */
import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, expect, test } from "@jest/globals";
import { limits, type TwinwireError } from "twinwire";
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

test("what is no stream can't be taken over", () => {
  const server = new WebSocketServer({ noServer: true });
  const headers = {
    upgrade: "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
  };
  const request = { method: "GET", url: "/", headers, socket: {} } as unknown as IncomingMessage;
  const log: unknown[] = [];
  const nothing = Object.assign(new EventEmitter(), {
    readable: true,
    writable: true,
    write: () => true,
    end: (text: string) => log.push(text.slice(0, 12)),
    destroy: () => log.push("destroyed"),
  });
  server.on("error", (error) => log.push((error as TwinwireError).code));
  server.handleUpgrade(request, nothing as unknown as Duplex, Buffer.alloc(0), () => log.push("accepted"));
  expect(log).toEqual(["HTTP/1.1 500", "ERR_ARGUMENT"]);
});

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
