/** The examples in C: the samples of the specification, by the suite that those in TypeScript pass, and a server. */
import { connect } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { samplesSuite } from "../samples/suite.ts";
import { describeWith, portFrom, startChild } from "../support/child.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { pause, until } from "../support/wait.ts";
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

    test("a port that can't be had is told with what to do", async () => {
      const first = startChild(`${folder}/tcp-echo-server`, ["0"]);
      const port = await portFrom(first.lines, /:(\d+)$/);
      const { errors, ended } = startChild(`${folder}/tcp-echo-server`, [`${port}`]);
      expect(await ended).toBe(1);
      expect(errors.all.join("\n")).toMatch(/^ERR_IN_USE: .*; choose another port/);
    });
  });
});
