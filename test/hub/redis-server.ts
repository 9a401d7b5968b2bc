/** A real redis-server on loopback, which a test can stop, pause and start again with or without its data. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { type RedisClient, RedisDriver } from "../../api/hub.ts";
import { type Child, findTool, startChild } from "../support/child.ts";
import { atEnd, freePort } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";

export const redisTool = findTool("redis-server", ["redis-server"], ["--version"]);

export class RedisServer {
  readonly port: number;
  readonly #program: string;
  readonly #folder: string;
  readonly #options: readonly string[];
  #child: Child | undefined;

  private constructor(program: string, port: number, options: readonly string[]) {
    this.#program = program;
    this.port = port;
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), "twinwire-hub-"));
    atEnd(() => rmSync(this.#folder, { recursive: true, force: true }));
  }

  /** Reserves a port; `start` starts it. */
  static async at(program: string, options: readonly string[] = []): Promise<RedisServer> {
    return new RedisServer(program, await freePort(), options);
  }

  static async start(program: string, options: readonly string[] = []): Promise<RedisServer> {
    const server = await RedisServer.at(program, options);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const always = ["--bind", "127.0.0.1", "--port", `${this.port}`, "--dir", this.#folder, "--save", ""];
    const child = startChild(this.#program, [...always, ...this.#options]);
    this.#child = child;
    await until(() => child.lines.all.some((line) => line.includes("Ready to accept")), "redis-server");
  }

  /** Ends it without a chance to write anything. */
  async kill(): Promise<void> {
    this.#child?.process.kill("SIGKILL");
    if (this.#child !== undefined) await within(this.#child.ended, "the end of redis-server");
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.process.kill(name);
  }

  /** A client that is not connected, as a user makes it. */
  client(port = this.port): RedisClient {
    const reconnectStrategy = (): number => 50;
    const client = createClient({ socket: { host: "127.0.0.1", port, reconnectStrategy, connectTimeout: 2000 } });
    client.on("error", () => {});
    return client;
  }

  driver(port = this.port): RedisDriver {
    return new RedisDriver(this.client(port));
  }

  /** Sends one command by a connection of its own. */
  async command(...args: string[]): Promise<unknown> {
    const client = createClient({ socket: { host: "127.0.0.1", port: this.port } });
    client.on("error", () => {});
    await within(client.connect(), "redis-server");
    try {
      return await client.sendCommand(args);
    } finally {
      client.destroy();
    }
  }
}
