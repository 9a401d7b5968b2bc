import { formatAddress } from "../node-api/address.ts";
import type { BunPlace } from "./runtime.ts";

/** Bun's "Failed to connect", with what failed and where. */
export function connectError(error: Error, source: BunPlace): Error {
  const { code } = error as { code?: unknown };
  if (code === undefined || error.message !== "Failed to connect") return error;
  const where = "unix" in source ? source.unix : formatAddress(source.hostname, source.port);
  return Object.assign(new Error(`connect ${code} ${where}`, { cause: error }), { code, syscall: "connect" });
}
