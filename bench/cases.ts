/** What a message is made of. `utf8`: text of which most characters are not ASCII. */
export type Content = "text" | "utf8" | "binary";

/**
 * Who takes part. `raw`: node:net with WebSocket frames that were made beforehand; it decodes nothing. `web`: the WebSocket
 * that the runtime itself has.
 */
export const Contender = {
  TWINWIRE: "twinwire",
  WS: "ws",
  RAW: "node:net raw",
  NET: "node:net",
  HTTP: "node:http",
  WEB: "WebSocket",
} as const;
export type Contender = (typeof Contender)[keyof typeof Contender];

/** What the contenders run on. */
export type Runtime = "node" | "bun" | "deno";

/** How it is spoken. `ws` and `tcp`: handles and events; `conn`: objects and promises over TCP. */
export type Protocol = "ws" | "tcp" | "conn";

/** A message received sends the next one, `inFlight` are on their way. */
export interface EchoCase {
  readonly kind: "echo";
  readonly name: string;
  readonly runtime: Runtime;
  readonly protocol: Protocol;
  /** Bytes of a message. */
  readonly size: number;
  readonly content: Content;
  readonly inFlight: number;
  readonly unit: "msg/s";
  readonly better: "more";
  readonly contenders: readonly Contender[];
}

/** Connections that are open and do nothing. */
export interface IdleCase {
  readonly kind: "idle";
  readonly name: string;
  readonly runtime: Runtime;
  readonly protocol: Protocol;
  readonly connections: number;
  readonly unit: "bytes/connection";
  readonly better: "less";
  readonly contenders: readonly Contender[];
}

/** A server that answers requests; clients in a process of their own send the next one when a response has come. */
export interface ServeCase {
  readonly kind: "serve";
  readonly name: string;
  readonly runtime: Runtime;
  readonly protocol: "http" | "ws";
  /** What the server does: it answers GET or POST, each message by itself, or by telling it to every client. */
  readonly task: "GET" | "POST" | "echo" | "broadcast";
  readonly connections: number;
  /** On each connection. */
  readonly inFlight: number;
  readonly unit: "req/s" | "msg/s";
  readonly better: "more";
  readonly contenders: readonly Contender[];
}

/** One thing that is measured. */
export type Case = EchoCase | IdleCase | ServeCase;

function sizeName(size: number): string {
  return size % 1024 === 0 ? `${size / 1024}KiB` : `${size}B`;
}

function wsClient(size: number, content: Content, inFlight: number): EchoCase {
  const name = `ws-client/${sizeName(size)}/${content}/${inFlight}`;
  const contenders = [Contender.TWINWIRE, Contender.WS, Contender.RAW];
  const [unit, better, runtime] = ["msg/s", "more", "node"] as const;
  return { kind: "echo", protocol: "ws", name, runtime, size, content, inFlight, unit, better, contenders };
}

/** The same on another runtime, beside the WebSocket that it has. */
function onRuntime(runtime: Runtime, it: EchoCase): EchoCase {
  return { ...it, runtime, name: `${runtime}/${it.name}`, contenders: [Contender.TWINWIRE, Contender.WEB] };
}

function tcpClient(size: number, inFlight: number): EchoCase {
  const name = `tcp-client/${sizeName(size)}/binary/${inFlight}`;
  const contenders = [Contender.TWINWIRE, Contender.NET];
  const content = "binary";
  const [unit, better, runtime] = ["msg/s", "more", "node"] as const;
  return { kind: "echo", protocol: "tcp", name, runtime, size, content, inFlight, unit, better, contenders };
}

function tcpConn(size: number, inFlight: number): EchoCase {
  return { ...tcpClient(size, inFlight), protocol: "conn", name: `tcp-conn/${sizeName(size)}/binary/${inFlight}` };
}

function idle(protocol: Protocol, name: string, contenders: readonly Contender[]): IdleCase {
  const connections = 1000;
  return {
    kind: "idle",
    runtime: "node",
    protocol,
    name: `${name}/${connections}`,
    connections,
    unit: "bytes/connection",
    better: "less",
    contenders,
  };
}

function httpServer(method: "GET" | "POST", connections: number, inFlight: number): ServeCase {
  const name = `http-server/${method}/${connections}x${inFlight}`;
  const contenders = [Contender.TWINWIRE, Contender.HTTP];
  const [runtime, protocol, unit, better] = ["node", "http", "req/s", "more"] as const;
  return { kind: "serve", name, runtime, protocol, task: method, connections, inFlight, unit, better, contenders };
}

/** 64 bytes of text. A broadcast message counts once for each client. */
function wsServer(task: "echo" | "broadcast", connections: number, inFlight: number): ServeCase {
  const name = `ws-server/${task}/${connections}x${inFlight}`;
  const contenders = [Contender.TWINWIRE, Contender.WS];
  const [runtime, protocol, unit, better] = ["node", "ws", "msg/s", "more"] as const;
  return { kind: "serve", name, runtime, protocol, task, connections, inFlight, unit, better, contenders };
}

/** What is measured, as what/size/content/in flight. */
export const cases: readonly Case[] = [
  wsClient(64, "text", 256),
  wsClient(64, "text", 1),
  wsClient(16384, "text", 16),
  wsClient(64, "binary", 256),
  wsClient(1024, "text", 64),
  wsClient(64, "utf8", 256),
  wsClient(16384, "utf8", 16),
  tcpClient(1024, 64),
  tcpConn(64, 1),
  tcpConn(65536, 1),
  tcpConn(64, 64),
  idle("ws", "ws-idle", [Contender.TWINWIRE, Contender.WS, Contender.RAW]),
  idle("conn", "tcp-idle", [Contender.TWINWIRE, Contender.NET]),
  httpServer("GET", 64, 1),
  httpServer("POST", 64, 1),
  httpServer("GET", 16, 16),
  wsServer("echo", 100, 16),
  wsServer("broadcast", 1000, 16),
  wsServer("broadcast", 1000, 1),
  onRuntime("bun", wsClient(64, "text", 256)),
  onRuntime("bun", wsClient(64, "text", 1)),
  onRuntime("deno", wsClient(64, "text", 256)),
  onRuntime("deno", wsClient(64, "text", 1)),
];

/** Whether it is left out where time is short. */
export function isExtra({ name }: Case): boolean {
  return ["tcp-conn/64B/binary/64", "http-server/POST/64x1", "deno/ws-client/64B/text/1"].includes(name);
}
