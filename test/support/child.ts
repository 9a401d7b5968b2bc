/** Peers that are programs of the machine. Each is ended by its own id, by `endPeers`. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, test } from "@jest/globals";
import { atEnd } from "./peers.ts";
import { Inbox, until, within } from "./wait.ts";

/** A program that runs, line by line. */
export interface Child {
  readonly process: ChildProcess;
  /** What it printed to stdout. */
  readonly lines: Inbox<string>;
  /** What it printed to stderr, and how long that is kept is up to the test. */
  readonly errors: Inbox<string>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Starts a program. */
export function startChild(program: string, args: readonly string[], env: Record<string, string> = {}): Child {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const lines = new Inbox<string>(`a line of ${program}`);
  const errors = new Inbox<string>(`a line on stderr of ${program}`);
  createInterface({ input: child.stdout }).on("line", lines.push);
  createInterface({ input: child.stderr }).on("line", errors.push);
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  ended.catch(() => {});
  atEnd(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended.catch(() => {});
  });
  return { process: child, lines, errors, ended };
}

/** Stops a process by SIGSTOP, and waits until each of its threads stands still, which they do one after the other. */
export async function stopProcess({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined) throw new Error("the process has not started");
  process.kill(pid, "SIGSTOP");
  const tasks = `/proc/${pid}/task`;
  const stateOf = (task: string): string =>
    readFileSync(`${tasks}/${task}/stat`, "utf8").replace(/^.*\) /, "")[0] ?? "";
  await until(() => readdirSync(tasks).every((task) => stateOf(task) === "T"), "the process to stand still");
}

/** Waits for the line that reports readiness, and returns its port. */
export async function portFrom(source: Inbox<string>, pattern: RegExp): Promise<number> {
  const search = async (): Promise<number> => {
    for (;;) {
      const port = pattern.exec(await source.next())?.[1];
      if (port !== undefined) return Number(port);
    }
  };
  return await within(search(), `a line like ${pattern}`);
}

/** A program that a test needs, and the Debian package that has it. */
export interface Tool {
  /** The name to start it by; `undefined` where it is missing. */
  readonly program: string | undefined;
  readonly from: string;
}

/** The first of `programs` that ends with this exit code when started with `args`. */
export function findTool(from: string, programs: readonly string[], args: readonly string[], exitCode = 0): Tool {
  const found = programs.find((it) => spawnSync(it, args, { stdio: "ignore", timeout: 30_000 }).status === exitCode);
  return { program: found, from };
}

/**
 * Tests that need a program. Without it they are skipped with a message; in CI that is a failure.
 */
export function describeWith(tool: Tool, name: string, tests: (program: string) => void): void {
  const { program, from } = tool;
  if (program !== undefined) {
    describe(name, () => tests(program));
    return;
  }
  const left = `left out: ${name} (needs the Debian package ${from})`;
  const { CI } = process.env;
  if (CI === "true") {
    test(name, () => {
      throw new Error(left);
    });
    return;
  }
  console.warn(left);
  test.skip(left, () => {});
}
