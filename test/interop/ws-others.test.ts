/** Against WebSocket servers of other makers: python3-websockets, websocketd (Go), libwebsockets (C). */
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { limits, ws } from "twinwire/handles";
import { type Child, describeWith, findTool, portFrom, startChild } from "../support/child.ts";
import { endPeers, freePort } from "../support/peers.ts";
import { pause } from "../support/wait.ts";
import { noise, prose, sha256, WsClient } from "./client.ts";

const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20];
const SCRIPT = new URL("./peers/websocket_peer.py", import.meta.url).pathname;

const python = findTool("python3-websockets", ["python3", "/usr/bin/python3"], ["-c", "import websockets"]);
const websocketd = findTool("websocketd", ["websocketd"], ["--version"]);
const libwebsockets = findTool("libwebsockets-test-server", ["libwebsockets-test-server"], ["--help"], 1);

beforeAll(() => {
  limits({ sendBuffer: 2 << 20, stageBuffer: 2 << 20 });
});
afterEach(endPeers);

describeWith(python, "python3-websockets", (program) => {
  async function start(): Promise<{ url: string; child: Child }> {
    const child = startChild(program, [SCRIPT]);
    const { port } = JSON.parse(await child.lines.next());
    return { url: `ws://127.0.0.1:${port}`, child };
  }

  /** What the server saw of the connection that ended. */
  async function seen(child: Child): Promise<unknown> {
    return JSON.parse(await child.lines.next());
  }

  test("text and binary come back unchanged at every size of the length field", async () => {
    const client = await WsClient.open(`${(await start()).url}/echo`);
    for (const size of SIZES) {
      const text = prose(size);
      const bytes = noise(size, size);
      await client.send(text);
      await client.send(bytes);
      expect((await client.messages.next()) === text).toBe(true);
      expect(bytes.equals((await client.messages.next()) as Uint8Array)).toBe(true);
    }
  });

  test("fragments are one message", async () => {
    const client = await WsClient.open(`${(await start()).url}/fragments?777`);
    const text = prose(100_000);
    const bytes = noise(100_000);
    await client.send(text);
    await client.send(bytes);
    expect((await client.messages.next()) === text).toBe(true);
    expect(bytes.equals((await client.messages.next()) as Uint8Array)).toBe(true);
  });

  test("what we send is what it counts, whole or in fragments", async () => {
    const client = await WsClient.open(`${(await start()).url}/count`);
    const text = prose(300_000);
    await client.send(text);
    expect(await client.messages.next()).toBe(`text 300000 ${sha256(text)}`);
    const parts = [noise(1, 1), noise(0), noise(65_536, 2), noise(130, 3)];
    parts.forEach((part, index) => {
      ws.sendFragment(client.handle, part, index === parts.length - 1);
    });
    expect(await client.messages.next()).toBe(`binary 65667 ${sha256(...parts)}`);
  });

  test("ping and pong both ways", async () => {
    const client = await WsClient.open(`${(await start()).url}/ping?h%C3%A9`);
    expect(await client.messages.next()).toBe("pong");
    expect(client.pings.all).toEqual(["hé"]);
    ws.ping(client.handle, "and you?");
    expect(await client.pongs.next()).toBe("and you?");
  });

  test.each([
    [1000, "done"],
    [1001, ""],
    [1012, "restart"],
    [4321, "Ü".repeat(61)],
  ])("it closes with %i", async (code, reason) => {
    const { url, child } = await start();
    const client = await WsClient.open(`${url}/close?${code}&${encodeURIComponent(reason)}`);
    expect(await client.closing.next()).toMatchObject({ code, reason });
    expect(await client.disconnected.next()).toMatchObject({ code, clean: true });
    /* RFC 6455 5.5.1: the answer carries the code, the reason is not ours. */
    expect(await seen(child)).toMatchObject({ code, reason: "" });
  });

  test.each([
    [1000, ""],
    [1000, "done"],
    [4999, "Ü".repeat(61)],
  ])("we close with %i", async (code, reason) => {
    const { url, child } = await start();
    const client = await WsClient.open(`${url}/echo`);
    ws.close(client.handle, code, reason);
    expect(await client.disconnected.next()).toMatchObject({ code, clean: true });
    expect(await seen(child)).toMatchObject({ code, reason });
  });

  test("subprotocol and headers", async () => {
    const { url, child } = await start();
    const client = await WsClient.open(`${url}/headers`, {
      protocols: ["chat", "superchat"],
      headers: [
        ["X-One", "1"],
        ["Cookie", "a=b; c=d"],
      ],
    });
    const headers = JSON.parse((await client.messages.next()) as string);
    expect(headers).toMatchObject({ "x-one": "1", cookie: "a=b; c=d", host: url.slice(5), upgrade: "websocket" });
    const chosen = ws.protocol(client.handle);
    expect(["chat", "superchat"]).toContain(chosen);
    ws.close(client.handle);
    expect(await seen(child)).toMatchObject({ subprotocol: chosen });
  });

  test("it is killed in the middle", async () => {
    const { url, child } = await start();
    const client = await WsClient.open(`${url}/echo`);
    await client.send("before");
    expect(await client.messages.next()).toBe("before");
    child.process.kill("SIGKILL");
    expect(await client.disconnected.next()).toMatchObject({ code: 1006, clean: false });
    expect(ws.state(client.handle)).toBe("closed");
  });
});

describeWith(websocketd, "websocketd", (program) => {
  async function start(...args: string[]): Promise<string> {
    const port = await freePort();
    const child = startChild(program, [`--port=${port}`, "--address=127.0.0.1", "--loglevel=info", ...args]);
    await portFrom(child.lines, /Starting WebSocket server *: ws:\/\/127\.0\.0\.1:(\d+)/);
    /* It prints this just before it listens. */
    await pause(50);
    return `ws://127.0.0.1:${port}/`;
  }

  test("lines come back, in order", async () => {
    const client = await WsClient.open(await start("cat"));
    for (let index = 0; index < 500; index++) await client.send(`line ${index} Grüße`);
    for (let index = 0; index < 500; index++) expect(await client.messages.next()).toBe(`line ${index} Grüße`);
  });

  test("bytes come back, however it cuts them", async () => {
    const client = await WsClient.open(await start("--binary", "cat"));
    /* More in one message is more than it gets through its pipes. */
    const bytes = noise(120_000);
    await client.send(bytes);
    const back: Uint8Array[] = [];
    for (let size = 0; size < bytes.length; ) {
      const part = (await client.messages.next()) as Uint8Array;
      back.push(part);
      size += part.length;
    }
    expect(sha256(...back)).toBe(sha256(bytes));
  });

  test("a program that ends ends the connection", async () => {
    const client = await WsClient.open(await start("seq", "3"));
    expect(await client.disconnected.next()).toMatchObject({ retryMs: -1 });
    expect(client.messages.all).toEqual(["1", "2", "3"]);
  });
});

describeWith(libwebsockets, "libwebsockets", (program) => {
  async function start(): Promise<string> {
    const child = startChild(program, ["-p", "0", "-i", "lo", "-d", "31"]);
    const port = await portFrom(child.errors, /lws_socket_bind says (\d+)/);
    /* It is bound then, and listens a moment later. */
    await portFrom(child.errors, /-> (\d+) 'INITIALIZED'/);
    return `ws://127.0.0.1:${port}/`;
  }

  test("it counts until it is asked to restart", async () => {
    const client = await WsClient.open(await start(), { protocols: "dumb-increment-protocol" });
    expect(ws.protocol(client.handle)).toBe("dumb-increment-protocol");
    for (let count = 0; count < 5; count++) expect(await client.messages.next()).toBe(`${count}`);
    ws.ping(client.handle, "p");
    expect(await client.pongs.next()).toBe("p");
    ws.close(client.handle, 1000, "enough");
    expect(await client.disconnected.next()).toMatchObject({ code: 1000, clean: true });
  });

  test("it mirrors what one client sends to another", async () => {
    const url = await start();
    const one = await WsClient.open(url, { protocols: "lws-mirror-protocol" });
    const other = await WsClient.open(url, { protocols: "lws-mirror-protocol" });
    expect(ws.protocol(other.handle)).toBe("lws-mirror-protocol");
    await one.send("d #ff0000 1 2 3 4;");
    expect(await other.messages.next()).toContain("#ff0000");
  });
});
