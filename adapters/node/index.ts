/** The port of Node, over its own modules. */
import { NodeApiPort } from "../node-api/port.ts";
import type { Port } from "../port.ts";

/** Makes Node's port for a new engine. */
export function createPort(): Port {
  return new NodeApiPort({ name: "node", readsInPlace: true, wholeDgram: true });
}
