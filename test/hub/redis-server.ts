/** A real redis-server. */
import { mkdirSync } from "node:fs";
import { createClient } from "redis";
import { type RedisClient, RedisDriver } from "../../api/hub.ts";
import { findTool } from "../support/child.ts";
import { freePort } from "../support/peers.ts";
import { within } from "../support/wait.ts";
import { type BrokerKind, type BrokerOptions, BrokerServer } from "./broker-server.ts";

export const redisTool = findTool("redis-server", ["redis-server"], ["--version"]);

export class RedisServer extends BrokerServer {
  readonly #options: readonly string[];

  private constructor(program: string, port: number, { keeps, isImpatient }: BrokerOptions) {
    super(program, port);
    const limit = ["--client-output-buffer-limit", "pubsub 64kb 64kb 1"];
    this.#options = [...(keeps ? ["--appendonly", "yes", "--appendfsync", "no"] : []), ...(isImpatient ? limit : [])];
  }

  static async at(program: string, options: BrokerOptions = {}): Promise<RedisServer> {
    return new RedisServer(program, await freePort(), options);
  }

  static async start(program: string, options?: BrokerOptions): Promise<RedisServer> {
    const server = await RedisServer.at(program, options);
    await server.start();
    return server;
  }

  protected override args(folder: string): readonly string[] {
    mkdirSync(folder, { recursive: true });
    return ["--bind", "127.0.0.1", "--port", `${this.port}`, "--dir", folder, "--save", "", ...this.#options];
  }

  protected override isReady(lines: readonly string[]): boolean {
    return lines.some((line) => line.includes("Ready to accept"));
  }

  /** A client that is not connected, as a user makes it. */
  client(port = this.port): RedisClient {
    const reconnectStrategy = (): number => 50;
    const client = createClient({ socket: { host: "127.0.0.1", port, reconnectStrategy, connectTimeout: 2000 } });
    client.on("error", () => {});
    return client;
  }

  override driver(port = this.port): RedisDriver {
    return new RedisDriver(this.client(port));
  }

  override async watch(): Promise<() => Promise<boolean>> {
    const connections = async (): Promise<number> =>
      String(await this.command("CLIENT", "LIST", "TYPE", "pubsub")).split("\n").length;
    const before = await connections();
    return async () => (await connections()) < before;
  }

  override async forge(topic: string, text: string): Promise<void> {
    await this.command("PUBLISH", `{twinwire}:c:${topic}`, text);
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

export const redisKind: BrokerKind = { name: "redis", at: (program, options) => RedisServer.at(program, options) };
