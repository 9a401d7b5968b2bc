/** A simulated host: its process, and the APIs of twinwire as that process has them. */

import type { Port } from "../../adapters/port.ts";
import { type Machine, type Network, type Process, SimPort } from "../../adapters/sim/index.ts";
import type { Scope } from "../../wasm/scope.ts";
import * as dial from "../dial.ts";
import * as handles from "../handles.ts";
import * as connections from "../index.ts";
import * as result from "../result.ts";

/** What a process needs of the run that it belongs to. */
export interface Surroundings {
  readonly network: Network;
  /** Runs code in the scope of a process. */
  enter<T>(scope: ProcessScope, run: () => T): T;
  uncaught(error: unknown): void;
  /** Called when a process begins, before its first code. */
  started(scope: ProcessScope): void;
}

/** What the code of one simulated process belongs to. */
export class ProcessScope implements Scope {
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

/** What simulates a machine with one process. Its classes and functions are those of `twinwire`, bound to this host. */
export interface SimHost extends Api {
  /** The name by which other hosts reach it. */
  readonly name: string;
  /** Its IPv4 address. */
  readonly address: string;
  /** `twinwire/handles`, bound to this host. */
  readonly handles: typeof handles;
  /** `twinwire/result`, bound to this host. */
  readonly result: typeof result;
  /** `twinwire/dial`, bound to this host. */
  readonly dial: typeof dial;
  /**
   * Runs code as that of this host's process: what it imports from `twinwire` uses the sockets of this host, also later, in
   * its callbacks and after `await`. Returns what `code` returns.
   */
  run<T>(code: () => T): T;
  /** Stops the process for a time. Its system still acknowledges what arrives, as a real one does. */
  pause(forMs: number): void;
  /** Ends a pause early. */
  resume(): void;
  /** Ends the process. Its system closes the connections. What is called on this host from then on is a new process. */
  crash(): void;
  /** Ends the process and switches the machine off: its peers get no answer any more. */
  powerOff(): void;
  /** Switches it on again. Peers that believe to be connected get a reset when they send. */
  powerOn(): void;
  /** Sets the wall clock (`Date`) forward, or with a negative number back. Timers are not affected. */
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
export function hostOf(machine: Machine, around: Surroundings): SimHost {
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
