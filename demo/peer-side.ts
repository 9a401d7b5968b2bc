/** What the demo's other processes share. */
import type { Order, PeerMessage } from "./peer.ts";

/** What a peer can be made to do wrong, so that a test sees the demo notice it: TWINWIRE_DEMO_LIE. */
export type Lie = "reading" | "tcp" | "udp" | "tls" | "starttls" | "bytes";

/** Whether this process reports something wrong on purpose. */
export function lies(lie: Lie): boolean {
  const { TWINWIRE_DEMO_LIE } = process.env;
  return TWINWIRE_DEMO_LIE === lie;
}

/** Sends a message to the demo over the channel between the processes. */
export function post(message: PeerMessage): void {
  process.send?.(message, undefined, undefined, () => {}); // If the demo has ended, no one has to receive it.
}

/** Listens to what the demo orders. */
export function onOrder(listener: (order: Order) => void): void {
  process.on("message", (order) => listener(order as Order));
}

/* A demo that ends, however it does, leaves no process behind. */
process.on("disconnect", () => process.exit());
