/** Runs programs on simulated hosts, in simulated time. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Port } from "../../adapters/port.ts";
import {
  ITERATION_MS,
  type Machine,
  Network,
  type NetworkOptions,
  type Process,
  replaceGlobals,
  SimPort,
} from "../../adapters/sim/index.ts";
import type { Limits } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { limits } from "../../wasm/host.ts";
import { type Scope, setScopeFinder } from "../../wasm/scope.ts";
import * as dial from "../dial.ts";
import * as handles from "../handles.ts";
import * as connections from "../index.ts";
import * as result from "../result.ts";

/** The options of `sim.run`: those of the network, and the bounds of the run. */
export interface SimOptions extends NetworkOptions {
  /** The limits of the engine of each host, as for `limits()`. Default: those of a process. */
  readonly limits?: Partial<Limits> | undefined;
  /** The system clock at the start, in milliseconds since 1970. Default: 946,684,800,000, which is 2000-01-01. */
  readonly startMs?: number | undefined;
  /** The longest run, in milliseconds of simulated time. A longer one fails with ERR_DEADLINE. Default: 30 days. */
  readonly maxMs?: number | undefined;
  /** The most steps of a run, such as a timer that fires or a segment that arrives; more fail. Default: 20,000,000. */
  readonly maxSteps?: number | undefined;
}

/** The options that may change while a simulation runs. */
export type NetworkChange = Omit<NetworkOptions, "partitions" | "pauses" | "clockJumps">;

/** The run that a process belongs to, as the process sees it. */
interface Surroundings {
  readonly network: Network;
  /** Runs code in the scope of a process. */
  enter<T>(scope: ProcessScope, run: () => T): T;
  uncaught(error: unknown): void;
  /** Called when a process begins, before its first code. */
  started(scope: ProcessScope): void;
}

/** The scope of the code of one simulated process. */
class ProcessScope implements Scope {
  readonly process: Process;
  readonly #around: Surroundings;

  constructor(process: Process, around: Surroundings) {
    this.process = process;
    this.#around = around;
    process.around = (run) => {
      try {
        around.enter(this, run);
      } catch (error) {
        around.uncaught(error);
      }
    };
    around.started(this);
  }

  createPort(): Port {
    return new SimPort(this.#around.network, this.process);
  }

  uncaught(error: unknown): void {
    this.#around.uncaught(error);
  }
}

/** Every class and function of `twinwire`, bound to a host. */
type Api = Omit<typeof connections, "useHost">;

/**
 * A simulated machine with one process. It has the classes and functions of `twinwire`, which use its sockets:
 *
 * ```ts
 * const { TcpConnection } = net.host("client");
 * const conn = new TcpConnection("server", 7);
 * ```
 */
export interface SimHost extends Api {
  /** The name by which other hosts reach it. */
  readonly name: string;
  /** Its IPv4 address, such as `"10.0.0.2"`. */
  readonly address: string;
  /** The number of its open sockets: connections, listeners and UDP sockets. */
  readonly sockets: number;
  /** `twinwire/handles`, bound to this host. */
  readonly handles: typeof handles;
  /** `twinwire/result`, bound to this host. */
  readonly result: typeof result;
  /** `twinwire/dial`, bound to this host. */
  readonly dial: typeof dial;
  /**
   * Runs code as a part of this host's process, and returns what it returns. The `twinwire` that the code imports then uses the
   * sockets of this host, also after `await` and in callbacks.
   */
  run<T>(code: () => T): T;
  /** Stops the process for `forMs` milliseconds. Its operating system still acknowledges what arrives, as a real one does. */
  pause(forMs: number): void;
  /** Ends a pause early. Does nothing without one. */
  resume(): void;
  /** Kills the process; its operating system closes the connections. The next call on this host starts a new process. */
  crash(): void;
  /** Kills the process and switches the machine off: its peers get no more answers. */
  powerOff(): void;
  /** Switches the machine on again. Peers that still consider themselves connected get a reset when they send. */
  powerOn(): void;
  /** Moves the system clock, `Date`, by `byMs` milliseconds: forward, or back if that is negative. Timers are not affected. */
  jumpClock(byMs: number): void;
}

type Enter = <T>(run: () => T) => T;
type AnyFunction = (...args: unknown[]) => unknown;

/** Names that are the same for every host. */
const SHARED = new Set(["TwinwireError", "errors", "version"]);

/** A copy of an API whose functions and classes run in a scope. */
function bind<T extends object>(api: T, enter: Enter): T {
  const bound: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(api)) bound[name] = SHARED.has(name) ? value : bindValue(value, enter);
  return bound as T;
}

function bindValue(value: unknown, enter: Enter): unknown {
  if (typeof value === "object" && value !== null) return bind(value, enter);
  if (typeof value !== "function") return value;
  return new Proxy(value as AnyFunction, {
    apply: (target, self, args) => enter(() => Reflect.apply(target, self, args)),
    construct: (target, args, newTarget) => enter(() => Reflect.construct(target, args, newTarget) as object),
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function" || name === "prototype") return member;
      return (...args: unknown[]) => enter(() => Reflect.apply(member as AnyFunction, target, args));
    },
  });
}

/** Makes the host of a machine. */
function hostOf(machine: Machine, around: Surroundings): SimHost {
  let scope = new ProcessScope(machine.process, around);
  const enter: Enter = (run) => {
    if (scope.process !== machine.process) scope = new ProcessScope(machine.process, around);
    return around.enter(scope, run);
  };
  const { useHost: _, ...api } = connections;
  return {
    ...bind(api, enter),
    name: machine.name,
    address: machine.address,
    get sockets() {
      return machine.sockets.size;
    },
    handles: bind(handles, enter),
    result: bind(result, enter),
    dial: bind(dial, enter),
    run: enter,
    pause: (forMs) => machine.pause(forMs),
    resume: () => machine.resume(),
    crash: () => machine.end(false),
    powerOff: () => machine.end(true),
    powerOn: () => {
      machine.off = false;
    },
    jumpClock: (byMs) => around.network.jumpClock(machine, byMs),
  };
}

/** The system clock at the start: 2000-01-01T00:00:00Z. */
const START_MS = 946_684_800_000;
const MAX_MS = 30 * 86_400_000;
const MAX_STEPS = 20_000_000;

/** The host on which code runs that belongs to no other. */
const MAIN = "main";

/** How long a program may wait for something outside of the simulation, such as an import, in real milliseconds. */
const PATIENCE_MS = 500;

/** The simulated network, which the program of a test controls. */
export interface SimNetwork {
  /** Returns the host of a name. The first call creates it. */
  host(name: string): SimHost;
  /** Cuts the network between two hosts, or between two groups of hosts, until `heal`. Connections stay open meanwhile. */
  partition(one: HostRef, other: HostRef): void;
  /** Ends partitions: those between two hosts or groups, or without arguments all of them. */
  heal(one?: HostRef, other?: HostRef): void;
  /**
   * Changes options of the network from now on. A connection keeps the `reset` or `earlyEnd` that was chosen when it was opened.
   *
   * @throws TwinwireError ERR_ARGUMENT for an unknown option or a wrong value.
   */
  change(options: NetworkChange): void;
  /** A hash of everything that has happened so far. Two equal runs have the same digest, on every runtime. */
  readonly digest: string;
  /** The last 2,000 lines of the log: the calls of each host's operating system, and what it delivered. */
  readonly record: readonly string[];
  /** The number of steps so far; see `SimOptions.maxSteps`. */
  readonly steps: number;
}

/** A host, its name, or several of them. */
export type HostRef = string | SimHost | readonly (string | SimHost)[];

const storage = new AsyncLocalStorage<ProcessScope>();

/** One simulation. */
export class Run implements Surroundings {
  readonly network: Network;
  readonly #options: SimOptions;
  readonly #check: (change: unknown) => NetworkChange;
  readonly #hosts = new Map<string, SimHost>();
  #failed = false;
  #error: unknown;

  constructor(seed: number | string, options: SimOptions, check: (change: unknown) => NetworkChange) {
    const { limits: _l, startMs: _s, maxMs: _m, maxSteps: _x, ...network } = options;
    this.network = new Network(seed, network);
    this.#options = options;
    this.#check = check;
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

  /** Returns a promise that is fulfilled after `ms` milliseconds of simulated time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#process.after(ms, resolve);
    });
  }

  /** Runs `body`, and everything that it causes, to its end. */
  async complete<T>(body: (net: SimNetwork) => T | Promise<T>): Promise<T> {
    const { setImmediate: soon, setTimeout: wait, performance: real } = globalThis;
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
      let idleSinceMs: number | undefined;
      for (;;) {
        await new Promise<void>((resolve) => soon(resolve));
        if (this.#failed) throw this.#error;
        if (done !== undefined) return done.value;
        let step = this.network.simulation.step();
        this.#checkBounds();
        while (step === "system") {
          step = this.network.simulation.step();
          this.#checkBounds();
        }
        if (step === "code") {
          idleSinceMs = undefined;
          continue;
        }
        idleSinceMs ??= real.now();
        if (real.now() - idleSinceMs > PATIENCE_MS) throw this.#stuck();
        await new Promise<void>((resolve) => wait(resolve, 1));
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
      change: (options) => network.change(this.#check(options)),
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

  /** Runs what is deferred to the next iterations of the event loop, so that nothing of this run is left for the next one. */
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
