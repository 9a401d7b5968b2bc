import { formatAddress } from "../shared/address.ts";
import { descriptorError } from "../shared/process.ts";
import type { BunPlace } from "./runtime.ts";

/** Bun's "Failed to connect" and "Failed to listen", with what failed and where. */
export function connectError(error: Error, source: BunPlace): Error {
  if (!error.message.startsWith("Failed to")) return error;
  const { code } = error as { code?: unknown };
  const where = "unix" in source ? source.unix : formatAddress(source.hostname, source.port);
  const failed = error.message === "Failed to connect" ? "connect" : "listen";
  /* For want of a descriptor Bun says that the peer refused, or nothing at all. */
  const found = descriptorError(`${failed} ${where}`);
  if (found !== undefined) return found;
  if (code === undefined) return error;
  return Object.assign(new Error(`${failed} ${code} ${where}`, { cause: error }), { code, syscall: failed });
}
