import type { Socket } from "node:net";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";

/** An address and a port as the wall writes them: `"ip:port"` or `"[ipv6]:port"`. */
export function formatAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * The address of one end of a stream. Of a Unix socket it is the path, which only the end has that listens; the other
 * has `""`.
 */
export function endAddress(
  socket: Socket,
  which: AddressOf,
  source: object & { path?: string | undefined; accepted?: Socket },
): string | number {
  const local = which === AddressOf.LOCAL;
  if (source.path !== undefined) return local === (source.accepted !== undefined) ? source.path : "";
  const address = local ? socket.localAddress : socket.remoteAddress;
  const port = local ? socket.localPort : socket.remotePort;
  if (address === undefined || port === undefined) return Errors.ERR_STATE.value;
  return formatAddress(address, port);
}
