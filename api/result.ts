/**
 * twinwire/result: sockets whose calls never throw. Each returns `{ ok: true, value }` or `{ ok: false, error }`, with the
 * error as one text that begins with its code.
 *
 * @module
 */
export type {
  Headers as HttpHeaders,
  HttpConn,
  HttpRequest,
  HttpRequestOptions,
  HttpResponse,
  HttpServerRequest,
  HttpServerResponse,
  Json,
  ReadRequestOptions,
} from "./http/types.ts";
export { http } from "./result/http.ts";
export { type Err, err, type Ok, ok, type Result, unwrap, WOULD_BLOCK } from "./result/result.ts";
export { TcpListener, TcpStream } from "./result/tcp.ts";
export { UdpSocket } from "./result/udp.ts";
