import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";
import type { Head } from "./head.ts";
import type { WebSocket } from "./websocket.ts";

/** What a message comes as: a Buffer, unless `binaryType` says otherwise of binary ones. */
export type MessageData = Buffer | ArrayBuffer | Buffer[] | Blob;

/** What a WebSocket tells, and with which values. */
export interface WebSocketEvents {
  open: [];
  message: [data: MessageData, isBinary: boolean];
  ping: [data: Buffer];
  pong: [data: Buffer];
  /** The peer's code, 1005 if it gave none, 1006 if the connection broke. */
  close: [code: number, reason: Buffer];
  error: [error: Error];
  /** The answer that accepts. */
  upgrade: [response: Head];
  redirect: [url: string, request: EventEmitter];
  /** An answer that refuses: whoever listens ends the WebSocket. */
  "unexpected-response": [request: EventEmitter, response: Readable & Head];
}

/** What a server tells, and with which values. */
export interface WebSocketServerEvents {
  listening: [];
  connection: [ws: WebSocket, request: IncomingMessage];
  /** The lines of an answer, to which some may be added. */
  headers: [lines: string[], request: IncomingMessage];
  /** A request that is no handshake, which the listener answers. */
  wsClientError: [error: Error, socket: Duplex, request: IncomingMessage];
  error: [error: Error];
  close: [];
}
