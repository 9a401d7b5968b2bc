/**
 * The sample programs of the specification, each as a program of its own against peers that were not written here. Node
 * runs what "make build" emitted, Bun the sources.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { describeWith, findTool, portFrom, startChild } from "../support/child.ts";
import { endPeers, freePort } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { samplesSuite } from "./suite.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const runtimes = [
  ["node", process.execPath, (name: string) => `${root}build/tools/examples/${name}.js`],
  ["bun", `${root}node_modules/.bin/bun`, (name: string) => `${root}examples/${name}.ts`],
] as const;

afterEach(endPeers);

describe.each(runtimes)("%s", (_, runtime, place) => {
  samplesSuite((name) => {
    const file = place(name);
    if (!existsSync(file)) throw new Error(`${file} is missing: run "make build"`);
    return [runtime, file];
  });
});

const socat = findTool("socat", ["socat"], ["-V"]);
const sample = (name: string): string => runtimes[0][2](name);

describeWith(socat, "samples with socat", (program) => {
  test("net usage", async () => {
    const peer = startChild(program, ["-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"]);
    const port = await portFrom(peer.errors, /listening on AF=2 127\.0\.0\.1:(\d+)/);
    const { lines } = startChild(process.execPath, [sample("spec-000-usage"), "127.0.0.1", `${port}`]);
    expect(await lines.next()).toBe("recv: ping");
  });

  test("UDP echo round-trip", async () => {
    const peer = startChild(program, ["-d", "-d", "UDP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"]);
    const port = await portFrom(peer.errors, /listening on UDP AF=2 127\.0\.0\.1:(\d+)/);
    const { lines, ended } = startChild(process.execPath, [sample("spec-000-udp-echo"), "127.0.0.1", `${port}`]);
    expect(await lines.next()).toBe("echo: hello");
    expect(await within(ended, "the end of the program")).toBe(0);
  });
});

const python = findTool("python3-websockets", ["python3", "/usr/bin/python3"], ["-c", "import websockets"]);
const websocketd = findTool("websocketd", ["websocketd"], ["--version"]);

describeWith(python, "samples with python3-websockets", (program) => {
  test("ws usage", async () => {
    const peer = startChild(program, [`${root}test/interop/peers/websocket_peer.py`]);
    const { port } = JSON.parse(await peer.lines.next());
    const { lines, ended } = startChild(process.execPath, [sample("spec-001-usage"), `ws://127.0.0.1:${port}/echo`]);
    expect(await within(ended, "the end of the program")).toBe(0);
    expect(lines.all).toEqual(["open", "hello", "closed"]);
    expect(JSON.parse(await peer.lines.next())).toMatchObject({ path: "/echo", code: 1000 });
  });
});

describeWith(websocketd, "samples with websocketd", (program) => {
  test("data stream of a shell command", async () => {
    const port = await freePort();
    const script = 'for value in 1 2 3; do echo "{\\"value\\":$value}"; done; sleep 5';
    const peer = startChild(program, [`--port=${port}`, "--address=127.0.0.1", "sh", "-c", script]);
    await portFrom(peer.lines, /Starting WebSocket server *: ws:\/\/127\.0\.0\.1:(\d+)/);
    const url = `ws://127.0.0.1:${port}/`;
    const { lines } = startChild(process.execPath, [sample("spec-001-resilient-stream"), url]);
    await until(() => lines.all.length >= 4, "four lines");
    expect(lines.all.filter((line) => !line.startsWith("disconnected"))).toEqual(["connected", "1", "2", "3"]);
  });
});
