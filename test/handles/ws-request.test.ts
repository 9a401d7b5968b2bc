/** What an application adds to the handshake: credentials, and headers that are fresh for each attempt. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { WebSocketServer } from "ws";
import { lastError, type WsOpenOptions, ws } from "../../api/handles.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, until, within } from "../support/wait.ts";

afterEach(endPeers);

/** A WebSocket server that keeps the header of each handshake and drops the connection when asked to. */
async function server(name: string): Promise<{ port: number; seen: (string | undefined)[]; drop: () => void }> {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  const seen: (string | undefined)[] = [];
  sockets.on("connection", (_socket, request) => seen.push(request.headers[name] as string | undefined));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const drop = (): void => {
    for (const client of sockets.clients) client.terminate();
  };
  atEnd(() => {
    drop();
    http.close();
  });
  return { port: (http.address() as AddressInfo).port, seen, drop };
}

test("auth is an Authorization header, RFC 7617", async () => {
  const peer = await server("authorization");
  const conn = ws.open(`ws://127.0.0.1:${peer.port}/`, { auth: { user: "Aladdin", password: "open sesame" } });
  await within(new Promise((resolve) => ws.on(conn, "connected", resolve)), "the connection");
  expect(peer.seen).toEqual(["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]);
  ws.close(conn);
});

test("a function gives the headers of each attempt", async () => {
  const peer = await server("x-token");
  let made = 0;
  const conn = ws.open(`ws://127.0.0.1:${peer.port}/`, { headers: () => ({ "X-Token": `token ${++made}` }) });
  ws.setAutoReconnect(conn, true);
  ws.setReconnectDelays(conn, [0.02]);
  let opened = 0;
  const thrice = new Promise<void>((resolve) => {
    ws.on(conn, "connected", () => {
      opened++;
      if (opened === 3) resolve();
      else peer.drop();
    });
  });
  await within(thrice, "the third connection");
  expect(peer.seen).toEqual(["token 1", "token 2", "token 3"]);
  ws.close(conn);
});

test("a function that fails later is an error of that attempt, and the last headers are used again", async () => {
  const peer = await server("x-token");
  const failures: unknown[] = ["throws", 7, { "X-Token": "a\r\nb" }];
  let call = 0;
  const conn = ws.open(`ws://127.0.0.1:${peer.port}/`, {
    headers: () => {
      const failure = call++ === 0 ? { "X-Token": "token" } : failures[call - 2];
      if (failure === "throws") thrower();
      return failure as Record<string, string>;
    },
  });
  ws.setAutoReconnect(conn, true);
  ws.setReconnectDelays(conn, [0.02]);
  const errors = new Inbox<[string, unknown]>("an error");
  ws.on(conn, "error", ({ code, error }) => code !== "ERR_ENDED" && errors.push([code, error.cause]));
  ws.on(conn, "connected", () => call <= failures.length && peer.drop());
  expect(await errors.next()).toEqual(["ERR_CALLBACK", new Error("thrown by the application")]);
  expect(await errors.next()).toEqual(["ERR_CALLBACK", undefined]);
  expect(await errors.next()).toEqual(["ERR_HEADER", undefined]);
  await until(() => peer.seen.length === 4, "the last connection");
  expect(peer.seen.slice(0, 3)).toEqual(["token", "token", "token"]);
  ws.close(conn);
});

function thrower(): never {
  throw new Error("thrown by the application");
}

function throwingIterable(): Iterable<[string, string]> {
  return { [Symbol.iterator]: thrower };
}

test.each<[string, WsOpenOptions, string]>([
  ["a user with a colon", { auth: { user: "a:b", password: "" } }, "ERR_HEADER"],
  ["a password with a line end", { auth: { user: "a", password: "b\r\nX: y" } }, "ERR_HEADER"],
  ["an auth that is none", { auth: "a:b" as never }, "ERR_ARGUMENT"],
  ["a function that returns a header with a line end", { headers: () => ({ "X-A": "b\r\nc" }) }, "ERR_HEADER"],
  ["a function that throws", { headers: thrower }, "ERR_CALLBACK"],
  ["a function that returns no headers", { headers: () => 7 as never }, "ERR_CALLBACK"],
  ["a function that returns a promise", { headers: () => Promise.resolve({}) as never }, "ERR_CALLBACK"],
  ["a function whose result throws", { headers: () => throwingIterable() }, "ERR_CALLBACK"],
  ["headers that throw", { headers: throwingIterable() }, "ERR_ARGUMENT"],
  ["a getter that throws", Object.defineProperty({}, "auth", { get: thrower, enumerable: true }), "ERR_ARGUMENT"],
  ["an unknown option", { header: {} } as never, "ERR_ARGUMENT"],
])("%s is refused", (_name, options, code) => {
  expect(ws.open("ws://127.0.0.1:9/", options)).toBe(-1);
  expect(lastError()?.code).toBe(code);
});
