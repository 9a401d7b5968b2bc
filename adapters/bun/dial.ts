import type { SocketOptions } from "../port.ts";
import type { BunSocket } from "./runtime.ts";

/** Sets on a connection what was asked for. */
export function configure(socket: BunSocket<unknown>, { noDelay, keepAlive }: SocketOptions): void {
  if (noDelay === false) socket.setNoDelay(false); /* Bun has it on */
  if (keepAlive) socket.setKeepAlive(true, keepAlive === true ? 0 : keepAlive.initialDelayMs);
}
