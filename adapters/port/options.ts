/** The options of sockets: those given at `open`, and those of UDP that change later. */
import type { TlsOptions } from "./tls.ts";

/** The options of a socket. They hold for all sockets that a handle has in its life. Default: off. */
export interface SocketOptions {
  /** TCP_NODELAY. A listener's option holds for the connections that it accepts. Default: true. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE, with the idle time before the first probe. Default: false. */
  readonly keepAlive?: boolean | { readonly initialDelayMs: number } | undefined;
  /**
   * Of a TCP connection with a policy: whether it may go to this literal address, to which its host was resolved. Addresses that
   * it may not go to are left out; with none left, the connection fails with ERR_POLICY. Never called inside `open`. A port that
   * can't ask need not: the core checks `address` before it sends anything.
   */
  readonly allows?: ((address: string) => boolean) | undefined;
  /** The connections of a listener that may wait to be accepted. Default: the host's own. */
  readonly backlog?: number | undefined;
  /** A UDP socket's port may be bound by several sockets (SO_REUSEADDR), as members of a group need. Default: false. */
  readonly reuseAddress?: boolean | undefined;
  /** Whether bytes may be delivered by `PortEvents.given`. Never where the core reads the bytes. */
  readonly takesBytes?: boolean | undefined;
  /**
   * A listener that never listens: its connections are passed to `Port.adopt`. Name and port have no meaning. Only where
   * the port has `adopt`.
   */
  readonly adopts?: boolean | undefined;
  /** Other listeners may have the same address (SO_REUSEPORT); the system distributes the connections. Default: false. */
  readonly reusePort?: boolean | undefined;
  /**
   * TLS with what a TCP connection is made to, such as a proxy, verified for the name that is connected to. `connected` follows
   * its handshake; `closed` with the ERR_TLS… of the check that failed. `startTls` then puts another TLS upon it. Only where
   * `Port.outerTls` is there.
   */
  readonly outerTls?: TlsOptions | undefined;
  /** A socket that listens already: a file descriptor, or an object of the runtime. Name and port have no meaning then. */
  readonly inherited?: unknown;
}

/**
 * One option of a UDP socket. Groups are literal multicast addresses. An interface is named by a local IPv4 address of it,
 * or for IPv6 as `"::%NAME"`; without one the system chooses.
 */
export type UdpOption =
  /** Whether datagrams may go to broadcast addresses (SO_BROADCAST). Default: false. */
  | { readonly broadcast: boolean }
  /** Receives what is sent to a group. */
  | { readonly join: string; readonly interface?: string | undefined }
  | { readonly leave: string; readonly interface?: string | undefined }
  /** Hops of what is sent to groups, 0 to 255. Default: 1, the local network. */
  | { readonly multicastTtl: number }
  /** Whether what is sent to groups is also received on this machine. Default: true. */
  | { readonly multicastLoopback: boolean }
  /** The interface that sends to groups. */
  | { readonly multicastInterface: string };
