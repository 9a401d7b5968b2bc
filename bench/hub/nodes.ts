/** The nodes of a case, as the case sees them. */
import { type ChildProcess, fork } from "node:child_process";
import { MessageChannel, Worker } from "node:worker_threads";
import type { MemoryBroker } from "twinwire/hub";
import { within } from "./broker.ts";
import type { ThreadData } from "./node.ts";
import type { NodeOrder, NodeReport, Usage } from "./protocol.ts";

const PROGRAM = new URL("./node.js", import.meta.url);

/** A node that runs. */
export interface BenchNode {
  readonly reports: Reports;
  /** What its process has used so far; of a thread nothing is known. */
  usage(): Promise<Usage>;
  signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
  end(): Promise<void>;
}

type Of<K> = Extract<NodeReport, { readonly kind: K }>;

/** What a node has reported, and the waits for what it will report. */
export class Reports {
  readonly #seen: NodeReport[] = [];
  #changed: (() => void)[] = [];
  #end: Error | undefined;

  readonly add = (report: NodeReport): void => {
    this.#seen.push(report);
    this.#wake();
  };

  readonly ended = (): void => {
    this.#end = new Error("a node has ended");
    this.#wake();
  };

  /** How many it has reported so far. */
  get length(): number {
    return this.#seen.length;
  }

  /** Waits for the first report of a kind, from the report number `from` on. */
  async first<K extends NodeReport["kind"]>(kind: K, from = 0): Promise<Of<K>> {
    for (;;) {
      const found = this.#seen.slice(from).find((it): it is Of<K> => it.kind === kind);
      if (found !== undefined) return found;
      if (this.#end !== undefined) throw this.#end;
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  #wake(): void {
    for (const changed of this.#changed.splice(0)) changed();
  }
}

/** Starts a node in a process of its own. */
export function startProcess(order: NodeOrder, flags: readonly string[]): BenchNode {
  const child: ChildProcess = fork(PROGRAM, [], { execArgv: [...flags], stdio: ["ignore", 2, 2, "ipc"] });
  const reports = new Reports();
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  ended.then(reports.ended);
  child.on("message", reports.add);
  child.send(order);
  return {
    reports,
    usage() {
      const from = reports.length;
      child.send({ usage: true });
      return within(reports.first("usage", from), "what a node has used");
    },
    signal: (signal) => {
      child.kill(signal);
    },
    end() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

/** Starts a node in a thread, which reaches the broker by a port. */
export function startThread(order: NodeOrder, broker: MemoryBroker): BenchNode {
  const { port1, port2 } = new MessageChannel();
  broker.serve(port1);
  const workerData: ThreadData = { order, port: port2 };
  const worker = new Worker(PROGRAM, { workerData, transferList: [port2] });
  const reports = new Reports();
  worker.on("message", reports.add);
  worker.once("error", reports.ended);
  worker.once("exit", reports.ended);
  return {
    reports,
    usage: async () => ({ memory: 0, cpuMicros: 0 }),
    signal: () => {
      throw new Error("a thread takes no signals");
    },
    async end() {
      await worker.terminate();
    },
  };
}
