/** `HubClient`, with sockets of three makers, over connections that break. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { WebSocket as OtherSocket } from "ws";
import { type Allow, HubClient, type HubClientOptions, type HubSocket, MemoryBroker } from "../../api/hub.ts";
import { WebSocket, WebSocketServer } from "../../api/index.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { pause, until, within } from "../support/wait.ts";
import { type Node, OPTIONS, startNode } from "./support.ts";

afterEach(endPeers);

const quick: HubClientOptions = { minDelayMs: 20, maxDelayMs: 100 };
const all: Allow = () => true;

async function nodes(count: number, allow: Allow = all): Promise<{ broker: MemoryBroker; nodes: Node[] }> {
  const broker = new MemoryBroker();
  const started = Array.from({ length: count }, () => startNode(broker.driver(), { ...OPTIONS, history: 1000, allow }));
  const found = await Promise.all(started);
  await Promise.all(found.map((it) => it.up()));
  return { broker, nodes: found };
}

/** A client that notes its messages, and connects to the nodes in turn. */
function client(
  to: readonly Node[],
  options: HubClientOptions = {},
  make = (url: string): HubSocket => new WebSocket(url),
) {
  const messages: string[] = [];
  const gaps: string[] = [];
  const refused: string[] = [];
  let attempts = 0;
  const next = (): string => `ws://${to[attempts++ % to.length]?.server.addr()}/`;
  const it = new HubClient(() => make(next()), {
    onMessage: (_topic, message) => messages.push(String(message)),
    onGap: (_topic, after) => gaps.push(after),
    onRefused: (code, topic) => refused.push(`${code} ${topic}`),
    ...quick,
    ...options,
  });
  atEnd(() => it.close());
  return { it, messages, gaps, refused };
}

/** A server that accepts connections and answers nothing. */
async function silentServer(): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {}); /* the client resets it */
    atEnd(() => socket.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** A WebSocket server that ignores what it receives. */
async function muteServer(): Promise<string> {
  const server = new WebSocketServer("127.0.0.1", 0, { onMessage: () => {} });
  await server.opened;
  atEnd(() => server.close());
  return `ws://${server.addr()}/`;
}

describe("a client of a hub", () => {
  const makers: [string, (url: string) => HubSocket][] = [
    ["twinwire", (url) => new WebSocket(url)],
    ["ws", (url) => new OtherSocket(url) as HubSocket],
  ];

  test.each([
    ["that does not open", silentServer],
    ["over which no answer comes", muteServer],
  ])("gives a connection up %s, and makes another", async (_name, start) => {
    const { nodes: to } = await nodes(1);
    const silent = await start();
    const messages: string[] = [];
    let attempts = 0;
    const it = new HubClient(() => new WebSocket(attempts++ === 0 ? silent : `ws://${to[0]?.server.addr()}/`), {
      ...quick,
      timeoutMs: 500,
      onMessage: (_topic, message) => messages.push(String(message)),
    });
    atEnd(() => it.close());
    it.join("news");
    expect(await within(it.publish("news", "one"), "an answer")).toBe("everywhere");
    await until(() => messages.length === 1, "the message");
    expect(attempts).toBeGreaterThan(1);
  });

  test.each(makers)("%s: joins, publishes and leaves", async (_name, make) => {
    const { nodes: to } = await nodes(1);
    const { it, messages } = client(to, {}, make);
    it.join("news");
    await until(() => it.position("news") !== undefined, "the join");
    expect(await within(it.publish("news", "one"), "an answer")).toBe("everywhere");
    expect(await within(it.publish("news", new Uint8Array([50])), "an answer")).toBe("everywhere");
    await until(() => messages.length === 2, "both messages");
    expect(messages).toEqual(["one", "50"]);
    it.leave("news");
    await until(() => to[0]?.hub.stats().memberships === 0, "the end of the membership");
  });

  test("connections break again and again: nothing is lost, and nothing comes twice", async () => {
    const { nodes: to } = await nodes(3);
    const clients = [client(to), client([...to].reverse()), client(to.slice(1))];
    for (const { it } of clients) it.join("news");
    await until(() => clients.every(({ it }) => it.position("news") !== undefined), "the joins");
    const sent: string[] = [];
    const answers: Promise<unknown>[] = [];
    for (let round = 0; round < 60; round++) {
      for (const [at, { it }] of clients.entries()) {
        const text = `${round}.${at}`;
        sent.push(text);
        answers.push(it.publish("news", text));
      }
      if (round % 6 === 0) for (const socket of to[(round / 6) % 3]?.server.clients ?? []) socket.terminate();
      await pause(3);
    }
    expect(new Set(await within(Promise.all(answers), "all answers"))).toEqual(new Set(["everywhere"]));
    for (const { messages, gaps } of clients) {
      await until(() => messages.length >= sent.length, `${sent.length} messages, not ${messages.length}`);
      expect([...messages].sort()).toEqual([...sent].sort());
      expect(gaps).toEqual([]);
    }
  });

  test("a message that is published while the broker is down is stored once it is up", async () => {
    const { broker, nodes: to } = await nodes(2);
    const [here, there] = [client(to.slice(0, 1)), client(to.slice(1))];
    for (const { it } of [here, there]) it.join("news");
    await until(() => here.it.position("news") !== undefined && there.it.position("news") !== undefined, "the joins");
    broker.stop();
    const published = here.it.publish("news", "late");
    await until(() => here.messages.length === 1, "the local message");
    expect(there.messages).toEqual([]);
    broker.start();
    expect(await within(published, "an answer")).toBe("everywhere");
    await until(() => there.messages.length === 1, "the message on the other node");
    expect(here.messages).toEqual(["late"]);
  });

  test("what is not allowed is refused with a code", async () => {
    const { nodes: to } = await nodes(1, ({ action, topic }) => action === "join" && topic === "open");
    const { it, refused } = client(to);
    it.join("closed");
    it.join("open");
    await until(() => it.position("open") !== undefined, "the join");
    expect(refused).toEqual(["ERR_ACCESS closed"]);
    const error = await within(it.publish("open", "x"), "an answer").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ERR_ACCESS" });
    expect(await within(Promise.resolve(to[0]?.hub.stats().memberships), "stats")).toBe(1);
  });

  test("a publish has an end without a connection, and with close", async () => {
    const { it } = client([], { publishMs: 300, maxPending: 2 }, () => new WebSocket("ws://127.0.0.1:9/"));
    const codes = [1, 2, 3].map((text) => it.publish("news", `${text}`).catch((error: { code: string }) => error.code));
    expect(await within(codes[2] ?? Promise.resolve(""), "the third")).toBe("ERR_BACKPRESSURE");
    expect(await within(Promise.all(codes.slice(0, 2)), "the others")).toEqual(["ERR_TIMEOUT", "ERR_TIMEOUT"]);
    const last = it.publish("news", "x").catch((error: { code: string }) => error.code);
    it.close();
    expect(await last).toBe("ERR_ABORTED");
  });
});
