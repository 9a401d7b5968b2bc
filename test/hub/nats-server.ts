/** A real nats-server with JetStream. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as nats from "@nats-io/transport-node";
import { NatsDriver } from "../../api/hub.ts";
import { findTool } from "../support/child.ts";
import { freePort } from "../support/peers.ts";
import { type BrokerKind, type BrokerOptions, BrokerServer } from "./broker-server.ts";

export const natsTool = findTool("nats-server", ["nats-server", "/usr/sbin/nats-server"], ["--version"]);

export class NatsServer extends BrokerServer {
  readonly #isImpatient: boolean;

  private constructor(program: string, port: number, { isImpatient = false }: BrokerOptions) {
    super(program, port);
    this.#isImpatient = isImpatient;
  }

  static async at(program: string, options: BrokerOptions = {}): Promise<NatsServer> {
    return new NatsServer(program, await freePort(), options);
  }

  static async start(program: string, options?: BrokerOptions): Promise<NatsServer> {
    const server = await NatsServer.at(program, options);
    await server.start();
    return server;
  }

  protected override args(folder: string): readonly string[] {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "nats.conf");
    const limit = this.#isImpatient ? 'max_pending: 1048576\nwrite_deadline: "1s"\n' : "";
    writeFileSync(file, `host: "127.0.0.1"\nport: ${this.port}\njetstream { store_dir: "${folder}" }\n${limit}`);
    return ["-c", file];
  }

  protected override isReady(lines: readonly string[]): boolean {
    return lines.some((line) => line.includes("Server is ready"));
  }

  /** The options of `connect`, as a user has them. */
  options(port = this.port): nats.NodeConnectionOptions {
    return { servers: `127.0.0.1:${port}`, reconnectTimeWait: 50, timeout: 2000 };
  }

  override driver(port = this.port): NatsDriver {
    return new NatsDriver(nats, this.options(port));
  }

  override async watch(): Promise<() => Promise<boolean>> {
    return async () => this.lines.some((line) => line.includes("Slow Consumer"));
  }

  override async forge(topic: string, text: string): Promise<void> {
    const connection = await nats.connect(this.options());
    const name = Buffer.from(topic).toString("base64url");
    connection.publish(`twinwire.m.${name}.m`, text);
    await connection.drain();
  }
}

export const natsKind: BrokerKind = { name: "nats", at: (program, options) => NatsServer.at(program, options) };
