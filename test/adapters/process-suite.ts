/** What every adapter has to pass of the process it runs in: whether that lives on, and who may watch it. */
import { channel } from "node:diagnostics_channel";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Port } from "../../adapters/port.ts";
import { type Child, startChild } from "../support/child.ts";
import { deafPeer } from "../support/deaf.ts";
import { differs, host } from "../support/host.ts";
import { atEnd, endPeers, tcpPeer } from "../support/peers.ts";
import { pause, within } from "../support/wait.ts";

const at = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);

export function processSuite(name: string, createPort: () => Port): void {
  afterEach(endPeers);

  /** A program with a port, whose deliveries call what `on` has of their names. `peer` is a port on loopback. */
  function start(program: string, peer = 0): Child {
    const folder = mkdtempSync(join(tmpdir(), "twinwire-port-"));
    atEnd(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "program.mjs");
    const head = `import { createPort } from ${at(`dist/host/${name}.js`)};
      import { SocketKind } from ${at("build/lib/wasm/abi.gen.js")};
      const [port, on, peer] = [createPort(), {}, ${peer}];
      const deliver = new Proxy(on, { get: (on, name) => on[name] ?? (() => {}) });
      port.attach(deliver, { received: new Uint8Array(65536) });`;
    writeFileSync(file, `${head}\n${program}`);
    return startChild(process.execPath, [...(host === "deno" ? ["run", "-A"] : []), file]);
  }

  /** It ends by itself, having printed these lines. */
  async function ends(child: Child, ...lines: string[]): Promise<void> {
    expect(await within(child.ended, "the end of the program")).toBe(0);
    expect([child.lines.all, child.errors.all]).toEqual([lines, []]);
  }

  describe(`${name}: the process`, () => {
    test("a handle that is not kept lets the process end", async () => {
      const server = await tcpPeer(() => {});
      const program = `on.connected = (handle) => {
        console.log("connected", handle);
        if (handle === 2) port.keep(2, false);
      };
      port.open(1, SocketKind.TCP, "127.0.0.1", peer, {});
      port.keep(1, false);
      port.keep(1, true);
      port.open(2, SocketKind.TCP_LISTENER, "127.0.0.1", 0, {});
      port.open(3, SocketKind.UDP, "", 0, {});
      port.keep(3, false);
      setTimeout(() => port.keep(1, false), 100);`;
      const child = start(program, server.port);
      const lines = [await child.lines.next(), await child.lines.next()].sort();
      expect(lines).toEqual(["connected 1", "connected 2"]);
      expect(await within(child.ended, "the end of the program")).toBe(0);
      expect(child.errors.all).toEqual([]);
    });

    test.each([
      ["a connection", `port.open(1, SocketKind.TCP, "127.0.0.1", peer, {});`],
      ["a listener", `port.open(1, SocketKind.TCP_LISTENER, "127.0.0.1", 0, {});`],
      ["a UDP socket", `port.open(1, SocketKind.UDP, "", 0, {}); console.log("open");`],
    ])("%s that is kept keeps it, until it is closed", async (_what, open) => {
      const server = await tcpPeer(() => {});
      const program = `on.connected = () => console.log("open");
        ${open}
        process.once("SIGUSR2", () => port.close(1, 0));`;
      const child = start(program, server.port);
      expect(await child.lines.next()).toBe("open");
      await pause(150);
      expect(child.process.exitCode).toBe(null);
      /* Deno takes a process that was sent a signal by its own kill() for one that died of it. */
      process.kill(child.process.pid ?? Number.NaN, "SIGUSR2");
      await ends(child, "open");
    });

    test("an attempt that is given up lets the process end", async () => {
      const program = `on.connected = on.closed = () => console.log("an end");
        port.open(1, SocketKind.TCP, "127.0.0.1", peer, {});
        setTimeout(() => { port.close(1, 1); console.log("done"); }, 100);`;
      const child = start(program, await deafPeer());
      if (!differs("attempt-given-up")) await ends(child, "done");
      else {
        expect(await child.lines.next()).toBe("done");
        await pause(500);
        expect([child.process.exitCode, child.lines.all]).toEqual([null, ["done"]]);
      }
    });

    test("so does the time that it waits for, unless that is not kept", async () => {
      await ends(start(`on.wake = () => console.log("wake"); port.clock.wake(50);`), "wake");
      await ends(start(`on.wake = () => console.log("wake"); port.clock.wake(60_000); port.clock.keep(false);`));
      await ends(start(`on.wake = () => console.log("wake"); port.clock.keep(false); port.clock.wake(60_000);`));
    });

    test("what happens to handles is published", () => {
      const { diagnostics } = createPort();
      const observed: unknown[] = [];
      const listener = (message: unknown): unknown => observed.push(message);
      const name = "twinwire:a-test";
      expect(diagnostics?.channel(name).hasSubscribers).toBe(false);
      channel(name).subscribe(listener);
      expect(diagnostics?.channel(name).hasSubscribers).toBe(true);
      diagnostics?.channel(name).publish("hello");
      channel(name).unsubscribe(listener);
      expect(observed).toEqual(["hello"]);
    });
  });
}
