/**
 * twinwire: one network engine in portable C, here as WebAssembly. This is its connection API: objects and promises.
 *
 * ```ts
 * const conn = new TcpConnection("localhost", 7);
 * await conn.writeAll("hello\n");
 * console.log(await conn.read(1024));
 * conn.close();
 * ```
 *
 * @module
 */
export { type ErrorCode, Errors as errors, type Limits } from "../wasm/abi.gen.ts";
export type { Diagnosis, DisconnectedDiagnosis, ErrorDiagnosis } from "../wasm/diagnostics.ts";
export { type ErrorStep, TwinwireError } from "../wasm/errors.ts";
export { type Host, limits, useHost } from "../wasm/host.ts";
export type { AddressStats, Stats } from "../wasm/memory.ts";
export { type Metric, type MetricsSource, openMetrics } from "../wasm/metrics.ts";
export type { Pem, ReceivedBytes, TlsInfo, TlsOptions } from "../wasm/port-types.ts";
export { type TraceLine, type TraceSink, trace } from "../wasm/trace/trace.ts";
export { Conn } from "./conn/conn.ts";
export type { Datagram } from "./conn/datagrams.ts";
export type {
  AddressLimits,
  ConnectOptions,
  MulticastOptions,
  ReadUntilOptions,
  ServerOptions,
  StreamOptions,
  TlsConnectOptions,
  TlsServerOptions,
  UdpOptions,
  WaitOptions,
} from "./conn/options.ts";
export { Server, TcpServer, TlsServer } from "./conn/server.ts";
export { type ResolveOptions, resolve, TcpConnection, TlsConnection } from "./conn/tcp.ts";
export { UdpSocket } from "./conn/udp.ts";
export type { Body as HttpBody } from "./http/body.ts";
export type { IncomingRequest } from "./http/calls.ts";
export type { FetchFunction, ServerSentEvent } from "./http/fetch.ts";
export { http } from "./http/http.ts";
export type { IncomingResponse } from "./http/request.ts";
export type { HttpCloseOptions, HttpHandler, HttpServer, ServeOptions } from "./http/server.ts";
export type {
  BodyInput,
  Headers as HttpHeaders,
  HeadersInput,
  HttpConn,
  HttpReply,
  HttpRequest,
  HttpRequestOptions,
  HttpResponse,
  HttpServerRequest,
  HttpServerResponse,
  HttpStreamRequest,
  Json,
  JsonObject,
  ReadRequestOptions,
} from "./http/types.ts";
export type { Bytes } from "./internal/arguments.ts";
export type { DeflateOptions } from "./internal/deflate.ts";
export type { AddressPolicy } from "./internal/policy.ts";
export type { ProxyOption } from "./internal/url.ts";
export { type Recorder, type RecorderOptions, recorder } from "./recorder.ts";
export type { Sendable } from "./websocket/base.ts";
export type { CloseInfo } from "./websocket/connection.ts";
export type {
  BinaryType,
  CloseEventLike,
  ErrorEventLike,
  MessageEventLike,
  WebSocketEventMap,
  WebSocketMessage,
} from "./websocket/delivery.ts";
export type {
  HandshakeResponse,
  HeadersOption,
  ReconnectEvent,
  ReconnectOptions,
  WebSocketOptions,
} from "./websocket/options.ts";
export { WebSocket } from "./websocket/websocket.ts";
export { type BroadcastResult, upgrade } from "./ws-server/clients.ts";
export type { AcceptOptions, AdmissionOptions, ProtocolChooser } from "./ws-server/handshake.ts";
export type {
  BroadcastOptions,
  PublishOptions,
  SlowClients,
  UpgradeOptions,
  WebSocketCloseOptions,
  WebSocketServerOptions,
} from "./ws-server/options.ts";
export { type UpgradeSource, WebSocketServer } from "./ws-server/server.ts";
export { ServerSocket } from "./ws-server/socket.ts";

/** The version of the package. */
export const version = "0.1.0";
