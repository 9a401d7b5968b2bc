import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { type Case, cases, QUICK } from "../bench/cases.ts";
import { findDeno } from "../bench/deno.ts";
import { Flow } from "../bench/flow.ts";
import { Gatherer } from "../bench/gatherer.ts";
import { parseOptions } from "../bench/options.ts";
import { clientFrame, makeMessages, serverFrame, VARIETY } from "../bench/payload.ts";
import { compare, toJson, toMarkdown, toText } from "../bench/report.ts";
import type { CaseResult } from "../bench/session.ts";
import { median, pairedRatios, spread } from "../bench/statistics.ts";
import { StreamChecker } from "../bench/stream.ts";
import { redisTool } from "./hub/redis-server.ts";
import { BUILD_PATIENCE, buildTools } from "./posix/build.ts";
import { describeWith } from "./support/child.ts";

const named = (name: string): Case => {
  const found = cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no case ${name}`);
  return found;
};

describe("statistics", () => {
  test("the median is the middle, whatever the order", () => {
    expect(median([5, 1, 9])).toBe(5);
    expect(median([4, 1, 3, 100])).toBe(3.5);
    expect(median([])).toBeNaN();
  });

  test("a spread has the median and both ends", () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  });

  test("ratios are of the same round, and above 1 is better whatever the unit", () => {
    expect(pairedRatios([10, 40], [5, 10], "more")).toEqual([2, 4]);
    expect(pairedRatios([100, 50], [200, 200], "less")).toEqual([2, 4]);
    expect(() => pairedRatios([1], [], "more")).toThrow("paired");
  });
});

describe("messages", () => {
  test.each(["text", "utf8", "binary"] as const)("%s has exactly the size, and all differ", (content) => {
    for (const size of [5, 64, 1024]) {
      const messages = makeMessages(content, size);
      expect(messages.map((it) => Buffer.from(it as string).length)).toEqual(Array(VARIETY).fill(size));
      expect(new Set(messages.map((it) => Buffer.from(it as string).toString("hex"))).size).toBe(VARIETY);
    }
  });

  test("utf8 is text that is not ASCII, text is ASCII", () => {
    for (const it of makeMessages("utf8", 64)) expect((it as string).length).toBeLessThan(60);
    for (const it of makeMessages("text", 64)) expect(it).toHaveLength(64);
  });

  test("frames are those of RFC 6455 5.2", () => {
    expect(serverFrame("Hello").toString("hex")).toBe("810548656c6c6f");
    expect(serverFrame(new Uint8Array(256)).subarray(0, 4).toString("hex")).toBe("827e0100");
    const masked = clientFrame("Hello");
    expect(masked.subarray(0, 2).toString("hex")).toBe("8185");
    const key = masked.subarray(2, 6);
    expect(String.fromCharCode(...masked.subarray(6).map((byte, at) => byte ^ (key[at % 4] as number)))).toBe("Hello");
  });
});

/** A connection that answers automatically, by `answer`. */
function measure(answer: (flow: Flow, from: number, count: number) => void): Promise<unknown> {
  const one = named("ws-client/64B/text/1");
  if (one.kind !== "echo") throw new Error("not an echo");
  const flow = new Flow(one);
  const send = (from: number, count: number): void => void setImmediate(() => answer(flow, from, count));
  const job = {
    case: one,
    contender: "ws",
    ports: { ws: 0, tcp: 0 },
    load: undefined,
    settleMs: 10,
    measureMs: 30,
  } as const;
  return flow.measure({ send, close: () => {} }, job);
}

describe("what comes back is checked", () => {
  test("true echoes are counted", async () => {
    const echoed = measure((flow, from) => flow.take(flow.messages[from % VARIETY] as string));
    await expect(echoed).resolves.toMatchObject({ count: expect.any(Number), value: expect.any(Number) });
  });

  test("the same message over and over is found out", async () => {
    await expect(measure((flow) => flow.take(flow.messages[0] as string))).rejects.toThrow("not what was sent");
  });

  test("a message of another length is found out at once", async () => {
    await expect(measure((flow) => flow.take("short"))).rejects.toThrow("message 0 is not");
  });

  test("a stream is counted whatever its chunks, and a wrong byte is found out", () => {
    const one = named("tcp-client/1KiB/binary/64");
    if (one.kind !== "echo") throw new Error("not an echo");
    const flow = new Flow(one);
    const all = Buffer.concat(flow.messages as Uint8Array[]);
    const checker = new StreamChecker(flow, flow.messages as Uint8Array[]);
    for (let at = 0; at < all.length; at += 700) checker.take(all.subarray(at, at + 700));
    expect(flow.received).toBe(VARIETY);
    const wrong = new Flow(one);
    const other = new StreamChecker(wrong, wrong.messages as Uint8Array[]);
    for (let turn = 0; turn < 8; turn++) other.take(new Uint8Array(1024));
    expect(wrong.received).toBeLessThan(8);
  });
});

describe("messages of one size out of a stream", () => {
  test.each([1, 7, 64, 65, 200, 6400])("come whole and in order in chunks of %i", (chunk) => {
    const messages = makeMessages("binary", 64) as Uint8Array[];
    const all = Buffer.concat(messages);
    const got: Buffer[] = [];
    const gatherer = new Gatherer(64, (message) => got.push(Buffer.from(message)));
    for (let at = 0; at < all.length; at += chunk) gatherer.take(all.subarray(at, at + chunk));
    expect(got.map((it) => it.toString("hex"))).toEqual(messages.map((it) => Buffer.from(it).toString("hex")));
  });

  test("one that is not whole is not handed on", () => {
    const got: Uint8Array[] = [];
    new Gatherer(64, (message) => got.push(message)).take(new Uint8Array(127));
    expect(got).toHaveLength(1);
  });
});

test("a quick run has WebSocket, both APIs of TCP, and memory, by names of cases that exist", () => {
  const quick = cases.map((one) => one.name).filter((name) => QUICK.has(name));
  expect(quick.sort()).toEqual([...QUICK].sort());
  expect(quick).toEqual(
    expect.arrayContaining([
      "ws-client/64B/text/256",
      "tcp-conn/64B/binary/1",
      "tcp-conn/64KiB/binary/1",
      "tcp-idle/1000",
    ]),
  );
  expect(quick.length).toBeLessThan(cases.length / 4);
});

const measured = (value: number) => ({ value, cpuMicros: 2, count: 10 });
const result: CaseResult = {
  case: named("ws-client/64B/text/256"),
  rounds: new Map([
    ["twinwire", [measured(600), measured(900), measured(800)]],
    ["ws", [measured(100), measured(100), measured(200)]],
    ["node:net raw", [measured(1200), measured(900), measured(1600)]],
  ]),
};

describe("report", () => {
  test("the JSON has one entry a peer", () => {
    const name = "ws-client/64B/text/256";
    expect(toJson(compare(result))).toEqual({
      cases: [
        { name, unit: "msg/s", twinwire: 800, peer: 100, peerName: "ws", ratio: 6 },
        { name, unit: "msg/s", twinwire: 800, peer: 1200, peerName: "node:net raw", ratio: 0.5 },
      ],
    });
  });

  test("the tables name the ratio and its spread", () => {
    expect(toText(compare(result))).toMatch(
      /ws-client\/64B\/text\/256 +800 +ws +100 +msg\/s +6\.00 x +\(4\.00 to 9\.00\)/,
    );
    const commit = "abc";
    const wsHelpers = { bufferutil: false, "utf-8-validate": true };
    const machine = { cpu: "some", cores: 2, memoryGiB: 4, system: "an OS", node: "v1", twinwire: "2", ws: "3" };
    const markdown = toMarkdown(compare(result), { ...machine, wsHelpers, server: "Bun 4", commit });
    expect(markdown).toContain("bufferutil not installed, utf-8-validate installed");
    expect(markdown).toContain("| 6.00 x | (4.00 to 9.00) |");
  });

  test("a peer that can't take part has a row that says what it needs", () => {
    const row = compare({
      case: named("c/ws-server/echo/100x16"),
      rounds: new Map([["twinwire", [measured(5)]]]),
      absent: new Map([["libwebsockets", "libwebsockets-dev"]]),
    });
    expect(toText(row)).toMatch(/100x16 +5 +libwebsockets +msg\/s +not installed +\(libwebsockets-dev\)$/m);
    expect(toJson(row).cases).toEqual([]);
  });

  test("options that make no sense are refused", () => {
    expect(() => parseOptions(["--rounds", "0"])).toThrow("--rounds");
    expect(() => parseOptions(["--fast"])).toThrow("--fast");
    expect(parseOptions(["--quick", "--json", "--only", "ws"])).toMatchObject({ json: true, prefix: "ws" });
  });
});

const program = join(process.cwd(), "build/tools/bench/main.js");

interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it has left a process behind. */
  readonly left: boolean;
}

/** Runs the program. */
function run(...args: string[]): Promise<Run> {
  return runWithin(80_000, ...args);
}

/** Runs the program as the leader of a process group, so that what it leaves behind can be seen. */
async function runWithin(timeout: number, ...args: string[]): Promise<Run> {
  if (!existsSync(program)) throw new Error("build/tools is missing: run make build first");
  const child = spawn(process.execPath, [program, ...args], { detached: true, timeout, killSignal: "SIGKILL" });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => {
    output.stdout += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    output.stderr += String(chunk);
  });
  const [status] = await once(child, "close");
  return { status, ...output, left: groupLives(child.pid) };
}

function groupLives(leader: number | undefined): boolean {
  try {
    return process.kill(-(leader ?? 0), 0);
  } catch {
    return false;
  }
}

describe("a real run", () => {
  test("prints one JSON object on stdout and leaves no process behind", async () => {
    const { status, stdout, left } = await run("--quick", "--json", "--rounds", "1", "--only", "ws-client/64B/text/1");
    expect(status).toBe(0);
    expect(left).toBe(false);
    const { cases: entries } = JSON.parse(stdout) as ReturnType<typeof toJson>;
    expect(entries.map((it) => it.peerName)).toEqual(["ws", "node:net raw", "undici"]);
    for (const it of entries) {
      expect(it.name).toBe("ws-client/64B/text/1");
      expect(it.twinwire).toBeGreaterThan(0);
      expect(it.ratio).toBeGreaterThan(0);
    }
  });

  test("the connection API is compared with node:net", async () => {
    const { status, stdout } = await run("--quick", "--json", "--rounds", "1", "--only", "tcp-conn/64");
    expect(status).toBe(0);
    const { cases: entries } = JSON.parse(stdout) as ReturnType<typeof toJson>;
    expect(entries.map((it) => it.name)).toEqual([
      "tcp-conn/64B/binary/1",
      "tcp-conn/64KiB/binary/1",
      "tcp-conn/64B/binary/64",
    ]);
    for (const it of entries) {
      expect(it.peerName).toBe("node:net");
      expect(it.twinwire).toBeGreaterThan(0);
    }
  });

  const { CI } = process.env;
  const runtimes = findDeno() === undefined && CI !== "true" ? ["bun"] : ["bun", "deno"];

  test.each(runtimes)("in %s it is measured beside the WebSocket that the runtime has", async (runtime) => {
    const { status, stdout, left } = await run("--quick", "--json", "--rounds", "1", "--only", `${runtime}/ws-client/`);
    expect([status, left]).toEqual([0, false]);
    const { cases: entries } = JSON.parse(stdout) as ReturnType<typeof toJson>;
    expect(entries.map((it) => it.name)).toEqual([256, 1].map((count) => `${runtime}/ws-client/64B/text/${count}`));
    for (const it of entries) {
      expect(it.peerName).toBe("WebSocket");
      expect(it.twinwire).toBeGreaterThan(0);
      expect(it.ratio).toBeGreaterThan(0);
    }
  });

  test("our servers are measured beside those of the runtimes, by a load generator that is not in the way", async () => {
    const own: Record<string, string> = { bun: "Bun.serve", deno: "Deno.serve" };
    const names = ["tcp-server/echo/100x16", ...runtimes.map((runtime) => `${runtime}/ws-server/echo/100x16`)];
    for (const name of names) {
      const { status, stdout, left } = await run("--quick", "--json", "--rounds", "1", "--only", name);
      expect([status, left]).toEqual([0, false]);
      const { cases: entries } = JSON.parse(stdout) as ReturnType<typeof toJson>;
      expect(entries.map((it) => it.peerName)).toEqual([own[name.split("/")[0] ?? ""] ?? "node:net"]);
      expect(entries[0]?.twinwire).toBeGreaterThan(0);
    }
  });

  test("our HTTP client is measured beside undici", async () => {
    const { status, stdout, left } = await run(
      "--quick",
      "--json",
      "--rounds",
      "1",
      "--only",
      "http-client/64B/text/16",
    );
    expect([status, left]).toEqual([0, false]);
    const { cases: entries } = JSON.parse(stdout) as ReturnType<typeof toJson>;
    expect(entries.map((it) => it.peerName)).toEqual(["undici"]);
    expect(Math.min(...entries.flatMap((it) => [it.twinwire, it.peer]))).toBeGreaterThan(0);
  });

  test("our HTTP server is measured beside node:http", async () => {
    const { status, stdout, left } = await run("--quick", "--json", "--rounds", "1", "--only", "http-server/");
    expect([status, left]).toEqual([0, false]);
    const { cases: entries } = JSON.parse(stdout) as ReturnType<typeof toJson>;
    expect(entries.map((it) => it.name)).toEqual([
      "http-server/GET/64x1",
      "http-server/POST/64x1",
      "http-server/GET/16x16",
    ]);
    for (const it of entries) {
      expect(it.peerName).toBe("node:http");
      expect(it.twinwire).toBeGreaterThan(0);
    }
  });

  describeWith(redisTool, "with Redis", () => {
    test.each([
      ["hub/publish/2", "msg/s"],
      ["hub/recovery/restart", "ms"],
    ])("hubs are measured beside socket.io, of which nothing is left: %s", async (name, unit) => {
      const { status, stdout, left } = await run("--quick", "--json", "--rounds", "1", "--only", name);
      expect([status, left]).toEqual([0, false]);
      const { cases: entries } = JSON.parse(stdout) as ReturnType<typeof toJson>;
      expect(entries.map((it) => it.peerName)).toContain("socket.io");
      for (const it of entries) {
        expect(it).toMatchObject({ name, unit });
        expect(Math.min(it.twinwire, it.peer)).toBeGreaterThan(0);
      }
    });
  });

  describeWith(buildTools(), "in C", () => {
    test(
      "the library is measured beside the least that a server does",
      async () => {
        const args = ["--quick", "--json", "--rounds", "1", "--only", "c/tcp-server/"];
        const { status, stdout, left } = await runWithin(BUILD_PATIENCE, ...args);
        expect([status, left]).toEqual([0, false]);
        const { cases: entries } = JSON.parse(stdout) as ReturnType<typeof toJson>;
        expect(entries.map((it) => it.name)).toEqual(["c/tcp-server/echo/1000x1", "c/tcp-server/alone/4000x1"]);
        for (const it of entries) {
          expect(it.peerName).toBe("epoll loop");
          expect(it.twinwire).toBeGreaterThan(0);
        }
      },
      BUILD_PATIENCE + 10_000,
    );
  });

  test("a case that does not exist ends with the names of those that do", async () => {
    const { status, stdout, stderr } = await run("--only", "nothing");
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("ws-client/64B/text/256");
  });
});
