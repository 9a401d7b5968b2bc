/** Functions of the application's that `twinwire/ws-compat` calls, next to what npm's `ws` does with the same ones. */
import { type AddressInfo, connect } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { startChild } from "../support/child.ts";
import { atEnd, endPeers, tcpPeer } from "../support/peers.ts";
import { within } from "../support/wait.ts";
import { type Library, next, original, standIn } from "./libraries.ts";

afterEach(endPeers);

/** The status and the subprotocol of the response to a handshake that offers two. */
async function answer(library: Library, options: object): Promise<string[]> {
  const server = new library.WebSocketServer({ port: 0, host: "127.0.0.1", ...options });
  atEnd(() => server.close());
  await next(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  atEnd(() => socket.destroy());
  socket.write(
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a, b\r\n\r\n",
  );
  const head = await within(
    new Promise<string>((resolve) => socket.once("data", (part) => resolve(String(part)))),
    "a head",
  );
  return [head.slice(9, 12), /^sec-websocket-protocol: (.*)\r$/im.exec(head)?.[1] ?? "none"];
}

describe("handleProtocols", () => {
  test.each([undefined, null, false, "", "a", "b", "what was not offered"])("that returns %p", async (chosen) => {
    const name = chosen === "what was not offered" ? "chat.v1" : chosen;
    const options = { handleProtocols: () => name };
    expect(await answer(standIn, options)).toEqual(await answer(original, options));
  });

  test("that returns what is no name: 500, and an error of the server", async () => {
    const errors: unknown[] = [];
    const library: Library = {
      ...standIn,
      WebSocketServer: class extends standIn.WebSocketServer {
        constructor(...args: ConstructorParameters<Library["WebSocketServer"]>) {
          super(...args);
          this.on("error", (error: Error & { code?: string }) => errors.push(error.code));
        }
      } as Library["WebSocketServer"],
    };
    expect(await answer(library, { handleProtocols: () => "a\r\nX-Evil: 1" })).toEqual(["500", "none"]);
    expect(errors).toEqual(["ERR_ARGUMENT"]);
  });
});

const entry = JSON.stringify(join(dirname(fileURLToPath(import.meta.url)), "../../dist/ws-compat.js"));

/** Runs a program of its own, with what an HTTP client is answered; returns the lines that it printed. */
async function run(program: string): Promise<string[]> {
  const child = startChild(process.execPath, [
    "--input-type=module",
    "-e",
    `import { connect } from "node:net";
    import WebSocket, { WebSocketServer } from ${entry};
    process.on("uncaughtException", (error) => console.log("uncaught", error.message));
    const fails = (name) => { throw new Error(name); };
    const listening = (server) => new Promise((resolve) => server.once("listening", () => resolve(server.address().port)));
    const status = (port) => new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("data", (part) => { resolve(String(part).slice(9, 12)); socket.destroy(); });
      socket.write("GET / HTTP/1.1\\r\\nHost: a\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n" +
        "Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Protocol: a\\r\\n\\r\\n");
    });
    ${program}`,
  ]);
  await within(child.ended, "the end of the program");
  return child.lines.all;
}

describe("in a process of its own", () => {
  test("functions that throw: the client gets 500, and the program the exception", async () => {
    const lines = await run(`
      for (const options of [
        { handleProtocols: () => fails("handleProtocols") },
        { verifyClient: () => fails("verifyClient") },
        { verifyClient: (info, done) => fails("verifyClient with done") },
        { WebSocket: class extends WebSocket { constructor(...args) { super(...args); fails("WebSocket"); } } },
      ]) {
        const server = new WebSocketServer({ port: 0, host: "127.0.0.1", ...options });
        server.on("error", (error) => console.log("error", error.message));
        console.log(await status(await listening(server)));
        server.close();
      }
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      server.on("headers", () => fails("headers"));
      server.on("error", (error) => console.log("error", error.message));
      console.log(await status(await listening(server)));
      server.close();
    `);
    expect(lines.filter((line) => line === "500").length).toBe(5);
    expect(lines.filter((line) => line !== "500").sort()).toEqual([
      "error WebSocket",
      "error headers",
      "uncaught handleProtocols",
      "uncaught verifyClient",
      "uncaught verifyClient with done",
    ]);
  });

  test("listeners that throw: uncaught, and the connection goes on", async () => {
    const lines = await run(`
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      server.on("connection", (ws) => {
        ws.on("message", (data) => { ws.send(String(data)); fails("server message"); });
        ws.on("close", () => fails("server close"));
        fails("connection");
      });
      const ws = new WebSocket("ws://127.0.0.1:" + (await listening(server)));
      ws.on("open", () => { ws.send("1"); ws.send("2"); ws.ping(); fails("open"); });
      ws.on("upgrade", () => fails("upgrade"));
      ws.on("pong", () => fails("pong"));
      let count = 0;
      ws.on("message", (data) => { console.log(String(data)); if (++count === 2) ws.close(); fails("message"); });
      ws.on("close", (code) => { console.log("close", code); server.close(); fails("close"); });
    `);
    expect(lines).toEqual(expect.arrayContaining(["1", "2", "close 1005"]));
    for (const name of ["open", "upgrade", "message", "close", "connection", "server message", "server close"]) {
      expect(lines).toContain(`uncaught ${name}`);
    }
  });

  test("a port that is taken: an error event, uncaught where nobody listens", async () => {
    const { port } = await tcpPeer(() => {});
    const lines = await run(`
      new WebSocketServer({ port: ${port}, host: "127.0.0.1" });
      new WebSocketServer({ port: ${port}, host: "127.0.0.1" }).on("error", (error) => console.log("error", error.code));
    `);
    expect(lines.length).toBe(2);
    expect(lines).toContain("error EADDRINUSE");
    expect(lines.find((line) => line.startsWith("uncaught"))).toContain("EADDRINUSE");
  });
});

test("options that are not known are taken, as with ws", async () => {
  expect(await answer(standIn, { nonsense: true })).toEqual(["101", "a"]);
});
