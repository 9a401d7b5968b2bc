/** The clients of WebSocket servers: how a request becomes one, those of a server, and what is sent to many. */
import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import type { AddressStats } from "../../wasm/memory.ts";
import type { Metric } from "../../wasm/metrics.ts";
import { streamOf } from "../conn/conn.ts";
import type { IncomingRequest } from "../http/calls.ts";
import { Waiter, WaitingList } from "../internal/waiting.ts";
import { Connection } from "../websocket/connection.ts";
import { ReadyState, Session } from "../websocket/session.ts";
import { acceptRequest } from "./handshake.ts";
import { type CheckedUpgrade, checkUpgrade, type SlowClients, type UpgradeOptions } from "./options.ts";
import { leaveTopics, ServerSocket, sessionOf } from "./socket.ts";

/** The most clients that wait to be taken by `accept`; further ones are not kept for it. */
const MOST_READY = 1024;

const MAX_BUFFERED = 16_777_216;

/** How often clients are closed that are to be closed over some time, in ms. */
const STEP_MS = 20;

/**
 * Accepts a request as the opening handshake of a WebSocket (RFC 6455 4.2). The connection of the request is then a WebSocket,
 * and its `Conn` can no longer be used. Call it before anything was responded.
 *
 * ```ts
 * const request = await http.receive(conn);
 * if (request.path === "/chat") serveChat(upgrade(request, { protocols: ["chat"] }));
 * ```
 *
 * @throws TwinwireError ERR_WS_HANDSHAKE for a request that is not a valid handshake; its `status` is to be responded: 400,
 * 405 or 426; ERR_ARGUMENT for a bad option, or a subprotocol that was not offered; ERR_CALLBACK for
 * a `protocols` function that throws; ERR_HEADER;
 * ERR_LIMIT if `limits().webSockets` are open; ERR_STATE if the connection has ended or the request was answered. In all
 * these cases nothing was sent.
 */
export function upgrade(request: IncomingRequest, options: UpgradeOptions = {}): ServerSocket {
  return accept(request, checkUpgrade(options));
}

/** As `upgrade`, with options that have been checked. */
export function accept(request: IncomingRequest, options: CheckedUpgrade): ServerSocket {
  const { engine } = streamOf(request.conn);
  const session = sessionFor(request, options, engine.limits.closeTimeoutMs);
  const { endpoint, remote, rest } = acceptRequest(
    request,
    options,
    (address) =>
      new Connection(engine, address, session, {
        maxMessage: options.maxMessage ?? 0,
        compression: options.deflate,
        server: true,
      }),
  );
  const socket = new ServerSocket(session, request, remote);
  endpoint.limitReading();
  endpoint.connected();
  if (rest.length > 0) engine.unread(endpoint.handle, rest);
  return socket;
}

function sessionFor(request: IncomingRequest, options: CheckedUpgrade, limit: number): Session {
  const scheme = request.conn.isTLS() ? "wss" : "ws";
  const { host, origin = "" } = request.headers;
  const url = `${scheme}://${host}${request.target.startsWith("/") ? request.target : "/"}`;
  return new Session(url, origin, {
    closeTimeoutMs: Math.min(options.closeTimeoutMs ?? limit, limit),
    maxBuffered: options.maxBuffered ?? MAX_BUFFERED,
    offlineBytes: 0,
  });
}

/** The clients of a server, and the calls that wait for one. */
export class Clients {
  readonly all = new Set<ServerSocket>();
  #ready: ServerSocket[] = [];
  readonly #waiters = new WaitingList<Waiter<ServerSocket>>();
  #end: TwinwireError | undefined;
  readonly #emptied: (() => void)[] = [];
  #accepted = 0;

  /** How many there were so far. */
  get accepted(): number {
    return this.#accepted;
  }

  add(socket: ServerSocket): void {
    this.#accepted++;
    this.all.add(socket);
    sessionOf(socket).onEnd = () => this.#left(socket);
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve(socket);
    else if (this.#ready.length < MOST_READY) this.#ready.push(socket);
  }

  next(): Promise<ServerSocket> {
    const socket = this.#ready.shift();
    if (socket !== undefined) return Promise.resolve(socket);
    const waiter = new Waiter<ServerSocket>();
    if (this.#end === undefined) this.#waiters.add(waiter);
    else waiter.reject(this.#end);
    return waiter.promise;
  }

  /** Whether no further ones may come. */
  get stopped(): boolean {
    return this.#end !== undefined;
  }

  /** Ends waiting: no further clients come. */
  stop(error: TwinwireError): void {
    this.#end ??= error;
    this.#ready = [];
    this.#waiters.rejectAll(() => error);
  }

  /** Closes all of them, evenly over `spreadMs`; those that do not answer in time are given up. */
  async close(code: number, reason: string, graceMs: number, spreadMs: number): Promise<void> {
    if (spreadMs > 0) await this.#spread(code, reason, spreadMs);
    if (this.all.size === 0) return;
    for (const socket of this.all) sessionOf(socket).close(code, reason);
    const timer = setTimeout(() => {
      for (const socket of this.all) socket.terminate();
    }, graceMs);
    await new Promise<void>((resolve) => {
      this.#emptied.push(resolve);
    });
    clearTimeout(timer);
  }

  /** In a random order: who connected together should not come back together. */
  async #spread(code: number, reason: string, spreadMs: number): Promise<void> {
    const left = [...this.all].map((socket) => ({ socket, rank: Math.random() })).sort((a, b) => a.rank - b.rank);
    const { length } = left;
    const start = performance.now();
    while (left.length > 0 && this.all.size > 0) {
      const elapsed = performance.now() - start;
      const due = Math.ceil(Math.min(1, elapsed / spreadMs) * length) - (length - left.length);
      for (const { socket } of left.splice(0, due)) sessionOf(socket).close(code, reason);
      if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(STEP_MS, spreadMs)));
    }
  }

  #left(socket: ServerSocket): void {
    this.all.delete(socket);
    leaveTopics(socket);
    const at = this.#ready.indexOf(socket);
    if (at >= 0) this.#ready.splice(at, 1);
    if (this.all.size === 0) for (const emptied of this.#emptied.splice(0)) emptied();
  }
}

/** The result of a broadcast. */
export interface BroadcastResult {
  /** The number of clients for which the message was queued. */
  readonly sent: number;
  /** With `slow: "skip"`, the clients for which it would have had to wait, and for which nothing was queued. */
  readonly skipped: readonly ServerSocket[];
}

/**
 * Sends one message to many. Those that can take it at once get the same frame, which is made once and handed over in
 * one call; those that compress, or have something waiting, get it behind that.
 *
 * @throws TwinwireError ERR_TOO_LARGE for a message that fits into no outbound buffer.
 */
export function broadcast(
  engine: Engine,
  sockets: Iterable<ServerSocket>,
  data: string | Uint8Array,
  slow: SlowClients,
): BroadcastResult {
  const direct: ServerSocket[] = [];
  const handles: number[] = [];
  const waiting: ServerSocket[] = [];
  let sent = 0;
  for (const socket of sockets) {
    const { connection, sender, readyState } = sessionOf(socket);
    if (connection === undefined || readyState !== ReadyState.OPEN) continue;
    if (!sender.isEmpty) {
      waiting.push(socket);
    } else if (connection.compresses(data)) {
      socket.send(data);
      sent++;
    } else {
      direct.push(socket);
      handles.push(connection.handle);
    }
  }
  const { taken, results } = engine.ws.broadcast(handles, data);
  if (taken < 0) throw new TwinwireError(errorCode(taken), { step: "send" });
  sent += taken;
  for (const [at, socket] of direct.entries()) {
    const result = results[at] as number;
    if (result >= 0) sessionOf(socket).sender.took(result);
    else waiting.push(socket);
  }
  if (slow === "skip") return { sent, skipped: waiting };
  for (const socket of waiting) {
    if (socket.readyState !== ReadyState.OPEN) continue;
    socket.send(data);
    sent++;
  }
  return { sent, skipped: [] };
}

/** The counts of a `WebSocketServer`. */
export function metricsOf(
  clients: Clients,
  topics: Iterable<readonly [string, number]>,
  stats: AddressStats,
): readonly Metric[] {
  const metrics: Metric[] = [];
  const add = (name: string, kind: "gauge" | "counter", help: string, value: number): void => {
    metrics.push({ name: `twinwire_ws_${name}`, kind, help, value });
  };
  let buffered = 0;
  for (const { bufferedAmount } of clients.all) buffered += bufferedAmount;
  let count = 0;
  let subscriptions = 0;
  for (const [, subscribed] of topics) {
    count++;
    subscriptions += subscribed;
  }
  add("clients", "gauge", "Clients that are connected.", clients.all.size);
  add("accepted", "counter", "Clients that have connected.", clients.accepted);
  add("buffered_bytes", "gauge", "Bytes that wait to be sent to clients.", buffered);
  add("topics", "gauge", "Topics with subscribers.", count);
  add("subscriptions", "gauge", "Subscriptions of clients to topics.", subscriptions);
  add("refused_connections", "counter", "Connections above a limit for their address.", stats.refusedConnections);
  add("refused_handshakes", "counter", "Connections above the rate for their address.", stats.refusedHandshakes);
  add("refused_messages", "counter", "Messages above the rate for their address.", stats.refusedMessages);
  return metrics;
}
