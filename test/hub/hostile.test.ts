/** Clients that ask for too much, send what is no request, or read too slowly: coded errors, and bounded memory. */
import { afterEach, expect, test } from "@jest/globals";
import { WebSocket as Client } from "ws";
import { Hub, MemoryBroker } from "../../api/hub.ts";
import { type ServerSocket, WebSocketServer } from "../../api/index.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { pause, until, within } from "../support/wait.ts";
import { OPTIONS, startNode } from "./support.ts";

afterEach(endPeers);

test("a client that asks for 10,000 topics joins a thousand, and is answered for each of the others", async () => {
  const node = await startNode(new MemoryBroker().driver(), { ...OPTIONS, allow: () => true });
  await node.up();
  const greedy = await node.connect();
  await until(() => greedy.client.readyState === Client.OPEN, "open");
  for (let at = 0; at < 10_000; at++) greedy.client.send(JSON.stringify({ join: `topic ${at}` }).concat("\n"));
  const count = (of: "joined" | "error"): number => greedy.frames.filter((it) => it[of] !== undefined).length;
  await until(() => count("joined") + count("error") === 10_000, "the answers");
  expect([count("joined"), count("error")]).toEqual([1000, 9000]);
  expect(new Set(greedy.frames.flatMap((it) => (it.error === undefined ? [] : [it.error])))).toEqual(
    new Set(["ERR_LIMIT"]),
  );
  expect(node.hub.stats()).toMatchObject({ topics: 1000, memberships: 1000 });
  await greedy.close();
  await until(() => node.hub.stats().topics === 0, "nothing left");
});

test("requests with odd values are refused with a code, and what is no request is left to the application", async () => {
  const hub = new Hub(new MemoryBroker().driver(), { ...OPTIONS, maxMessage: 100, allow: () => true });
  atEnd(() => hub.close());
  const others: string[] = [];
  const server = new WebSocketServer("127.0.0.1", 0, {
    onMessage: (socket, message) => hub.receive(socket, message) ?? others.push(String(message)),
  });
  atEnd(() => server.close({ graceMs: 1000 }));
  await server.opened;
  await until(() => hub.isUp, "up");
  const client = new Client(`ws://${server.addr()}/`);
  atEnd(() => client.terminate());
  const answers: string[] = [];
  client.on("message", (data) => answers.push(String(data)));
  await within(new Promise((resolve) => client.once("open", resolve)), "open");
  const line = (value: unknown): string => `${JSON.stringify(value)}\n`;
  const refused: [unknown, string, string][] = [
    [{ join: "" }, "", "ERR_ARGUMENT"],
    [{ join: "x".repeat(5000) }, "", "ERR_ARGUMENT"],
    [{ join: "\ud800" }, "", "ERR_ARGUMENT"],
    [{ join: "a", since: 7 }, "", "ERR_ARGUMENT"],
    [{ join: "a", since: "no position" }, "", "ERR_ARGUMENT"],
    [{ publish: "", id: "1" }, "x", "ERR_ARGUMENT"],
    [{ publish: "a", id: "2" }, "x".repeat(101), "ERR_TOO_LARGE"],
    [{ publish: "a", id: "3".repeat(129) }, "x", "ERR_ARGUMENT"],
  ];
  for (const [request, message, code] of refused) {
    const before = answers.length;
    client.send(line(request) + message);
    await until(() => answers.length > before, `an answer to ${JSON.stringify(request).slice(0, 50)}`);
    expect(JSON.parse(answers[before] ?? "")).toMatchObject({ error: code });
  }
  const none = [
    "",
    "\n",
    "x",
    "{",
    "[]\n",
    "7\n",
    "null\n",
    "{}\n",
    line({ join: 7 }),
    line({ publish: [] }),
    line({ joined: "a" }),
  ];
  for (const text of none) client.send(text);
  client.send(Buffer.from([0xff, 0xfe, 0x0a, 0x7b]));
  await until(() => others.length === none.length + 1, "what is no request");
  expect(others.slice(0, none.length)).toEqual(none);
  expect(hub.stats()).toMatchObject({ topics: 0, memberships: 0, everywhere: 0, here: 0 });
  const before = answers.length;
  client.send(line({ join: "a" }));
  await until(() => answers.length > before, "the join");
  expect(JSON.parse(answers[before] ?? "")).toMatchObject({ topic: "a", joined: expect.any(String) });
});

test("a client reads too slowly: it is closed, and resumes on its next connection", async () => {
  const hub = new Hub(new MemoryBroker().driver(), { ...OPTIONS, history: 1000 });
  atEnd(() => hub.close());
  const server = new WebSocketServer("127.0.0.1", 0, { maxBuffered: 1_048_576 });
  atEnd(() => server.close({ graceMs: 1000 }));
  await server.opened;
  await until(() => hub.isUp, "up");
  const slow = new Client(`ws://${server.addr()}/`);
  atEnd(() => slow.terminate());
  slow.on("error", () => {});
  const socket: ServerSocket = await within(server.accept(), "the slow client");
  const since = await hub.join(socket, "news");
  await until(() => slow.readyState === Client.OPEN, "open");
  slow.pause();
  let closed: unknown;
  socket.closed.then(({ error }) => {
    closed = error?.code;
  });
  const sent: string[] = [];
  while (closed === undefined) {
    if (sent.length === 900) throw new Error("it is not closed");
    sent.push(`${sent.length} ${"x".repeat(60_000)}`);
    expect(await hub.publish("news", sent.at(-1) ?? "")).toBe("everywhere");
    await pause(0);
  }
  expect(closed).toBe("ERR_BACKPRESSURE");
  expect(hub.stats().memberships).toBe(0);
  slow.terminate();
  const again = new Client(`ws://${server.addr()}/`);
  atEnd(() => again.terminate());
  const received: string[] = [];
  again.on("message", (data) => {
    const [first = "", message] = String(data).split("\n");
    if (message !== undefined && message !== "" && JSON.parse(first).topic === "news") received.push(message);
  });
  await hub.join(await within(server.accept(), "the next connection"), "news", { since });
  await until(() => received.length >= sent.length, "what it missed");
  expect(received.map((it) => it.slice(0, 10))).toEqual(sent.map((it) => it.slice(0, 10)));
});
