/** The port of Node, over its own modules. */
import { NodeApiPort } from "../node-api/port.ts";
import type { Port } from "../port.ts";

/** Makes Node's port for a new engine. */
export function createPort(): Port {
  return new NodeApiPort({
    name: "node",
    readsInPlace: true,
    wholeDgram: true,
    reusePort: hasReusePort(),
    inherits: true,
  });
}

/** Older versions ignore the option, and report that the port is in use. */
function hasReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major === 22 ? minor >= 12 : major > 23 || (major === 23 && minor >= 1);
}
