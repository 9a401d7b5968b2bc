/** workerd with one worker, on loopback. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, succeed } from "../support/packed.ts";
import { freePort } from "../support/peers.ts";
import { pause } from "../support/wait.ts";

const { CI } = process.env;
const program = join(root, "scripts/runtimes/node_modules/workerd/bin/workerd");

/** Whether workerd is installed: it is for x64 and arm64 Linux and macOS, and make test installs it. */
export const hasWorkerd = existsSync(program) || CI === "true";

/** A workerd that runs. */
export interface Workerd {
  /** Where its worker answers. */
  readonly url: string;
  /** Returns what it printed to stderr. */
  complaints(): string;
  /** Ends it. */
  stop(): void;
}

/** What a worker is made of. */
export interface WorkerSource {
  /** The program in test/workerd/, which is bundled. */
  readonly entry: string;
  /** An authority, in PEM, that TLS trusts. */
  readonly ca: string;
  /** Default: what wrangler has for a new worker of this age. */
  readonly compatibilityDate?: string;
  readonly compatibilityFlags?: readonly string[];
}

function config(port: number, { ca, compatibilityDate = "2025-01-01", compatibilityFlags = [] }: WorkerSource): string {
  return `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "dist/worker.js", esModule = embed "worker.js"), (name = "core.wasm", wasm = embed "core.wasm")],
      compatibilityDate = "${compatibilityDate}",
      compatibilityFlags = ${JSON.stringify(compatibilityFlags)},
    )),
    (name = "internet", network = (
      allow = ["public", "private"],
      tlsOptions = (trustBrowserCas = false, trustedCertificates = [${JSON.stringify(ca)}]),
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`;
}

/** Bundles a worker, starts workerd with it, and waits until it listens. */
export async function startWorkerd(source: WorkerSource): Promise<Workerd> {
  const folder = mkdtempSync(join(tmpdir(), "twinwire-workerd-"));
  const entry = join(root, "test/workerd", source.entry);
  succeed(process.execPath, [join(root, "test/workerd/bundle.mjs"), entry, join(folder, "worker.js")], root);
  copyFileSync(join(root, "dist/core.wasm"), join(folder, "core.wasm"));
  const port = await freePort();
  writeFileSync(join(folder, "config.capnp"), config(port, source));
  const child: ChildProcess = spawn(program, ["serve", "config.capnp"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaints = "";
  child.stderr?.setEncoding("utf8").on("data", (part: string) => {
    complaints += part;
  });
  const stop = (): void => {
    child.kill("SIGKILL"); /* to a SIGTERM it waits for its requests */
    rmSync(folder, { recursive: true, force: true });
  };
  while (!(await canConnect(port))) {
    if (child.exitCode !== null) {
      stop();
      throw new Error(complaints);
    }
    await pause(50);
  }
  return { url: `http://127.0.0.1:${port}/`, complaints: () => complaints, stop };
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
