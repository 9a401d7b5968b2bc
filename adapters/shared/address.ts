import { AddressOf, Errors } from "../../wasm/abi.gen.ts";

/** An address and a port as text: `"ip:port"` or `"[ipv6]:port"`. */
export function formatAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The ends of a connection over IP, as the runtimes name them. */
interface Ends {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/**
 * Returns the address of one end of a stream, or ERR_STATE.
 *
 * @param path the path of a Unix socket. Only the end that listens has it; the other one has `""`.
 * @param accepted whether this end is the one that listens.
 */
export function endAddress(
  socket: Ends | undefined,
  which: AddressOf,
  path: string | undefined,
  accepted: boolean,
): string | number {
  const local = which === AddressOf.LOCAL;
  if (path !== undefined) return local === accepted ? path : "";
  const address = local ? socket?.localAddress : socket?.remoteAddress;
  const port = local ? socket?.localPort : socket?.remotePort;
  if (address === undefined || port === undefined) return Errors.ERR_STATE.value;
  return formatAddress(address, port);
}
