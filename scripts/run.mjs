// Runs a program, streams what it prints, and keeps it for those who parse it.

import { spawn } from "node:child_process";
import { root } from "../wasm/build/project.mjs";

/** A line that only the end of the whole run may print. */
const TOTAL = /^(\d+) passed, (\d+) failed(?:, \d+ skipped)?$/;

/** { status, counts }: the exit code, and { passed, failed } if the program printed such a line. `quiet`: streams nothing,
 *  and shows what came only if the program fails. */
export function run(program, args, { env = {}, seconds = 600, quiet = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const held = [];
    const print = quiet ? (text) => held.push(text) : console.log;
    let counts;
    const timer = setTimeout(() => {
      console.log(`${program} took longer than ${seconds} s`);
      child.kill("SIGKILL");
    }, seconds * 1000);

    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      const line = (text) => {
        const total = TOTAL.exec(text);
        if (total) counts = { passed: Number(total[1]), failed: Number(total[2]) };
        else print(text);
      };
      stream.setEncoding("utf8");
      stream.on("data", (chunk) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop();
        lines.forEach(line);
      });
      stream.on("end", () => rest && line(rest));
    }
    const finish = (status) => {
      clearTimeout(timer);
      if (status !== 0) for (const text of held) console.log(text);
      resolve({ status, counts });
    };
    child.on("error", (error) => {
      console.log(error.message);
      finish(1);
    });
    child.on("close", (status, signal) => {
      if (signal) console.log(`${program} ended by ${signal}`);
      finish(status ?? 1);
    });
  });
}
