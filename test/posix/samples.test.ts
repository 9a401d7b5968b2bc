/** The examples in C: the samples of the specification, by the suite that those in TypeScript pass, and a server. */
import { connect } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { WebSocket } from "ws";
import { samplesSuite } from "../samples/suite.ts";
import { describeWith, portFrom, startChild } from "../support/child.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools } from "./build.ts";

const MIB = 1_048_576;

/** More than systems and the server buffer for one connection: 256 MiB, in chunks of 8 MiB. */
const MOST_CHUNKS = 32;

describeWith(buildTools(), "the examples in C", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
  }, BUILD_PATIENCE);
  afterEach(endPeers);

  samplesSuite((name) => [`${folder}/${name}`]);

  describe("tcp-echo-server", () => {
    test("what comes goes back, whole, also to a client that reads late", async () => {
      const { lines } = startChild(`${folder}/tcp-echo-server`, ["0"]);
      const port = await portFrom(lines, /^listening on 127\.0\.0\.1:(\d+)$/);
      const client = connect(port, "127.0.0.1");
      atEnd(() => client.destroy());
      client.pause();
      /* Sockets and the server hold some of it, how much depends on the system; then the client has to wait. */
      const sent: Buffer[] = [];
      while (client.writableLength === 0 && sent.length < MOST_CHUNKS) {
        const first = sent.length * 2 * MIB;
        const chunk = Buffer.from(Uint32Array.from({ length: 2 * MIB }, (_, at) => first + at).buffer);
        sent.push(chunk);
        client.write(chunk);
        await pause(300);
      }
      expect(client.writableLength).toBeGreaterThan(0);
      const total = sent.length * 8 * MIB;
      const got: Buffer[] = [];
      let received = 0;
      client.on("data", (data: Buffer) => {
        got.push(data);
        received += data.length;
      });
      client.resume();
      await until(() => received === total, "all bytes");
      expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true);
    });

    test("a port that can't be had is reported with what to do", async () => {
      const first = startChild(`${folder}/tcp-echo-server`, ["0"]);
      const port = await portFrom(first.lines, /:(\d+)$/);
      const { errors, ended } = startChild(`${folder}/tcp-echo-server`, [`${port}`]);
      expect(await ended).toBe(1);
      expect(errors.all.join("\n")).toMatch(/^ERR_IN_USE: .*; choose another port/);
    });
  });

  describe("chat-server", () => {
    const connectTo = async (url: string) => {
      const socket = new WebSocket(url);
      atEnd(() => socket.terminate());
      const observed = new Inbox<string>("a message");
      socket.on("message", (data: Buffer) => observed.push(data.toString()));
      const open = new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
      await within(open, "an open WebSocket");
      return { socket, observed };
    };

    test("a room receives what its members send on both threads, and no other room does; it ends in order", async () => {
      const { lines, errors, process, ended } = startChild(`${folder}/chat-server`, ["0"]);
      const port = await portFrom(lines, /^listening on 127\.0\.0\.1:(\d+)$/);
      await portFrom(lines, /^listening on 127\.0\.0\.1:(\d+)$/); /* the second thread */
      const url = `http://127.0.0.1:${port}`;
      expect(await (await fetch(`${url}/`)).text()).toContain("new WebSocket");
      /* So many that each of the threads has some of them, but for one chance in a million. */
      const kitchen = await Promise.all(Array.from({ length: 20 }, () => connectTo(`${url}/kitchen`)));
      const attic = await connectTo(`${url}/attic`);
      const said = kitchen.map((_, index) => `message ${index}`);
      for (const [index, { socket }] of kitchen.entries()) socket.send(said[index] ?? "");
      const all = async (inbox: Inbox<string>): Promise<string[]> => {
        const observed: string[] = [];
        while (observed.length < said.length) observed.push(await inbox.next());
        return observed.sort();
      };
      for (const { observed } of kitchen) expect(await all(observed)).toEqual([...said].sort());
      attic.socket.send("alone");
      expect(await attic.observed.next()).toBe("alone");
      for (const { socket } of kitchen.splice(0, 10)) socket.close();
      const closes = Promise.all(kitchen.map(({ socket }) => new Promise((resolve) => socket.on("close", resolve))));
      process.kill("SIGTERM");
      expect(await within(closes, "the closes")).toEqual(kitchen.map(() => 1001));
      expect({ code: await within(ended, "the end"), errors: errors.all }).toEqual({ code: 0, errors: [] });
    });
  });
});
