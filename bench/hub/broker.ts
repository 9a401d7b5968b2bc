/** The broker of a case: a real one on loopback, or one in memory for nodes that are threads. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer, type Socket, connect as tcpConnect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Contender } from "../contenders.ts";

const START_MS = 20_000;

/** What a contender's nodes share. */
export type BrokerKind = "redis" | "nats" | "memory";

/** Returns which broker a contender uses. */
export function brokerOf(contender: Contender): BrokerKind {
  if (contender === Contender.HUB_MEMORY) return "memory";
  return contender === Contender.HUB_NATS ? "nats" : "redis";
}

const programs = {
  redis: ["redis-server"],
  nats: ["nats-server", "/usr/sbin/nats-server"],
} as const;

/** It writes what it has stored to a file, and leaves it to the system when that reaches the disk. */
const REDIS_OPTIONS = ["--save", "", "--appendonly", "yes", "--appendfsync", "no"];

/** With these, a subscriber that reads too slowly is cut off after a second, or with a few messages. */
const REDIS_IMPATIENT = ["--client-output-buffer-limit", "pubsub 64kb 64kb 1"];
const NATS_IMPATIENT = 'max_pending: 1048576\nwrite_deadline: "1s"\n';

/** A broker that is installed. */
interface Found {
  readonly program: string;
  readonly version: string;
}

const found = new Map<"redis" | "nats", Found | undefined>();

/** Returns the program of a broker and its version; `undefined` where it is not installed. */
export function findBroker(kind: "redis" | "nats"): Found | undefined {
  if (!found.has(kind))
    found.set(
      kind,
      programs[kind].map(probe).find((it) => it !== undefined),
    );
  return found.get(kind);
}

function probe(program: string): Found | undefined {
  const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8", timeout: START_MS });
  return status === 0 ? { program, version: /\bv=?(\d[\d.]*)/.exec(stdout)?.[1] ?? "unknown" } : undefined;
}

/** Returns whether what a contender needs is installed. */
export function isInstalled(contender: Contender): boolean {
  const kind = brokerOf(contender);
  return kind === "memory" || findBroker(kind) !== undefined;
}

/** Returns the versions of the brokers and of what is compared, in words. */
export function describeBrokers(): string {
  const packages = ["socket.io", "@socket.io/redis-adapter", "redis", "@nats-io/transport-node"];
  const brokers = (["redis", "nats"] as const).map((kind) => {
    const version = findBroker(kind)?.version;
    return version === undefined ? `no ${kind}-server` : `${kind}-server ${version}`;
  });
  return [...brokers, ...packages.map((name) => `${name} ${versionOf(name)}`)].join(", ");
}

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  const folder = require.resolve.paths(name)?.find((path) => existsSync(join(path, name, "package.json")));
  if (folder === undefined) return "is not installed";
  return (JSON.parse(readFileSync(join(folder, name, "package.json"), "utf8")) as { version: string }).version;
}

/** A broker that a case kills, stops and starts again. It keeps its data until `forget`. */
export class Broker {
  readonly port: number;
  readonly #kind: "redis" | "nats";
  readonly #program: string;
  readonly #isImpatient: boolean;
  readonly #folder = mkdtempSync(join(tmpdir(), "twinwire-bench-"));
  readonly #copy = `${this.#folder}-copy`;
  #child: ChildProcess | undefined;

  private constructor(kind: "redis" | "nats", program: string, port: number, isImpatient: boolean) {
    this.#kind = kind;
    this.#isImpatient = isImpatient;
    this.#program = program;
    this.port = port;
    process.once("exit", this.#kill);
  }

  /** Reserves a port; `start` starts the broker. `isImpatient`: it soon cuts off who reads too slowly. */
  static async make(kind: "redis" | "nats", isImpatient: boolean): Promise<Broker> {
    const broker = findBroker(kind);
    if (broker === undefined) throw new Error(`${kind}-server is not installed`);
    return new Broker(kind, broker.program, await freePort(), isImpatient);
  }

  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    const args = this.#kind === "redis" ? this.#redisArgs() : this.#natsArgs();
    const child = spawn(this.#program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    await within(
      new Promise<void>((resolve, reject) => {
        child.once("error", reject);
        child.once("exit", (code) => reject(new Error(`${this.#program} ended (${code})`)));
        for (const input of [child.stdout, child.stderr]) {
          createInterface({ input }).on("line", (line) => {
            if (line.includes("Ready to accept") || line.includes("Server is ready")) resolve();
          });
        }
      }),
      this.#program,
    );
  }

  /** Ends it without a chance to write anything. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    this.#kill();
    await ended;
  }

  /** Removes its data, while it does not run. */
  forget(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Keeps a copy of its data as they are now. */
  keep(): void {
    this.stop();
    cpSync(this.#folder, this.#copy, { recursive: true });
    this.goOn();
  }

  /** Replaces its data by the copy, while it does not run: what was stored since then is lost. */
  fallBack(): void {
    this.forget();
    cpSync(this.#copy, this.#folder, { recursive: true });
  }

  /** Has it answer nothing until `goOn`. */
  stop(): void {
    this.#child?.kill("SIGSTOP");
  }

  goOn(): void {
    this.#child?.kill("SIGCONT");
  }

  async end(): Promise<void> {
    await this.kill();
    this.forget();
    rmSync(this.#copy, { recursive: true, force: true });
    process.off("exit", this.#kill);
  }

  #redisArgs(): readonly string[] {
    const limit = this.#isImpatient ? REDIS_IMPATIENT : [];
    return ["--bind", "127.0.0.1", "--port", `${this.port}`, "--dir", this.#folder, ...REDIS_OPTIONS, ...limit];
  }

  #natsArgs(): readonly string[] {
    const file = join(this.#folder, "nats.conf");
    const limit = this.#isImpatient ? NATS_IMPATIENT : "";
    writeFileSync(file, `host: "127.0.0.1"\nport: ${this.port}\njetstream { store_dir: "${this.#folder}" }\n${limit}`);
    return ["-c", file];
  }

  readonly #kill = (): void => {
    this.#child?.kill("SIGKILL");
  };
}

/** A port before another one, whose connections can be cut. */
export class Cable {
  readonly port: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: ReturnType<typeof createServer>;
  #isCut = false;

  private constructor(server: ReturnType<typeof createServer>, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async to(target: number): Promise<Cable> {
    const server = createServer((near) => cable.#join(near, target)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const cable: Cable = new Cable(server, portOf(server));
    return cable;
  }

  /** Nothing gets through any more, in either direction: connections stay open, and new ones get no answer. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Connections from before are reset. */
  heal(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  end(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket, target: number): void {
    const far = this.#isCut ? undefined : tcpConnect(target, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      if (one === undefined) continue;
      this.#sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        this.#sockets.delete(one);
        other?.destroy();
      });
      if (other === undefined) one.pause();
      else one.on("data", (bytes: Buffer) => other.write(bytes));
    }
  }
}

function portOf(server: ReturnType<typeof createServer>): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("there is no port");
  return address.port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  return port;
}

/** What a promise results in. @throws Error if that takes too long. */
export async function within<T>(promise: Promise<T>, what: string, ms = START_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
