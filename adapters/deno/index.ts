/** The port of Deno, over Node's modules: docs/hosts.md tells why, with figures. */
import { NodeApiPort } from "../node-api/port.ts";
import type { Port } from "../port.ts";
import { readBeneath } from "./beneath.ts";

/** Makes Deno's port for a new engine. */
export function createPort(): Port {
  return new NodeApiPort({
    name: "deno",
    /* TLS in place hears nothing where the connection beneath it reads into a buffer of ours. */
    readsInPlace: false,
    /* Datagrams of one turn leave in the opposite order; a socket can't be unref'ed while it waits for one. */
    wholeDgram: false,
    afterRead: readBeneath,
  });
}
