import type { SocketOptions } from "../port.ts";

/** The options of node:net that stand for `keepAlive`. */
export function keepAliveOf({ keepAlive }: SocketOptions): { keepAlive: boolean; keepAliveInitialDelay: number } {
  const initialDelayMs = typeof keepAlive === "object" ? keepAlive.initialDelayMs : 0;
  return { keepAlive: Boolean(keepAlive), keepAliveInitialDelay: initialDelayMs };
}
