/**
 * A process may have several hosts: a simulation runs each simulated process on a host of its own. A scope is what the code
 * that runs belongs to; without one, everything belongs to the runtime's host.
 */
import type { Port } from "../adapters/port.ts";

/** One host of several in this process. */
export interface Scope {
  /** Makes the port of the scope's engine; called once. */
  createPort(): Port;
  /** Called with what a callback of the application threw and nothing caught. */
  uncaught(error: unknown): void;
}

let find: (() => Scope | undefined) | undefined;

/** Returns the scope of the code that runs; `undefined` for the runtime's host. */
export function currentScope(): Scope | undefined {
  return find?.();
}

/** Sets what finds the scope of the code that runs; `undefined`: there is only the runtime's host. */
export function setScopeFinder(finder: (() => Scope | undefined) | undefined): void {
  find = finder;
}
