/** A real broker on loopback, which a test can stop, pause and start again with or without its data. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HubDriver } from "../../api/hub.ts";
import { type Child, startChild, stopProcess } from "../support/child.ts";
import { atEnd } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";

export abstract class BrokerServer {
  readonly port: number;
  readonly #program: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "twinwire-hub-"));
  #child: Child | undefined;

  protected constructor(program: string, port: number) {
    this.#program = program;
    this.port = port;
    atEnd(() => rmSync(this.#folder, { recursive: true, force: true }));
  }

  /** A driver for this broker, by default by its own port. */
  abstract driver(port?: number): HubDriver;
  /** Begins to watch; the function that is returned resolves with whether it has cut off a slow subscriber since. */
  abstract watch(): Promise<() => Promise<boolean>>;
  /** Has everybody who subscribes to a topic receive these bytes. */
  abstract forge(topic: string, text: string): Promise<void>;
  protected abstract args(folder: string): readonly string[];
  protected abstract isReady(lines: readonly string[]): boolean;

  protected get lines(): readonly string[] {
    return [...(this.#child?.lines.all ?? []), ...(this.#child?.errors.all ?? [])];
  }

  async start(): Promise<void> {
    this.#child = startChild(this.#program, this.args(this.#folder));
    await until(() => this.isReady(this.lines), "the broker");
  }

  /** Ends it without a chance to write anything. */
  async kill(): Promise<void> {
    this.#child?.process.kill("SIGKILL");
    if (this.#child !== undefined) await within(this.#child.ended, "the end of the broker");
  }

  /** Removes its data, while it does not run. */
  forget(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Copies its data, while it does not run; returns a function that puts them back. */
  copy(): () => void {
    const copied = `${this.#folder}.copy`;
    cpSync(this.#folder, copied, { recursive: true });
    atEnd(() => rmSync(copied, { recursive: true, force: true }));
    return () => {
      this.forget();
      cpSync(copied, this.#folder, { recursive: true });
    };
  }

  /** It answers nothing until `goOn`. */
  async stop(): Promise<void> {
    if (this.#child) await stopProcess(this.#child.process);
  }

  goOn(): void {
    this.#child?.process.kill("SIGCONT");
  }
}

/** A kind of broker. */
export interface BrokerKind {
  readonly name: "redis" | "nats";
  /** Reserves a port; `start` starts it. */
  at(program: string, options?: BrokerOptions): Promise<BrokerServer>;
}

export interface BrokerOptions {
  /** Whether it keeps its data when it is killed. */
  readonly keeps?: boolean;
  /** Whether it cuts off a subscriber for which more than 1 MB waits. */
  readonly isImpatient?: boolean;
}
