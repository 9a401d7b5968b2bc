import { Contender } from "./contenders.ts";
import { type HubCase, hubCases } from "./hub/cases.ts";

/** What a message is made of. `utf8`: text of which most characters are not ASCII. */
export type Content = "text" | "utf8" | "binary";

/** What the contenders run on. */
export type Runtime = "node" | "bun" | "deno";

/** What a contender runs on in a case: those of Bun run in Bun, beside Node's too. */
export function runtimeOf(contender: Contender, { runtime }: Case): Runtime {
  return contender === Contender.BUN_SERVE || contender === Contender.BUN_LISTEN ? "bun" : runtime;
}

/**
 * How it is spoken. `ws` and `tcp`: handles and events; over TCP, `conn`: objects and promises, `sync`: calls that wait; `http`:
 * requests, each on a connection of its own.
 */
export type Protocol = "ws" | "tcp" | "conn" | "sync" | "http";

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
  /** Whether the contenders are servers in C, and their memory is measured. */
  readonly compiled?: boolean;
  readonly unit: "bytes/connection";
  readonly better: "less";
  readonly contenders: readonly Contender[];
}

/** A server that answers requests; clients in a process of their own send the next one when a response has come. */
export interface ServeCase {
  readonly kind: "serve";
  readonly name: string;
  readonly runtime: Runtime;
  readonly protocol: "http" | "ws" | "tcp";
  /**
   * What the server does: it answers GET or POST, each message by itself, or by sending it to every client. `text`: it
   * answers GET with one text. `alone`: one client alone sends messages, and processor time is measured. `connect`: it
   * accepts connections that end once they are open.
   */
  readonly task: "GET" | "POST" | "text" | "echo" | "alone" | "broadcast" | "connect";
  /** Bytes of a message, where there are messages. */
  readonly size: number;
  readonly connections: number;
  /** On each connection. */
  readonly inFlight: number;
  /** Messages a second that are sent whether or not the last one was answered; the value is then a latency. */
  readonly rate?: number;
  /** Whether twinwire takes part with its library for C, and others that are written in C. */
  readonly compiled?: boolean;
  readonly unit: "req/s" | "msg/s" | "conn/s" | "µs" | "ns CPU/msg";
  readonly better: "more" | "less";
  readonly contenders: readonly Contender[];
}

/** One thing that is measured. */
export type Case = EchoCase | IdleCase | ServeCase | HubCase;

function sizeName(size: number): string {
  return size % 1024 === 0 ? `${size / 1024}KiB` : `${size}B`;
}

function wsClient(size: number, content: Content, inFlight: number): EchoCase {
  const name = `ws-client/${sizeName(size)}/${content}/${inFlight}`;
  const contenders = [Contender.TWINWIRE, Contender.WS, Contender.RAW];
  const [unit, better, runtime] = ["msg/s", "more", "node"] as const;
  return { kind: "echo", protocol: "ws", name, runtime, size, content, inFlight, unit, better, contenders };
}

/** The same, with the one of undici as another peer. */
function besideUndici(it: EchoCase): EchoCase {
  return { ...it, contenders: [...it.contenders, Contender.UNDICI] };
}

/** Requests that send a message as JSON and have it returned. */
function httpClient(size: number, inFlight: number): EchoCase {
  const name = `http-client/${sizeName(size)}/text/${inFlight}`;
  const contenders = [Contender.TWINWIRE, Contender.UNDICI];
  const [unit, better, runtime] = ["msg/s", "more", "node"] as const;
  return { kind: "echo", protocol: "http", name, runtime, size, content: "text", inFlight, unit, better, contenders };
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

/** Calls that wait, one after the other, beside the promises of the same runtime. */
function sync(runtime: Runtime, size: number): EchoCase {
  const name = `${runtime === "node" ? "" : `${runtime}/`}sync/${sizeName(size)}/binary/1`;
  const contenders = [Contender.TWINWIRE, Contender.PROMISES];
  return { ...tcpClient(size, 1), protocol: "sync", name, runtime, contenders };
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

const NODE_SERVERS = { http: Contender.HTTP, ws: Contender.WS, tcp: Contender.NET } as const;
const BUN_SERVERS = { http: Contender.BUN_SERVE, ws: Contender.BUN_SERVE, tcp: Contender.BUN_LISTEN } as const;
const UNITS = { http: "req/s", ws: "msg/s", tcp: "msg/s" } as const;

/** A server beside the one of its runtime. A broadcast message counts once for each client. */
function server(
  protocol: ServeCase["protocol"],
  task: ServeCase["task"],
  connections: number,
  inFlight: number,
  size = 64,
): ServeCase {
  const what = size === 64 ? task : `${task}-${sizeName(size)}`;
  const name = `${protocol}-server/${what}/${connections}x${inFlight}`;
  const contenders = [Contender.TWINWIRE, NODE_SERVERS[protocol]];
  const unit = task === "connect" ? "conn/s" : UNITS[protocol];
  const [kind, runtime, better] = ["serve", "node", "more"] as const;
  return { kind, name, runtime, protocol, task, size, connections, inFlight, unit, better, contenders };
}

/**
 * The same at a fixed rate: how long an answer takes. Half of what the slower server can do when messages come one by one,
 * which is less than its peak: each wakes it up, and takes 21 µs of its processor with 100 connections, 27 with 1,000.
 */
function latencyOf(it: ServeCase, rate: number): ServeCase {
  return { ...it, name: it.name.replace("/", "/latency-"), rate, unit: "µs", better: "less" };
}

/** The same, with the one of Bun as a third. */
function besideBun(it: ServeCase): ServeCase {
  return { ...it, contenders: [...it.contenders, BUN_SERVERS[it.protocol]] };
}

/** The same beside itself with a flight recorder: what recording costs. */
function besideRecorded(it: ServeCase): ServeCase {
  const [protocol, task, load] = it.name.split("/");
  const contenders = [Contender.TWINWIRE, Contender.RECORDED];
  return { ...it, name: `${protocol}/${task}-recorded/${load}`, contenders };
}

/** The same in Bun, beside its own. */
function inBun(it: ServeCase): ServeCase {
  return {
    ...it,
    runtime: "bun",
    name: `bun/${it.name}`,
    contenders: [Contender.TWINWIRE, BUN_SERVERS[it.protocol]],
  };
}

/** The same in Deno, beside its own. */
function inDeno(it: ServeCase): ServeCase {
  return { ...it, runtime: "deno", name: `deno/${it.name}`, contenders: [Contender.TWINWIRE, Contender.DENO_SERVE] };
}

/** The library for C, beside others of its kind. */
function inC(it: ServeCase, contenders: readonly Contender[]): ServeCase {
  return { ...it, compiled: true, name: `c/${it.name}`, contenders: [Contender.TWINWIRE, ...contenders] };
}

/** The same beside itself with several threads: what they gain where there are processors. */
function besideThreads(it: ServeCase): ServeCase {
  const [protocol, task, load] = it.name.split("/");
  return { ...inC(it, [Contender.THREADED]), name: `c/${protocol}/${task}-threads/${load}` };
}

/** One client sends, the others are idle: what that costs the server. */
function alone(connections: number): ServeCase {
  return { ...server("tcp", "alone", connections, 1), unit: "ns CPU/msg", better: "less" };
}

/** How cost grows: with connections that ask one after the other, and with the size of a message. For the plots. */
const CONNECTIONS = [10, 100, 1000, 4000, 8000];
const SIZES = [16, 256, 4096, 65_536, 1_048_576];

function scale(): ServeCase[] {
  const named = (it: ServeCase, by: "connections" | "size"): ServeCase => ({
    ...it,
    name: `scale/${by}/${it.protocol}/${by === "size" ? it.size : it.connections}`,
  });
  return (["ws", "tcp"] as const).flatMap((protocol) => [
    ...CONNECTIONS.map((connections) => named(server(protocol, "echo", connections, 1), "connections")),
    ...SIZES.map((size) => named(server(protocol, "echo", 4, 1, size), "size")),
  ]);
}

/** What is measured, as what/size/content/in flight. */
export const cases: readonly Case[] = [
  besideUndici(wsClient(64, "text", 256)),
  besideUndici(wsClient(64, "text", 1)),
  wsClient(16384, "text", 16),
  wsClient(64, "binary", 256),
  wsClient(1024, "text", 64),
  wsClient(64, "utf8", 256),
  wsClient(16384, "utf8", 16),
  httpClient(64, 1),
  httpClient(64, 16),
  tcpClient(1024, 64),
  tcpConn(64, 1),
  tcpConn(65536, 1),
  tcpConn(64, 64),
  sync("node", 64),
  sync("node", 65536),
  sync("bun", 64),
  sync("bun", 65536),
  sync("deno", 64),
  sync("deno", 65536),
  idle("ws", "ws-idle", [Contender.TWINWIRE, Contender.WS, Contender.RAW]),
  idle("conn", "tcp-idle", [Contender.TWINWIRE, Contender.NET]),
  server("http", "GET", 64, 1),
  server("http", "POST", 64, 1),
  server("http", "GET", 16, 16),
  besideBun(server("ws", "echo", 100, 16)),
  server("ws", "echo", 1000, 1),
  server("ws", "echo", 1, 64),
  server("ws", "echo", 16, 1, 16_384),
  server("ws", "echo", 4, 1, 1_048_576),
  besideBun(server("ws", "connect", 16, 1)),
  latencyOf(server("ws", "echo", 100, 1), 24_000),
  latencyOf(server("ws", "echo", 1000, 1), 18_000),
  besideRecorded(server("ws", "echo", 100, 16)),
  server("ws", "broadcast", 1000, 16),
  server("ws", "broadcast", 1000, 1),
  server("tcp", "echo", 1000, 1),
  server("tcp", "echo", 100, 16),
  server("tcp", "echo", 4, 4, 65_536),
  inBun(server("ws", "echo", 100, 16)),
  inBun(server("ws", "echo", 1000, 1)),
  inBun(server("ws", "echo", 4, 1, 1_048_576)),
  inBun(server("tcp", "echo", 1000, 1)),
  inBun(server("tcp", "echo", 100, 16)),
  inBun(server("http", "GET", 64, 1)),
  inBun(server("http", "GET", 16, 16)),
  inDeno(server("ws", "echo", 100, 16)),
  inDeno(server("ws", "echo", 1000, 1)),
  inDeno(server("http", "GET", 64, 1)),
  inDeno(server("http", "POST", 64, 1)),
  onRuntime("bun", wsClient(64, "text", 256)),
  onRuntime("bun", wsClient(64, "text", 1)),
  onRuntime("deno", wsClient(64, "text", 256)),
  onRuntime("deno", wsClient(64, "text", 1)),
  ...hubCases,
  inC(server("ws", "echo", 100, 16), [Contender.BUN_SERVE, Contender.LIBWEBSOCKETS]),
  besideThreads(server("ws", "echo", 100, 16)),
  inC(server("tcp", "echo", 1000, 1), [Contender.EPOLL]),
  inC(server("http", "text", 64, 1), [Contender.BUN_SERVE, Contender.LIBMICROHTTPD]),
  inC(alone(4000), [Contender.EPOLL]),
  { ...idle("ws", "c/ws-idle", [Contender.TWINWIRE, Contender.LIBWEBSOCKETS]), compiled: true },
  ...scale(),
];

/** The names of the cases that a quick run has. */
export const QUICK: ReadonlySet<string> = new Set([
  "ws-client/64B/text/256",
  "ws-client/64B/text/1",
  "tcp-conn/64B/binary/1",
  "tcp-conn/64KiB/binary/1",
  "tcp-idle/1000",
  "http-server/GET/64x1",
  "ws-server/echo/100x16",
  "ws-server/echo/1000x1",
  "tcp-server/echo/1000x1",
  "bun/ws-server/echo/100x16",
]);

/** Whether it is measured for the plots only, when it is asked for. */
export function isScale(name: string): boolean {
  return name.startsWith("scale/");
}
