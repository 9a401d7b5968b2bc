/** What people write first, as the programs of examples/, with peers that were not written here. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { WebSocket, WebSocketServer } from "ws";
import { type Child, startChild } from "../support/child.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, within } from "../support/wait.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const runtimes = [
  ["node", process.execPath, (name: string) => `${root}build/tools/examples/${name}.js`],
  ["bun", `${root}node_modules/.bin/bun`, (name: string) => `${root}examples/${name}.ts`],
] as const;

afterEach(endPeers);

describe.each(runtimes)("%s", (_, runtime, place) => {
  function start(name: string, ...args: string[]): Child {
    const file = place(name);
    if (!existsSync(file)) throw new Error(`${file} is missing: run "make build"`);
    return startChild(runtime, [file, ...args]);
  }

  test("a client logs in before each attempt, and comes back after an expired token and a lost connection", async () => {
    let given = 0;
    const http = createServer((_request, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ token: `t${++given}` }));
    });
    const feed = new WebSocketServer({ noServer: true });
    const seen = new Inbox<string>("a subscription");
    http.on("upgrade", (request, socket, head) => {
      const { authorization } = request.headers;
      socket.on("error", () => {});
      if (authorization === "Bearer t2") {
        socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"); /* it has expired meanwhile */
        return;
      }
      feed.handleUpgrade(request, socket, head, (client) => {
        client.on("error", () => {});
        client.on("message", (data) => {
          seen.push(`${authorization} ${data}`);
          client.send("21.5");
          if (authorization === "Bearer t1") setTimeout(() => client.terminate(), 50);
        });
      });
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    atEnd(() => {
      for (const client of feed.clients) client.terminate();
      http.close();
      http.closeAllConnections();
    });
    const address = `127.0.0.1:${(http.address() as AddressInfo).port}`;
    const client = start("live-client", `ws://${address}/feed`, `http://${address}/token`);
    expect(await seen.next()).toBe('Bearer t1 {"subscribe":"prices"}');
    expect(await seen.next()).toBe('Bearer t3 {"subscribe":"prices"}');
    for (const line of ["open", "21.5", "closed, code 1006", "open", "21.5"])
      expect(await client.lines.next()).toBe(line);
    client.process.kill("SIGTERM");
    expect(await within(client.ended, "the end of the program")).toBe(0);
  });

  test("a JSON API of hono and a WebSocket share a port", async () => {
    const server = start("json-api", "127.0.0.1", "0");
    const url = await server.lines.next();
    const changes = new WebSocket(`${url.replace("http", "ws")}changes`);
    atEnd(() => changes.terminate());
    const observed = new Inbox<string>("a change");
    changes.on("message", (data) => observed.push(String(data)));
    await once(changes, "open");
    const post = (body: string): Promise<Response> => fetch(`${url}notes`, { method: "POST", body });
    const made = await post('{"text":"buy milk"}');
    expect([made.status, await made.json()]).toEqual([201, { id: 1, text: "buy milk" }]);
    expect(JSON.parse(await observed.next())).toEqual({ added: { id: 1, text: "buy milk" } });
    expect((await post("no JSON")).status).toBe(400);
    expect(await (await fetch(`${url}notes`)).json()).toEqual([{ id: 1, text: "buy milk" }]);
    expect((await fetch(`${url}notes/2`)).status).toBe(404);
    expect((await fetch(`${url}notes/1`, { method: "DELETE" })).status).toBe(204);
    expect(JSON.parse(await observed.next())).toEqual({ removed: 1 });
    const closed = once(changes, "close");
    server.process.kill("SIGTERM");
    expect((await closed)[0]).toBe(1001);
    expect(await within(server.ended, "the end of the program")).toBe(0);
  });

  test("a question to a multicast group finds who announces a name", async () => {
    const taken = createSocket("udp4").bind(0);
    await once(taken, "listening");
    const port = String(taken.address().port);
    taken.close();
    const announcers = ["printer", "lamp"].map((name) => start("discovery", "announce", port, name, "127.0.0.1"));
    for (const it of announcers) expect(await it.lines.next()).toMatch(/^announcing (printer|lamp)$/);
    const finder = start("discovery", "find", port, "127.0.0.1");
    expect(await within(finder.ended, "the end of the search")).toBe(0);
    expect([...finder.lines.all].sort()).toEqual(["lamp at 127.0.0.1", "printer at 127.0.0.1"]);
    for (const it of announcers) it.process.kill("SIGTERM");
    for (const it of announcers) expect(await within(it.ended, "the end of an announcer")).toBe(0);
  });
});
