import { readRequest, receive } from "./receive.ts";
import { request, stream } from "./request.ts";
import { respond, writeResponse } from "./respond.ts";
import { serve } from "./server.ts";

/**
 * HTTP/1.1: a client, and what a server is made of.
 *
 * ```ts
 * const { status, body } = await http.request({ method: "POST", url: "http://127.0.0.1:8080/", body: { a: 1 } });
 * ```
 */
export const http = {
  /** Sends a request; JSON in and out. */
  request,
  /** Sends a request; bodies as they are, in time. */
  stream,
  /** Reads a request from a connection; JSON. */
  read_request: readRequest,
  /** Answers it; JSON. */
  write_response: writeResponse,
  /** Reads the head of a request; its body as it is, in time. */
  receive,
  /** Answers it with a body as it is, in time. */
  respond,
  /** Reads and answers all requests of a server. */
  serve,
} as const;
