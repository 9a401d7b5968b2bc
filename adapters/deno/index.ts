/** The port of Deno, over Node's modules: docs/hosts.md tells why, with figures. */
import { NodeApiPort } from "../node-api/port.ts";
import type { Port } from "../port.ts";

/** Makes Deno's port for a new engine. */
export function createPort(): Port {
  return new NodeApiPort({ name: "deno", readsInPlace: false });
}
