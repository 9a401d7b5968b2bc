// Runs a program and keeps what it prints.

import { spawn } from "node:child_process";
import { root } from "../wasm/build/project.mjs";

/** { status, output }: the exit code, 1 also for a program that can't be started or takes too long, and all it printed. */
export function capture(program, args, { seconds = 900 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const pieces = [];
    const timer = setTimeout(() => {
      pieces.push(`${program} took longer than ${seconds} s\n`);
      child.kill("SIGKILL");
    }, seconds * 1000);
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => pieces.push(text));
    const finish = (status) => {
      clearTimeout(timer);
      resolve({ status, output: pieces.join("") });
    };
    child.on("error", (error) => {
      pieces.push(`${error.message}\n`);
      finish(1);
    });
    child.on("close", (status) => finish(status ?? 1));
  });
}
