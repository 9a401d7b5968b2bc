import type { WaitOptions } from "../conn/options.ts";
import { http as main } from "../http/http.ts";
import type {
  HttpConn,
  HttpRequest,
  HttpRequestOptions,
  HttpResponse,
  HttpServerRequest,
  HttpServerResponse,
  ReadRequestOptions,
} from "../http/types.ts";
import type { Result } from "./result.ts";
import { attempt } from "./result.ts";

/**
 * HTTP/1.1 with results; JSON in and out. `http` of `twinwire` documents what the calls do.
 *
 * ```ts
 * const response = unwrap(await http.request({ method: "GET", url: "http://127.0.0.1:8080/" }));
 * console.log(response.status, response.body);
 * ```
 */
export const http = {
  /** Sends a request and waits for the response. */
  request(req: HttpRequest, options?: HttpRequestOptions): Promise<Result<HttpResponse>> {
    return attempt(() => main.request(req, options));
  },

  /** Reads one request from a connected stream. */
  read_request(stream: HttpConn, options?: ReadRequestOptions): Promise<Result<HttpServerRequest>> {
    return attempt(() => main.read_request(stream, options));
  },

  /** Writes a response: its body as JSON, `content-type` `application/json` unless `headers` have one. */
  write_response(stream: HttpConn, response: HttpServerResponse, options?: WaitOptions): Promise<Result<void>> {
    return attempt(() => main.write_response(stream, response, options));
  },
} as const;
