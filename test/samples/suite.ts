/** The sample programs of the specification against peers that were not written here, in whatever language they are. */
import type { Socket } from "node:net";
import { describe, expect, test } from "@jest/globals";
import type { WebSocket } from "ws";
import { type Child, startChild } from "../support/child.ts";
import { freePort, tcpPeer, udpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, within } from "../support/wait.ts";

/** `command`: the program, and its first arguments, that a sample is started with. */
export function samplesSuite(command: (sample: string) => readonly string[]): void {
  function run(name: string, ...args: (string | number)[]): Child {
    const [program = "", ...first] = command(name);
    return startChild(program, [...first, ...args.map(String)]);
  }

  /** A program that lives for ever is alive, and has nothing to complain about. */
  function expectWell({ process, errors }: Child): void {
    expect([process.exitCode, process.signalCode]).toEqual([null, null]);
    expect(errors.all).toEqual([]);
  }

  describe("net", () => {
    test("usage: pings once connected, prints what comes", async () => {
      const accepted = new Inbox<Socket>("a connection");
      const { port } = await tcpPeer(accepted.push);
      const program = run("spec-000-usage", "127.0.0.1", port);
      const peer = await accepted.next();
      const received = new Inbox<string>("data");
      peer.on("data", (data) => received.push(data.toString()));
      expect(await received.next()).toBe("ping");
      peer.write("pong");
      expect(await program.lines.next()).toBe("recv: pong");
      peer.write("Grüße\n");
      expect(await program.lines.next()).toBe("recv: Grüße");
      expectWell(program);
    });

    test("UDP echo round-trip: sends, prints the answer, ends by itself", async () => {
      const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
      const program = run("spec-000-udp-echo", "127.0.0.1", port);
      expect(await within(program.ended, "the end of the program")).toBe(0);
      expect(program.lines.all).toEqual(["echo: hello"]);
      expect(program.errors.all).toEqual([]);
    });

    test("auto-reconnect: reports the loss, and reconnects after a second", async () => {
      const accepted = new Inbox<Socket>("a connection");
      const { port } = await tcpPeer(accepted.push);
      const program = run("spec-000-auto-reconnect", "127.0.0.1", port);
      const peer = await accepted.next();
      const connected = new RegExp(`^connected: 127\\.0\\.0\\.1:\\d+ to 127\\.0\\.0\\.1:${port}$`);
      expect(await program.lines.next()).toMatch(connected);
      const since = performance.now();
      peer.destroy();
      expect(await program.lines.next()).toBe("disconnected — will reconnect");
      await accepted.next();
      expect(performance.now() - since).toBeGreaterThan(900);
      expect(await program.lines.next()).toMatch(connected);
      expectWell(program);
    });
  });

  describe("ws", () => {
    /** A server of npm `ws` that keeps its connections for the test, and their paths. */
    async function server(
      accept: (peer: WebSocket) => void = () => {},
    ): Promise<{ url: string; accepted: Inbox<{ peer: WebSocket; path: string | undefined }> }> {
      const accepted = new Inbox<{ peer: WebSocket; path: string | undefined }>("a connection");
      const { port } = await wsPeer((peer, request) => {
        accept(peer);
        accepted.push({ peer, path: request.url });
      });
      return { url: `ws://127.0.0.1:${port}`, accepted };
    }

    test("usage: sends, prints, closes, ends by itself", async () => {
      const closed = new Inbox<number>("the close");
      /* Immediately: the program's data may arrive before a promise of the connection settles. */
      const { url, accepted } = await server((peer) => {
        peer.on("message", (data, isBinary) => peer.send(data, { binary: isBinary }));
        peer.on("close", closed.push);
      });
      const program = run("spec-001-usage", url);
      expect((await accepted.next()).path).toBe("/");
      expect(await closed.next()).toBe(1000);
      expect(await within(program.ended, "the end of the program")).toBe(0);
      expect(program.lines.all).toEqual(["open", "hello", "closed"]);
      expect(program.errors.all).toEqual([]);
    });

    test("lifecycle events", async () => {
      const { url, accepted } = await server();
      const program = run("spec-001-lifecycle-events", `${url}/stream`);
      const { peer, path } = await accepted.next();
      expect(path).toBe("/stream");
      expect(await program.lines.next()).toBe("connected");
      for (const text of ["one", "Grüße, 東京 🌍", "x".repeat(100_000)]) {
        peer.send(text);
        expect((await program.lines.next()) === text).toBe(true);
      }
      expectWell(program);
    });

    test("auto-reconnect: a full handshake again after a second", async () => {
      const { url, accepted } = await server();
      const program = run("spec-001-auto-reconnect", `${url}/stream`);
      const first = await accepted.next();
      const since = performance.now();
      first.peer.terminate();
      const second = await accepted.next();
      expect(performance.now() - since).toBeGreaterThan(900);
      expect([first.path, second.path]).toEqual(["/stream", "/stream"]);
      expectWell(program);
    });

    test("event-driven data stream", async () => {
      const { url, accepted } = await server();
      const program = run("spec-001-data-stream", `${url}/sensors`);
      const { peer } = await accepted.next();
      expect(await program.lines.next()).toBe("streaming");
      for (const value of [1, -2.5, "warm", null]) {
        peer.send(JSON.stringify({ value, unit: "°C" }));
        expect(await program.lines.next()).toBe(String(value));
      }
      expectWell(program);
    });

    test("command channel", async () => {
      const { url, accepted } = await server();
      const program = run("spec-001-command-channel", `${url}/control`);
      const { peer } = await accepted.next();
      const commands = new Inbox<unknown>("a command");
      peer.on("message", (data) => commands.push(JSON.parse(data.toString())));
      expect(await commands.next()).toEqual({ cmd: "start", id: 42 });
      peer.send(JSON.stringify({ status: "started", id: 42 }));
      expect(await program.lines.next()).toBe("started");
      expectWell(program);
    });

    test("resilient stream: the server restarts", async () => {
      const port = await freePort();
      const accepted = new Inbox<WebSocket>("a connection");
      const first = await wsPeer(accepted.push, { port });
      const program = run("spec-001-resilient-stream", `ws://127.0.0.1:${port}/sensors`);
      (await accepted.next()).send('{"value":1}');
      expect([await program.lines.next(), await program.lines.next()]).toEqual(["connected", "1"]);
      await first.close();
      expect(await program.lines.next()).toBe("disconnected — will reconnect");
      await wsPeer(accepted.push, { port });
      (await accepted.next()).send('{"value":2}');
      expect([await program.lines.next(), await program.lines.next()]).toEqual(["connected", "2"]);
      expectWell(program);
    });
  });
}
