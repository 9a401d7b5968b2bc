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
      const sent = Buffer.alloc(24 * MIB);
      for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at);
      client.pause();
      client.write(sent);
      await pause(300);
      expect(client.writableLength).toBeGreaterThan(0); /* it is slowed down */
      const got: Buffer[] = [];
      client.on("data", (data: Buffer) => got.push(data));
      client.resume();
      await until(() => got.reduce((sum, it) => sum + it.length, 0) === sent.length, "all bytes");
      expect(Buffer.concat(got).equals(sent)).toBe(true);
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
