import { TwinwireError } from "../../wasm/errors.ts";
import { report } from "../../wasm/report.ts";
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
import { callSafely } from "../internal/callbacks.ts";
import { callback, OptionSet, signal } from "../internal/options.ts";

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

/** How `accept` goes on. */
export interface AcceptOptions {
  /**
   * Called with what a handler threw and its connection, which is closed by then; and with what ended the listener. Default:
   * what a handler threw goes to `console.error`, and a listener that fails is an uncaught error.
   */
  readonly onError?: ((error: unknown, conn?: Conn) => void) | undefined;
}

const acceptOptions = new OptionSet<AcceptOptions>({ onError: callback() });

/**
 * Accepts connections in the background until the listener is closed, and calls the handler with each of them. Returns at
 * once. The connection is the handler's to close. A handler that throws, or whose promise is rejected, loses its own
 * connection; all others go on.
 *
 * Handlers run on the one thread of the program, so they may change outer variables; between two `await`s nothing else
 * runs.
 *
 * @throws TwinwireError ERR_ARGUMENT for a handler that is no function.
 */
export function accept(
  listener: Listener,
  handler: (conn: Conn) => void | Promise<void>,
  options?: AcceptOptions,
): void {
  const checked = acceptOptions.read("accept", options, "accept");
  if (typeof handler !== "function") {
    throw new TwinwireError("ERR_ARGUMENT", { step: "accept", reason: `handler ${show(handler)}` });
  }
  acceptAll(listener, handler, checked).catch((error: unknown) => {
    if (checked.onError === undefined) report(error);
    else tell(checked, error);
  });
}

async function acceptAll(
  listener: Listener,
  handler: (conn: Conn) => void | Promise<void>,
  options: AcceptOptions,
): Promise<void> {
  for await (const conn of listener) void handle(conn, handler, options);
}

async function handle(
  conn: Conn,
  handler: (conn: Conn) => void | Promise<void>,
  options: AcceptOptions,
): Promise<void> {
  try {
    await handler(conn);
  } catch (error) {
    conn.close();
    tell(options, error, conn);
  }
}

function tell({ onError }: AcceptOptions, error: unknown, conn?: Conn): void {
  if (onError === undefined) console.error("accept: a handler failed:", error);
  else callSafely(() => onError(error, conn), report);
}
