import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findBun } from "./bun.ts";
import type { Runtime } from "./cases.ts";
import { findDeno } from "./deno.ts";
import type { Answer, Job, Measured } from "./protocol.ts";

const root = dirname(createRequire(import.meta.url).resolve("twinwire/package.json"));
const CLIENT = fileURLToPath(new URL("./client.js", import.meta.url));

/** Beyond what a job itself takes: starting, connecting, waiting for what is in flight. */
const PATIENCE_MS = 40_000;
/** For cases of hubs, with their many processes. */
const HUB_PATIENCE_MS = 180_000;

/** A contender in a process of its own. All have the same program and the same flags. */
export class Child {
  readonly #process: ChildProcess;

  constructor(runtime: Runtime, flags: readonly string[]) {
    const [execPath, ...before] = commandOf(runtime);
    this.#process = fork(CLIENT, [], { execPath, execArgv: [...before, ...flags], stdio: ["ignore", 2, 2, "ipc"] });
  }

  /** Has a job done. */
  run(job: Job): Promise<Measured> {
    const child = this.#process;
    const what = `${job.contender} at ${job.case.name}`;
    return new Promise<Measured>((resolve, reject) => {
      const ended = (code: number | null): void =>
        settle(() => reject(new Error(`${what}: the process ended (${code})`)));
      const failed = (error: Error): void => settle(() => reject(new Error(`${what}: ${error.message}`)));
      const answered = (answer: unknown): void =>
        settle(() => {
          const result = answer as Answer;
          if ("ok" in result) resolve(result.ok);
          else reject(new Error(`${what}: ${result.failed}`));
        });
      const late = (): void => settle(() => reject(new Error(`${what}: no answer in time`)));
      const patience = job.case.kind === "hub" ? HUB_PATIENCE_MS : PATIENCE_MS;
      const timer = setTimeout(late, job.settleMs + job.measureMs + patience);
      const settle = (then: () => void): void => {
        clearTimeout(timer);
        child.off("exit", ended).off("error", failed).off("message", answered);
        then();
      };
      child.on("exit", ended).on("error", failed).on("message", answered);
      child.send(job, (error) => error && failed(error));
    });
  }

  /** Ends the process: it leaves by itself once it is alone, and is killed if it does not. */
  end(): Promise<void> {
    return endProcess(this.#process, () => {
      if (this.#process.connected) this.#process.disconnect();
    });
  }
}

/** The program of a runtime, and what comes before its flags. */
function commandOf(runtime: Runtime): readonly [string, ...string[]] {
  if (runtime === "node") return [process.execPath];
  /* By the project's own tsconfig.json Bun would take the package from its sources, with the adapter of Node. */
  if (runtime === "bun") return [findBun(), `--tsconfig-override=${join(root, "tsconfig.tools.json")}`];
  const deno = findDeno();
  if (deno === undefined) throw new Error("there is no deno: npm ci --prefix scripts/runtimes");
  return [deno, "run", "--allow-all"];
}

/** Asks a process that we started to end, and sees to it that it does. */
export function endProcess(child: ChildProcess, ask: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    ask();
  });
}
