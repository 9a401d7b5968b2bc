import type { Socket } from "node:net";
import type { PortEvents, PortMemory } from "../port.ts";

/** In what a runtime that has Node's modules differs from the others. */
export interface Traits {
  /** The port's name. */
  readonly name: string;
  /** Whether a plain connection reads straight into the core's memory, and can become TLS nevertheless. */
  readonly readsInPlace: boolean;
  /** Whether node:dgram sends datagrams in their order, tells how many bytes of them wait, and can be unref'ed. */
  readonly wholeDgram: boolean;
  /** To be called with a socket that was paused or resumed, where that does not reach what lies beneath TLS. */
  readonly afterRead?: (socket: Socket, on: boolean) => void;
}

/** What every socket is handed. */
export interface Place {
  readonly handle: number;
  readonly deliver: PortEvents;
  readonly memory: PortMemory;
  readonly traits: Traits;
  /** To be called before the socket's last delivery. */
  readonly forget: () => void;
}
