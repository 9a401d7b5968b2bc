import { createPort } from "#host";
import type { Host, Port } from "../adapters/port.ts";
import type { Limits } from "./abi.gen.ts";
import { Engine } from "./engine.ts";
import { TwinwireError } from "./errors.ts";
import { completeLimits } from "./limits.ts";
import { currentScope, type Scope } from "./scope.ts";

export type { Host } from "../adapters/port.ts";

/** What belongs to one host. */
interface HostState {
  createPort(): Port;
  port: Port | undefined;
  given: Partial<Limits>;
  engine: Engine | undefined;
}

const newState = (createPort: () => Port): HostState => ({ createPort, port: undefined, given: {}, engine: undefined });

/** That of the runtime's host. */
const main = newState(createPort);
const scoped = new WeakMap<Scope, HostState>();

/** That of the code that runs. */
function current(): HostState {
  const scope = currentScope();
  if (scope === undefined) return main;
  let state = scoped.get(scope);
  if (state === undefined) {
    state = newState(() => scope.createPort());
    scoped.set(scope, state);
  }
  return state;
}

/** The port of the host that this runs on. */
export function defaultPort(): Port {
  const state = current();
  state.port ??= state.createPort();
  return state.port;
}

/**
 * Replaces the adapter that the runtime's import conditions selected: after a bundler selected the wrong one, or for a host of
 * your own. Call it before anything is opened or looked up.
 *
 * ```ts
 * import * as node from "twinwire/host/node";
 * useHost(node);
 * ```
 *
 * @throws TwinwireError ERR_STARTED if the host is in use already; ERR_ARGUMENT if `adapter` has no `createPort`.
 */
export function useHost(adapter: Host): void {
  const state = current();
  if (state.port !== undefined) throw new TwinwireError("ERR_STARTED");
  if (typeof adapter?.createPort !== "function") throw new TwinwireError("ERR_ARGUMENT");
  state.createPort = () => adapter.createPort();
}

/** The engine that all APIs share, if a handle has been opened. */
export function openedEngine(): Engine | undefined {
  return current().engine;
}

/** The engine that all APIs share. The first call makes it; limits are fixed from then on. */
export function defaultEngine(): Engine {
  const state = current();
  state.engine ??= new Engine(defaultPort(), state.given);
  return state.engine;
}

/**
 * Returns or sets the limits of the engine: its memory, its tables, its time limits (docs/limits.md). They can be set until the
 * first handle is opened, since the engine reserves its memory then.
 *
 * ```ts
 * limits({ sockets: 64, sendBuffer: 65536 });
 * ```
 *
 * @param change the limits to set. Default: none.
 * @returns all limits.
 * @throws TwinwireError ERR_STARTED after the first open; ERR_ARGUMENT for an unknown name or a value outside its range, which
 * the message contains.
 */
export function limits(change?: Partial<Limits>): Readonly<Limits> {
  const state = current();
  if (change !== undefined) {
    if (state.engine !== undefined) throw new TwinwireError("ERR_STARTED");
    completeLimits(change);
    state.given = { ...state.given, ...change };
  }
  return state.engine === undefined ? completeLimits(state.given) : { ...state.engine.limits };
}
