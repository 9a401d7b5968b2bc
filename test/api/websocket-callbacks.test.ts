/** Every function of the application's that a client WebSocket calls: what happens if it throws, rejects, hangs or re-enters. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { limits, type ReconnectEvent, WebSocket, type WebSocketOptions } from "twinwire";
import { startChild } from "../support/child.ts";
import { endPeers, freePort, tcpPeer, wsPeer } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { thrown } from "./support.ts";
import { echo, open, record } from "./websocket-support.ts";

beforeAll(() => {
  limits({ connectTimeoutMs: 800, sendBuffer: 65_536 }); /* how long `headers` and `shouldReconnect` may take */
});
afterEach(endPeers);

const fails = (): never => {
  throw new Error("mine");
};
const rejects = async (): Promise<never> => fails();
const hangs = (): Promise<never> => new Promise(() => {});

/** To ask for its `then` throws. */
const badThenable = new Proxy(Promise.resolve() as Promise<never>, { get: fails });

describe("headers", () => {
  const bad: [string, () => never | Promise<never>, string][] = [
    ["throws", fails, "mine"],
    ["rejects", rejects, "mine"],
    ["hangs", hangs, "no result within"],
    ["returns what are no headers", () => 5 as never, "names with string values"],
    ["returns an iterator that throws", () => ({ [Symbol.iterator]: fails }) as never, "mine"],
    ["returns a thenable that throws", () => badThenable as never, "mine"],
  ];

  test.each(bad)("%s: the attempt fails", async (_, headers, message) => {
    const peer = await tcpPeer(() => {});
    const ws = open(`ws://127.0.0.1:${peer.port}/`, { headers });
    const log = record(ws);
    const { error } = await within(ws.closed, "closed");
    expect(error).toMatchObject({ code: "ERR_CALLBACK", step: "open" });
    expect(error?.message).toContain(message);
    expect(log).toEqual(["ERR_CALLBACK", "close 1006"]);
    expect(peer.sockets.size).toBe(0);
  });

  test.each(bad)("%s: it connects again", async (_, headers) => {
    const { url } = await echo();
    let calls = 0;
    const ws = open(url, { headers: () => (++calls < 3 ? headers() : {}), reconnect: [0] });
    const log = record(ws);
    await within(ws.opened, "open");
    expect(log).toEqual(["ERR_CALLBACK", "ERR_CALLBACK", "open"]);
  });

  test("openTimeoutMs bounds it, and a result that comes later is discarded", async () => {
    const { url, requests } = await echo();
    let finish = (_: Record<string, string>): void => {};
    const late = new Promise<Record<string, string>>((resolve) => {
      finish = resolve;
    });
    const ws = open(url, { headers: () => late, openTimeoutMs: 40 });
    expect((await within(ws.closed, "closed")).error).toMatchObject({
      code: expect.stringMatching(/TIMEOUT|CALLBACK/),
    });
    finish({});
    await late;
    expect(requests.all).toEqual([]);
  });

  test("close and the signal end the wait for it", async () => {
    const { url } = await echo();
    const ws = open(url, { headers: hangs });
    ws.close();
    expect((await within(ws.closed, "closed")).error?.code).toBe("ERR_ABORTED");
    const controller = new AbortController();
    const other = open(url, { headers: hangs, signal: controller.signal });
    controller.abort();
    expect((await within(other.closed, "closed")).error?.code).toBe("ERR_ABORTED");
  });

  test("a function's bad value is asked for again, a constant one is not", async () => {
    const { url } = await echo();
    let calls = 0;
    const headers = (): Record<string, string> => (++calls < 2 ? { "X-Bad": "a\r\nb: c" } : {});
    const ws = open(url, { headers, reconnect: [0] });
    const log = record(ws);
    await within(ws.opened, "open");
    expect(log).toEqual(["ERR_HEADER", "open"]);
    const constant = open(url, { headers: { "X-Bad": "a\r\nb: c" }, reconnect: [0] });
    expect((await within(constant.closed, "closed")).error?.code).toBe("ERR_HEADER");
  });
});

describe("shouldReconnect", () => {
  type Decision = (event: ReconnectEvent) => boolean | PromiseLike<boolean>;
  const dropping = async (shouldReconnect: Decision): Promise<WebSocket> => {
    const { url } = await wsPeer((socket) => socket.terminate());
    return open(url, { reconnect: { delays: [0], shouldReconnect } });
  };

  test.each<[string, Decision]>([
    ["throws", fails],
    ["rejects", rejects],
    ["hangs", hangs],
    ["returns a thenable that throws", () => badThenable],
  ])("%s: the WebSocket ends with ERR_CALLBACK", async (_, decide) => {
    const ws = await dropping(decide);
    const log = record(ws);
    const { error, code } = await within(ws.closed, "closed");
    expect([error?.code, code, ws.readyState]).toEqual(["ERR_CALLBACK", 1006, WebSocket.CLOSED]);
    expect(log.at(-1)).toBe("close 1006");
    expect(log).toContain("ERR_CALLBACK");
  });

  test("a promise of it counts as what it is fulfilled with", async () => {
    const refused = await dropping(async () => false);
    expect(await within(refused.closed, "closed")).toMatchObject({ code: 1006 });
    let count = 0;
    const patient = await dropping(async () => ++count < 3);
    const log = record(patient);
    await within(patient.closed, "closed");
    expect(count).toBe(3);
    expect(log.filter((it) => it === "open").length).toBe(3);
  });

  test("while it decides, messages are queued, and close ends the wait", async () => {
    const { url, sockets } = await echo();
    let decide = (_: boolean): void => {};
    const shouldReconnect = (): Promise<boolean> =>
      new Promise((resolve) => {
        decide = resolve;
      });
    const ws = open(url, { reconnect: { delays: [0], shouldReconnect }, queue: { maxBytes: 100 } });
    await within(ws.opened, "open");
    (await sockets.next()).terminate();
    await until(() => ws.readyState === WebSocket.CONNECTING, "the drop");
    ws.send("kept");
    decide(true);
    const messages = ws[Symbol.asyncIterator]();
    const { value } = await within(messages.next(), "a message");
    expect(value).toBe("kept");
    await messages.return?.();
    (await sockets.next()).terminate();
    await until(() => ws.readyState === WebSocket.CONNECTING, "the second drop");
    ws.close();
    expect((await within(ws.closed, "closed")).error?.code).toBe("ERR_ABORTED");
  });

  test("close called inside it", async () => {
    let ws: WebSocket | undefined;
    ws = await dropping(() => {
      ws?.close();
      return true;
    });
    expect((await within(ws.closed, "closed")).code).toBe(1006);
    expect(ws.readyState).toBe(WebSocket.CLOSED);
  });
});

describe("options", () => {
  test.each<[string, object]>([
    ["a getter that throws", Object.defineProperty({}, "headers", { get: fails, enumerable: true })],
    [
      "headers with a getter that throws",
      { headers: Object.defineProperty({}, "a", { get: fails, enumerable: true }) },
    ],
    ["an iterator of headers that throws", { headers: { [Symbol.iterator]: fails } }],
    ["a proxy that throws", new Proxy({}, { ownKeys: fails })],
  ])("%s", (_, options) => {
    expect(thrown(() => new WebSocket("ws://127.0.0.1:9/", options)).code).toBe("ERR_ARGUMENT");
  });

  test("an unknown name is an error that offers the nearest one", () => {
    const error = thrown(() => new WebSocket("ws://127.0.0.1:9/", { reconect: true } as WebSocketOptions));
    expect(error.message).toBe('ERR_ARGUMENT: WebSocket: unknown option "reconect"; did you mean "reconnect"?');
    const nested = thrown(() => new WebSocket("ws://127.0.0.1:9/", { reconnect: { delay: [1] } } as object));
    expect(nested.message).toContain('did you mean "reconnect.delays"?');
  });

  test("they are copied when given, and Object.prototype has no say", async () => {
    const { url, requests } = await echo();
    const headers = { "X-Token": "one" };
    const options = { headers, openTimeoutMs: 5_000 };
    const pollution = { maxRedirects: 20, openTimeoutMs: 1, protocols: "evil", closeTimeoutMs: 1 };
    try {
      for (const [name, value] of Object.entries(pollution)) {
        Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: false });
      }
      const ws = open(url, options);
      headers["X-Token"] = "two";
      options.openTimeoutMs = 1;
      await within(ws.opened, "open");
      expect((await requests.next()).headers).toMatchObject({ "x-token": "one" });
      expect(ws.protocol).toBe("");
    } finally {
      for (const name of Object.keys(pollution)) Reflect.deleteProperty(Object.prototype, name);
    }
  });

  test.each([
    { closeTimeoutMs: -0 },
    { openTimeoutMs: 1.5 },
    { maxMessage: 2 ** 53 },
    { keepAlive: { initialDelayMs: -1 } },
    { signal: {} },
    { tls: { rejectUnauthorised: false } },
    { proxy: 5 },
  ])("%p is refused", (options) => {
    expect(thrown(() => new WebSocket("wss://127.0.0.1:9/", options as object)).code).toBe("ERR_ARGUMENT");
  });

  test("a user that is not percent-encoded well is sent as it is", async () => {
    const { url, requests } = await echo();
    const ws = open(url.replace("ws://", "ws://%zz:p@"));
    await within(ws.opened, "open");
    const basic = `Basic ${Buffer.from("%zz:p").toString("base64")}`;
    expect((await requests.next()).headers.authorization).toBe(basic);
  });
});

const entry = JSON.stringify(join(dirname(fileURLToPath(import.meta.url)), "../../dist/index.js"));

/** Runs a program of its own; returns the lines that it printed and its exit code. */
async function run(program: string): Promise<[string[], unknown]> {
  const head = `import { WebSocket, WebSocketServer } from ${entry};\n`;
  const child = startChild(process.execPath, ["--input-type=module", "-e", head + program]);
  const code = await within(child.ended, "the end of the program");
  return [child.lines.all, code];
}

describe("in a process of its own", () => {
  test("what listeners and onResponse throw is uncaught, and everything goes on", async () => {
    const [lines] = await run(`
      process.on("uncaughtException", (error) => console.log("uncaught", error.message));
      const server = new WebSocketServer("127.0.0.1", 0, { onMessage: (socket, message) => socket.send(message) });
      await server.opened;
      const ws = new WebSocket("ws://" + server.addr() + "/", { onResponse: () => { throw new Error("response"); } });
      for (const type of ["open", "message", "close"]) {
        ws.addEventListener(type, () => { throw new Error(type); });
        ws.addEventListener(type, () => console.log("also", type));
      }
      await ws.opened;
      ws.send("1");
      await new Promise((resolve) => ws.addEventListener("message", resolve));
      ws.close();
      await ws.closed;
      await server.close();
    `);
    for (const name of ["response", "open", "message", "close"]) expect(lines).toContain(`uncaught ${name}`);
    for (const name of ["open", "message", "close"]) expect(lines).toContain(`also ${name}`);
  });

  test("unref, whenever it is called, lets the process end while it waits for its next attempt", async () => {
    const port = await freePort();
    for (const when of [
      "ws.onerror = () => ws.unref()",
      "ws.unref()",
      "ws.onerror = () => setTimeout(() => ws.unref(), 20)",
    ]) {
      const [, code] = await run(`
        const ws = new WebSocket("ws://127.0.0.1:${port}/", { reconnect: [60] });
        ${when};
      `);
      expect(code).toBe(0);
    }
  });

  test("listeners that close, terminate or throw in every order leave it closed", async () => {
    const [lines] = await run(`
      process.on("uncaughtException", () => {});
      const server = new WebSocketServer("127.0.0.1", 0, {
        onConnection: (socket) => {
          socket.send("hello");
          socket.addEventListener("close", () => socket.terminate());
        },
      });
      await server.opened;
      for (const type of ["open", "message", "close"]) {
        const ws = new WebSocket("ws://" + server.addr() + "/");
        ws.addEventListener(type, () => { ws.close(); ws.close(); throw new Error(type); });
        ws.addEventListener("close", ({ code }) => { ws.close(); ws.send("late"); console.log(type, code, ws.readyState); });
        if (type === "close") ws.addEventListener("message", () => ws.close());
        await ws.closed;
      }
      await server.close();
    `);
    expect(lines).toEqual(["open 1005 3", "message 1005 3", "close 1005 3"]);
  });
});
