import type { Socket } from "node:net";

/** How a runtime that has Node's modules differs from the others. */
export interface Traits {
  /** The port's name. */
  readonly name: string;
  /** Whether a plain connection reads straight into the core's memory, and can become TLS nevertheless. */
  readonly readsInPlace: boolean;
  /** Whether node:dgram sends datagrams in order, reports how many bytes of them wait, and can be unref'ed. */
  readonly wholeDgram: boolean;
  /** Whether several listeners of node:net may share a port. */
  readonly reusePort: boolean;
  /** Whether node:net listens on file descriptors and other servers. */
  readonly inherits: boolean;
  /** To be called with a socket that was paused or resumed, where that does not reach what lies beneath TLS. */
  readonly afterRead?: (socket: Socket, on: boolean) => void;
}
