import { createPort } from "#host";
import type { Host, Port } from "../adapters/port.ts";
import type { Limits } from "./abi.gen.ts";
import { Engine } from "./engine.ts";
import { TwinwireError } from "./errors.ts";
import { completeLimits } from "./limits.ts";

export type { Host } from "../adapters/port.ts";

let host: Host = { createPort };
let port: Port | undefined;
let given: Partial<Limits> = {};
let engine: Engine | undefined;

/** The port of the runtime that this runs on. */
export function defaultPort(): Port {
  port ??= host.createPort();
  return port;
}

/**
 * Takes another adapter than the one that the runtime's conditions pick: where a bundler picked for another runtime, or
 * for a host of one's own. Before the first call that needs a host: an open, a look-up.
 *
 * ```ts
 * import * as node from "twinwire/host/node";
 * useHost(node);
 * ```
 *
 * @throws TwinwireError ERR_STARTED afterwards; ERR_ARGUMENT for what is no adapter.
 */
export function useHost(adapter: Host): void {
  if (port !== undefined) throw new TwinwireError("ERR_STARTED");
  if (typeof adapter?.createPort !== "function") throw new TwinwireError("ERR_ARGUMENT");
  host = adapter;
}

/** The engine that all APIs share, if a handle has been opened. */
export function openedEngine(): Engine | undefined {
  return engine;
}

/** The engine that all APIs share. The first call makes it; limits are fixed from then on. */
export function defaultEngine(): Engine {
  engine ??= new Engine(defaultPort(), given);
  return engine;
}

/**
 * What bounds the engine's memory and patience. Without an argument: the limits in force. With one: sets those it names,
 * before the first handle is opened.
 *
 * ```ts
 * limits({ sockets: 64, sendBuffer: 65536 });
 * ```
 *
 * @returns all limits in force.
 * @throws TwinwireError ERR_STARTED after the first open; ERR_ARGUMENT for a name that is no limit or a value outside its
 * range, which the message gives.
 */
export function limits(change?: Partial<Limits>): Readonly<Limits> {
  if (change !== undefined) {
    if (engine !== undefined) throw new TwinwireError("ERR_STARTED");
    completeLimits(change);
    given = { ...given, ...change };
  }
  return engine === undefined ? completeLimits(given) : { ...engine.limits };
}
