import { readRequest, receive } from "./receive.ts";
import { request, stream } from "./request.ts";
import { respond, writeResponse } from "./respond.ts";
import { serve } from "./server.ts";

/**
 * HTTP/1.1: a client, and a server.
 *
 * ```ts
 * const { status, body } = await http.request({ method: "POST", url: "http://127.0.0.1:8080/", body: { a: 1 } });
 * ```
 */
export const http = {
  /** Sends a request with a JSON body and waits for the whole response. */
  request,
  /** Sends a request and waits for the head of the response; bodies are streamed. */
  stream,
  /** Reads a request with a JSON body from a connection. */
  read_request: readRequest,
  /** Writes a response with a JSON body. */
  write_response: writeResponse,
  /** Reads the head of a request from a connection; its body is streamed. */
  receive,
  /** Writes a response; its body may be streamed. */
  respond,
  /** Serves HTTP on the connections of a server. */
  serve,
} as const;
