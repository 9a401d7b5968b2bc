/**
 * twinwire/ws-compat: the surface of npm's `ws` that its dependents use, over this engine. An entry of its own, since it
 * needs modules of Node: an EventEmitter, a Buffer, the requests of node:http.
 *
 * ```ts
 * import WebSocket, { WebSocketServer } from "twinwire/ws-compat";
 * ```
 *
 * What differs from `ws`, and how to have others take it for `ws`: docs/ws-compat.md.
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
