/** Calls that wait: what ends them, what they carry, and how programs end, on every runtime. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type Child, portFrom, startChild } from "../support/child.ts";
import { atEnd, endPeers, tcpPeer } from "../support/peers.ts";
import { Inbox, within } from "../support/wait.ts";
import { root, runtimes } from "./support.ts";

afterEach(endPeers);

/** Returns how many bytes a socket sends until it ends. */
function countOf(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    let count = 0;
    socket.on("data", (data) => {
      count += data.length;
    });
    socket.on("end", () => {
      resolve(count);
      socket.end();
    });
    socket.on("error", () => resolve(-1));
  });
}

describe.each(runtimes)("$name", ({ command: [program = "", ...first] }) => {
  const run = (name: string, ...args: (string | number)[]): Child =>
    startChild(program, [...first, `${root}test/sync/programs/${name}.mjs`, ...args.map(String)]);

  async function expectEnd({ ended, errors }: Child, code = 0): Promise<void> {
    expect([await within(ended, "the end of the program"), code === 0 ? errors.all : []]).toEqual([code, []]);
  }

  test("a call ends at its deadline, at its time limit, and with its peer", async () => {
    const closing = await tcpPeer((socket) => socket.once("data", () => socket.end("bye")));
    const silent = await tcpPeer((socket) => socket.pause());
    const child = run("waits", closing.port, silent.port);
    await expectEnd(child);
    expect(child.lines.all.map((line) => line.trim())).toEqual([
      ...["read ERR_DEADLINE", "readExact ERR_DEADLINE", "readLine ERR_DEADLINE", "dial.read ERR_DEADLINE"],
      ...["writeAll ERR_DEADLINE", "closed ERR_STATE", "accept ERR_DEADLINE", "accept closed ERR_STATE"],
      ...["recvFrom ERR_DEADLINE", "recvFrom deadline ERR_DEADLINE", "http ERR_TIMEOUT"],
      expect.stringMatching(/^resolve ERR_NAME_(NOT_FOUND|FAILED)$/),
      ...["refused ERR_REFUSED", "option ERR_ARGUMENT", "signal ERR_ARGUMENT", "the peer ends ERR_UNEXPECTED_EOF"],
    ]);
  });

  test("data of every size arrives as it was sent", async () => {
    const { port } = await tcpPeer((socket) => socket.pipe(socket));
    const child = run("data", port);
    await expectEnd(child);
    expect(child.lines.all).toEqual([
      ...[0, 1, 65_535, 65_536, 65_537, 1_000_000].map((size) => `${size} true`),
      ...["Grüße, 東京 rest|", "shared true", "one", "0 0"],
    ]);
  });

  test.each([
    ["return", 0],
    ["open", 0],
    ["exit", 3],
    ["throw", 1],
  ] as const)("what was written is sent before the end of the program: %s", async (way, code) => {
    const counts = new Inbox<number>("the bytes of a connection");
    const { port } = await tcpPeer((socket) => void countOf(socket).then(counts.push), { allowHalfOpen: true });
    const child = run("end", way, port);
    expect(await counts.next()).toBe(3_000_000);
    await expectEnd(child, code);
  });

  test("an open connection does not keep the process alive", async () => {
    const { port } = await tcpPeer((socket) => socket.resume(), { allowHalfOpen: true });
    const child = run("end", "idle", port);
    await expectEnd(child);
    expect(child.lines.all).toEqual(["end"]);
  });

  test("a listener with a handler does, until it is closed", async () => {
    const { port } = await tcpPeer((socket) => socket.resume());
    const child = run("end", "handler", port);
    const own = await portFrom(child.lines, /^127\.0\.0\.1:(\d+)$/);
    const client = connect({ port: own, host: "127.0.0.1" });
    atEnd(() => client.destroy());
    expect(await within(countOf(client), "the greeting")).toBe(4);
    await expectEnd(child);
  });

  test("handlers run while the program waits, also inside each other; their errors are reported", async () => {
    const child = run("handlers");
    const port = await portFrom(child.lines, /^127\.0\.0\.1:(\d+)$/);
    const first = connect(port, "127.0.0.1");
    atEnd(() => first.destroy());
    first.write("first");
    expect(await within(once(first, "data"), "the first answer")).toEqual([Buffer.from("hello first")]);
    const second = connect(port, "127.0.0.1");
    atEnd(() => second.destroy());
    second.write("second");
    expect(await within(once(second, "data"), "the second answer")).toEqual([Buffer.from("hello second")]);
    first.write("more");
    expect(await within(once(first, "data"), "the last answer")).toEqual([Buffer.from(" and more")]);
    await expectEnd(child);
    expect(child.lines.all.filter((line) => !/^127/.test(line))).toEqual([
      "of the handler 0",
      "second first",
      '201 1 {"method":"POST","path":"/a","body":{"base64":"QQ=="}}',
      'ERR_ARGUMENT: accept: unknown option "onerror"; did you mean "onError"?',
    ]);
  });

  test("the thread of the engine fails: calls that wait, and later ones, throw", async () => {
    const child = run("failing");
    await expectEnd(child);
    expect(child.lines.all).toEqual(["ERR_HOST true", "ERR_HOST true"]);
  });

  test("threads share connections; those of a thread that has ended fail", async () => {
    const { port } = await tcpPeer((socket) => socket.pipe(socket));
    const child = run("threads", port);
    await expectEnd(child);
    expect(child.lines.all.slice(0, 2).sort()).toEqual(["main pong", "thread ping"]);
    expect(child.lines.all.slice(2)).toEqual(["ERR_STATE"]);
  });
});
