/** The servers in C of bench/c: compiled when they are first needed, each run as a process of its own. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { endProcess } from "./child.ts";
import { Contender } from "./contenders.ts";

const root = dirname(createRequire(import.meta.url).resolve("twinwire/package.json"));
const folder = join(root, "build/bench/c");
const START_MS = 10_000;
const NS_PER_US = 1000;

/** A contender's source, what it is linked with, and the Debian package that has that. */
interface Source {
  readonly file: string;
  readonly links: readonly string[];
  readonly from: string;
}

const includes = ["core-c/include", "c/include", "adapters/posix/include"].map((path) => `-I${join(root, path)}`);
const library = join(folder, "library/adapters/posix/libtwinwire.a");

const sources: Partial<Record<Contender, Source>> = {
  [Contender.TWINWIRE]: { file: "twinwire", links: [...includes, library, "-pthread"], from: "cmake" },
  [Contender.THREADED]: { file: "twinwire", links: [...includes, library, "-pthread"], from: "cmake" },
  [Contender.EPOLL]: { file: "floor", links: ["-lcrypto"], from: "libssl-dev" },
  [Contender.LIBWEBSOCKETS]: { file: "libwebsockets", links: ["-lwebsockets"], from: "libwebsockets-dev" },
  [Contender.LIBMICROHTTPD]: { file: "libmicrohttpd", links: ["-lmicrohttpd"], from: "libmicrohttpd-dev" },
};

/** What became of compiling: the program, or the Debian package without which there is none. */
export type Compiled = { readonly program: string } | { readonly lacks: string };

const compiled = new Map<Contender, Compiled>();

/** Compiles a contender's server; `undefined` for one that is not written in C. */
export function compile(contender: Contender): Compiled | undefined {
  const source = sources[contender];
  if (source === undefined) return undefined;
  const known = compiled.get(contender) ?? compileSource(source);
  compiled.set(contender, known);
  return known;
}

function compileSource({ file, links, from }: Source): Compiled {
  if (process.platform !== "linux") return { lacks: "Linux" };
  mkdirSync(folder, { recursive: true });
  if (file === "twinwire" && !buildLibrary()) return { lacks: from };
  const program = join(folder, file);
  const before = ["-std=gnu11", "-O3", join(root, `bench/c/${file}.c`)];
  return succeeds("cc", [...before, ...links, "-o", program]) ? { program } : { lacks: from };
}

/** The library as its own project builds it for release. */
function buildLibrary(): boolean {
  const build = join(folder, "library");
  const options = ["TLS", "ZLIB", "SHARED"].map((name) => `-DTWINWIRE_${name}=OFF`);
  return (
    succeeds("cmake", ["-S", root, "-B", build, "-DCMAKE_BUILD_TYPE=Release", ...options]) &&
    succeeds("cmake", ["--build", build, "--target", "twinwire", "-j", "2"])
  );
}

function succeeds(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

/** A running server in C. It ends with this process at the latest. */
export class CompiledServer {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #pid: number;

  private constructor(child: ChildProcess, pid: number, port: number) {
    this.#child = child;
    this.#pid = pid;
    this.port = port;
  }

  /** Starts `program`; its arguments are the protocol and, if there are several, the number of threads. */
  static async start(program: string, ...args: readonly string[]): Promise<CompiledServer> {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", 2] });
    process.once("exit", () => child.kill("SIGKILL"));
    const port = Number(await firstLine(child, program));
    if (child.pid === undefined || !(port > 0)) throw new Error(`${program} prints no port`);
    return new CompiledServer(child, child.pid, port);
  }

  /** The processor time that its threads have taken so far, in microseconds. */
  cpuMicros(): number {
    const tasks = `/proc/${this.#pid}/task`;
    const run = (task: string): number => Number(readFileSync(join(tasks, task, "schedstat"), "utf8").split(" ")[0]);
    return readdirSync(tasks).reduce((sum, task) => sum + run(task), 0) / NS_PER_US;
  }

  /** Its resident set, in bytes. */
  rss(): number {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#pid}/status`, "utf8"))?.[1];
    return Number(kib) * 1024;
  }

  end(): Promise<void> {
    return endProcess(this.#child, () => this.#child.kill());
  }
}

function firstLine(child: ChildProcess, program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error(`${program} did not start in time`)), START_MS);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    child.once("error", fail);
    child.once("exit", (code) => fail(new Error(`${program} ended (${code})`)));
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes("\n")) return;
      clearTimeout(timer);
      resolve(text.slice(0, text.indexOf("\n")));
    });
  });
}
