/**
 * twinwire/sync: the connection, result and dial APIs as calls that wait. The engine runs in a thread of its own.
 *
 * ```ts
 * const conn = new TcpConnection("localhost", 7);
 * conn.writeAll("hello\n");
 * console.log(conn.readLine());
 * conn.close();
 * ```
 *
 * @module
 */
export { type ErrorCode, Errors as errors, type Limits } from "../wasm/abi.gen.ts";
export { type ErrorStep, TwinwireError } from "../wasm/errors.ts";
export type { AddressStats, Stats } from "../wasm/memory.ts";
export type { Pem, ReceivedBytes, TlsInfo, TlsOptions } from "../wasm/port-types.ts";
export type { Datagram } from "./conn/datagrams.ts";
export type { AddressLimits, MulticastOptions, StreamOptions } from "./conn/options.ts";
export type {
  Headers as HttpHeaders,
  HeadersInput,
  HttpRequest,
  HttpResponse,
  HttpServerRequest,
  HttpServerResponse,
  Json,
} from "./http/types.ts";
export type { Bytes } from "./internal/arguments.ts";
export type { ProxyOption } from "./internal/url.ts";
export { Conn, type SharedConn, TcpConnection, TlsConnection } from "./sync/conn.ts";
export * as dial from "./sync/dial.ts";
export { type HttpConn, type HttpRequestOptions, http, type ReadRequestOptions } from "./sync/http.ts";
export type {
  ConnectOptions,
  ReadUntilOptions,
  ServerOptions,
  TlsConnectOptions,
  TlsServerOptions,
  UdpOptions,
  WaitOptions,
} from "./sync/options.ts";
export * as result from "./sync/result.ts";
export { Server, TcpServer, TlsServer } from "./sync/server.ts";
export { limits, useWorker } from "./sync/start.ts";
export { type ResolveOptions, resolve, UdpSocket } from "./sync/udp.ts";
