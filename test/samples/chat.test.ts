/** The chat server of examples/, as a program, with clients that were not written here. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { WebSocket } from "ws";
import { startChild } from "../support/child.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, within } from "../support/wait.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const runtimes = [
  ["node", process.execPath, `${root}build/tools/examples/chat-server.js`],
  ["bun", `${root}node_modules/.bin/bun`, `${root}examples/chat-server.ts`],
] as const;

afterEach(endPeers);

/** Somebody in a room. */
class Guest {
  readonly observed = new Inbox<string>("a message");
  readonly closed: Promise<[number, string]>;
  readonly #client: WebSocket;

  constructor(url: string) {
    this.#client = new WebSocket(url);
    this.#client.on("message", (data) => this.observed.push(String(data)));
    this.#client.on("error", () => {});
    this.closed = new Promise((resolve) => this.#client.on("close", (code, reason) => resolve([code, String(reason)])));
    atEnd(() => this.#client.terminate());
  }

  say(message: string | Buffer): void {
    this.#client.send(message);
  }

  leave(): void {
    this.#client.close();
  }

  /** Joins, and receives the names of those present. */
  async named(name: string): Promise<string> {
    expect(await this.observed.next()).toBe("Who are you?");
    this.say(name);
    return await this.observed.next();
  }
}

describe.each(runtimes)("the chat server, %s", (_, runtime, file) => {
  test("names, rooms, farewells, and the end", async () => {
    if (!existsSync(file)) throw new Error(`${file} is missing: run "make build"`);
    const server = startChild(runtime, [file, "127.0.0.1", "0"]);
    const url = await server.lines.next();
    expect(await (await fetch(url.replace("ws", "http"))).text()).toContain("the path is the room");

    const ada = new Guest(`${url}tea`);
    expect(await ada.named("Ada")).toBe("Hello Ada. Here: no one else");
    const other = new Guest(`${url}coffee`);
    expect(await other.named("Ada")).toBe("Hello Ada. Here: no one else");
    const bob = new Guest(`${url}tea`);
    expect(await bob.named("Ada")).toMatch(/^Somebody has that name/);
    bob.say("Bob");
    expect(await bob.observed.next()).toBe("Hello Bob. Here: Ada");
    expect(await ada.observed.next()).toBe("* Bob joined");
    bob.say("grüß dich");
    expect(await ada.observed.next()).toBe("Bob: grüß dich");
    bob.leave();
    expect(await ada.observed.next()).toBe("* Bob left");
    other.say(Buffer.from([1]));
    expect(await within(other.closed, "the end")).toEqual([1003, "text only"]);

    server.process.kill("SIGTERM");
    expect(await within(ada.closed, "the end")).toEqual([1001, "the server is going home"]);
    expect(await within(server.ended, "the end of the program")).toBe(0);
    expect(server.errors.all).toEqual([]);
    expect(ada.observed.all).toHaveLength(5);
  });
});
