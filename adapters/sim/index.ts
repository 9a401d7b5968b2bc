/**
 * A host whose network and clock are simulated from one seed. `twinwire/sim` runs applications on it. The parts: `simulation.ts`
 * is time and chance, `machine.ts` a machine and its process, `network.ts` what lies between machines, `pipe.ts` one direction
 * of a TCP connection, `stream.ts`, `listener.ts` and `udp.ts` the sockets, `connect.ts` how streams are connected, `port.ts`
 * the port that an engine uses.
 */
import type { Port } from "../port.ts";
import { Network } from "./network.ts";
import { SimPort } from "./port.ts";

export { ITERATION_MS, replaceGlobals } from "./globals.ts";
export { type Machine, Process } from "./machine.ts";
export { Network } from "./network.ts";
export type { NetworkOptions, Recurring } from "./options.ts";
export { Random } from "./random.ts";
export type { Simulation, Task } from "./simulation.ts";
export { SimPort };

/** Makes the port of a machine that is alone in its network. Time stands still until `network.simulation.step` is called. */
export function createPort(network = new Network(0)): Port {
  return new SimPort(network, network.machine("main").process);
}
