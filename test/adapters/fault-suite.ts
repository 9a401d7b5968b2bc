/** What every adapter has to pass with peers that break off, are slow, or close while bytes are under way. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Port, TlsOptions } from "../../adapters/port.ts";
import { Close, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { type Child, portFrom, startChild } from "../support/child.ts";
import { deafPeer } from "../support/deaf.ts";
import { nameHosts, wire } from "../support/faults.ts";
import { differs, host } from "../support/host.ts";
import { atEnd, endPeers, freePort, tcpPeer, udpPeer } from "../support/peers.ts";
import { Inbox, PATIENCE, pause, until, within } from "../support/wait.ts";
import { attach, FIRST_ACCEPTED, listen, type PortRecorder, writeAll } from "./recorder.ts";
import { certificates, dial, HOST, nameOf, plainClient, tlsPeer, type Way } from "./tls-support.ts";

const MIB = 1_048_576;

export function faultSuite(name: string, createPort: () => Port): void {
  afterEach(endPeers);

  /** A connection to a raw peer that keeps its half open. */
  async function pair(): Promise<{ port: Port; recorder: PortRecorder; peer: Socket }> {
    const accepted = new Inbox<Socket>("a connection");
    const server = await tcpPeer(accepted.push, { allowHalfOpen: true });
    const { port, recorder } = attach(createPort);
    expect(port.open(1, SocketKind.TCP, HOST, server.port, {})).toBe(0);
    await recorder.waitFor("connected 1");
    atEnd(() => port.close(1, Close.ABORT));
    return { port, recorder, peer: await accepted.next() };
  }

  /** The bytes of a write that were reported as done: at once, and by `written`. */
  function reported(recorder: PortRecorder, atOnce: number): number {
    const sizes = recorder.observed.all.map((line) => /^written 1 (\d+)$/.exec(line)?.[1]);
    return sizes.reduce((sum, size) => sum + Number(size ?? 0), atOnce);
  }

  describe(`${name}: writes and a peer that breaks off`, () => {
    test.each(["ends its half, then resets", "resets", "resets while reading is off"])(
      "a peer that %s: only bytes that the system took are reported as written",
      async (how) => {
        const { port, recorder, peer } = await pair();
        peer.on("data", () => peer.pause());
        const piece = Buffer.alloc(96 * MIB);
        const atOnce = port.write(1, [piece]);
        expect(atOnce).toBeLessThan(piece.length);
        if (how.endsWith("off")) port.read(1, false);
        if (how.startsWith("ends")) {
          peer.end();
          if (!differs("end-while-writing")) await recorder.waitFor("ended 1");
        }
        await pause(50);
        peer.resetAndDestroy();
        await pause(200);
        port.read(1, true);
        expect(nameOf(await recorder.endOf(1))).toBe("ERR_RESET");
        /* What the system's buffers on both sides may hold: Linux lets the receiver's grow to 32 MiB. */
        expect(reported(recorder, atOnce)).toBeLessThan(64 * MIB);
      },
    );

    test("a reset while reading is off is not an end", async () => {
      const { port, recorder, peer } = await pair();
      port.read(1, false);
      peer.resetAndDestroy();
      await pause(100);
      port.read(1, true);
      expect(nameOf(await recorder.endOf(1))).toBe("ERR_RESET");
      expect(recorder.observed.all).not.toContain("ended 1");
    });
  });

  describe(`${name}: the end of our half`, () => {
    test("reading goes on behind it, and a peer that keeps sending gets all that was written", async () => {
      const { port, recorder, peer } = await pair();
      let got = 0;
      peer.on("data", (data: Buffer) => {
        got += data.length;
        peer.pause();
        setTimeout(() => peer.resume(), 2);
      });
      const ended = new Inbox<void>("the end");
      peer.on("end", () => ended.push());
      peer.write(Buffer.alloc(300_000));
      await writeAll(port, recorder, 1, Buffer.alloc(MIB));
      port.shutdown(1);
      await ended.next();
      expect(got).toBe(MIB);
      peer.end(Buffer.alloc(200_000));
      await recorder.waitFor("ended 1");
      expect(Buffer.concat(recorder.data)).toHaveLength(500_000);
      port.close(1, Close.ORDERLY);
    });

    test.each<Way>(["from the start", "in place"])("over TLS, as a client (%s)", async (way) => {
      const { ca, good } = certificates();
      const peers = new Inbox<TLSSocket>("a connection");
      const { port, recorder } = attach(createPort);
      dial(port, recorder, 1, await tlsPeer(good, peers.push), { ca }, way);
      await recorder.waitFor("secured 1");
      await endOurHalf(port, recorder, 1, await peers.next());
    });

    test("over TLS, as a server", async () => {
      const { ca, good } = certificates();
      const { port, recorder } = attach(createPort);
      const tls: TlsOptions = good;
      recorder.onConnected = (handle) => {
        if (handle >= FIRST_ACCEPTED) port.startTls(handle, "", tls);
      };
      recorder.onAccepted = (handle) => recorder.onConnected?.(handle);
      const at = await listen(port, recorder, 1, { tls });
      const how: ConnectionOptions & { allowHalfOpen: boolean } = { host: HOST, port: at, ca, allowHalfOpen: true };
      const client = connect({ ...how, servername: "localhost" });
      client.on("error", () => {});
      atEnd(() => client.destroy());
      await recorder.waitFor(`secured ${FIRST_ACCEPTED}`);
      await endOurHalf(port, recorder, FIRST_ACCEPTED, client);
    });

    /** Writes, ends our half, and still reads what the slow peer answers to it. */
    async function endOurHalf(port: Port, recorder: PortRecorder, handle: number, peer: TLSSocket): Promise<void> {
      let got = 0;
      const ended = new Inbox<void>("the end");
      peer.on("data", (data: Buffer) => {
        got += data.length;
        if (host === "deno") return; /* a paused TLS socket of Deno's own can lose its end */
        peer.pause();
        setTimeout(() => peer.resume(), 2);
      });
      peer.on("end", () => ended.push());
      await writeAll(port, recorder, handle, Buffer.alloc(300_000));
      port.shutdown(handle);
      await ended.next();
      expect(got).toBe(300_000);
      const before = Buffer.concat(recorder.data).length;
      peer.end(Buffer.alloc(100_000));
      await recorder.waitFor(`ended ${handle}`);
      expect(Buffer.concat(recorder.data).length - before).toBe(100_000);
      port.close(handle, Close.ORDERLY);
    }
  });

  describe.each<[string, boolean]>([
    ["while it reads", false],
    ["while reading is off", true],
  ])(`${name}: TLS that breaks off %s`, (_what, paused) => {
    async function secured(
      way: Way,
    ): Promise<{ port: Port; recorder: PortRecorder; breaks: (how: "reset" | "cut") => void }> {
      const { ca, good } = certificates();
      const before = await wire(await tlsPeer(good, (socket) => socket.write("hello")));
      const { port, recorder } = attach(createPort);
      dial(port, recorder, 1, before.port, { ca }, way);
      await until(() => recorder.text === "hello", "the bytes before the end");
      if (paused) port.read(1, false);
      const breaks = (how: "reset" | "cut"): void => {
        before.break(how);
        if (paused) setTimeout(() => port.read(1, true), 150);
      };
      return { port, recorder, breaks };
    }

    test.each<Way>(["from the start", "in place"])("cut off (%s): never a certain end", async (way) => {
      const { recorder, breaks } = await secured(way);
      breaks("cut");
      await until(() => recorder.observed.all.some((line) => /^(ended|closed) 1/.test(line)), "an end");
      if (differs("tls-cut"))
        expect([recorder.observed.all.at(-1), recorder.uncertain.has(1)]).toEqual(["ended 1", true]);
      else expect(nameOf(await recorder.endOf(1))).toBe("ERR_ENDED");
    });

    test.each<Way>(["from the start", "in place"])("reset (%s): an error, or never a certain end", async (way) => {
      const { recorder, breaks } = await secured(way);
      breaks("reset");
      await until(() => recorder.observed.all.some((line) => /^(ended|closed) 1/.test(line)), "an end");
      if (differs("tls-reset")) expect(recorder.uncertain.has(1)).toBe(true);
      else expect(nameOf(await recorder.endOf(1))).toBe("ERR_RESET");
    });
  });

  describe(`${name}: a host with several addresses`, () => {
    /** Opens, and returns what came of it within so many ms. */
    async function outcome(port: Port, recorder: PortRecorder, at: number, tls?: TlsOptions): Promise<string> {
      expect(port.open(1, SocketKind.TCP, "many.test", at, {}, tls)).toBe(0);
      atEnd(() => port.close(1, Close.ABORT));
      await until(() => recorder.observed.all.length > 0, "what came of it");
      return recorder.observed.all[0] as string;
    }

    test("an address that is slow to answer goes on while the others are tried", async () => {
      const slow = await deafPeer(2_500);
      nameHosts({ "many.test": [HOST, "127.0.0.9"] });
      const { port, recorder } = attach(createPort);
      const started = performance.now();
      expect(await outcome(port, recorder, slow)).toBe("connected 1");
      expect(performance.now() - started).toBeGreaterThan(300);
    });

    test("the next address is tried 250 ms later, the first connection wins, and the others are given up", async () => {
      const accepted = new Inbox<Socket>("a connection");
      const at = await deafPeer();
      const good = await tcpPeer(accepted.push, { host: "127.0.0.9", port: at });
      nameHosts({ "many.test": [HOST, "127.0.0.9"] });
      const { port, recorder } = attach(createPort);
      const started = performance.now();
      expect(await outcome(port, recorder, good.port)).toBe("connected 1");
      expect(performance.now() - started).toBeGreaterThan(200);
      (await accepted.next()).write("hello");
      await until(() => recorder.text === "hello", "the bytes of the winner");
    });

    test("TLS from the start begins on the connection that wins", async () => {
      const { ca, good } = certificates();
      const at = await deafPeer();
      const server = await tlsPeer(good, (socket) => socket.write("hello"));
      await wire(server, { host: "127.0.0.9", port: at });
      nameHosts({ "many.test": [HOST, "127.0.0.9"] });
      const { port, recorder } = attach(createPort);
      recorder.onConnected = () => port.startTls(1, "", { ca, servername: "localhost" });
      expect(await outcome(port, recorder, at, { ca, servername: "localhost" })).toBe("connected 1");
      await until(() => recorder.text === "hello", "the bytes");
    });

    test("a refused address has the next one tried at once", async () => {
      const good = await tcpPeer(() => {}, { host: "127.0.0.9" });
      const refusing = Array.from({ length: 80 }, (_, index) => `127.0.1.${index + 1}`);
      nameHosts({ "many.test": [...refusing, "127.0.0.9"] });
      const { port, recorder } = attach(createPort);
      const started = performance.now();
      expect(await outcome(port, recorder, good.port)).toBe("connected 1");
      /* 250 ms for each would be 20,000. */
      expect(performance.now() - started).toBeLessThan(18_000);
    });

    test("if all fail, the error is the one that says most", async () => {
      nameHosts({ "many.test": ["127.0.0.8", "127.0.0.9"] });
      const { port, recorder } = attach(createPort);
      expect(await outcome(port, recorder, await freePort())).toBe(`closed 1 ${Errors.ERR_REFUSED.value}`);
      expect(recorder.causes[0]).toMatchObject({ message: expect.stringContaining("connect ECONNREFUSED 127.0.0.") });
    });

    test("a close ends every attempt, and nothing is delivered", async () => {
      nameHosts({ "many.test": [HOST, "127.0.0.9"] });
      const at = await deafPeer();
      const accepted = new Inbox<Socket>("a connection");
      await tcpPeer(accepted.push, { host: "127.0.0.9", port: at });
      const { port, recorder } = attach(createPort);
      expect(port.open(1, SocketKind.TCP, "many.test", at, {})).toBe(0);
      await pause(50);
      port.close(1, Close.ABORT);
      await pause(400);
      expect(recorder.observed.all).toEqual([]);
      expect(accepted.all).toEqual([]);
    });
  });

  describe(`${name}: look-ups`, () => {
    test("an internationalized name is looked up in its ASCII form, whatever its case", async () => {
      const asked = nameHosts({ "xn--mnchen-3ya.example": [HOST], "plain.example": [HOST] });
      const { port } = attach(createPort);
      for (const written of ["münchen.example", "MÜNCHEN.example", "plain.example"]) {
        expect(await port.resolve(written, 0)).toEqual({ error: 0, addresses: [HOST] });
      }
      expect(asked).toEqual(["xn--mnchen-3ya.example", "xn--mnchen-3ya.example", "plain.example"]);
    });

    test("a family of -0 is one of 0", async () => {
      const { port } = attach(createPort);
      expect(await port.resolve("127.0.0.1", -0 as 0)).toEqual({ error: 0, addresses: [HOST] });
    });
  });

  describe(`${name}: datagrams and a close`, () => {
    test("what was sent leaves before the socket is closed", async () => {
      const got: string[] = [];
      const peer = await udpPeer((data) => got.push(data.toString()));
      const { port } = attach(createPort);
      const all = Array.from({ length: 10 }, (_, index) => `${index}`);
      expect(port.open(1, SocketKind.UDP, HOST, 0, {})).toBe(0);
      for (const text of all) expect(port.sendTo(1, HOST, peer.port, Buffer.from(text))).toBe(1);
      port.close(1, Close.ORDERLY);
      await until(() => got.length === all.length, "all datagrams");
      expect(got).toEqual(all);
    });

    test("a refused broadcast names its destination", async () => {
      const { port, recorder } = attach(createPort);
      expect(port.open(1, SocketKind.UDP, "", 0, {})).toBe(0);
      atEnd(() => port.close(1, Close.ABORT));
      const result = port.sendTo(1, "255.255.255.255", 9, Buffer.from("x"));
      if (result < 0) {
        expect(nameOf(result)).toBe("ERR_ACCESS");
        return;
      }
      await until(() => recorder.targets.length > 0, "the failure");
      expect(recorder.targets).toEqual(["255.255.255.255:9"]);
      expect(recorder.observed.all).toEqual([
        `failed 1 ${Errors[differs("udp-error") ? "ERR_HOST" : "ERR_ACCESS"].value}`,
      ]);
    });
  });

  describe(`${name}: a process without free descriptors`, () => {
    test("connecting and looking up fail with an error of their own", async () => {
      const server = await tcpPeer(() => {});
      const lines = await run(`const codes = {};
        deliver.closed = (handle, error) => { codes[handle] = error; };
        port.open(1, SocketKind.TCP, "127.0.0.1", ${server.port}, {});
        port.open(2, SocketKind.TCP, "no-such-host.invalid", 80, {});
        const found = await port.resolve("no-such-host.invalid", 0);
        while (Object.keys(codes).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
        console.log(codes[1], codes[2], found.error);`);
      const code = Errors.ERR_DESCRIPTORS.value;
      expect(lines).toEqual([`${code} ${code} ${code}`]);
    });

    /* Deno itself panics where it needs a descriptor: docs/hosts.md. */
    const lives = differs("descriptors-panic") ? test.skip : test;

    lives("a listener lives on, and does not use the processor while it can't accept", async () => {
      const child = start(
        /* A runtime may free a descriptor of its own meanwhile: that one connection is accepted, then. */
        `deliver.accepted = () => false;
        port.open(1, SocketKind.TCP_LISTENER, "127.0.0.1", 0, {});
        await new Promise((resolve) => { deliver.connected = resolve; });`,
        `console.log(port.address(1, 0));
        await new Promise((resolve) => setTimeout(resolve, 200));
        const before = process.cpuUsage();
        const isBusy = () => { const { user, system } = process.cpuUsage(before); return user + system > 100_000; };
        /* Where it is busy, another program may have the processor first. */
        const end = performance.now() + ${differs("descriptors-accept") ? PATIENCE / 2 : 600};
        while (!isBusy() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 100));
        console.log(isBusy() ? "busy" : "idle");
        for (const it of held.splice(0)) closeSync(it);
        await new Promise((resolve) => { deliver.accepted = () => { resolve(); return false; }; });
        console.log("accepted");`,
      );
      const at = await portFrom(child.lines, /^127\.0\.0\.1:(\d+)$/);
      plainClient(at);
      expect(await child.lines.next()).toBe(differs("descriptors-accept") ? "busy" : "idle");
      plainClient(at);
      expect(await child.lines.next()).toBe("accepted");
    });

    /** What a program prints that has a port and no descriptor left. */
    async function run(program: string): Promise<readonly string[]> {
      const child = start("", program);
      await within(child.ended, "the end of the program");
      return [...child.lines.all, ...child.errors.all];
    }

    /** Starts a program with a port. `program` runs when it has no descriptor left. */
    function start(before: string, program: string): Child {
      const folder = mkdtempSync(join(tmpdir(), "twinwire-port-"));
      atEnd(() => rmSync(folder, { recursive: true }));
      const file = join(folder, "program.mjs");
      const at = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
      writeFileSync(
        file,
        `import { closeSync, openSync } from "node:fs";
        import { lookup } from "node:dns";
        import { createPort } from ${at(`dist/host/${name}.js`)};
        import { SocketKind } from ${at("build/lib/wasm/abi.gen.js")};
        const port = createPort();
        const deliver = new Proxy({}, { get: (it, name) => it[name] ?? (() => {}) });
        port.attach(deliver, { received: new Uint8Array(65536) });
        await new Promise((resolve) => lookup("localhost", resolve)); /* what a runtime opens once is open */
        ${before}
        const held = [];
        try { for (;;) held.push(openSync("/dev/null", "r")); } catch {}
        ${program}
        for (const it of held) closeSync(it);
        process.exit();`,
      );
      const runtime = [process.execPath, ...(host === "deno" ? ["run", "-A"] : []), file];
      /* Without certificates of the user's: Node reads them late, when there is no descriptor for it, and warns. */
      return startChild("/bin/sh", ["-c", 'ulimit -n 96; exec "$@"', "sh", ...runtime], { NODE_EXTRA_CA_CERTS: "" });
    }
  });
}
