/** TCP and UDP sockets as numbers and events. */
import { AddressOf, Kind } from "../../wasm/abi.gen.ts";
import type { Endpoint } from "../../wasm/endpoint.ts";
import { defaultEngine, defaultPort, openedEngine } from "../../wasm/host.ts";
import type { Stats } from "../../wasm/memory.ts";
import { type Bytes, isInt32, show, toPayload } from "./arguments.ts";
import type { Done, HandleState, ListenerOptions } from "./common.ts";
import * as common from "./common.ts";
import type { EventType, Listener } from "./define-event.ts";
import type { NetByteEvents, NetEitherEvents, NetEvents, NetListenerEvents } from "./events.ts";
import { refuse } from "./failure.ts";
import { TcpEndpoint, UdpEndpoint } from "./net-endpoint.ts";

/** Sockets of whatever door: what asks for no listener works on all of them. */
function find(handle: number): Endpoint | undefined {
  const found = openedEngine()?.find(handle);
  return found === undefined || found.kind === Kind.WS ? undefined : found;
}

/**
 * Starts a TCP connection to a host name or literal address and returns at once. `connected` or `error` follows.
 *
 * ```ts
 * const sock = net.tcpConnect("192.168.1.10", 8080);
 * net.on(sock, "connected", (e) => net.send(e.sock, "ping"));
 * ```
 *
 * @param host 1 to 253 bytes.
 * @param port 1 to 65535.
 * @returns a handle, valid until `close`; or -1: ERR_ARGUMENT, ERR_PORT, ERR_LIMIT, ERR_MEMORY.
 */
export function tcpConnect(host: string, port: number): number {
  if (typeof host !== "string") return refuse("ERR_ARGUMENT", { step: "open", reason: `host ${show(host)}` });
  if (typeof port !== "number") return refuse("ERR_ARGUMENT", { step: "open", reason: `port ${show(port)}` });
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  if (!isInt32(port)) return refuse("ERR_PORT", { step: "open", address });
  return open((engine) => {
    const endpoint = new TcpEndpoint(engine, Kind.TCP, address);
    return engine.tcpConnect(endpoint, host, port);
  }, address);
}

/**
 * Opens a UDP socket.
 *
 * @param port the local port, 0 to 65535; 0 for any free one.
 * @returns a handle, valid until `close`; or -1: ERR_ARGUMENT, ERR_PORT, ERR_LIMIT, ERR_IN_USE, ERR_ACCESS.
 */
export function udpOpen(port: number): number {
  if (typeof port !== "number") return refuse("ERR_ARGUMENT", { step: "open", reason: `port ${show(port)}` });
  const address = `UDP port ${port}`;
  if (!isInt32(port)) return refuse("ERR_PORT", { step: "open", address });
  return open((engine) => engine.udpOpen(new UdpEndpoint(engine, Kind.UDP, address), port), address);
}

/**
 * Closes a socket and ends reconnecting; the number is stale at once. What is queued is still written, within
 * `limits().closeTimeoutMs`; a connection that had been open ends with `disconnected`.
 *
 * @returns 0, or -1: ERR_HANDLE.
 */
export function close(sock: number): Done {
  return common.close(find(sock), sock);
}

/**
 * Queues text (as UTF-8) or bytes on an open TCP connection, whole or not at all; they are copied.
 *
 * @returns how many bytes were queued; or -1, and then nothing was: ERR_BACKPRESSURE (`drain` follows once they fit),
 * ERR_TOO_LARGE, ERR_STATE, ERR_HANDLE, ERR_ARGUMENT.
 */
export function send(sock: number, data: string | Bytes): number {
  const found = find(sock);
  if (found === undefined) return common.stale(sock);
  const payload = toPayload(data);
  if (payload === undefined) return refuse("ERR_ARGUMENT", { step: "send", reason: `data ${show(data)}` });
  const result = defaultEngine().send(sock, payload);
  return result < 0 ? refuse(result, { step: "send", address: found.address }) : result;
}

/**
 * Sends one datagram.
 *
 * @param ip a literal IPv4 or IPv6 address.
 * @param port 1 to 65535.
 * @returns how many bytes were sent; or -1, and then nothing was: ERR_ADDRESS, ERR_PORT, ERR_BACKPRESSURE, ERR_TOO_LARGE,
 * ERR_HANDLE, ERR_ARGUMENT, or what the host answered.
 */
export function udpSendTo(sock: number, ip: string, port: number, data: string | Bytes): number {
  const found = find(sock);
  if (found === undefined) return common.stale(sock);
  const payload = toPayload(data);
  if (typeof ip !== "string" || typeof port !== "number" || payload === undefined) {
    return refuse("ERR_ARGUMENT", { step: "send", reason: `ip ${show(ip)}, port ${show(port)}, data ${show(data)}` });
  }
  const address = `${ip}:${port}`;
  if (!isInt32(port)) return refuse("ERR_PORT", { step: "send", address });
  const engine = defaultEngine();
  const result = engine.udpSendTo(sock, ip, port, payload);
  return result < 0 ? refuse(result, { step: "send", address, cause: engine.cause }) : result;
}

/**
 * Binds an event of a socket to a declared event type, or to a plain function. TCP has `connected`, `disconnected`,
 * `data`, `drain`, `error`; UDP has `datagram`, `drain`, `error`. Events come on a later turn, so it may be called after
 * opening.
 *
 * @returns 0, or -1: ERR_EVENT (no such event, or the type is declared otherwise), ERR_HANDLE, ERR_ARGUMENT.
 */
export function on<K extends keyof NetEvents>(sock: number, event: K, type: EventType<NetEvents[K]>): Done;
export function on<K extends keyof NetByteEvents>(
  sock: number,
  event: K,
  listener: Listener<NetByteEvents[K]>,
  options: { binary: true },
): Done;
export function on<K extends keyof NetListenerEvents>(
  sock: number,
  event: K,
  listener: Listener<NetListenerEvents[K]>,
  options?: { binary?: false; text?: boolean },
): Done;
export function on<K extends keyof NetByteEvents>(
  sock: number,
  event: K,
  listener: Listener<NetEitherEvents[K]>,
  options: ListenerOptions,
): Done;
export function on(sock: number, event: string, target: unknown, options?: ListenerOptions): Done {
  return common.listen(find(sock), sock, event, target, options);
}

/**
 * Takes a function or a declared event type off an event again, from the next event on; what was added more than once
 * goes one by one, the latest first.
 *
 * @returns 0, or -1: ERR_ARGUMENT if it is not there, ERR_EVENT, ERR_HANDLE.
 */
export function off<K extends keyof NetEvents>(sock: number, event: K, type: EventType<NetEvents[K]>): Done;
export function off(sock: number, event: keyof NetListenerEvents, listener: Listener<never>): Done;
export function off(sock: number, event: string, target: unknown): Done {
  return common.unlisten(find(sock), sock, event, target);
}

/**
 * Turns reconnecting after an unexpected end on or off; off at first.
 *
 * @returns 0, or -1: ERR_HANDLE.
 */
export function setAutoReconnect(sock: number, on: boolean): Done {
  return common.setAutoReconnect(find(sock), sock, on);
}

/**
 * Sets the delays between attempts to reconnect; the last one repeats, and the first comes again after a success.
 *
 * @param seconds 1 to 8 numbers from 0 to 86400, fractions allowed. At first `[1]`.
 * @returns 0, or -1: ERR_ARGUMENT, ERR_HANDLE.
 */
export function setReconnectDelays(sock: number, seconds: readonly number[]): Done {
  return common.setReconnectDelays(find(sock), sock, seconds);
}

/** The peer's address as `"ip:port"` or `"[ipv6]:port"`; `""` if there is none. */
export function remoteAddr(sock: number): string {
  return common.address(find(sock), sock, AddressOf.REMOTE);
}

/** This end's address as `"ip:port"` or `"[ipv6]:port"`; `""` if there is none. */
export function localAddr(sock: number): string {
  return common.address(find(sock), sock, AddressOf.LOCAL);
}

/** Bytes that are queued and not yet written, or -1: ERR_HANDLE. */
export function bufferedAmount(sock: number): number {
  return common.bufferedAmount(find(sock), sock);
}

/**
 * What the socket has done since it was opened: bytes received and sent, connections, sends that found no room.
 * Reconnecting goes on counting. `undefined` for a stale number: ERR_HANDLE.
 */
export function stats(sock: number): Stats | undefined {
  return common.stats(find(sock), sock);
}

/** Stops receiving; the peer feels it. Returns 0, or -1: ERR_HANDLE. */
export function pause(sock: number): Done {
  return common.setReceiving(find(sock), sock, false);
}

/** Receives again. Returns 0, or -1: ERR_HANDLE. */
export function resume(sock: number): Done {
  return common.setReceiving(find(sock), sock, true);
}

/** Lets the socket keep the process alive, as it does at first. Returns 0, or -1: ERR_HANDLE. */
export function ref(sock: number): Done {
  return common.keep(find(sock), sock, true);
}

/** Lets the process end although the socket is open. Returns 0, or -1: ERR_HANDLE. */
export function unref(sock: number): Done {
  return common.keep(find(sock), sock, false);
}

/** Whether the network is up and has an address; before that, opening returns -1 with ERR_NETWORK_DOWN. */
export function isUp(): boolean {
  return defaultPort().isUp();
}

/** Where a socket stands; `"connecting"` also while it waits to reconnect, `"closed"` for a stale number. */
export function state(sock: number): HandleState {
  return common.state(find(sock));
}

function open(run: (engine: ReturnType<typeof defaultEngine>) => number, address: string): number {
  const engine = defaultEngine();
  const result = run(engine);
  return result < 0 ? refuse(result, { step: "open", address, cause: engine.cause }) : result;
}
