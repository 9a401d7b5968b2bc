/** What the demo's other processes share. */
import type { Order, Word } from "./peer.ts";

/** Where a peer can be told to do wrong, so that a test sees the demo notice it: TWINWIRE_DEMO_LIE. */
export type Lie = "reading" | "tcp" | "udp" | "tls" | "starttls" | "bytes";

/** Whether this process is to tell a lie. */
export function lies(lie: Lie): boolean {
  const { TWINWIRE_DEMO_LIE } = process.env;
  return TWINWIRE_DEMO_LIE === lie;
}

/** Tells the demo something, by another way than the wire. */
export function tell(word: Word): void {
  process.send?.(word, undefined, undefined, () => {}); // A demo that has gone hears nothing, and that is all right.
}

/** Listens to what the demo orders. */
export function onOrder(listener: (order: Order) => void): void {
  process.on("message", (order) => listener(order as Order));
}

/* A demo that ends, however it does, leaves no process behind. */
process.on("disconnect", () => process.exit());
