/** The calls of streams, listeners and UDP sockets: the parts `streams`, `listeners` and `udp` of an `Engine`. */
import type { TlsOptions, UdpOption } from "../adapters/port.ts";
import { Errors, SocketKind } from "./abi.gen.ts";
import type { CallContext, Payload, ProxyServer } from "./call-context.ts";
import type { Endpoint } from "./endpoint.ts";
import type { AddressStats } from "./memory.ts";

const TOO_LARGE = Errors.ERR_TOO_LARGE.value;
const ARGUMENT = Errors.ERR_ARGUMENT.value;

/** The calls of connections of bytes: TCP, TLS, Unix. */
export class StreamCalls {
  readonly #context: CallContext;

  constructor(context: CallContext) {
    this.#context = context;
  }

  /** Connects to a host name or a literal address, if the endpoint has a policy only as that allows. */
  connect(endpoint: Endpoint, host: string, port: number): number {
    const { exports, self, stage } = this.#context.core;
    return this.#context.openAllowed(
      endpoint,
      host,
      ARGUMENT,
      (size) => exports.twc_tcp_connect(self, stage, size, port),
      (size, policy, policySize) => exports.twc_tcp_connect_allowed(self, stage, size, port, policy, policySize),
    );
  }

  /** As `connect`, through an HTTP proxy. */
  connectVia(endpoint: Endpoint, host: string, port: number, proxy: ProxyServer): number {
    const { exports, self, stage } = this.#context.core;
    const size = this.#context.stage(host);
    if (size < 0) return ARGUMENT;
    return this.#context.openVia(endpoint, size, proxy, (via, viaSize, credentials, credentialsSize) =>
      exports.twc_tcp_connect_via(self, stage, size, port, via, viaSize, proxy.port, credentials, credentialsSize),
    );
  }

  /** Connects to a Unix stream socket. */
  connectUnix(endpoint: Endpoint, path: string): number {
    const { exports, self, stage } = this.#context.core;
    return this.#context.open(endpoint, path, Errors.ERR_PATH.value, (size) =>
      exports.twc_unix_connect(self, stage, size),
    );
  }

  /** Queues bytes on a TCP connection, whole or not at all. */
  send(handle: number, data: Payload): number {
    const { exports, self, stage } = this.#context.core;
    const size = this.#context.stage(data);
    if (size < 0) return TOO_LARGE;
    this.#context.pump.queueSettle();
    return exports.twc_send(self, handle, stage, size);
  }

  /** Returns the bytes that `send` takes now. When it is 0, `drain` follows a send that was refused. */
  room(handle: number): number {
    const room = this.#context.core.exports.twc_room(this.#context.core.self, handle);
    return Math.min(Math.max(0, room), this.#context.limits.stageBuffer);
  }

  /** Ends our half of a stream behind all that is queued. */
  shutdown(handle: number): number {
    this.#context.pump.queueSettle();
    return this.#context.core.exports.twc_shutdown(this.#context.core.self, handle);
  }

  /** Whether the peer's end leaves our half open. */
  setHalfOpen(handle: number, on: boolean): number {
    return this.#context.core.exports.twc_set_half_open(this.#context.core.self, handle, on ? 1 : 0);
  }

  /** Starts TLS on an open stream in place. `name` is the server's to verify; `""`: the one that was connected to. */
  startTls(endpoint: Endpoint, name: string, options: TlsOptions): number {
    const { exports, self, stage } = this.#context.core;
    this.#context.pump.touchClock();
    this.#context.pump.refusal = undefined;
    const size = this.#context.stage(name);
    if (size < 0) return ARGUMENT;
    this.#context.pump.queueSettle();
    const before = endpoint.tls;
    endpoint.tls = options;
    const result = exports.twc_start_tls(self, endpoint.handle, stage, size);
    if (result < 0) endpoint.tls = before;
    return result;
  }
}

/** The calls of server sockets. */
export class ListenerCalls {
  readonly #context: CallContext;

  constructor(context: CallContext) {
    this.#context = context;
  }

  /**
   * Opens a server socket. `TCP_LISTENER`: on a local name or address (`""`: every one) and `port`, 0 for any free one;
   * `UNIX_LISTENER`: at a path. The endpoint receives `connected` once it listens, then `accepted`.
   */
  listen(endpoint: Endpoint, kind: SocketKind, name: string, port: number): number {
    const { exports, self, stage } = this.#context.core;
    const tooLong = kind === SocketKind.UNIX_LISTENER ? Errors.ERR_PATH.value : ARGUMENT;
    return this.#context.open(endpoint, name, tooLong, (size) => exports.twc_listen(self, kind, stage, size, port));
  }

  /** Limits what each peer address may do, as `twc_set_address_limits`; 0: no limit. */
  limitAddresses(listener: number, connections: number, handshakes: number, messages: number): number {
    const { exports, self } = this.#context.core;
    this.#context.pump.touchClock();
    return exports.twc_set_address_limits(self, listener, connections, handshakes, messages);
  }

  /** What these limits have done; `undefined` for a stale number. */
  addressStats(listener: number): AddressStats | undefined {
    const { exports, memory, self, stage } = this.#context.core;
    const place = (stage + 3) & ~3;
    return exports.twc_address_stats(self, listener, place) < 0 ? undefined : memory.addressStats(place);
  }

  /** Whether the host can take streams over. */
  get canAdopt(): boolean {
    return this.#context.pump.port.adopt !== undefined;
  }

  /** Whether so many more connections can be adopted and become WebSockets. */
  hasRoomFor(webSockets: number): boolean {
    return this.#context.pump.endpoints.hasRoomFor(webSockets);
  }

  /**
   * Opens a server socket that never listens: its connections come by `adopt`. The endpoint receives `accepted` for each.
   * ERR_UNSUPPORTED where the host can't take streams over.
   */
  listenForAdopted(endpoint: Endpoint): number {
    if (!this.canAdopt) return Errors.ERR_UNSUPPORTED.value;
    endpoint.options = { ...endpoint.options, adopts: true };
    return this.listen(endpoint, SocketKind.TCP_LISTENER, "", 0);
  }

  /**
   * Takes over a connected stream of the runtime's own for such a server socket, in a later loop iteration. `head`: what was read of
   * it already. `refused` is called if there is no place for it; then it is the caller's again.
   */
  adoptStream(endpoint: Endpoint, stream: unknown, head: Uint8Array, refused: () => void): number {
    const { port } = this.#context.pump;
    return port.adopt?.(endpoint.handle, stream, head, refused) ?? Errors.ERR_UNSUPPORTED.value;
  }
}

/** The calls of UDP sockets. */
export class UdpCalls {
  readonly #context: CallContext;

  constructor(context: CallContext) {
    this.#context = context;
  }

  /** As `bind`, on any IPv4 address. */
  open(endpoint: Endpoint, port: number): number {
    return this.bind(endpoint, "", port);
  }

  /** Opens a UDP socket on a literal local address (`""`: any IPv4 one) and `port`, 0 for any free one. */
  bind(endpoint: Endpoint, address: string, port: number): number {
    const { exports, self, stage } = this.#context.core;
    return this.#context.open(endpoint, address, Errors.ERR_ADDRESS.value, (size) =>
      exports.twc_udp_bind(self, stage, size, port),
    );
  }

  /** Sets the peer of a UDP socket: only its datagrams are received, and `sendTo` with the address `""` sends to it. */
  connect(handle: number, address: string, port: number): number {
    const { exports, self, stage } = this.#context.core;
    this.#context.pump.refusal = undefined;
    const size = this.#context.stage(address);
    return size < 0 ? Errors.ERR_ADDRESS.value : exports.twc_udp_connect(self, handle, stage, size, port);
  }

  /** Sets an option of a UDP socket. ERR_UNSUPPORTED where the host has neither broadcasts nor multicast. */
  setOption(handle: number, option: UdpOption): number {
    this.#context.pump.refusal = undefined;
    const { port } = this.#context.pump;
    const result = port.setUdpOption?.(handle, option) ?? Errors.ERR_UNSUPPORTED.value;
    if (result < 0) this.#context.pump.refusal = port.cause;
    return result;
  }

  /** Sends a datagram to a literal address; `""`: to the peer. */
  sendTo(handle: number, address: string, port: number, data: Payload): number {
    const { exports, self, stage } = this.#context.core;
    this.#context.pump.refusal = undefined;
    const addressSize = this.#context.stage(address);
    if (addressSize < 0) return Errors.ERR_ADDRESS.value;
    const size = this.#context.stage(data, addressSize);
    if (size < 0) return TOO_LARGE;
    this.#context.pump.queueSettle();
    return exports.twc_udp_send_to(self, handle, stage, addressSize, port, stage + addressSize, size);
  }
}
