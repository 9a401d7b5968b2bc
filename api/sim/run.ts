/** Runs a program in simulated time. */
import { AsyncLocalStorage } from "node:async_hooks";
import { Network } from "../../adapters/sim/index.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { limits } from "../../wasm/host.ts";
import { setScopeFinder } from "../../wasm/scope.ts";
import { ITERATION_MS, replaceGlobals } from "./globals.ts";
import { hostOf, type ProcessScope, type SimHost, type Surroundings } from "./host.ts";
import { type NetworkChange, networkChange, type SimOptions, simOptions } from "./options.ts";

/** The wall clock at the start: 2000-01-01T00:00:00Z. */
const START_MS = 946_684_800_000;
const MAX_MS = 30 * 86_400_000;
const MAX_STEPS = 20_000_000;

/** The host on which code runs that belongs to no other. */
const MAIN = "main";

/** How long a program may do what the simulation can't see, such as an import, in real milliseconds. */
const PATIENCE_MS = 2_000;

/** The simulated network, as the program of a test has it. */
export interface SimNetwork {
  /** The host of a name, which the first call makes. */
  host(name: string): SimHost;
  /** Lets nothing pass between two hosts, or between two groups of hosts. */
  partition(one: HostRef, other: HostRef): void;
  /** Ends partitions: all of them, or those between two hosts or groups. */
  heal(one?: HostRef, other?: HostRef): void;
  /** Changes options from now on. Connections keep the fault that they were given when they were opened. */
  change(options: NetworkChange): void;
  /** A number that stands for all that has happened: equal in runs that were equal, on every runtime. */
  readonly digest: string;
  /** The last 2,000 lines of the record: what each host's system was asked for, and what it delivered. */
  readonly record: readonly string[];
  /** How many things have happened. */
  readonly steps: number;
}

/** A host, its name, or several of them. */
export type HostRef = string | SimHost | readonly (string | SimHost)[];

const storage = new AsyncLocalStorage<ProcessScope>();

let current: Run | undefined;

/** One simulation. */
class Run implements Surroundings {
  readonly network: Network;
  readonly #options: SimOptions;
  readonly #hosts = new Map<string, SimHost>();
  #failed = false;
  #error: unknown;

  constructor(seed: number | string, options: SimOptions) {
    const { limits: _l, startMs: _s, maxMs: _m, maxSteps: _x, ...network } = options;
    this.network = new Network(seed, network);
    this.#options = options;
  }

  get nowMs(): number {
    return this.network.simulation.nowMs;
  }

  enter<T>(scope: ProcessScope, run: () => T): T {
    return storage.run(scope, run);
  }

  uncaught(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#error = error;
  }

  started(scope: ProcessScope): void {
    const { limits: given } = this.#options;
    if (given !== undefined) this.enter(scope, () => limits(given));
  }

  host(name: string): SimHost {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = hostOf(this.network.machine(name), this);
      this.#hosts.set(name, host);
    }
    return host;
  }

  /** Resolved after `ms` of simulated time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#process.after(ms, resolve);
    });
  }

  /** Runs `body` to its end, and all that it causes. */
  async complete<T>(body: (net: SimNetwork) => T | Promise<T>): Promise<T> {
    const { setImmediate: soon, setTimeout: wait } = globalThis;
    const main = this.host(MAIN);
    const restore = replaceGlobals({
      nowMs: () => this.nowMs,
      wallMs: () => (this.#options.startMs ?? START_MS) + this.nowMs + (this.#process.machine.clockErrorMs ?? 0),
      after: (delayMs, run) => this.#process.after(delayMs, run),
      random: () => this.network.simulation.applicationRandom.fraction(),
    });
    setScopeFinder(() => storage.getStore());
    let done: { readonly value: T } | undefined;
    try {
      main.run(() => {
        Promise.resolve()
          .then(() => body(this.#view()))
          .then(
            (value) => {
              done = { value };
            },
            (error: unknown) => this.uncaught(error),
          );
      });
      let idleMs = 0;
      for (;;) {
        await new Promise<void>((resolve) => soon(resolve));
        if (this.#failed) throw this.#error;
        if (done !== undefined) return done.value;
        let step = this.network.simulation.step();
        while (step === "system") step = this.network.simulation.step();
        this.#checkBounds();
        if (step === "code") idleMs = 0;
        else if (idleMs++ < PATIENCE_MS) await new Promise<void>((resolve) => wait(resolve, 1));
        else throw this.#stuck();
      }
    } finally {
      await this.#settle(soon);
      setScopeFinder(undefined);
      restore();
    }
  }

  /** The process whose code runs. */
  get #process() {
    return (storage.getStore()?.process ?? this.network.machine(MAIN).process) as ProcessScope["process"];
  }

  #view(): SimNetwork {
    const { network } = this;
    const machines = (ref: HostRef) =>
      (Array.isArray(ref) ? (ref as readonly (string | SimHost)[]) : [ref as string | SimHost]).map((it) =>
        network.machine(this.host(typeof it === "string" ? it : it.name).name),
      );
    return {
      host: (name) => this.host(name),
      partition: (one, other) => network.partition(machines(one), machines(other)),
      heal: (one, other) => {
        if (one === undefined || other === undefined) network.healAll();
        else network.heal(machines(one), machines(other));
      },
      change: (options) => network.change(networkChange.read("net.change", options, "call")),
      get digest() {
        return network.simulation.digest;
      },
      get record() {
        return network.simulation.lines;
      },
      get steps() {
        return network.simulation.steps;
      },
    };
  }

  #checkBounds(): void {
    const { maxMs = MAX_MS, maxSteps = MAX_STEPS } = this.#options;
    const { nowMs, steps } = this.network.simulation;
    if (nowMs <= maxMs && steps <= maxSteps) return;
    const [bound, name] = nowMs > maxMs ? [maxMs, "maxMs"] : [maxSteps, "maxSteps"];
    throw new TwinwireError("ERR_DEADLINE", {
      operation: "sim.run",
      problem: `the program has not ended by ${name}, ${bound}`,
      remedy: `raise ${name} if it needs that much`,
    });
  }

  #stuck(): TwinwireError {
    return new TwinwireError("ERR_STATE", {
      operation: "sim.run",
      problem: `at ${this.nowMs} ms the program waits, and nothing is left that could happen: no timer, no bytes under way`,
      remedy: "check what it waits for; only simulated time and sockets go on in a simulation",
    });
  }

  /** Lets what was put off to the next iterations of the event loop run, so that nothing is left over for a later run. */
  async #settle(soon: (run: () => void) => unknown): Promise<void> {
    const { simulation } = this.network;
    const end = simulation.nowMs + 100 * ITERATION_MS;
    while (simulation.nextMs <= end) {
      simulation.step();
      await new Promise<void>((resolve) => soon(resolve));
    }
    for (const machine of this.network.machines) machine.process.alive = false;
  }
}

/** Adds to an error how to get it again. */
function describe(error: unknown, seed: number | string, nowMs: number): unknown {
  if (!(error instanceof Error)) return error;
  const { message, stack } = error;
  const where = `\n\nIn a simulation, after ${nowMs.toFixed(3)} ms. The seed ${JSON.stringify(seed)} does it again.`;
  Object.defineProperty(error, "message", { value: message + where, writable: true, configurable: true });
  if (stack?.includes(message)) {
    const described = stack.replace(message, () => message + where);
    Object.defineProperty(error, "stack", { value: described, writable: true, configurable: true });
  }
  return error;
}

/** As `sim.run`. */
export async function run<T>(
  seed: number | string,
  second: SimOptions | ((net: SimNetwork) => T | Promise<T>),
  third?: (net: SimNetwork) => T | Promise<T>,
): Promise<T> {
  const operation = "sim.run";
  const body = typeof second === "function" ? second : third;
  const options = simOptions.read(operation, typeof second === "function" ? undefined : second, "call");
  if (typeof seed !== "number" && typeof seed !== "string") throw wrong("the seed must be a number or a string");
  if (typeof body !== "function") throw wrong("the program must be a function");
  if (current !== undefined) {
    throw new TwinwireError("ERR_STATE", {
      operation,
      problem: "another simulation runs in this process",
      remedy: "await its end, and do not run tests with simulations concurrently",
    });
  }
  const one = new Run(seed, options);
  current = one;
  try {
    return await one.complete(body);
  } catch (error) {
    throw describe(error, seed, one.nowMs);
  } finally {
    current = undefined;
  }
}

function wrong(problem: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { operation: "sim.run", problem });
}

function running(operation: string): Run {
  if (current !== undefined) return current;
  throw new TwinwireError("ERR_STATE", { operation, problem: "no simulation runs" });
}

/** As `sim.now`. */
export function now(): number {
  return running("sim.now").nowMs;
}

/** As `sim.advance`. */
export function advance(ms: number): Promise<void> {
  const operation = "sim.advance";
  const run = running(operation);
  if (typeof ms !== "number" || !(ms >= 0)) {
    throw new TwinwireError("ERR_ARGUMENT", { operation, problem: `ms must be a number from 0, not ${String(ms)}` });
  }
  return run.wait(ms);
}
