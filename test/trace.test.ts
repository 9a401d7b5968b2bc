/** What `trace` writes, and that a session which was traced is a vector that any target replays. */
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { WebSocketServer as WsServer } from "ws";
import {
  http,
  TcpConnection,
  TcpServer,
  type TraceLine,
  TwinwireError,
  trace,
  WebSocket,
  WebSocketServer,
} from "../api/index.ts";
import type { VectorCase } from "../cli/conformance/file.ts";
import { CoreMachine } from "../cli/conformance/machine.ts";
import { runCase } from "../cli/conformance/run.ts";
import { vectorOf } from "../cli/conformance/trace.ts";

const lines: string[] = [];
let stop = (): void => {};
const machine = new CoreMachine();

function begin(): void {
  lines.length = 0;
  stop = trace((line) => lines.push(line));
}

/** The last event of a closed handle arrives in a later loop iteration. */
async function end(name: string): Promise<VectorCase> {
  await new Promise((resolve) => setTimeout(resolve, 30));
  stop();
  return vectorOf(name, lines);
}

const replay = (one: VectorCase): string | undefined => runCase(machine, one).failure;

afterEach(() => stop());

async function wsEcho(): Promise<{ url: string; close(): Promise<void> }> {
  const server = new WsServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the server has no address");
  return {
    url: `ws://127.0.0.1:${address.port}/`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function talk(url: string, ...messages: (string | Uint8Array<ArrayBuffer>)[]): Promise<void> {
  const socket = new WebSocket(url);
  await socket.opened;
  for (const message of messages) {
    socket.send(message);
    for await (const _ of socket) break;
  }
  await socket.ping();
  socket.close(1000, "done");
  await socket.closed;
}

describe("replayed against the core", () => {
  test("a WebSocket client", async () => {
    const server = await wsEcho();
    begin();
    await talk(server.url, "hello", "grüße", new Uint8Array([0, 255]), "x".repeat(300));
    await talk(server.url, "another connection, another nonce");
    const one = await end("a client");
    await server.close();
    expect(replay(one)).toBeUndefined();
  });

  test("a WebSocket server and its clients, in one core", async () => {
    begin();
    const server = new WebSocketServer("127.0.0.1", 0, {
      onConnection: (socket) => socket.addEventListener("message", ({ data }) => server.broadcast(`${data}`)),
    });
    await server.opened;
    await talk(`ws://${server.addr()}/chat`, "one", "two");
    await server.close();
    expect(replay(await end("a server"))).toBeUndefined();
  });

  test("HTTP, request by request on one connection", async () => {
    begin();
    const server = http.serve(new TcpServer("127.0.0.1", 0), async (request) => ({
      json: { path: request.path, body: await request.body.text() },
    }));
    await server.server.opened;
    for (const body of ["first", { second: true }]) {
      const url = `http://${server.server.addr()}/things?x=1`;
      const response = await http.request({ method: "POST", url, body });
      expect(response.status).toBe(200);
    }
    await server.close();
    expect(replay(await end("HTTP"))).toBeUndefined();
  });

  test("a connection that is refused", async () => {
    const server = new TcpServer("127.0.0.1", 0);
    await server.opened;
    const [host = "", port = ""] = server.addr().split(":");
    server.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    begin();
    await expect(new TcpConnection(host, Number(port)).opened).rejects.toBeInstanceOf(TwinwireError);
    expect(replay(await end("refused"))).toBeUndefined();
  });

  test("a byte that differs is found", async () => {
    const server = await wsEcho();
    begin();
    await talk(server.url, "hello");
    stop();
    await server.close();
    const changed = lines.map((line) => line.replace("x:8105", "x:8185"));
    expect(changed).not.toEqual(lines);
    expect(replay(vectorOf("changed", changed))).toContain("step");
  });
});

describe("lines", () => {
  test("of one connection alone, with bytes, times and results", async () => {
    const server = await wsEcho();
    const other = new WebSocket(server.url);
    const socket = new WebSocket(server.url);
    lines.length = 0;
    stop = trace((line) => lines.push(line), socket);
    await Promise.all([socket.opened, other.opened]);
    socket.send("hello");
    for await (const _ of socket) break;
    socket.close();
    await socket.closed;
    other.close();
    await other.closed;
    stop();
    await server.close();
    const traced = lines.map((line) => JSON.parse(line) as TraceLine);
    const name = traced[0]?.host?.[1] ?? traced[0]?.call?.[1];
    expect(traced.every((it) => [it.host?.[1], it.call?.[1], it.wire?.[1], it.of].includes(name))).toBe(true);
    expect(traced.find(({ call }) => call?.[0] === "ws-send")).toMatchObject({
      call: ["ws-send", name, "text", "hello"],
      result: 5,
    });
    expect(traced.find(({ event }) => event === "MESSAGE")).toMatchObject({ bytes: "hello", size: 5 });
    expect(traced.filter(({ wire }) => wire?.[0] === "write").every(({ size, taken }) => size === taken)).toBe(true);
    expect(traced.at(-1)).toMatchObject({ event: "DISCONNECTED", of: name });
    const times = traced.map(({ ms }) => ms ?? -1);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test("end when they are stopped, and when another trace begins", async () => {
    const server = await wsEcho();
    const second: string[] = [];
    begin();
    const stopSecond = trace((line) => second.push(line));
    await talk(server.url, "x");
    expect(lines).toEqual([]);
    expect(second.length).toBeGreaterThan(5);
    stop(); /* of one that is over already: the second goes on */
    const before = second.length;
    await talk(server.url, "x");
    expect(second.length).toBeGreaterThan(before);
    stopSecond();
    const after = second.length;
    await talk(server.url, "x");
    expect(second.length).toBe(after);
    await server.close();
  });
});

afterAll(() => stop());
