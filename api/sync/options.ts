/** Options and arguments of calls that wait. */
import { TwinwireError } from "../../wasm/errors.ts";
import type {
  ConnectOptions as AsyncConnectOptions,
  ReadUntilOptions as AsyncReadUntilOptions,
  ServerOptions as AsyncServerOptions,
  TlsConnectOptions as AsyncTlsConnectOptions,
  TlsServerOptions as AsyncTlsServerOptions,
  UdpOptions as AsyncUdpOptions,
} from "../conn/options.ts";
import { isInt32, show, toBytes, type Writable } from "../internal/arguments.ts";

/** The options of calls that wait. */
export interface WaitOptions {
  /** The most milliseconds that the call may take, 1 to 2147483647; then ERR_DEADLINE. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

/** The options of `new TcpConnection`. */
export interface ConnectOptions extends Omit<AsyncConnectOptions, "signal">, WaitOptions {}

/** The options of `new TlsConnection`. */
export interface TlsConnectOptions extends Omit<AsyncTlsConnectOptions, "signal">, WaitOptions {}

/** The options of `new TcpServer`. */
export type ServerOptions = Omit<AsyncServerOptions, "onError">;

/** The options of `new TlsServer`. */
export type TlsServerOptions = Omit<AsyncTlsServerOptions, "onError">;

/** The options of `new UdpSocket`. */
export type UdpOptions = Omit<AsyncUdpOptions, "onError">;

/** The options of `readUntil` and `readLine`. */
export type ReadUntilOptions = Omit<AsyncReadUntilOptions, "signal">;

/** The numbers that a message has a word for. @throws TwinwireError ERR_ARGUMENT for others. */
export function checkSize(operation: string, size: unknown, least = 1): number {
  if (isInt32(size) && size >= least) return size;
  const problem = `the number of bytes is a whole number from ${least} to 2147483647, not ${show(size)}`;
  throw new TwinwireError("ERR_ARGUMENT", { operation, problem });
}

/** Text or bytes as bytes. @throws TwinwireError ERR_ARGUMENT for what is neither. */
export function checkBytes(data: Writable): Uint8Array {
  if (!Array.isArray(data)) return toBytes(data);
  const reason = "what is written is text or bytes, not an array";
  throw new TwinwireError("ERR_ARGUMENT", { step: "send", reason });
}
