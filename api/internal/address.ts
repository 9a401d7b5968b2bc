import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "./arguments.ts";

/** A host and a port as they stand in messages and in the APIs that take one text: an IPv6 address in brackets. */
export function joinAddress(host: string, port: number | string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The host and the port of `"host:port"` or `"[ipv6]:port"`. The host may be empty: `":8080"`. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Takes `"host:port"` apart. Whether the port is one is for those to say who use it.
 *
 * @throws TwinwireError ERR_ARGUMENT for another form.
 */
export function splitAddress(address: string): HostPort {
  const parts = typeof address === "string" ? /^(?:\[([^\]]*:[^\]]*)\]|([^:]*)):(\d{1,9})$/.exec(address) : null;
  if (parts === null) {
    const reason = `an address is "host:port" or "[ipv6]:port", not ${show(address)}`;
    throw new TwinwireError("ERR_ARGUMENT", { step: "open", reason });
  }
  return { host: parts[1] ?? parts[2] ?? "", port: Number(parts[3]) };
}
