/** The port of Deno, over Node's modules: docs/hosts.md says why, with figures. */
import type { Socket } from "node:net";
import { NodeApiPort } from "../node-api/port.ts";
import type { Port } from "../port.ts";

/** Makes Deno's port for a new engine. */
export function createPort(): Port {
  return new NodeApiPort({
    name: "deno",
    /* TLS in place receives nothing where the connection beneath it reads into a buffer of ours. */
    readsInPlace: false,
    /* Datagrams of one loop iteration leave in the opposite order; a socket can't be unref'ed while it waits for one. */
    wholeDgram: false,
    reusePort: true,
    inherits: false,
    afterRead: readBeneath,
  });
}

/** The connection beneath TLS, as Deno keeps it in what its types do not show. */
interface Inner {
  readonly _handle?: { readonly _nativeTcpHandle?: { readStart?(): unknown; readStop?(): unknown } | null } | null;
}

/**
 * Stops or resumes what a TLS socket reads from. Deno pauses only the socket, and goes on taking from the kernel, and
 * keeping, all that the peer sends. A version in which this is no longer there, or no longer needed, is left as it is.
 */
function readBeneath(socket: Socket, on: boolean): void {
  const beneath = (socket as Inner)._handle?._nativeTcpHandle;
  if (on) beneath?.readStart?.();
  else beneath?.readStop?.();
}
