/** WebSocket clients and servers (RFC 6455) as numbers and events. */

import { AddressOf, MAX_REASON, SendFlag } from "../../wasm/abi.gen.ts";
import { defaultEngine, openedEngine } from "../../wasm/host.ts";
import type { Stats } from "../../wasm/memory.ts";
import { utf8Size } from "../../wasm/text.ts";
import { socketOptions } from "../conn/options.ts";
import { type Bytes, isInt32, show, toPayload } from "../internal/arguments.ts";
import { type HeaderPairs, isCloseCode } from "../internal/websocket.ts";
import * as common from "./calls.ts";
import { type Done, type HandleState, type ListenerOptions, type ListenPlace, refuse } from "./calls.ts";
import type { EventSource } from "./endpoints.ts";
import type { WsByteEvents, WsEvents, WsListenerEvents, WsTextEvents } from "./events.ts";
import type { EventType, Listener } from "./listeners.ts";
import { WsEndpoint, type WsOpenOptions, WsRequest } from "./ws-endpoint.ts";
import { checkListen, type WsListenOptions, WsServerEndpoint } from "./ws-server.ts";

/** RFC 6455 7.4.1: the purpose of the connection is fulfilled; the server is going away. */
const NORMAL = 1000;
const GOING_AWAY = 1001;

function find(handle: number): WsEndpoint | undefined {
  const found = openedEngine()?.find(handle);
  return found instanceof WsEndpoint ? found : undefined;
}

/** A WebSocket, or a server of them. */
function findAny(handle: number): WsEndpoint | WsServerEndpoint | undefined {
  const found = openedEngine()?.find(handle);
  return found instanceof WsEndpoint || found instanceof WsServerEndpoint ? found : undefined;
}

/** What the listeners of a handle are added to: of a server, they are for all of its WebSockets. */
function sourceOf(handle: number): WsEndpoint | EventSource | undefined {
  const found = findAny(handle);
  return found instanceof WsServerEndpoint ? found.sockets : found;
}

/**
 * Starts a WebSocket connection and returns immediately. A `connected` or `error` event follows.
 *
 * ```ts
 * const conn = ws.open("ws://192.168.1.10:8080/stream");
 * ws.on(conn, "message", (e) => console.log(e.message));
 * ```
 *
 * @param url `ws://host[:port][/path][?query]` or `wss://…`; port 80 (wss: 443) and path / are the defaults.
 * @returns a handle, valid until `close`; or -1: ERR_URL, ERR_PORT, ERR_HEADER, ERR_UNSUPPORTED (wss on a host without
 * TLS, deflate on one without zlib), ERR_LIMIT, ERR_MEMORY, ERR_ARGUMENT, ERR_CALLBACK (`headers` failed).
 */
export function open(url: string | URL, options: WsOpenOptions = {}): number {
  const text = url instanceof URL ? url.href : url;
  if (typeof text !== "string") return refuse("ERR_ARGUMENT", { step: "open", reason: `url ${show(url)}` });
  /* A query may hold a secret, and addresses end up in logs. */
  const [address = ""] = text.split("?", 1);
  return common.caught(() => {
    const request = new WsRequest(text, address, options);
    return openWith(request, text, address, request.headers());
  });
}

function openWith(request: WsRequest, url: string, address: string, headers: HeaderPairs): number {
  const { tls, compression } = request;
  const engine = defaultEngine();
  if (compression !== undefined && engine.deflateHost === undefined) return withoutZlib(address);
  const endpoint = new WsEndpoint(engine, address, { request, compression });
  if (tls !== undefined) engine.setTls(endpoint, tls);
  const handle = engine.ws.connect(endpoint, url);
  if (handle < 0) return refuse(handle, { step: "open", address, cause: engine.cause });
  let result = request.begin(engine, handle, headers);
  if (result >= 0 && compression !== undefined) result = engine.ws.setDeflate(handle, compression.parameters);
  if (result >= 0) return handle;
  engine.close(endpoint);
  return refuse(result, { step: "open", address });
}

function withoutZlib(address: string): -1 {
  return refuse("ERR_UNSUPPORTED", { step: "open", address, reason: "deflate: this runtime has no zlib" });
}

/**
 * Starts a WebSocket server and returns immediately. The server is a listener of `net`: its `connected` follows when it
 * listens, or `error` and `disconnected` if it can't. Listeners that are added to it with `ws.on` are called for all
 * WebSockets that it accepts; `conn` names the one.
 *
 * ```ts
 * const server = ws.listen("127.0.0.1", 8080);
 * ws.on(server, "message", ({ message }, { handle }) => ws.send(handle, message));
 * ```
 *
 * @param host a local host name or literal address; `""`: every address.
 * @param port 0 to 65535; 0: any free port, which `localAddr` returns.
 * @returns a handle, valid until `close`; or -1: ERR_ARGUMENT, ERR_PORT, ERR_LIMIT, ERR_MEMORY, ERR_UNSUPPORTED (deflate on a
 * host without zlib), ERR_TLS_OPTIONS.
 */
export function listen(host: string, port: number, options?: WsListenOptions): number {
  return common.listenAt(host, port, (place) => listenWith(place, options));
}

/** Serves WebSockets at the path of a Unix socket, as `listen`; -1: also ERR_PATH, ERR_IN_USE. */
export function listenUnix(path: string, options?: WsListenOptions): number {
  return common.listenAtPath(path, (place) => listenWith(place, options));
}

function listenWith(place: ListenPlace, given: WsListenOptions | undefined): number {
  const options = checkListen(given);
  if (options.deflate !== undefined && defaultEngine().deflateHost === undefined) return withoutZlib(place.address);
  return common.openListener(
    (engine) => new WsServerEndpoint(engine, place.address, options),
    place,
    socketOptions(options),
    options,
  );
}

/**
 * Sends a close frame, waits at most `limits().closeTimeoutMs` for the peer's, and ends reconnecting. The number is no longer
 * valid; for a connection that was open, a `disconnected` event follows. RFC 6455 7.1.2
 *
 * Of a server, it closes all WebSockets in this way, and the listener.
 *
 * @param code 1000 or 3000 to 4999; of a server and its WebSockets also another code that servers send, such as 1008 or 1013.
 * Default: 1000, of a server 1001.
 * @param reason at most 123 bytes of UTF-8.
 * @returns 0, or -1: ERR_ARGUMENT, ERR_HANDLE.
 */
export function close(conn: number, code?: number, reason = ""): Done {
  const found = findAny(conn);
  if (found === undefined) return common.stale(conn);
  const isServer = found instanceof WsServerEndpoint;
  const given = code === undefined ? (isServer ? GOING_AWAY : NORMAL) : code;
  const right = isInt32(given) && isCloseCode(given, isServer || found.wasAccepted);
  if (!right || typeof reason !== "string" || utf8Size(reason) > MAX_REASON) {
    const problem = right ? `a reason has at most ${MAX_REASON} bytes` : `code ${show(code)}`;
    return refuse("ERR_ARGUMENT", { step: "close", address: found.address, reason: problem });
  }
  return common.call(found, conn, "close", (engine) =>
    isServer ? found.closeWith(given, reason) : engine.ws.close(found, given, reason),
  );
}

/**
 * Queues a message: all of it, or nothing. A string is a text message, bytes are a binary one. The payload is copied.
 *
 * @returns the payload's length in bytes; -1 if nothing was queued: ERR_BACKPRESSURE (a `drain` event follows when it fits),
 * ERR_TOO_LARGE, ERR_STATE, ERR_HANDLE, ERR_ARGUMENT.
 */
export function send(conn: number, message: string | Bytes): number {
  return queue(conn, message, 0);
}

/**
 * Queues a fragment of a message (RFC 6455 5.4). The type of the first one is that of the message. Until the final one is
 * queued, `send` returns -1 with ERR_STATE.
 *
 * @param final whether it is the last fragment of the message.
 * @returns the fragment's length in bytes; -1 with the errors of `send`.
 */
export function sendFragment(conn: number, data: string | Bytes, final: boolean): number {
  return queue(conn, data, final ? SendFlag.PART : SendFlag.PART | SendFlag.MORE);
}

function queue(conn: number, data: string | Bytes, fragment: number): number {
  const found = find(conn);
  if (found === undefined) return common.stale(conn);
  const payload = toPayload(data);
  if (payload === undefined) return refuse("ERR_ARGUMENT", { step: "send", reason: `message ${show(data)}` });
  const result = found.send(payload, fragment);
  return result < 0 ? refuse(result, { step: "send", address: found.address }) : result;
}

/**
 * Queues one message on many WebSockets that servers accepted, on each all of it or nothing. The frame is made once, and is
 * not compressed.
 *
 * @param results if given, is filled with what `send` would return for each, with an error number in place of -1.
 * @returns the number of WebSockets that took it; -1 if nothing was sent: ERR_ARGUMENT, ERR_TOO_LARGE.
 */
export function broadcast(conns: Iterable<number>, message: string | Bytes, results?: number[]): number {
  const payload = toPayload(message);
  if (payload === undefined) return refuse("ERR_ARGUMENT", { step: "send", reason: `message ${show(message)}` });
  const handles = Array.from(conns);
  const wrong = handles.findIndex((it) => !isInt32(it));
  if (wrong >= 0) return refuse("ERR_ARGUMENT", { step: "send", reason: `conns[${wrong}] is ${show(handles[wrong])}` });
  const result = defaultEngine().ws.broadcast(handles, payload);
  if (result.taken < 0) return refuse(result.taken, { step: "send" });
  results?.splice(0, results.length, ...result.results);
  return result.taken;
}

/**
 * Binds an event to a declared event type, or to a plain function: `connected`, `disconnected`, `message`, `drain`,
 * `error`, `closing`, `ping`, `pong`; of a server also `accepted`. Events are delivered in a later iteration of the event loop, so listeners may be added
 * right after opening.
 *
 * A plain function receives a text message as text and a binary one as bytes. With `{ text: true }` it always receives text,
 * as a declared type does, and with `{ binary: true }` always bytes.
 *
 * @returns 0, or -1: ERR_EVENT (no such event, or the type has another declaration), ERR_HANDLE, ERR_ARGUMENT.
 */
export function on<K extends keyof WsEvents>(conn: number, event: K, type: EventType<WsEvents[K]>): Done;
export function on<K extends keyof WsByteEvents>(
  conn: number,
  event: K,
  listener: Listener<WsByteEvents[K]>,
  options: { binary: true; text?: false },
): Done;
export function on<K extends keyof WsTextEvents>(
  conn: number,
  event: K,
  listener: Listener<WsTextEvents[K]>,
  options: { text: true; binary?: false },
): Done;
export function on<K extends keyof WsListenerEvents>(
  conn: number,
  event: K,
  listener: Listener<WsListenerEvents[K]>,
  options?: ListenerOptions,
): Done;
export function on(conn: number, event: string, target: unknown, options?: ListenerOptions): Done {
  return common.listen(sourceOf(conn), conn, event, target, options);
}

/** Removes a function or a declared event type from an event, as `net.off`. */
export function off<K extends keyof WsEvents>(conn: number, event: K, type: EventType<WsEvents[K]>): Done;
export function off(conn: number, event: keyof WsListenerEvents, listener: Listener<never>): Done;
export function off(conn: number, event: string, target: unknown): Done {
  return common.unlisten(sourceOf(conn), conn, event, target);
}

/** Returns the state of a connection: `"connecting"` also while it waits to reconnect, `"closed"` also while it closes. */
export function state(conn: number): HandleState {
  return common.state(findAny(conn));
}

/**
 * Sends a ping; a `pong` event follows. The engine answers the pings of the peer.
 *
 * @param data at most 125 bytes.
 * @returns 0, or -1: ERR_BACKPRESSURE, ERR_STATE, ERR_HANDLE, ERR_ARGUMENT.
 */
export function ping(conn: number, data: string | Bytes = ""): Done {
  const found = find(conn);
  if (found === undefined) return common.stale(conn);
  const payload = toPayload(data);
  if (payload === undefined) return refuse("ERR_ARGUMENT", { step: "send", reason: `data ${show(data)}` });
  return common.call(found, conn, "send", (engine, it) => engine.ws.ping(it, payload));
}

/**
 * Has no effect: a connection of this API never blocks.
 *
 * @deprecated It exists for programs that call it.
 */
export function setTimeout(_conn: number, _ms: number): void {}

/**
 * Turns reconnecting after an unexpected end on or off. Default: off. It ends after a handshake that was refused with 4xx other
 * than 408 and 429, and after close code 1008.
 *
 * @returns 0, or -1: ERR_HANDLE.
 */
export function setAutoReconnect(conn: number, on: boolean): Done {
  return common.setAutoReconnect(find(conn), conn, on);
}

/** Sets the delays before attempts to reconnect, as `net.setReconnectDelays`. */
export function setReconnectDelays(conn: number, seconds: readonly number[]): Done {
  return common.setReconnectDelays(find(conn), conn, seconds);
}

/** Returns the bytes that are queued and not yet written, frame headers included; -1: ERR_HANDLE. */
export function bufferedAmount(conn: number): number {
  return common.bufferedAmount(find(conn), conn);
}

/** Returns counters since the connection was opened, as `net.stats`. */
export function stats(conn: number): Stats | undefined {
  return common.stats(find(conn), conn);
}

/** Returns the subprotocol that the server chose; `""` if it chose none. */
export function protocol(conn: number): string {
  const found = find(conn);
  if (found !== undefined) return common.textOr(found.engine.ws.protocol(conn), found);
  common.stale(conn);
  return "";
}

/** Returns the peer's address as `"ip:port"` or `"[ipv6]:port"`; `""` if there is none. */
export function remoteAddr(conn: number): string {
  return common.address(findAny(conn), conn, AddressOf.REMOTE);
}

/** Returns the local address, of a server that at which it listens, as `"ip:port"`; `""` if there is none. */
export function localAddr(conn: number): string {
  return common.address(findAny(conn), conn, AddressOf.LOCAL);
}

/** Stops receiving; TCP slows the peer down. Returns 0, or -1: ERR_HANDLE. */
export function pause(conn: number): Done {
  return common.setReceiving(find(conn), conn, false);
}

/** Receives again after `pause`. Returns 0, or -1: ERR_HANDLE. */
export function resume(conn: number): Done {
  return common.setReceiving(find(conn), conn, true);
}

/** Keeps the process alive while the connection is open, which is the default. Returns 0, or -1: ERR_HANDLE. */
export function ref(conn: number): Done {
  return common.keep(findAny(conn), conn, true);
}

/** Lets the process end while the connection is open. Returns 0, or -1: ERR_HANDLE. */
export function unref(conn: number): Done {
  return common.keep(findAny(conn), conn, false);
}
