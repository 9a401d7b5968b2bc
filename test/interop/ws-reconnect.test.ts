/** When a WebSocket reconnects, when it does not, and what it sends again. */
import type { IncomingMessage } from "node:http";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ws } from "twinwire/handles";
import type { WebSocket } from "ws";
import { endPeers, freePort, readHead, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { WsClient } from "./client.ts";

afterEach(endPeers);

interface Accepted {
  readonly peer: WebSocket;
  readonly request: IncomingMessage;
}

function reconnecting(url: string, delays: number[], options?: ConstructorParameters<typeof WsClient>[1]): WsClient {
  const client = new WsClient(url, options);
  ws.setAutoReconnect(client.handle, true);
  ws.setReconnectDelays(client.handle, delays);
  return client;
}

describe("a server that is there again", () => {
  test("the whole handshake again: headers, subprotocols, a new key", async () => {
    const accepted = new Inbox<Accepted>("a connection");
    const { url } = await wsPeer((peer, request) => accepted.push({ peer, request }));
    const client = reconnecting(`${url}path?query`, [0.01], { protocols: "chat", headers: { "X-Token": "t" } });
    const keys = new Set<string | undefined>();
    for (let round = 0; round < 3; round++) {
      const { peer, request } = await accepted.next();
      await client.connected.next();
      expect(request.url).toBe("/path?query");
      expect(request.headers).toMatchObject({ "x-token": "t", "sec-websocket-protocol": "chat" });
      expect(ws.protocol(client.handle)).toBe("chat");
      keys.add(request.headers["sec-websocket-key"]);
      ws.send(client.handle, `round ${round}`);
      expect(await new Promise((resolve) => peer.once("message", (data) => resolve(String(data))))).toBe(
        `round ${round}`,
      );
      peer.terminate();
      expect(await client.disconnected.next()).toMatchObject({ code: 1006, retryMs: 10 });
    }
    expect(keys.size).toBe(3);
  });

  test("the schedule is followed while it is away, the last delay repeats, and it restarts after a success", async () => {
    const port = await freePort();
    const accepted = new Inbox<Accepted>("a connection");
    const first = await wsPeer((peer, request) => accepted.push({ peer, request }), { port });
    const client = reconnecting(first.url, [0.03, 0.06, 0.12]);
    await client.connected.next();
    const times: number[] = [];
    ws.on(client.handle, "error", ({ code }) => {
      if (code === "ERR_REFUSED") times.push(performance.now());
    });
    const dropped = performance.now();
    await first.close();
    expect((await client.disconnected.next()).retryMs).toBe(30);
    await until(() => times.length === 4, "four attempts");
    const gaps = times.map((time, index) => Math.round(time - (times[index - 1] ?? dropped)));
    for (const [index, least] of [30, 60, 120, 120].entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(least - 5);
      /* The schedule is exact in the vectors; here a busy machine may be late. */
      expect(gaps[index]).toBeLessThan(least + 10_000);
    }
    expect(ws.state(client.handle)).toBe("connecting");
    expect(ws.send(client.handle, "x")).toBe(-1);
    const again = await wsPeer((peer, request) => accepted.push({ peer, request }), { port });
    await client.connected.next();
    await again.close();
    expect((await client.disconnected.next()).retryMs).toBe(30);
    expect(client.disconnected.all.length).toBe(2);
  });
});

describe("whether it is worth another try", () => {
  test.each([
    [1000, true],
    [1001, true],
    [1008, false],
    [1011, true],
    [1012, true],
    [4000, true],
  ])("the server closes with %i: %s", async (code, again) => {
    const accepted = new Inbox<WebSocket>("a connection");
    const { url } = await wsPeer(accepted.push);
    const client = reconnecting(url, [0.02]);
    (await accepted.next()).close(code);
    expect(await client.disconnected.next()).toMatchObject({ code, clean: true, retryMs: again ? 20 : -1 });
    if (again) await accepted.next();
    else await pause(60);
    expect(accepted.all.length).toBe(again ? 2 : 1);
  });

  test.each([
    [301, true],
    [401, false],
    [404, false],
    [408, true],
    [429, true],
    [500, true],
    [503, true],
  ])("the server answers HTTP %i: %s", async (status, again) => {
    const requests = new Inbox<string>("a request");
    const { port } = await tcpPeer((socket) =>
      readHead(socket, (head) => {
        requests.push(head);
        socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      }),
    );
    const client = reconnecting(`ws://127.0.0.1:${port}/`, [0.02]);
    expect((await client.errors.next()).error.detail).toBe(status);
    if (again) {
      await requests.next();
      await requests.next();
      expect(client.disconnected.all).toEqual([]);
    } else {
      expect(await client.disconnected.next()).toMatchObject({ retryMs: -1 });
      await pause(60);
      expect(requests.all.length).toBe(1);
    }
  });
});

describe("no more tries", () => {
  test("closed while it waits for the next try", async () => {
    const accepted = new Inbox<WebSocket>("a connection");
    const { url } = await wsPeer(accepted.push);
    const client = reconnecting(url, [0.05]);
    (await accepted.next()).terminate();
    await client.disconnected.next();
    expect(ws.close(client.handle)).toBe(0);
    await pause(120);
    expect(accepted.all.length).toBe(1);
    expect(ws.state(client.handle)).toBe("closed");
    expect(client.disconnected.all.length).toBe(1);
  });

  test("switched off while it waits for the next try", async () => {
    const accepted = new Inbox<WebSocket>("a connection");
    const { url } = await wsPeer(accepted.push);
    const client = reconnecting(url, [0.05]);
    (await accepted.next()).terminate();
    await client.disconnected.next();
    expect(ws.setAutoReconnect(client.handle, false)).toBe(0);
    await pause(120);
    expect(accepted.all.length).toBe(1);
    expect(ws.state(client.handle)).toBe("closed");
  });
});
