import type { PortEvents, PortMemory } from "../port.ts";

/** What every socket is handed. */
export interface Place {
  readonly handle: number;
  readonly deliver: PortEvents;
  readonly memory: PortMemory;
  /** To be called before the socket's last delivery. */
  readonly forget: () => void;
}
