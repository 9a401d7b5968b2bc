// The types of require("twinwire/ws-compat"): the class, with the other exports as its members.
import type * as esm from "./ws-compat.js" with { "resolution-mode": "import" };

declare const WebSocket: typeof esm.WebSocket & {
  readonly WebSocket: typeof WebSocket;
  readonly WebSocketServer: typeof esm.WebSocketServer;
  readonly Server: typeof esm.WebSocketServer;
  readonly createWebSocketStream: typeof esm.createWebSocketStream;
};
type WebSocket = esm.WebSocket;

declare namespace WebSocket {
  type WebSocket = esm.WebSocket;
  type WebSocketServer = esm.WebSocketServer;
  type Server = esm.WebSocketServer;
  type BinaryType = esm.BinaryType;
  type ClientInfo = esm.ClientInfo;
  type ClientOptions = esm.ClientOptions;
  type CompatEvent = esm.CompatEvent;
  type CompatListenerOptions = esm.CompatListenerOptions;
  type MessageData = esm.MessageData;
  type PerMessageDeflateOptions = esm.PerMessageDeflateOptions;
  type SendCallback = esm.SendCallback;
  type SendOptions = esm.SendOptions;
  type ServerOptions = esm.ServerOptions;
  type Verdict = esm.Verdict;
  type WebSocketEvents = esm.WebSocketEvents;
  type WebSocketServerEvents = esm.WebSocketServerEvents;
}

export = WebSocket;
