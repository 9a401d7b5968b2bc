import { readRequest, receive, respond, writeResponse } from "./calls.ts";
import { eventStream, fetchHandler } from "./fetch.ts";
import { request, stream } from "./request.ts";
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
  readRequest,
  /** Alias of `readRequest`, as the specification names it. */
  read_request: readRequest,
  /** Writes a response with a JSON body. */
  writeResponse,
  /** Alias of `writeResponse`, as the specification names it. */
  write_response: writeResponse,
  /** Reads the head of a request from a connection; its body is streamed. */
  receive,
  /** Writes a response; its body may be streamed. */
  respond,
  /** Serves HTTP on the connections of a server. */
  serve,
  /** Makes a handler for `serve` of a function of the Fetch standard. */
  fetchHandler,
  /** Makes a response of server-sent events. */
  eventStream,
} as const;
