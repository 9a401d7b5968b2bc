import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { BunSocket } from "./runtime.ts";

/** An address and a port as the wall writes them: `"ip:port"` or `"[ipv6]:port"`. */
export function formatAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The address of one end of a connection over IP. */
export function endAddress(socket: BunSocket<unknown>, which: AddressOf): string | number {
  const local = which === AddressOf.LOCAL;
  const address = local ? socket.localAddress : socket.remoteAddress;
  const port = local ? socket.localPort : socket.remotePort;
  if (address === undefined || port === undefined) return Errors.ERR_STATE.value;
  return formatAddress(address, port);
}
