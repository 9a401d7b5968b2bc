import { readRequest, receive } from "./receive.ts";
import { respond, writeResponse } from "./respond.ts";

/** HTTP/1.1: a client, and what a server is made of. */
export const http = {
  read_request: readRequest,
  write_response: writeResponse,
  receive,
  respond,
};
