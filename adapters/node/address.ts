/** An address and a port as the wall writes them: `"ip:port"` or `"[ipv6]:port"`. */
export function formatAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
