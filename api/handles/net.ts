/** TCP, Unix and UDP sockets as numbers and events. */

import { AddressOf, Kind } from "../../wasm/abi.gen.ts";
import type { Endpoint } from "../../wasm/endpoint.ts";
import { defaultEngine, defaultPort, openedEngine } from "../../wasm/host.ts";
import type { AddressStats, Stats } from "../../wasm/memory.ts";
import type { TlsOptions, UdpOption } from "../../wasm/port-types.ts";
import { type ListenOptions, listenOptions, socketOptions } from "../conn/options.ts";
import { type Bytes, isInt32, show, toPayload } from "../internal/arguments.ts";
import { OptionSet, tlsOptions } from "../internal/options.ts";
import * as common from "./calls.ts";
import { type Done, type HandleState, type ListenerOptions, type ListenPlace, refuse } from "./calls.ts";
import { ListenerEndpoint, TcpEndpoint, UdpEndpoint } from "./endpoints.ts";
import type { NetByteEvents, NetEitherEvents, NetEvents, NetListenerEvents } from "./events.ts";
import type { EventType, Listener } from "./listeners.ts";

/** The options of `net.tcpListen` and `net.unixListen`. An unknown name is an error. */
export interface NetListenOptions extends ListenOptions {
  /** The accepted connections use TLS from the first byte. `cert` and `key` are required. */
  readonly tls?: TlsOptions | undefined;
}

const netListenOptions = new OptionSet<NetListenOptions>({ ...listenOptions.rules, tls: tlsOptions.rule });

/** Sockets of every API: calls that need no listener work on all of them. */
function find(handle: number): Endpoint | undefined {
  const found = openedEngine()?.find(handle);
  return found === undefined || found.kind === Kind.WS ? undefined : found;
}

/**
 * Starts a TCP connection to a host name or literal address and returns immediately. A `connected` or `error` event follows.
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
  const address = common.hostAndPort(host, port);
  if (!isInt32(port)) return refuse("ERR_PORT", { step: "open", address });
  return open((engine) => {
    const endpoint = new TcpEndpoint(engine, Kind.TCP, address);
    return engine.streams.connect(endpoint, host, port);
  }, address);
}

/**
 * Starts a connection to a Unix socket and returns immediately. The events are those of `tcpConnect`.
 *
 * @param path 1 to 107 bytes.
 * @returns a handle, valid until `close`; or -1: ERR_ARGUMENT, ERR_PATH, ERR_LIMIT, ERR_MEMORY, ERR_UNSUPPORTED.
 */
export function unixConnect(path: string): number {
  if (typeof path !== "string") return refuse("ERR_ARGUMENT", { step: "open", reason: `path ${show(path)}` });
  return open((engine) => engine.streams.connectUnix(new TcpEndpoint(engine, Kind.TCP, path), path), path);
}

/**
 * Listens for TCP connections and returns immediately. A `connected` event follows when it listens, or `error` and
 * `disconnected` if it can't; then an `accepted` event for each connection.
 *
 * ```ts
 * const listener = net.tcpListen("127.0.0.1", 0);
 * net.on(listener, "connected", (e) => console.log(net.localAddr(e.sock)));
 * net.on(listener, "accepted", (e) => {
 *   net.on(e.sock, "data", (event, { handle }) => net.send(handle, event.data));
 * });
 * ```
 *
 * @param host a local host name or literal address; `""`: every address.
 * @param port 0 to 65535; 0: any free port, which `localAddr` returns.
 * @param options limits for each peer address, TLS, and options of the sockets.
 * @returns a handle, valid until `close`; or -1: ERR_ARGUMENT, ERR_PORT, ERR_LIMIT, ERR_MEMORY, ERR_UNSUPPORTED.
 */
export function tcpListen(host: string, port: number, options?: NetListenOptions): number {
  return common.listenAt(host, port, (place) => listen("net.tcpListen", place, options));
}

/**
 * Listens at the path of a Unix socket. The events are those of `tcpListen`.
 *
 * @param path 1 to 107 bytes. Nothing may exist there: ERR_IN_USE.
 * @returns a handle, valid until `close`; or -1: ERR_ARGUMENT, ERR_PATH, ERR_LIMIT, ERR_MEMORY, ERR_UNSUPPORTED.
 */
export function unixListen(path: string, options?: NetListenOptions): number {
  return common.listenAtPath(path, (place) => listen("net.unixListen", place, options));
}

/**
 * Returns what the limits per address of a listener have done so far: connections, handshakes and messages that were
 * refused; all 0 without limits. `undefined`: ERR_HANDLE.
 */
export function addressStats(listener: number): AddressStats | undefined {
  const found = find(listener);
  const result = found?.kind === Kind.LISTENER ? defaultEngine().listeners.addressStats(listener) : undefined;
  if (result === undefined) common.stale(listener);
  return result;
}

/**
 * Opens a UDP socket.
 *
 * @param port the local port, 0 to 65535; 0: any free port.
 * @param options `reuseAddress` lets other sockets bind the same port, as members of a multicast group do. Default: false.
 * @returns a handle, valid until `close`; or -1: ERR_ARGUMENT, ERR_PORT, ERR_LIMIT, ERR_IN_USE, ERR_ACCESS.
 */
export function udpOpen(port: number, options?: { reuseAddress?: boolean }): number {
  if (typeof port !== "number") return refuse("ERR_ARGUMENT", { step: "open", reason: `port ${show(port)}` });
  const address = `UDP port ${port}`;
  if (!isInt32(port)) return refuse("ERR_PORT", { step: "open", address });
  return open((engine) => {
    const endpoint = new UdpEndpoint(engine, Kind.UDP, address);
    endpoint.options = { reuseAddress: options?.reuseAddress === true };
    return engine.udp.open(endpoint, port);
  }, address);
}

/**
 * Closes a socket and ends reconnecting. The number is no longer valid. Queued bytes are still written, within
 * `limits().closeTimeoutMs`; for a connection that was open, a `disconnected` event follows.
 *
 * @returns 0, or -1: ERR_HANDLE.
 */
export function close(sock: number): Done {
  return common.close(find(sock), sock);
}

/**
 * Queues text (as UTF-8) or bytes on an open TCP connection: all of it, or nothing. The bytes are copied.
 *
 * @returns the number of bytes that were queued; -1 if none were: ERR_BACKPRESSURE (a `drain` event follows when they fit),
 * ERR_TOO_LARGE, ERR_STATE, ERR_HANDLE, ERR_ARGUMENT.
 */
export function send(sock: number, data: string | Bytes): number {
  const found = find(sock);
  if (found === undefined) return common.stale(sock);
  const payload = toPayload(data);
  if (payload === undefined) return refuse("ERR_ARGUMENT", { step: "send", reason: `data ${show(data)}` });
  const result = defaultEngine().streams.send(sock, payload);
  return result < 0 ? refuse(result, { step: "send", address: found.address }) : result;
}

/**
 * Sends one datagram.
 *
 * @param ip a literal IPv4 or IPv6 address.
 * @param port 1 to 65535.
 * @returns the number of bytes that were sent; -1 if none were: ERR_ADDRESS, ERR_PORT, ERR_BACKPRESSURE, ERR_TOO_LARGE,
 * ERR_HANDLE, ERR_ARGUMENT, or the error of the host.
 */
export function udpSendTo(sock: number, ip: string, port: number, data: string | Bytes): number {
  const found = find(sock);
  if (found === undefined) return common.stale(sock);
  const payload = toPayload(data);
  if (typeof ip !== "string" || typeof port !== "number" || payload === undefined) {
    return refuse("ERR_ARGUMENT", { step: "send", reason: `ip ${show(ip)}, port ${show(port)}, data ${show(data)}` });
  }
  const address = common.hostAndPort(ip, port);
  if (!isInt32(port)) return refuse("ERR_PORT", { step: "send", address });
  const engine = defaultEngine();
  const result = engine.udp.sendTo(sock, ip, port, payload);
  return result < 0 ? refuse(result, { step: "send", address, cause: engine.cause }) : result;
}

/**
 * Allows or forbids a UDP socket to send to broadcast addresses. Default: false.
 *
 * @returns 0, or -1: ERR_HANDLE, ERR_UNSUPPORTED.
 */
export function udpSetBroadcast(sock: number, on: boolean): Done {
  return setUdpOption(sock, { broadcast: Boolean(on) }, "");
}

/**
 * Joins a multicast group: the socket receives what is sent to the group at its port. Open the port that the group uses.
 *
 * ```ts
 * const sock = net.udpOpen(5353, { reuseAddress: true });
 * net.udpJoin(sock, "224.0.0.251");
 * ```
 *
 * @param group a literal multicast address.
 * @param iface a local IPv4 address of the interface, or `"::%NAME"` for IPv6. Default: the system chooses.
 * @returns 0, or -1: ERR_ADDRESS (no such group or interface), ERR_UNREACHABLE (the socket is of the other family),
 * ERR_HANDLE, ERR_ARGUMENT, ERR_UNSUPPORTED, or the error of the host.
 */
export function udpJoin(sock: number, group: string, iface?: string): Done {
  return membership(sock, group, iface, { join: group, interface: iface });
}

/** Leaves a multicast group. Arguments and errors: as `udpJoin`; ERR_ADDRESS if the socket is not a member. */
export function udpLeave(sock: number, group: string, iface?: string): Done {
  return membership(sock, group, iface, { leave: group, interface: iface });
}

/**
 * Sets how a UDP socket sends to multicast groups. Options that are not given stay as they are.
 *
 * @param options `ttl`: hops, 0 to 255; default: 1, the local network. `loopback`: whether this machine receives it as well;
 * default: true. `iface`: the sending interface, as for `udpJoin`; default: the system chooses.
 * @returns 0, or -1: ERR_ARGUMENT, ERR_ADDRESS, ERR_HANDLE, ERR_UNSUPPORTED.
 */
export function udpSetMulticast(sock: number, options: { ttl?: number; loopback?: boolean; iface?: string }): Done {
  const { ttl, loopback, iface } = options ?? {};
  if (ttl !== undefined && !(isInt32(ttl) && ttl >= 0 && ttl <= 255)) {
    return refuse("ERR_ARGUMENT", { step: "call", reason: `ttl is 0 to 255, not ${show(ttl)}` });
  }
  if (iface !== undefined && typeof iface !== "string") {
    return refuse("ERR_ARGUMENT", { step: "call", reason: `iface ${show(iface)}` });
  }
  let result: Done = 0;
  if (ttl !== undefined) result = setUdpOption(sock, { multicastTtl: ttl }, "");
  if (result === 0 && loopback !== undefined) {
    result = setUdpOption(sock, { multicastLoopback: Boolean(loopback) }, "");
  }
  if (result === 0 && iface !== undefined) result = setUdpOption(sock, { multicastInterface: iface }, iface);
  return result;
}

/**
 * Binds an event of a socket to a declared event type, or to a plain function. TCP has `connected`, `disconnected`,
 * `data`, `drain`, `error`; a listener `connected`, `disconnected`, `accepted`, `error`; UDP `datagram`, `drain`, `error`.
 * Events are delivered in a later iteration of the event loop, so listeners may be added right after opening.
 *
 * @returns 0, or -1: ERR_EVENT (no such event, or the type has another declaration), ERR_HANDLE, ERR_ARGUMENT.
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
 * Removes a function or a declared event type from an event; it is not called for the next event. If it was added several
 * times, one call removes the latest.
 *
 * @returns 0, or -1: ERR_ARGUMENT if it was not added, ERR_EVENT, ERR_HANDLE.
 */
export function off<K extends keyof NetEvents>(sock: number, event: K, type: EventType<NetEvents[K]>): Done;
export function off(sock: number, event: keyof NetListenerEvents, listener: Listener<never>): Done;
export function off(sock: number, event: string, target: unknown): Done {
  return common.unlisten(find(sock), sock, event, target);
}

/**
 * Turns reconnecting after an unexpected end on or off. Default: off.
 *
 * @returns 0, or -1: ERR_HANDLE.
 */
export function setAutoReconnect(sock: number, on: boolean): Done {
  return common.setAutoReconnect(find(sock), sock, on);
}

/**
 * Sets the delays before attempts to reconnect. The last one repeats; after a success they start from the first.
 *
 * @param seconds 1 to 8 numbers from 0 to 86400, which may have fractions. Default: `[1]`.
 * @returns 0, or -1: ERR_ARGUMENT, ERR_HANDLE.
 */
export function setReconnectDelays(sock: number, seconds: readonly number[]): Done {
  return common.setReconnectDelays(find(sock), sock, seconds);
}

/** Returns the peer's address as `"ip:port"` or `"[ipv6]:port"`; `""` if there is none. */
export function remoteAddr(sock: number): string {
  return common.address(find(sock), sock, AddressOf.REMOTE);
}

/** Returns the local address as `"ip:port"` or `"[ipv6]:port"`; `""` if there is none. */
export function localAddr(sock: number): string {
  return common.address(find(sock), sock, AddressOf.LOCAL);
}

/** Returns the bytes that are queued and not yet written; -1: ERR_HANDLE. */
export function bufferedAmount(sock: number): number {
  return common.bufferedAmount(find(sock), sock);
}

/**
 * Returns counters since the socket was opened: bytes received and sent, connections, sends that were refused. They go on
 * counting after reconnecting. `undefined`: ERR_HANDLE.
 */
export function stats(sock: number): Stats | undefined {
  return common.stats(find(sock), sock);
}

/** Stops receiving; TCP slows the peer down. Returns 0, or -1: ERR_HANDLE. */
export function pause(sock: number): Done {
  return common.setReceiving(find(sock), sock, false);
}

/** Receives again after `pause`. Returns 0, or -1: ERR_HANDLE. */
export function resume(sock: number): Done {
  return common.setReceiving(find(sock), sock, true);
}

/** Keeps the process alive while the socket is open, which is the default. Returns 0, or -1: ERR_HANDLE. */
export function ref(sock: number): Done {
  return common.keep(find(sock), sock, true);
}

/** Lets the process end while the socket is open. Returns 0, or -1: ERR_HANDLE. */
export function unref(sock: number): Done {
  return common.keep(find(sock), sock, false);
}

/** Returns whether the network is up and has an address. While it is not, opening fails with ERR_NETWORK_DOWN. */
export function isUp(): boolean {
  return defaultPort().isUp();
}

/** Returns the state of a socket: `"connecting"` also while it waits to reconnect, `"closed"` for an invalid number. */
export function state(sock: number): HandleState {
  return common.state(find(sock));
}

function open(run: (engine: ReturnType<typeof defaultEngine>) => number, address: string): number {
  const engine = defaultEngine();
  const result = run(engine);
  return result < 0 ? refuse(result, { step: "open", address, cause: engine.cause }) : result;
}

function membership(sock: number, group: unknown, iface: unknown, option: UdpOption): Done {
  if (typeof group !== "string" || (iface !== undefined && typeof iface !== "string")) {
    return refuse("ERR_ARGUMENT", { step: "call", reason: `group ${show(group)}, interface ${show(iface)}` });
  }
  return setUdpOption(sock, option, group);
}

function setUdpOption(sock: number, option: UdpOption, address: string): Done {
  const found = find(sock);
  if (found?.kind !== Kind.UDP) return common.stale(sock);
  const engine = defaultEngine();
  const result = engine.udp.setOption(sock, option);
  return result < 0 ? refuse(result, { step: "call", address: address || found.address, cause: engine.cause }) : 0;
}

/** Opens a listener. @throws TwinwireError ERR_ARGUMENT. */
function listen(operation: string, place: ListenPlace, given: NetListenOptions | undefined): number {
  const options = netListenOptions.read(operation, given);
  return common.openListener(
    (engine) => new ListenerEndpoint(engine, Kind.LISTENER, place.address),
    place,
    { ...socketOptions(options), takesBytes: false },
    options,
  );
}
