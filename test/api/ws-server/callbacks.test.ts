/** Every function of the application's that a WebSocket server calls: what happens if it throws, rejects, hangs or misleads. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { http, limits, TcpServer, upgrade, WebSocketServer, type WebSocketServerOptions } from "twinwire";
import { startChild } from "../../support/child.ts";
import { atEnd, endPeers, tcpPeer } from "../../support/peers.ts";
import { pause, until, within } from "../../support/wait.ts";
import { thrown } from "../support.ts";
import { handshake, nextOf, RawClient, serve, urlOf, wsClient } from "./support.ts";

beforeAll(() => {
  limits({ handshakeTimeoutMs: 800 }); /* how long `authorize` may take */
});
afterEach(endPeers);

const fails = (): never => {
  throw new Error("mine");
};
const rejects = async (): Promise<never> => fails();
const hangs = (): Promise<never> => new Promise(() => {});

/** The status line of the response to a handshake, and the codes or messages that `onError` was called with. */
async function ask(options: WebSocketServerOptions, offered = "other"): Promise<[string, string[], string]> {
  const errors: string[] = [];
  const onError = (error: unknown): void => {
    errors.push((error as { code?: string }).code ?? (error as Error).message);
  };
  const server = await serve({ onError, ...options });
  const client = new RawClient(server);
  client.write(handshake({ "Sec-WebSocket-Protocol": offered, Origin: "https://example.com" }));
  const head = await client.readTo("\r\n\r\n");
  return [head.slice(9, 12), errors, /^sec-websocket-protocol: (.*)\r$/im.exec(head)?.[1] ?? "none"];
}

describe("a handshake", () => {
  test.each<[string, WebSocketServerOptions, string, string[]]>([
    ["protocols throws", { protocols: fails }, "500", ["ERR_CALLBACK"]],
    ["protocols names what was not offered", { protocols: () => "chat.v1" }, "500", ["ERR_ARGUMENT"]],
    ["protocols returns a number", { protocols: () => 5 as never }, "500", ["ERR_ARGUMENT"]],
    ["authorize throws", { authorize: fails }, "500", ["mine"]],
    ["authorize rejects", { authorize: rejects }, "500", ["mine"]],
    ["authorize hangs", { authorize: hangs }, "500", ["ERR_CALLBACK"]],
    ["authorize returns nothing", { authorize: () => undefined as never }, "403", []],
    ["authorize returns null", { authorize: () => null as never }, "403", []],
    ["origins throws", { origins: fails }, "500", ["mine"]],
    ["a header that is none", { headers: { "X-Bad": "a\r\nb: c" } }, "500", ["ERR_HEADER"]],
    [
      "headers with a getter that throws",
      { headers: Object.defineProperty({}, "a", { get: fails, enumerable: true }) },
      "500",
      ["mine"],
    ],
  ])("%s: that one upgrade fails", async (_, options, status, errors) => {
    expect((await ask(options)).slice(0, 2)).toEqual([status, errors]);
  });

  test.each([undefined, null, false as const])("protocols that chooses %p chooses none", async (chosen) => {
    expect(await ask({ protocols: () => chosen })).toEqual(["101", [], "none"]);
  });

  test("protocols chooses one of the offers", async () => {
    expect(await ask({ protocols: (offered) => offered[1] }, "a, b")).toEqual(["101", [], "b"]);
  });

  test("a client that left while authorize decided", async () => {
    let decide = (_: boolean): void => {};
    const server = await serve({
      authorize: () =>
        new Promise<boolean>((resolve) => {
          decide = resolve;
        }),
    });
    const client = new RawClient(server);
    client.write(handshake());
    await until(() => decide.length > 0, "authorize");
    client.socket.destroy();
    await pause(20);
    decide(true);
    await pause(20);
    expect(server.clients.size).toBe(0);
  });

  test("upgrade after protocols has closed the connection", async () => {
    const server = new TcpServer("127.0.0.1", 0);
    const errors: unknown[] = [];
    const serving = http.serve(
      server,
      (request) => {
        upgrade(request, {
          protocols: () => {
            request.conn.close();
            return undefined;
          },
        });
        return undefined;
      },
      { onError: (error) => errors.push((error as { code?: string }).code) },
    );
    atEnd(() => serving.close({ graceMs: 100 }));
    await server.opened;
    const client = new RawClient(server);
    client.write(handshake());
    await client.rest();
    expect(errors).toEqual(["ERR_STATE"]);
  });
});

describe("handlers", () => {
  test.each<[string, WebSocketServerOptions]>([
    ["onConnection throws", { onConnection: fails }],
    ["onConnection rejects", { onConnection: rejects }],
    ["onMessage throws", { onMessage: fails }],
    ["onMessage rejects", { onMessage: rejects }],
  ])("%s: onError is called, and the client lives on", async (_, options) => {
    const errors: unknown[] = [];
    const server = await serve({ ...options, onError: (error) => errors.push((error as Error).message) });
    const client = await wsClient(urlOf(server));
    client.send("one");
    client.send("two");
    await until(() => errors.length === (options.onMessage === undefined ? 1 : 2), "errors");
    expect(new Set(errors)).toEqual(new Set(["mine"]));
    expect(server.clients.size).toBe(1);
  });

  test("an onMessage that is async slows the client down", async () => {
    const server = await serve({ onMessage: () => hangs() });
    const client = await wsClient(urlOf(server));
    const socket = await nextOf(server);
    const message = Buffer.alloc(10_000);
    for (let count = 0; count < 1_000; count++) client.send(message);
    await until(() => socket.stats().received > 60_000, "a window");
    await pause(50);
    expect(socket.stats().received).toBeLessThan(1_000_000);
    client.terminate();
  });
});

describe("options", () => {
  test.each<[string, () => unknown, string]>([
    [
      "the idiom of ws",
      () => new WebSocketServer({ port: 8080 } as never),
      'ERR_ARGUMENT: WebSocketServer: the first argument must be a host or a server, not options; write new WebSocketServer("0.0.0.0", 8080, options), or import it from "twinwire/ws-compat"',
    ],
    [
      "an unknown name",
      () => new WebSocketServer("127.0.0.1", 0, { onmessage: () => {} } as never),
      'ERR_ARGUMENT: WebSocketServer: unknown option "onmessage"; did you mean "onMessage"?',
    ],
    ["an onMessage that is none", () => new WebSocketServer("127.0.0.1", 0, { onMessage: 5 } as never), "onMessage"],
    [
      "a heartbeat of -0",
      () => new WebSocketServer("127.0.0.1", 0, { heartbeat: { intervalMs: -0, timeoutMs: 1 } }),
      "heartbeat.intervalMs",
    ],
  ])("%s", (_, make, message) => {
    const error = thrown(make);
    expect(error.code).toBe("ERR_ARGUMENT");
    expect(error.message).toContain(message);
  });

  test("of broadcast and close", async () => {
    const server = await serve();
    const bad: [() => unknown, string][] = [
      [() => server.broadcast("x", { slow: "drop" } as never), "slow"],
      [() => server.broadcast("x", { too: [] } as never), 'did you mean "to"?'],
      [() => server.broadcast("x", { to: [{}] } as never), "to must be a client"],
      [() => server.broadcast("x", { except: {} } as never), "except must be a client"],
    ];
    for (const [call, message] of bad) expect(thrown(call).message).toContain(message);
    await expect(server.close({ graceMS: 5 } as never)).rejects.toThrow('did you mean "graceMs"?');
  });

  test("an iterator of broadcast that closes clients: what it closed is not counted", async () => {
    const server = await serve();
    await wsClient(urlOf(server));
    await wsClient(urlOf(server));
    const [first, second] = [await nextOf(server), await nextOf(server)];
    function* closing(): Generator<typeof first> {
      yield first;
      first.terminate();
      yield second;
    }
    expect(server.broadcast("x", { to: closing() })).toEqual({ sent: 1, skipped: [] });
  });
});

const entry = JSON.stringify(join(dirname(fileURLToPath(import.meta.url)), "../../../dist/index.js"));

/** Runs a program of its own; returns the lines that it printed, and its exit code. */
async function run(program: string): Promise<[string[], unknown]> {
  const head = `import { WebSocket, WebSocketServer } from ${entry};\n`;
  const child = startChild(process.execPath, ["--input-type=module", "-e", head + program]);
  const code = await within(child.ended, "the end of the program");
  return [child.lines.all, code];
}

describe("without onError, in a process of its own", () => {
  test("what handlers throw or reject with is uncaught, and the server lives on", async () => {
    const [lines] = await run(`
      process.on("uncaughtException", (error) => console.log("uncaught", error.message));
      const fails = (name) => { throw new Error(name); };
      const server = new WebSocketServer("127.0.0.1", 0, {
        onConnection: async () => fails("connection"),
        onMessage: (socket, message) => (message === "1" ? fails("message") : Promise.reject(new Error("promise"))),
      });
      await server.opened;
      const ws = new WebSocket("ws://" + server.addr() + "/");
      await ws.opened;
      ws.send("1");
      ws.send("2");
      await ws.ping();
      ws.close();
      await ws.closed;
      await server.close();
    `);
    expect(lines.sort()).toEqual(["uncaught connection", "uncaught message", "uncaught promise"]);
  });

  test("a port that is taken ends the program, unless it asks what came of it", async () => {
    const { port } = await tcpPeer(() => {});
    const make = `const server = new WebSocketServer("127.0.0.1", ${port});\n`;
    const [, silent] = await run(make);
    expect(silent).not.toBe(0);
    for (const observe of [
      "server.opened.catch((error) => console.log(error.code));",
      "server.accept().catch((error) => console.log(error.code));",
      "try { for await (const socket of server); } catch (error) { console.log(error.code); }",
    ]) {
      expect(await run(make + observe)).toEqual([["ERR_IN_USE"], 0]);
    }
  });
});
