import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { Story } from "../demo/story.ts";

const program = fileURLToPath(new URL("../build/tools/demo/main.js", import.meta.url));

interface Outcome {
  code: number | null;
  out: string;
  err: string;
  seconds: number;
}

function start(chapters: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [program, ...chapters], {
    env: { ...process.env, NODE_OPTIONS: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs the demo to its end, for 80 s at most. */
function run(chapters: string[] = [], env: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = start(chapters, env);
    const timer = setTimeout(() => child.kill("SIGKILL"), 80_000);
    let out = "";
    let err = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, out, err, seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** Whether a server listens on a port of this machine. */
function isServed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("close", () => resolve(false)).on("connect", () => socket.destroy());
  });
}

beforeAll(() => {
  if (!existsSync(program)) throw new Error("the demo is not built: run make");
});

test("prints all chapters in order and in time, and every claim holds", async () => {
  const { code, out, err, seconds } = await run();
  const story = [
    /^twinwire on (Node|Bun|Deno) \d/,
    /^1\. A sensor stream/m,
    /serves ws:\/\/127\.0\.0\.1:(\d+)\/sensors$/m,
    /connected; handle (\d+)$/m,
    /CPU [▁▂▃▄▅▆▇█]{20,} .* readings$/m,
    /is killed$/m,
    /✓ \d+ readings, each as the server sent it, none missing$/m,
    /disconnected, close code 1006; next attempt in 1 s$/m,
    /ERR_REFUSED, as no server listens; next attempt in 2 s$/m,
    /ERR_REFUSED, as no server listens; next attempt in 5 s$/m,
    /serves the same port again$/m,
    /connected again; the handle is still \d+$/m,
    /✓ attempts .* the schedule \[1, 2, 5\]$/m,
    /✓ \d+ readings, each as the server sent it, none missing$/m,
    /^2\. TCP and UDP/m,
    /✓ TCP: \d+ lines came back unchanged$/m,
    /✓ UDP: \d+ datagrams came back/m,
    /^3\. TLS from the first byte/m,
    /TLS {2}localhost:\d+, TLSv1\.\d with \w+$/m,
    /✓ TLS: .* came back unchanged$/m,
    /✓ TLS: the certificate is the demo authority's, for localhost$/m,
    /127\.0\.0\.1:\d+, the same server: ERR_TLS_NAME$/m,
    /✓ TLS: a certificate for another name is refused$/m,
    /✓ STARTTLS: isTLS\(\) was false, is true; the handle is the same$/m,
    /✓ STARTTLS: the data after it arrived by TLS$/m,
    /^4\. A peer that does not keep up$/m,
    /net\.send accepted .* then returned -1/m,
    /✓ net\.send: -1 queued nothing/m,
    /the peer starts to read; drain after/m,
    /✓ the peer has all [\d,]+ bytes, SHA-256 equal$/m,
    /✓ net\.send: \d+ times -1/m,
    /ws\.send accepted .* then returned -1/m,
    /✓ ws\.send: -1 queued nothing/m,
    /the peer starts to read; drain after/m,
    /✓ the peer has all [\d,]+ bytes in \d+ messages, SHA-256 equal$/m,
    /✓ ws\.send: \d+ times -1/m,
    /^16 of 16 claims hold\. /m,
    /: make demo-web$/m,
  ];
  let rest = out;
  for (const line of story) {
    const found = line.exec(rest);
    expect(found === null ? `${line} is not in what follows:\n${rest}` : "").toBe("");
    rest = rest.slice((found?.index ?? 0) + (found?.[0].length ?? 0));
  }
  expect(err).toBe("");
  expect(out).not.toContain("✗");
  expect(out).not.toContain("\x1b");
  expect(Math.max(...out.split("\n").map((line) => [...line].length))).toBeLessThanOrEqual(80);
  expect(code).toBe(0);
  expect(seconds).toBeLessThan(60);
});

test.each([
  ["reading", "stream", /✗ 20 readings, .*: reading 5 is /],
  ["tcp", "round-trips", /✗ TCP: /],
  ["udp", "round-trips", /✗ UDP: /],
  ["tls", "tls", /✗ TLS: .* came back unchanged: /],
  ["starttls", "tls", /✗ STARTTLS: isTLS.*: ERR_TLS$/m],
  ["bytes", "backpressure", /✗ the peer has all \S+ bytes, .*✗ the peer has all \S+ bytes in /s],
])("notices when a peer lies: %s", async (lie, chapter, line) => {
  const { code, out } = await run([chapter], { TWINWIRE_DEMO_LIE: lie });
  expect(out).toMatch(line);
  expect(out).toMatch(/^\d of \d claims hold\./m);
  expect(code).toBe(1);
});

test("knows its chapters", async () => {
  const { code, err } = await run(["tables"]);
  expect(err).toContain('demo: unknown chapter "tables"; the chapters are stream, round-trips, tls, backpressure');
  expect(code).toBe(2);
});

test("leaves no process behind when it is killed", async () => {
  const child = start(["stream"], {});
  const port = await new Promise<number>((resolve, reject) => {
    let out = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      const served = /serves ws:\/\/127\.0\.0\.1:(\d+)/.exec(out)?.[1];
      if (served !== undefined) resolve(Number(served));
    });
    child.on("close", () => reject(new Error(`ended before its time:\n${out}`)));
  });
  expect(await isServed(port)).toBe(true);
  child.kill("SIGKILL");
  const end = Date.now() + 10_000;
  let served = true;
  while (served && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    served = await isServed(port);
  }
  expect(served).toBe(false);
});

describe("on a terminal", () => {
  function printed(env: NodeJS.ProcessEnv): string {
    let all = "";
    const write = (text: string): boolean => {
      all += text;
      return true;
    };
    const out = { isTTY: true, columns: 40, write };
    const story = new Story(out as unknown as NodeJS.WriteStream, env);
    story.title("title", "remark");
    story.show("under way, and far too long for one line of this terminal");
    story.log(`it is ${story.value("done")}`);
    story.claim(true, "claim");
    story.end();
    return all.replaceAll("\x1b", "ESC");
  }

  test("paints, and writes over the line that is under way", () => {
    const text = printed({ TERM: "xterm" });
    expect(text).toContain("ESC[1mtitleESC[0m");
    expect(text).toContain("ESC[36mdoneESC[0m");
    expect(text).toMatch(/under way, and far too lonESC\[0m\rESC\[K/);
    expect(text).toContain("1 of 1 claims hold.");
  });

  test("paints nothing where NO_COLOR is set", () => {
    expect(printed({ TERM: "xterm", NO_COLOR: "1" })).not.toMatch(/ESC\[\d+m/);
    expect(printed({ TERM: "xterm", NO_COLOR: "" })).toMatch(/ESC\[\d+m/);
  });

  test("writes nothing over on a dumb terminal", () => {
    expect(printed({ TERM: "dumb" })).not.toContain("ESC");
    expect(printed({ TERM: "dumb" })).not.toContain("under way");
  });
});
