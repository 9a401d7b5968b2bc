/**
 * What this adapter uses of Bun's own interface, as far as it goes. The whole is in the package bun-types, whose globals
 * are not those of the other runtimes.
 */
import type { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "node:tls";

/** A connection: of TCP, of a Unix socket, or TLS upon one of them. */
export interface BunSocket<Data> {
  data: Data;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  /** Bytes that were taken, which may be fewer than there are; -1 if it is closed. It reads none after it returned. */
  write(bytes: Uint8Array, offset?: number, size?: number): number;
  /** FIN; of TLS its close_notify first. */
  shutdown(): void;
  /** Sends FIN and is gone, at once; over TLS not until the peer has said the same. */
  end(): void;
  /** Is gone at once. */
  close(): void;
  /** Is gone at once: RST. */
  terminate(): void;
  pause(): void;
  resume(): void;
  ref(): void;
  unref(): void;
  setNoDelay(on: boolean): boolean;
  /** The delay is in milliseconds; 0 leaves the system's. */
  setKeepAlive(on: boolean, initialDelay: number): boolean;
  /** TLS upon this connection, as the side of it that it is. From then on `raw` stands for what is below. */
  upgradeTLS(options: {
    data: Data;
    tls: BunTls;
    socket: BunHandlers<Data>;
  }): [raw: BunSocket<Data>, secure: BunSecureSocket<Data>];
  /** Of a connection that was made here it changes what is called for this one; of an accepted one, for all. */
  reload(options: { socket: BunHandlers<Data> }): void;
}

/** TLS upon a connection. */
export interface BunSecureSocket<Data> extends BunSocket<Data> {
  readonly alpnProtocol: string | false | null;
  /** What is wrong with the peer's certificate, or with its absence. */
  getAuthorizationError(): Error | null;
  getTLSVersion(): string | null;
  getCipher(): { readonly standardName: string } | undefined;
  getPeerCertificate(): PeerCertificate;
  getPeerX509Certificate(): X509Certificate | undefined;
}

/** What is called for a connection. An exception in one of these is one of the process, as no `error` is given. */
export interface BunHandlers<Data> {
  open?(socket: BunSocket<Data>): void;
  /** The bytes are in memory that Bun does not use any more. */
  data?(socket: BunSocket<Data>, bytes: Buffer<ArrayBuffer>): void;
  /** It may be written to; also where nothing was refused. */
  drain?(socket: BunSocket<Data>): void;
  /** The peer has ended its half. */
  end?(socket: BunSocket<Data>): void;
  close?(socket: BunSocket<Data>, error?: Error): void;
  /** Not trusted: the handshake failed, or there is TLS with a certificate that fails a check. */
  handshake?(socket: BunSecureSocket<Data>, trusted: boolean, error: Error | null): void;
}

/** How TLS is to be done. */
export interface BunTls {
  readonly ca?: readonly (string | Buffer)[];
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  /** What SNI asks for; `""`: nothing is asked for. */
  readonly serverName?: string;
  /** RFC 7301 3.1: each name behind its length. */
  readonly ALPNProtocols?: Buffer;
  readonly rejectUnauthorized: boolean;
  readonly requestCert?: boolean;
  /** As on the wire: 0x0303 is TLS 1.2. */
  readonly minVersion: number;
}

/** What listens. */
export interface BunListener {
  readonly hostname: string;
  readonly port: number;
  stop(): void;
  ref(): void;
  unref(): void;
}

/** Where to connect to or to listen. */
export type BunPlace = { readonly hostname: string; readonly port: number } | { readonly unix: string };

/** A UDP socket. */
export interface BunUdpSocket {
  readonly address: { readonly address: string; readonly port: number };
  readonly remoteAddress?: { readonly address: string; readonly port: number };
  /** Whether the kernel took it. Throws what it says against it. Port and address only where there is no peer. */
  send(data: Uint8Array, port?: number, address?: string): boolean;
  close(): void;
  ref(): void;
  unref(): void;
  setBroadcast(on: boolean): unknown;
  setMulticastTTL(ttl: number): unknown;
  setMulticastLoopback(on: boolean): unknown;
  setMulticastInterface(name: string): unknown;
  addMembership(group: string, name?: string): unknown;
  dropMembership(group: string, name?: string): unknown;
}

/** What is called for a UDP socket. */
export interface BunUdpHandlers {
  data(socket: BunUdpSocket, bytes: Buffer, port: number, address: string): void;
  drain(socket: BunUdpSocket): void;
  /** The error is the first argument, against the declaration of Bun 1.4. */
  error(error: Error & { errqueue?: boolean }): void;
}

interface BunRuntime {
  connect<Data>(
    options: BunPlace & { allowHalfOpen: true; data: Data; socket: BunHandlers<Data> },
  ): Promise<BunSocket<Data>>;
  listen<Data>(
    options: BunPlace & { reusePort: boolean; allowHalfOpen: true; data: Data; socket: BunHandlers<Data> },
  ): BunListener;
  udpSocket(options: {
    hostname: string;
    port: number;
    connect?: { hostname: string; port: number };
    /** Not in the documentation; see its only use. */
    flags?: number;
    socket: BunUdpHandlers;
  }): Promise<BunUdpSocket>;
  /** What a promise came to, if it is settled. */
  peek<T>(promise: Promise<T>): T | Promise<T>;
}

/** Bun itself. */
export const { Bun } = globalThis as unknown as { readonly Bun: BunRuntime };
