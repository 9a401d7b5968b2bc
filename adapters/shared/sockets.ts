/** What the base class of ports and the sockets of a runtime know of each other. */
import type { AddressOf } from "../../wasm/abi.gen.ts";
import type { PortEvents, PortMemory, TlsInfo, TlsOptions, UdpOption } from "../port.ts";

/** What a socket is given: its handle, and where it delivers. */
export interface Place {
  readonly handle: number;
  readonly deliver: PortEvents;
  readonly memory: PortMemory;
  /** To be called before the socket's last delivery, `closed`: from then on the handle may belong to another socket. */
  forget(): void;
}

/** Where a stream connects to, or where a listener listens. */
export type Target =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined };

/** What every socket can do. */
interface AnySocket {
  /** As `Port.address`. */
  address(which: AddressOf): string | number;
  /** As `Port.keep`. */
  keep(on: boolean): void;
}

/** A stream. Each function is as that of `Port`; what the runtime throws, the base class turns into a number. */
export interface StreamHandle extends AnySocket {
  write(pieces: readonly Uint8Array[]): number;
  shutdown(): void;
  startTls(name: string, options: TlsOptions): number;
  tlsInfo(): TlsInfo | undefined;
  read(on: boolean): void;
  /** `Close.ORDERLY`. */
  end(): void;
  /** `Close.ABORT`. */
  abort(): void;
}

/** A UDP socket, as `StreamHandle`. */
export interface UdpHandle extends AnySocket {
  sendTo(address: string, port: number, data: Uint8Array): number;
  connect(address: string, port: number): number;
  setOption(option: UdpOption): number;
  read(on: boolean): void;
  close(): void;
}

/** What listens, as `StreamHandle`. */
export interface ListenerHandle extends AnySocket {
  close(): void;
}
