// Runs a program, streams what it prints, and keeps it for those who parse it.

import { spawn } from "node:child_process";
import { root } from "../wasm/build/project.mjs";
import { print } from "./output.mjs";

/** A line that only the end of the whole run may print. */
const TOTAL = /^(\d+) passed, (\d+) failed(?:, \d+ skipped)?$/;

/** { status, counts, lines }: the exit code, { passed, failed } if the program printed such a line, and what else it
 *  printed. `quiet`: streams nothing, and shows what came only if the program fails. */
export function run(program, args, { env = {}, seconds = 600, quiet = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const lines = [];
    let counts;
    const timer = setTimeout(() => {
      print(`${program} took longer than ${seconds} s`);
      child.kill("SIGKILL");
    }, seconds * 1000);

    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      const line = (text) => {
        const total = TOTAL.exec(text);
        if (total) counts = { passed: Number(total[1]), failed: Number(total[2]) };
        else {
          lines.push(text);
          if (!quiet) print(text);
        }
      };
      stream.setEncoding("utf8");
      stream.on("data", (chunk) => {
        const complete = (rest + chunk).split("\n");
        rest = complete.pop();
        complete.forEach(line);
      });
      stream.on("end", () => rest && line(rest));
    }
    const finish = (status) => {
      clearTimeout(timer);
      if (quiet && status !== 0) for (const text of lines) print(text);
      resolve({ status, counts, lines });
    };
    child.on("error", (error) => {
      print(error.message);
      finish(1);
    });
    child.on("close", (status, signal) => {
      if (signal) print(`${program} ended by ${signal}`);
      finish(status ?? 1);
    });
  });
}
