/** A new process serves before the old one ends: no connection is refused, and nobody comes back at the same time. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import { WebSocket } from "twinwire";
import { describeWith, findTool } from "../../support/child.ts";
import { atEnd, endPeers } from "../../support/peers.ts";
import { Inbox, until, within } from "../../support/wait.ts";

/* CONNECTIONS=10000 is the long form; each takes a descriptor here and one in the other process. */
const { CONNECTIONS = "1000" } = process.env;
const COUNT = Number(CONNECTIONS);
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

afterEach(endPeers);

/** Starts the program that has the listening socket; returns the lines of it and of its processes. */
function startSupervisor(python: string): { lines: Inbox<string>; send(command: string): void } {
  const args = [path("handover.py"), process.execPath, path("handover-process.mjs")];
  const child = spawn(python, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = new Inbox<string>("a line of the supervisor");
  createInterface({ input: child.stdout }).on("line", lines.push);
  atEnd(async () => {
    child.stdin.end();
    await within(once(child, "close"), "the end of the supervisor");
  });
  return { lines, send: (command) => child.stdin.write(`${command}\n`) };
}

describeWith(findTool("python3", ["python3"], ["--version"]), "a listening socket that is passed on", (python) => {
  test(`${COUNT} connections under load move to the new process, and none is refused`, async () => {
    const { lines, send } = startSupervisor(python);
    const port = Number((await lines.next()).replace("port ", ""));
    send("start");
    expect(await lines.next()).toBe("serving");
    let refused = 0;
    let reconnected = 0;
    let answers = 0;
    let ended = false;
    const codes = new Set<number>();
    const open = new Set<WebSocket>();
    const connect = (): Promise<void> =>
      new Promise((resolve) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
        socket.onopen = () => {
          open.add(socket);
          resolve();
        };
        socket.onmessage = () => answers++;
        socket.onclose = ({ code }) => {
          if (ended) return;
          if (open.delete(socket)) codes.add(code);
          else refused++;
          reconnected++;
          connect();
        };
      });
    for (let at = 0; at < COUNT; at += 50) {
      await within(Promise.all(Array.from({ length: Math.min(50, COUNT - at) }, connect)), "the connections");
    }
    const load = setInterval(() => {
      for (const socket of [...open].slice(0, 20)) socket.send("x");
    }, 10);
    atEnd(() => clearInterval(load));
    send("start");
    expect(await lines.next()).toBe("serving");
    const old = [...open];
    send("end");
    expect(await lines.next()).toBe("ended 0");
    await until(() => open.size === COUNT && reconnected >= COUNT, "all connections");
    const before = answers;
    await until(() => answers > before, "answers of the new process");
    ended = true;
    expect(refused).toBe(0);
    expect([...codes]).toEqual([1012]);
    expect(old.every((socket) => !open.has(socket))).toBe(true);
    for (const socket of open) socket.close();
  }, 120_000);
});
