import type { Socket } from "node:net";

/** The connection beneath TLS, as Deno keeps it in what its types do not show. */
interface Inner {
  readonly _handle?: { readonly _nativeTcpHandle?: { readStart?(): unknown; readStop?(): unknown } | null } | null;
}

/**
 * Stops or resumes what a TLS socket reads from. Deno pauses only the socket, and goes on taking from the kernel, and
 * keeping, all that the peer sends. A version in which this is no longer there, or no longer needed, is left as it is.
 */
export function readBeneath(socket: Socket, on: boolean): void {
  const beneath = (socket as Inner)._handle?._nativeTcpHandle;
  if (on) beneath?.readStart?.();
  else beneath?.readStop?.();
}
