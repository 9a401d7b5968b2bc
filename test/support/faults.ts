/** Peers that break off, and host names whose addresses a test decides. */
import dns from "node:dns";
import { connect, type Socket } from "node:net";
import { atEnd, tcpPeer } from "./peers.ts";

const LOOPBACK = "127.0.0.1";

/** How a peer breaks off: it resets the connection, or ends it in the middle of the protocol above. */
export type Break = "reset" | "cut";

/** A stretch of wire before a server on loopback. It can break independently of the server. */
export interface Wire {
  readonly port: number;
  /** Breaks all connections, as their clients see it. */
  break(how: Break): void;
}

/** Puts a wire before the server at `port`. `own`: where it is connected to; a free port on loopback by default. */
export async function wire(port: number, own: { host?: string; port?: number } = {}): Promise<Wire> {
  const { port: front, sockets } = await tcpPeer(
    (socket) => {
      const server = connect({ port, host: LOOPBACK, allowHalfOpen: true });
      server.on("error", () => {});
      server.on("data", (data) => socket.writable && socket.write(data));
      server.on("end", () => socket.end());
      socket.on("data", (data) => server.write(data));
      socket.on("end", () => server.end());
      socket.on("close", () => server.destroy());
    },
    { ...own, allowHalfOpen: true },
  );
  const breakAll = (how: Break): void => {
    for (const socket of sockets) breakOff(socket, how);
  };
  return { port: front, break: breakAll };
}

/** Breaks a connection off. */
export function breakOff(socket: Socket, how: Break): void {
  if (how === "reset") socket.resetAndDestroy();
  else socket.end();
}

/**
 * From now on, until the end of the test, these names have these addresses.
 *
 * @returns the names that were looked up, as the system was asked for them.
 */
export function nameHosts(hosts: Readonly<Record<string, readonly string[]>>): string[] {
  const { lookup } = dns;
  const asked: string[] = [];
  type Found = (error: Error | null, addresses: dns.LookupAddress[]) => void;
  const ours = (host: string, options: dns.LookupAllOptions, done: Found): void => {
    asked.push(host);
    const addresses = hosts[host];
    if (addresses === undefined) lookup(host, options, done);
    else {
      const all = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
      process.nextTick(() => done(null, all));
    }
  };
  Object.assign(dns, { lookup: ours });
  atEnd(() => Object.assign(dns, { lookup }));
  return asked;
}
