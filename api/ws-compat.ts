/**
 * `twinwire/ws-compat`: the API of npm's `ws`, on the engine of twinwire. For programs that were written for `ws`, and for
 * libraries that depend on it. It is an entry of its own because it needs modules of Node: node:events, node:buffer, node:http.
 *
 * ```ts
 * import WebSocket, { WebSocketServer } from "twinwire/ws-compat";
 *
 * const server = new WebSocketServer({ port: 8080 });
 * server.on("connection", (ws) => ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary })));
 * ```
 *
 * docs/ws-compat.md lists the differences from `ws`, and explains how to make a dependency use this module in its place.
 *
 * @module
 */
import { WebSocketServer } from "./ws-compat/server.ts";
import { createWebSocketStream } from "./ws-compat/stream.ts";
import { WebSocket } from "./ws-compat/websocket.ts";

export type {
  CompatCloseEvent,
  CompatErrorEvent,
  CompatEvent,
  CompatListenerOptions,
  CompatMessageEvent,
} from "./ws-compat/events.ts";
export type { BinaryType, MessageData, WebSocketEvents } from "./ws-compat/facade.ts";
export type {
  ClientInfo,
  ClientOptions,
  PerMessageDeflateOptions,
  SendCallback,
  SendOptions,
  Verdict,
} from "./ws-compat/options.ts";

export type { ServerOptions, WebSocketServerEvents } from "./ws-compat/server.ts";

/* As those take them who ask for the class alone: require("ws").Server. */
Object.assign(WebSocket, { WebSocket, WebSocketServer, Server: WebSocketServer, createWebSocketStream });

export { createWebSocketStream, WebSocket, WebSocket as default, WebSocketServer, WebSocketServer as Server };
