import type { TlsOptions, UdpOption } from "../adapters/port.ts";
import { Errors, NONE, SocketKind } from "./abi.gen.ts";
import { Calls, type Payload } from "./calls.ts";
import type { Endpoint } from "./endpoint.ts";

const TOO_LARGE = Errors.ERR_TOO_LARGE.value;
const ARGUMENT = Errors.ERR_ARGUMENT.value;

/** An HTTP proxy that is asked for a tunnel. */
export interface ProxyServer {
  readonly host: string;
  readonly port: number;
  /** `"user:password"`, or `""`. */
  readonly credentials: string;
}

/** The calls of streams, listeners and UDP sockets. See `Engine`. */
export abstract class SocketCalls extends Calls {
  tcpConnect(endpoint: Endpoint, host: string, port: number): number {
    const { exports, self, stage } = this.core;
    return this.open(endpoint, host, ARGUMENT, (size) => exports.twc_tcp_connect(self, stage, size, port));
  }

  /** As `tcpConnect`, through an HTTP proxy. */
  tcpConnectVia(endpoint: Endpoint, host: string, port: number, proxy: ProxyServer): number {
    const { exports, self, stage } = this.core;
    const size = this.stage(host);
    if (size < 0) return ARGUMENT;
    return this.openVia(endpoint, size, proxy, (via, viaSize, credentials, credentialsSize) =>
      exports.twc_tcp_connect_via(self, stage, size, port, via, viaSize, proxy.port, credentials, credentialsSize),
    );
  }

  /** Connects to a Unix stream socket. */
  unixConnect(endpoint: Endpoint, path: string): number {
    const { exports, self, stage } = this.core;
    return this.open(endpoint, path, Errors.ERR_PATH.value, (size) => exports.twc_unix_connect(self, stage, size));
  }

  /**
   * Opens a server socket. `TCP_LISTENER`: on a local name or address (`""`: every one) and `port`, 0 for any free one;
   * `UNIX_LISTENER`: at a path. The endpoint receives `connected` once it listens, then `accepted`.
   */
  listen(endpoint: Endpoint, kind: SocketKind, name: string, port: number): number {
    const { exports, self, stage } = this.core;
    const tooLong = kind === SocketKind.UNIX_LISTENER ? Errors.ERR_PATH.value : ARGUMENT;
    return this.open(endpoint, name, tooLong, (size) => exports.twc_listen(self, kind, stage, size, port));
  }

  /** Whether the host can take streams over. */
  get canAdopt(): boolean {
    return this.pump.port.adopt !== undefined;
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
   * Takes over a connected stream of the runtime's own for such a server socket, on a later turn. `head`: what was read of
   * it already. `refused` is called if there is no place for it; then it is the caller's again.
   */
  adoptStream(endpoint: Endpoint, stream: unknown, head: Uint8Array, refused: () => void): number {
    const { port } = this.pump;
    return port.adopt?.(endpoint.handle, stream, head, refused) ?? Errors.ERR_UNSUPPORTED.value;
  }

  udpOpen(endpoint: Endpoint, port: number): number {
    return this.udpBind(endpoint, "", port);
  }

  /** Opens a UDP socket on a literal local address (`""`: any IPv4 one) and `port`, 0 for any free one. */
  udpBind(endpoint: Endpoint, address: string, port: number): number {
    const { exports, self, stage } = this.core;
    return this.open(endpoint, address, Errors.ERR_ADDRESS.value, (size) =>
      exports.twc_udp_bind(self, stage, size, port),
    );
  }

  /** Fixes the peer of a UDP socket: only it is heard, and `udpSendTo` with the address `""` sends to it. */
  udpConnect(handle: number, address: string, port: number): number {
    const { exports, self, stage } = this.core;
    this.pump.refusal = undefined;
    const size = this.stage(address);
    return size < 0 ? Errors.ERR_ADDRESS.value : exports.twc_udp_connect(self, handle, stage, size, port);
  }

  /** Sets an option of a UDP socket. ERR_UNSUPPORTED where the host has neither broadcasts nor multicast. */
  setUdpOption(handle: number, option: UdpOption): number {
    this.pump.refusal = undefined;
    const { port } = this.pump;
    const result = port.setUdpOption?.(handle, option) ?? Errors.ERR_UNSUPPORTED.value;
    if (result < 0) this.pump.refusal = port.cause;
    return result;
  }

  /** Queues bytes on a TCP connection, whole or not at all. */
  send(handle: number, data: Payload): number {
    const { exports, self, stage } = this.core;
    const size = this.stage(data);
    if (size < 0) return TOO_LARGE;
    this.pump.queueSettle();
    return exports.twc_send(self, handle, stage, size);
  }

  udpSendTo(handle: number, address: string, port: number, data: Payload): number {
    const { exports, self, stage } = this.core;
    this.pump.refusal = undefined;
    const addressSize = this.stage(address);
    if (addressSize < 0) return Errors.ERR_ADDRESS.value;
    const size = this.stage(data, addressSize);
    if (size < 0) return TOO_LARGE;
    this.pump.queueSettle();
    return exports.twc_udp_send_to(self, handle, stage, addressSize, port, stage + addressSize, size);
  }

  /** Returns the bytes that `send` takes now. When it is 0, `drain` follows a send that was refused. */
  room(handle: number): number {
    const room = this.core.exports.twc_room(this.core.self, handle);
    return Math.min(Math.max(0, room), this.limits.stageBuffer);
  }

  /** Ends our half of a stream behind all that is queued. */
  shutdown(handle: number): number {
    this.pump.queueSettle();
    return this.core.exports.twc_shutdown(this.core.self, handle);
  }

  /** Whether the peer's end leaves our half open. */
  setHalfOpen(handle: number, on: boolean): number {
    return this.core.exports.twc_set_half_open(this.core.self, handle, on ? 1 : 0);
  }

  /** Receives at most about so many bytes ahead of `consumed`; 0: without bound. */
  setWindow(handle: number, bytes: number): number {
    return this.reviewed(this.core.exports.twc_set_window(this.core.self, handle, bytes));
  }

  /** So many bytes of what `data` delivered are consumed. */
  consumed(handle: number, bytes: number): number {
    return this.reviewed(this.core.exports.twc_consumed(this.core.self, handle, bytes));
  }

  /**
   * Asks for TLS from the start; for a listener, on each connection it accepts. To be called before the endpoint is
   * opened, which lets the port begin without a detour, or right after.
   */
  setTls(endpoint: Endpoint, options: TlsOptions): number {
    endpoint.tls = options;
    return endpoint.handle === NONE ? 0 : this.core.exports.twc_set_tls(this.core.self, endpoint.handle, 1);
  }

  /** Opens a handle through a proxy, whose texts are put behind the `size` bytes that are in the stage buffer. */
  protected openVia(
    endpoint: Endpoint,
    size: number,
    { host, credentials }: ProxyServer,
    call: (host: number, hostSize: number, credentials: number, credentialsSize: number) => number,
  ): number {
    const { stage } = this.core;
    const hostSize = this.stage(host, size);
    const credentialsSize = hostSize < 0 ? -1 : this.stage(credentials, size + hostSize);
    if (credentialsSize < 0) return ARGUMENT;
    endpoint.tunneled = true;
    /* The proxy's answer is the core's to read. */
    endpoint.takesBytes = false;
    return this.openStaged(endpoint, () => call(stage + size, hostSize, stage + size + hostSize, credentialsSize));
  }

  /** Starts TLS on an open stream in place. `name` is the server's to verify; `""`: the one that was connected to. */
  startTls(endpoint: Endpoint, name: string, options: TlsOptions): number {
    const { exports, self, stage } = this.core;
    this.pump.touchClock();
    this.pump.refusal = undefined;
    const size = this.stage(name);
    if (size < 0) return ARGUMENT;
    this.pump.queueSettle();
    const before = endpoint.tls;
    endpoint.tls = options;
    const result = exports.twc_start_tls(self, endpoint.handle, stage, size);
    if (result < 0) endpoint.tls = before;
    return result;
  }
}
