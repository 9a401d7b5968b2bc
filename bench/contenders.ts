/**
 * Who takes part. `raw`: node:net with WebSocket frames that were made beforehand; it decodes nothing. `web`: the WebSocket
 * that the runtime itself has.
 */
export const Contender = {
  TWINWIRE: "twinwire",
  /** twinwire's connection API, beside its calls that wait. */
  PROMISES: "twinwire, await",
  /** twinwire while its flight recorder is on. */
  RECORDED: "twinwire, recorded",
  WS: "ws",
  RAW: "node:net raw",
  NET: "node:net",
  HTTP: "node:http",
  WEB: "WebSocket",
  BUN_SERVE: "Bun.serve",
  BUN_LISTEN: "Bun.listen",
  DENO_SERVE: "Deno.serve",
  UNDICI: "undici",
  /** twinwire in C with four threads, each with a loop of its own, on one port. */
  THREADED: "twinwire, 4 threads",
  /** The least that a server in C does: bench/c/floor.c. */
  EPOLL: "epoll loop",
  LIBWEBSOCKETS: "libwebsockets",
  LIBMICROHTTPD: "libmicrohttpd",
  /** Nodes that share a broker: ours and socket.io by Redis, ours by the other brokers. */
  SOCKET_IO: "socket.io",
  HUB_NATS: "twinwire, NATS",
  HUB_MEMORY: "twinwire, threads",
} as const;
export type Contender = (typeof Contender)[keyof typeof Contender];
