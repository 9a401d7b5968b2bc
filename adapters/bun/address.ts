import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import { formatAddress } from "../node-api/address.ts";
import type { BunSocket } from "./runtime.ts";

/** The address of one end of a connection over IP. */
export function endAddress(socket: BunSocket<unknown>, which: AddressOf): string | number {
  const local = which === AddressOf.LOCAL;
  const address = local ? socket.localAddress : socket.remoteAddress;
  const port = local ? socket.localPort : socket.remotePort;
  if (address === undefined || port === undefined) return Errors.ERR_STATE.value;
  return formatAddress(address, port);
}
