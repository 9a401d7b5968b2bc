/** The engine of a thread: started by the first call, in a thread of its own. */
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Limits } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "../internal/arguments.ts";
import { Caller } from "./caller.ts";
import { Op, pack } from "./protocol.ts";
import { EngineState, SHARED_SIZE, Shared, Word } from "./shared.ts";

/** How long the engine's thread may take to start. */
const START_MS = 60_000;

/** The engines that this thread calls, by their random numbers. */
const callers = new Map<number, Caller>();

let own: Caller | undefined;
let workerUrl: URL | undefined;

/**
 * Names the module that the engine's thread runs: a copy of `twinwire/sync-worker`. Needed only if a bundler has placed it
 * elsewhere than beside the program.
 *
 * ```ts
 * useWorker(new URL("./threads/network.js", import.meta.url));
 * ```
 *
 * @throws TwinwireError ERR_STARTED after the first call; ERR_ARGUMENT for a value that is not a URL.
 */
export function useWorker(url: URL | string): void {
  if (own !== undefined) throw new TwinwireError("ERR_STARTED", { reason: "the engine's thread runs already" });
  try {
    workerUrl = new URL(url);
  } catch (cause) {
    throw new TwinwireError("ERR_ARGUMENT", { operation: "useWorker", problem: `${show(url)} is not a URL`, cause });
  }
}

/** The engine of this thread. The first call starts it. */
export function ownCaller(): Caller {
  own ??= start();
  return own;
}

/** The engine of which another thread has passed the memory. */
export function callerOf(buffer: SharedArrayBuffer): Caller {
  const shared = new Shared(buffer);
  const id = Atomics.load(shared.words, Word.ID);
  let caller = callers.get(id);
  if (caller === undefined) {
    caller = new Caller(shared);
    callers.set(id, caller);
    const ending = caller;
    process.once("exit", () => ending.end(Op.LEAVE));
  }
  return caller;
}

/**
 * Returns or sets the limits of the engine (docs/limits.md). They can be set until something is opened.
 *
 * @throws TwinwireError ERR_STARTED after the first open; ERR_ARGUMENT for an unknown name or a value outside its range.
 */
export function limits(change?: Partial<Limits>): Readonly<Limits> {
  return ownCaller().call(Op.LIMITS, { args: [pack("limits", change)] }).value as Limits;
}

/** Where the module of the engine's thread is. */
function locateWorker(): URL {
  if (workerUrl !== undefined) return workerUrl;
  /* A bundle in CommonJS has no URL. The second place is that of the sources, for runtimes that run them. */
  const { url } = import.meta;
  const places = url === undefined ? [] : [new URL("./sync-worker.js", url), new URL("../sync-worker.ts", url)];
  const found = places.find((it) => it.protocol !== "file:" || existsSync(fileURLToPath(it)));
  if (found !== undefined) return found;
  throw new TwinwireError("ERR_UNSUPPORTED", {
    operation: "twinwire/sync",
    problem: `the module of the engine's thread is not at ${places[0]?.href ?? "a known place"}`,
    remedy: "bundle twinwire/sync-worker as sync-worker.js beside the program, or pass its place to useWorker",
  });
}

function start(): Caller {
  const shared = new Shared(new SharedArrayBuffer(SHARED_SIZE));
  const { words } = shared;
  words[Word.ID] = (Math.random() * 2 ** 31) | 0;
  /* Flags of the program, such as --eval or --import, are not for this thread. */
  const worker = new Worker(locateWorker(), {
    workerData: { twinwire: shared.buffer },
    execArgv: [],
    name: "twinwire",
  });
  const failed = (reason: string): void => {
    if (Atomics.load(words, Word.STATE) <= EngineState.READY) shared.fail(reason);
  };
  worker.on("error", (error: unknown) => failed(error instanceof Error ? error.message : String(error)));
  worker.on("exit", () => failed("it has ended"));
  worker.unref();
  if (Atomics.wait(words, Word.STATE, EngineState.STARTING, START_MS) === "timed-out") {
    throw new TwinwireError("ERR_HOST", { step: "open", reason: "the thread of the engine did not start" });
  }
  const caller = new Caller(shared);
  callers.set(Atomics.load(words, Word.ID), caller);
  process.once("exit", () => caller.end(Op.FINISH));
  return caller;
}
