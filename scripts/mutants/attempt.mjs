// Runs a test of a mutant until it ends, fails, or takes too long.

import { spawn } from "node:child_process";
import { root } from "../../wasm/build/project.mjs";

/**
 * Runs a program and returns its result and the name of the test that failed, if the program printed one. Ends the program,
 * and whatever it has started, as soon as it prints that a test has failed.
 *
 * @returns {Promise<{ result: "passed" | "failed" | "late", test?: string }>}
 */
export function attempt(program, args, seconds, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      detached: true,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const end = () => {
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        /* It has ended by itself. */
      }
    };
    let late = false;
    let printed = "";
    const timer = setTimeout(() => {
      late = true;
      end();
    }, seconds * 1000);
    child.stdout.on("data", (data) => {
      printed = (printed + data).slice(-100_000);
      if (/^( *FAIL|not ok).*\n/m.test(printed)) end();
    });
    child.on("error", () => resolve({ result: "failed" }));
    child.on("close", (status) => {
      clearTimeout(timer);
      end();
      const test = /^not ok - (.+)$/m.exec(printed)?.[1];
      resolve({ result: late ? "late" : status === 0 ? "passed" : "failed", test });
    });
  });
}

/**
 * Runs files of tests in jest. A failure counts when it comes again: on a busy machine a test may fail by itself.
 *
 * @param {readonly string[]} files their paths
 * @param {Record<string, string>} env what says which programs or source to take: see test/mutation/jest.config.mjs
 */
export async function attemptSuites(files, seconds, env) {
  const run = (...more) =>
    attempt(
      process.execPath,
      ["node_modules/jest/bin/jest.js", "--config", "test/mutation/jest.config.mjs", "-i", ...more, ...files],
      seconds,
      { ...env, NODE_OPTIONS: "--experimental-vm-modules" },
    );
  const first = await run("--bail");
  if (first.result === "passed") return first;
  const name = first.test?.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const second = name === undefined ? await run("--bail") : await run("-t", `^${name}$`);
  return second.result === "passed" ? run("--bail") : second;
}
