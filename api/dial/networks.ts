import { TwinwireError } from "../../wasm/errors.ts";
import type { TlsOptions } from "../../wasm/socket-options.ts";
import type { Conn } from "../conn/conn.ts";
import {
  type ServerOptions,
  type TlsConnectOptions,
  type TlsServerOptions,
  type UdpOptions,
  udpOptions,
  type WaitOptions,
} from "../conn/options.ts";
import { TcpServer, TlsServer } from "../conn/server.ts";
import { TcpConnection, TlsConnection } from "../conn/tcp.ts";
import { UdpSocket } from "../conn/udp.ts";
import { splitAddress } from "../internal/address.ts";
import { show } from "../internal/arguments.ts";
import { OptionSet, signal } from "../internal/options.ts";

/** What `dial` connects by: `"tls"` is TCP with TLS from the first byte. */
export type Network = "tcp" | "tls" | "unix" | "udp";

/** What `dial` returns: a stream, or for `"udp"` a socket that has a peer. */
export type Connection = Conn | UdpSocket;

/** What `listen` returns. */
export type Listener = TcpServer | TlsServer;

const dialUdpOptions = new OptionSet<UdpOptions & WaitOptions>({ ...udpOptions.rules, signal });

/** How `dial` connects. What does not belong to the network is refused. */
export interface DialOptions extends TlsConnectOptions, UdpOptions {}

/** How `listen` listens; `"tls"` needs `tls` with at least `cert` and `key`. */
export interface ListenOptions extends ServerOptions {
  readonly tls?: TlsOptions | undefined;
}

/**
 * Connects to an address: `"host:port"`, `"[ipv6]:port"`, or for `"unix"` a path.
 *
 * ```ts
 * const conn = await dial("tcp", "127.0.0.1:8080");
 * ```
 *
 * @throws TwinwireError ERR_ARGUMENT for another network or form of address; ERR_PORT, ERR_NAME_NOT_FOUND, ERR_REFUSED,
 * ERR_UNREACHABLE, ERR_TIMEOUT, ERR_PATH, ERR_NOT_FOUND, ERR_TLS…, ERR_ABORTED, ERR_LIMIT.
 */
export function dial(network: "udp", address: string, options?: DialOptions): Promise<UdpSocket>;
export function dial(network: "tcp" | "tls" | "unix", address: string, options?: DialOptions): Promise<Conn>;
export function dial(network: Network, address: string, options?: DialOptions): Promise<Connection>;
export async function dial(network: Network, address: string, options?: DialOptions): Promise<Connection> {
  if (network === "udp") return dialUdp(address, options);
  const conn = start(network, address, options);
  await conn.opened;
  return conn;
}

/**
 * Listens at an address: `"host:port"`, `":port"` for every local address, or for `"unix"` a path. Port 0 is any free one.
 *
 * @throws TwinwireError ERR_ARGUMENT for another network or form of address; ERR_PORT, ERR_IN_USE, ERR_ACCESS, ERR_PATH,
 * ERR_LIMIT.
 */
export async function listen(
  network: "tcp" | "tls" | "unix",
  address: string,
  options?: ListenOptions,
): Promise<Listener> {
  const server = serve(network, address, options);
  await server.opened;
  return server;
}

function start(network: Network, address: string, options: DialOptions | undefined): Conn {
  if (network === "unix") return TcpConnection.unix(address, options);
  if (network !== "tcp" && network !== "tls") throw unknownNetwork(network, "tcp, tls, unix or udp");
  const { host, port } = splitAddress(address);
  return network === "tls" ? new TlsConnection(host, port, options) : new TcpConnection(host, port, options);
}

function serve(network: Network, address: string, options: ListenOptions | undefined): Listener {
  if (network === "unix") return TcpServer.unix(address, options);
  if (network !== "tcp" && network !== "tls") throw unknownNetwork(network, "tcp, tls or unix");
  const { host, port } = splitAddress(address);
  if (network === "tcp") return new TcpServer(host, port, options);
  return new TlsServer(host, port, options as TlsServerOptions);
}

async function dialUdp(address: string, options: DialOptions | undefined): Promise<UdpSocket> {
  const { signal, ...ofSocket } = dialUdpOptions.read("dial", options);
  const { host, port } = splitAddress(address);
  const socket = new UdpSocket(host.includes(":") ? "::" : "", 0, ofSocket);
  try {
    await socket.opened;
    await socket.connect(host, port, { signal });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

function unknownNetwork(network: unknown, known: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { step: "open", reason: `a network is ${known}, not ${show(network)}` });
}
