import { connect, type NetConnectOpts, type OnReadOpts, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import type { SocketOptions, TlsOptions } from "../port.ts";
import type { Target } from "../shared/sockets.ts";
import { tlsClientOptions } from "./tls.ts";

/**
 * What bytes are written to and read from: a socket, or another Duplex that was adopted, which lacks what only sockets have.
 */
export type ByteStream = Duplex &
  Partial<
    Pick<
      Socket,
      | "destroySoon"
      | "resetAndDestroy"
      | "ref"
      | "unref"
      | "setNoDelay"
      | "setKeepAlive"
      | "setTimeout"
      | "localAddress"
      | "localPort"
      | "remoteAddress"
      | "remotePort"
    >
  >;

/**
 * What a stream is made from: where it connects to, or what a listener (at a path, for Unix) has accepted; `secure`: the
 * same, if TLS was established on it elsewhere.
 */
export type Source =
  | Target
  | { readonly accepted: ByteStream; readonly path?: string | undefined; readonly secure?: TLSSocket | undefined };

/** Where the bytes are to go that the socket reads, and what is to be called then. */
type OnRead = OnReadOpts;

const common = { allowHalfOpen: true } as const;

/** The options of node:net that stand for `keepAlive`. */
function keepAliveOf({ keepAlive }: SocketOptions): { keepAlive: boolean; keepAliveInitialDelay: number } {
  const initialDelayMs = typeof keepAlive === "object" ? keepAlive.initialDelayMs : 0;
  return { keepAlive: Boolean(keepAlive), keepAliveInitialDelay: initialDelayMs };
}

/** A socket that connects to a literal address or a path. Without `onread` its bytes come as "data". */
export function connectPlain(target: Target, options: SocketOptions, onread: OnRead | undefined): Socket {
  return connect({
    ...common,
    ...(onread && { onread }),
    noDelay: options.noDelay !== false,
    ...keepAliveOf(options),
    ...target,
  } as NetConnectOpts);
}

/** As `connectPlain`, and TLS begins by itself once it is connected. */
export function connectSecure(target: Target, tls: ConnectionOptions, onread: OnRead): TLSSocket {
  const how = { ...common, onread, ...tls, ...target };
  return connectTls(how);
}

/** Puts TLS upon a connection. `name`: the server's, `""` for the one that was connected to. */
export function upgrade(socket: Socket, target: Target, name: string, tls: TlsOptions): TLSSocket {
  return putTls(socket, tlsClientOptions(tls, name === "" ? (target.host ?? "") : name));
}

/** As `upgrade`, with options for Node. */
export function putTls(socket: Socket, options: ConnectionOptions): TLSSocket {
  return connectTls({ ...options, socket });
}

/** Sets on a connected or accepted socket what it was given no options for. */
export function configure(socket: ByteStream, options: SocketOptions): void {
  const { keepAlive, keepAliveInitialDelay } = keepAliveOf(options);
  socket.setNoDelay?.(options.noDelay !== false);
  if (keepAlive) socket.setKeepAlive?.(true, keepAliveInitialDelay);
}
