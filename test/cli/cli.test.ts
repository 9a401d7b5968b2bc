/** The command `twinwire` as a user runs it: in pipes and on a pseudo terminal, against real peers on loopback. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { TcpServer, WebSocketServer } from "../../api/index.ts";

const program = join(dirname(fileURLToPath(import.meta.url)), "../../dist/cli.js");
const LIMIT_MS = 60_000;

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that runs. */
class Run {
  out = "";
  err = "";
  readonly ended: Promise<Ended>;
  readonly child: ChildProcess;
  #waiting: (() => void)[] = [];

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    /* What a user's shell does not set: a CI system's variables would decide on colours. */
    const { NODE_OPTIONS: _, CI: _ci, FORCE_COLOR: _force, NO_COLOR: _no, ...rest } = process.env;
    this.child = spawn(command, args, {
      env: { ...rest, ...env },
      stdio: "pipe",
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.out += text;
      this.#check();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.err += text;
      this.#check();
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (status) => resolve({ status, out: this.out, err: this.err }));
    });
    running.add(this);
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  end(text = ""): Promise<Ended> {
    this.child.stdin?.end(text);
    return this.ended;
  }

  /** Waits until it has printed what `pattern` matches. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.out) ?? pattern.exec(this.err);
      if (match !== null) return match;
      const early = await Promise.race([
        this.ended,
        new Promise<undefined>((resolve) => this.#waiting.push(() => resolve(undefined))),
      ]);
      if (early !== undefined && !pattern.test(early.out + early.err))
        throw new Error(`it ended without printing ${pattern}: ${JSON.stringify(early)}`);
    }
  }

  #check(): void {
    for (const waiter of this.#waiting.splice(0)) waiter();
  }
}

const running = new Set<Run>();
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const run of running) {
    run.child.kill("SIGKILL");
    await run.ended;
  }
  running.clear();
  for (const close of closing.splice(0)) await close();
});

const twinwire = (...args: string[]): Run => new Run(process.execPath, [program, ...args]);
/** On a pseudo terminal, by script(1). */
const onTerminal = (...args: string[]): Run =>
  new Run("script", ["-qec", [process.execPath, program, ...args].join(" "), "/dev/null"], { TERM: "xterm" });

async function echoServer(): Promise<string> {
  const server = new WebSocketServer("127.0.0.1", 0, {
    onMessage: (socket, message) => (message === "bye" ? socket.close(4000, "as asked") : socket.send(message)),
  });
  closing.push(() => server.close());
  await server.opened;
  return server.addr();
}

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "twinwire-cli-"));
  closing.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe("help and wrong usage", () => {
  test.each([[[]], [["ws", "-h"]], [["http", "--help"]], [["tcp", "-h"]], [["udp", "-h"]], [["trace", "-h"]]])(
    "%j prints a help that fits a screen",
    async (args: string[]) => {
      const { status, out, err } = await twinwire(...args).end();
      expect([status, err]).toEqual([0, ""]);
      const lines = out.split("\n");
      expect(lines.length).toBeLessThanOrEqual(32);
      expect(Math.max(...lines.map((it) => it.length))).toBeLessThanOrEqual(90);
    },
  );

  test.each([
    [["bogus"], 'unknown command "bogus"'],
    [["ws"], "an argument is missing"],
    [["ws", "a", "b"], 'unexpected argument "b"'],
    [["ws", "ws://localhost", "--nonsense"], "unknown option --nonsense"],
    [["ws", "ws://localhost", "--reconect"], "did you mean --reconnect?"],
    [["ws", "ftp://localhost"], "is not a URL of a WebSocket"],
    [["ws", "ws://localhost", "--wait", "soon"], '--wait takes a number of seconds, not "soon"'],
    [["ws", "ws://localhost", "--cacert", "/nowhere.pem"], "--cacert: cannot read /nowhere.pem: no such file"],
    [["trace", "/nowhere.jsonl"], "cannot read /nowhere.jsonl"],
    [["tcp", "localhost"], "write HOST:PORT"],
    [["http", "ftp://localhost/"], "is not a URL"],
    [["ws", "ws://localhost", "-H", "nothing"], '--header takes "Name: value"'],
  ])("%j is wrong usage: status 2", async (args, problem) => {
    const { status, out, err } = await twinwire(...args).end();
    expect([status, out]).toEqual([2, ""]);
    expect(err).toContain(problem);
  });
});

describe("ws", () => {
  test("in a pipe: lines out, messages in, closed when stdin ends", async () => {
    const address = await echoServer();
    const { status, out, err } = await twinwire("ws", address, "-w", "5", "--json").end("one\ntwo\nbye\n");
    const events = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toEqual([
      { event: "open", url: `ws://${address}/`, protocol: "" },
      { event: "message", type: "text", data: "one" },
      { event: "message", type: "text", data: "two" },
      { event: "close", code: 4000, reason: "as asked", clean: true },
    ]);
    expect([status, err]).toEqual([1, ""]); /* the server closed with a code of its own */
  });

  test("-x sends, -1 ends with the first answer", async () => {
    const { status, out, err } = await twinwire("ws", await echoServer(), "-x", "hello", "-1").end();
    expect({ status, out, err }).toEqual({ status: 0, out: "hello\n", err: "" });
  });

  test("no server: status 1, and what to do", async () => {
    const { status, out, err } = await twinwire("ws", "ws://127.0.0.1:9").end();
    expect([status, out]).toEqual([1, ""]);
    expect(err).toMatch(/^twinwire: .*refused.*127\.0\.0\.1:9|^twinwire: .*127\.0\.0\.1:9.*refused/);
  });

  test("on a terminal: prompt, answers, Ctrl-C closes orderly with status 130", async () => {
    const run = onTerminal("ws", await echoServer());
    await run.printed(/connected to/);
    run.type("hello\r");
    await run.printed(/< hello/);
    run.type("\x03");
    const { status, out } = await run.ended;
    expect(out).toContain("closed, code 1000");
    expect(out).toContain("\x1b[32mconnected");
    expect(status).toBe(130);
  });

  test("--listen --echo serves until Ctrl-C; --reconnect finds the next server", async () => {
    const first = twinwire("ws", "-l", "0", "--echo");
    const [, port = ""] = await first.printed(/listening on 127\.0\.0\.1:(\d+)/);
    const client = twinwire("ws", `localhost:${port}`, "--reconnect");
    client.type("one\n");
    await client.printed(/^one$/m);
    first.child.kill("SIGINT");
    expect((await first.ended).status).toBe(130);
    await client.printed(/reconnecting/);
    const second = twinwire("ws", "-l", port, "--echo");
    await second.printed(/127\.0\.0\.1:\d+ connected/);
    client.type("two\n");
    await client.printed(/^two$/m);
    client.child.kill("SIGINT");
    expect((await client.ended).status).toBe(130);
  });

  test("without a terminal, and with NO_COLOR, nothing is coloured", async () => {
    const run = twinwire("ws", "-l", "0");
    await run.printed(/listening/);
    run.child.kill("SIGTERM");
    expect((await run.ended).err).not.toContain("\x1b");
  });
});

describe("streams and datagrams", () => {
  test("tcp connects a pipe, and the end of stdin ends our half", async () => {
    const server = new TcpServer("127.0.0.1", 0);
    closing.push(() => server.close());
    await server.opened;
    const run = twinwire("tcp", server.addr());
    const ended = run.end("ping\n");
    const peer = await server.accept();
    let received = "";
    for await (const chunk of peer) received += new TextDecoder().decode(chunk);
    await peer.writeAll("pong\n");
    peer.close();
    expect(received).toBe("ping\n");
    expect(await ended).toEqual({ status: 0, out: "pong\n", err: "" });
  });

  test("listen takes what tcp sends", async () => {
    const listener = twinwire("listen", "0");
    const [, address = ""] = await listener.printed(/listening on (\S+)/);
    listener.child.stdin?.end("hello\n");
    const { status, out } = await twinwire("tcp", address).end("from the client\n");
    expect([status, out]).toEqual([0, "hello\n"]);
    const { status: end, out: received } = await listener.ended;
    expect([end, received]).toEqual([0, "from the client\n"]);
  });

  test("udp asks an echo of udp --listen", async () => {
    const listener = twinwire("udp", "-l", "0", "--echo", "--json");
    const [, address = ""] = await listener.printed(/"address":"([^"]+)"/);
    const sender = twinwire("udp", address, "-w", "30");
    sender.type("hello\n");
    await sender.printed(/^hello$/m);
    sender.child.kill("SIGINT");
    listener.child.kill("SIGINT");
    expect((await sender.ended).status).toBe(130);
    expect((await listener.ended).out).toContain('"event":"data","data":"hello\\n","from":"127.0.0.1:');
  });
});

describe("http and resolve", () => {
  async function serve(): Promise<string> {
    const server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      request.on("end", () => {
        response.statusCode = request.url === "/missing" ? 404 : 200;
        response.end(`${request.method} ${request.url} ${request.headers["x-test"] ?? ""}${body}`);
      });
    });
    closing.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test("the method, headers and a body from stdin go out; the body comes back", async () => {
    const base = await serve();
    const { status, out, err } = await twinwire("http", "put", `${base}/item`, "-H", "X-Test: yes ", "-d", "-").end(
      "data",
    );
    expect({ status, out, err }).toEqual({ status: 0, out: "PUT /item yesdata", err: "" });
  });

  test("--fail makes a status of 400 or higher a failure, -i shows the head", async () => {
    const base = await serve();
    const { status, out } = await twinwire("http", `${base}/missing`, "-f", "-i").end();
    expect(status).toBe(1);
    expect(out).toMatch(/^HTTP\/1\.1 404 Not Found\n[\s\S]*\n\nGET \/missing $/);
  });

  test("resolve prints addresses, or says that there are none", async () => {
    expect((await twinwire("resolve", "localhost", "-4").end()).out).toBe("127.0.0.1\n");
    const { status, err } = await twinwire("resolve", "no-such-name.invalid").end();
    expect(status).toBe(1);
    expect(err).toContain("no-such-name.invalid");
  });
});

describe("trace and doctor", () => {
  test("a recorded trace is shown, and becomes a capture", async () => {
    const folder = temporary();
    const [file, capture] = [join(folder, "t.jsonl"), join(folder, "t.pcapng")];
    await twinwire("ws", await echoServer(), "-x", "hello", "-1", "--trace", file).end();
    const { status, out } = await twinwire("trace", file).end();
    expect(status).toBe(0);
    expect(out).toMatch(/event {2}c1 {4}MESSAGE {2}hello/);
    expect((await twinwire("trace", file, "--pcap", capture).end()).err).toMatch(/: \d+ packets/);
    const bytes = readFileSync(capture);
    expect(bytes.readUInt32LE(0)).toBe(0x0a0d0d0a);
    /* Every block has its length at both ends, and the payloads are in there. */
    let blocks = 0;
    for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4), blocks++)
      expect(bytes.readUInt32LE(at + bytes.readUInt32LE(at + 4) - 4)).toBe(bytes.readUInt32LE(at + 4));
    expect(blocks).toBeGreaterThan(8);
    expect(bytes.includes("Sec-WebSocket-Key")).toBe(true);
  });

  test("--replay finds that the core does the same again, or where it differs", async () => {
    const file = join(temporary(), "t.jsonl");
    await twinwire("ws", await echoServer(), "-x", "hello", "-1", "--trace", file).end();
    const same = await twinwire("trace", file, "--replay").end();
    expect(same.err).toMatch(/the core did the same in all \d+ steps/);
    expect(same.status).toBe(0);
    const changed = readFileSync(file, "utf8").replace(/"x:8105[^"]*"/, '"x:810548656c6c70"');
    writeFileSync(file, changed);
    const other = await twinwire("trace", file, "--replay").end();
    expect(other.err).toMatch(/differs: .*t\.jsonl/);
    expect(other.status).toBe(1);
  });

  test("conformance runs the vectors of the package, or of a folder", async () => {
    const shipped = await twinwire("conformance", "--only", "utf8").end();
    expect(shipped.out).toMatch(/^utf8\.json +\d+ passed\n\d+ passed, 0 failed\n$/);
    expect(shipped.status).toBe(0);
    const folder = temporary();
    const cases = ["30", "ff"].map((bytes) => ({ name: bytes, steps: [["utf8", bytes, -1]] })); /* ff is no UTF-8 */
    writeFileSync(join(folder, "own.json"), JSON.stringify({ suite: "own", source: "", cases }));
    const own = await twinwire("conformance", folder, "--json").end();
    const events = own.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.at(-1)).toEqual({ event: "total", passed: 1, failed: 1 });
    expect(own.status).toBe(1);
    expect((await twinwire("conformance", join(folder, "nothing")).end()).status).toBe(2);
  });

  test("a file that is not a trace is wrong usage", async () => {
    const { status, err } = await twinwire("trace", program).end();
    expect(status).toBe(2);
    expect(err).toContain("is not a trace: line 1 is not a JSON object");
  });

  test("doctor checks this machine", async () => {
    const { status, out } = await twinwire("doctor").end();
    expect(out).toMatch(/^TCP over IPv4 +works$/m);
    expect(out).toMatch(/^WebSocket +works$/m);
    expect(status).toBe(/^TCP over IPv6 +works$/m.test(out) ? 0 : 1);
  });
});
